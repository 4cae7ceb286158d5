/* The changes of a session: each builds one event, applies it to memory if it is legal, and appends it to the journal.
 */
#include "tuner/history/append.h"

#include "tuner/history/apply.h"
#include "tuner/history/curve.h"

#include "tuner/base/digest.h"
#include "tuner/base/metrics.h"
#include "tuner/base/plain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct event history_next(const struct history *s, enum logged kind, const struct trial *t)
{
    return (struct event){.kind = kind,
                          .trial = t ? t->number : -1,
                          .seq = s->seq + 1,
                          .at_ms = clock_wall_ms(s->clock),
                          .token = s->on_behalf_of,
                          .confirms = -1,
                          .parent = -1};
}

enum { REASON_MAX = 2000, SOURCE_MAX = 300 }; /* bytes */

/* What others say is stored as UTF-8 of a bounded length, and so memory has it, too: the log gives back the same. */
static const char *bounded(struct arena *a, const char *text, size_t max)
{
    return text ? plain_bounded(a, text, max) : NULL;
}

/* One event: to memory if it is legal, then to the journal. */
enum status history_append(struct history *s, const struct event *change, struct error *err)
{
    struct arena arena = {0};
    struct event own = *change, *c = &own;
    c->reason = bounded(&arena, c->reason, REASON_MAX);
    c->source = bounded(&arena, c->source, SOURCE_MAX);
    c->why = bounded(&arena, c->why, REASON_MAX);
    enum status st = apply_event(s, c, err);
    if (!st) {
        struct store_event e = {
            .seq = c->seq, .trial = c->trial, .kind = c->kind, .at_ms = c->at_ms, .body = event_body(s, c, &arena)};
        journal_event(s->journal, &e);
        if (s->watch.event) s->watch.event(s->watch.data, &e);
    }
    arena_done(&arena);
    return st;
}

struct trial *history_add(struct history *s, const struct addition *a)
{
    struct event c = history_next(s, LOGGED_ADDED, NULL);
    struct error err;
    c.trial = (long)s->n;
    c.role = a->role;
    c.config = a->config;
    c.source = a->source;
    c.seed = a->seed ? a->seed : memory_trial_seed(s, c.trial);
    c.confirms = a->role == ROLE_CONFIRM ? a->confirms : -1;
    c.trajectory = a->trajectory;
    c.parent = a->parent ? a->parent->number : -1;
    c.known = a->known ? a->known : s->seq;
    c.expect_tokens = a->expect_tokens;
    c.expect_ms = a->expect_ms;
    if (history_append(s, &c, &err)) abort(); /* cannot be illegal: the number is the next one */
    return s->trial[s->n - 1];
}

enum status history_lease_to(struct history *s, struct trial *t, const char *dir, const struct holder *holder,
                             int64_t ttl_ms, struct error *err)
{
    struct event c = history_next(s, LOGGED_LEASED, t);
    c.dir = dir;
    c.agent = holder->agent;
    c.token = holder->token;
    c.ttl_ms = ttl_ms;
    return history_append(s, &c, err);
}

enum status history_lease(struct history *s, struct trial *t, const char *dir, int64_t ttl_ms, struct error *err)
{
    return history_lease_to(s, t, dir, &(struct holder){0}, ttl_ms, err);
}

enum status history_started(struct history *s, struct trial *t, int64_t pid, double resumed_cost, struct error *err)
{
    struct event c = history_next(s, LOGGED_STARTED, t);
    c.pid = pid;
    c.resumed_cost = resumed_cost;
    return history_append(s, &c, err);
}

enum status history_renew(struct history *s, struct trial *t, int64_t ttl_ms, struct error *err)
{
    struct event c = history_next(s, LOGGED_RENEWED, t);
    c.ttl_ms = ttl_ms;
    return history_append(s, &c, err);
}

void history_decide_requeue(struct history *s, const struct trial *t, const char *why)
{
    struct event c = history_next(s, LOGGED_CONDEMNED, t);
    c.reason = why;
    history_append(s, &c, NULL);
}

void history_decide_prune(struct history *s, struct trial *t, const char *why, const json_t *details, bool audit)
{
    struct event c = history_next(s, LOGGED_CONDEMNED, t);
    c.reason = why;
    c.details = details;
    c.audit = audit;
    history_append(s, &c, NULL);
}

void history_checkpoint(struct history *s, struct trial *t, const char *path, long step, int64_t bytes)
{
    struct event c = history_next(s, LOGGED_CHECKPOINT, t);
    int tokens = objective_token_metric(&s->study->objective);
    c.checkpoint =
        (struct checkpoint){path, step, bytes, tokens >= 0 && isfinite(t->last[tokens]) ? t->last[tokens] : 0};
    history_append(s, &c, NULL);
}

void history_set(struct history *s, struct trial *t, double from, const double *config, const char *why)
{
    struct event c = history_next(s, LOGGED_ADJUSTED, t);
    c.reason = why;
    c.set = config;
    c.set_from = from;
    history_append(s, &c, NULL);
}

void history_adjust(struct history *s, struct trial *t, double patience, double threshold, const char *why)
{
    struct event c = history_next(s, LOGGED_ADJUSTED, t);
    c.reason = why;
    c.adjusted = true;
    c.patience = patience;
    c.threshold = threshold;
    history_append(s, &c, NULL);
}

enum status history_announce(struct history *s, struct trial *t, const json_t *policy, struct error *err)
{
    struct event c = history_next(s, LOGGED_ANNOUNCED, t);
    bool wanted = false;
    enum status st = curve_check(s, policy, &wanted, err);
    c.policy = policy;
    return st || !wanted ? st : history_append(s, &c, err);
}

/* How long the attempt ran and what it spent, as far as its reports say. */
static void measure(const struct history *s, const struct trial *t, struct event *c)
{
    int tokens = objective_token_metric(&s->study->objective);
    if (t->state != TRIAL_LEASED && t->state != TRIAL_RUNNING) return;
    c->took_ms = (double)(clock_mono_ms(s->clock) - t->leased_ms);
    if (tokens >= 0 && isfinite(t->last[tokens])) c->spent_tokens = t->last[tokens];
}

enum status history_return(struct history *s, struct trial *t, const char *outcome, const char *reason,
                           int64_t backoff_ms, struct error *err)
{
    struct event c = history_next(s, LOGGED_RETURNED, t);
    c.outcome = outcome;
    c.reason = reason;
    c.backoff_ms = backoff_ms;
    measure(s, t, &c);
    return history_append(s, &c, err);
}

static enum status finish(struct history *s, struct trial *t, struct event *c, struct error *err)
{
    int tokens = objective_token_metric(&s->study->objective);
    double value[METRICS_MAX];
    measure(s, t, c);
    apply_values(s, c->metrics, value);
    if (tokens >= 0 && isfinite(value[tokens])) c->spent_tokens = 0; /* the metric says it */
    return history_append(s, c, err);
}

/* Per cent where a proportion is said, say: noise and model would be of something else. Logs from before keep theirs.
 */
static enum status check_values(const struct objective *o, const json_t *metrics, struct error *err)
{
    enum status st = STATUS_OK;
    for (size_t i = 0; !st && i < o->n_metrics; i++) {
        const json_t *v = json_object_get(metrics, o->metric[i].name);
        if (v) st = objective_check(o, i, json_number_value(v), err);
    }
    return st;
}

enum status history_finish(struct history *s, struct trial *t, enum trial_state to, const json_t *metrics,
                           const char *reason, const char *outcome, struct error *err)
{
    enum status st = to == TRIAL_COMPLETE ? check_values(&s->study->objective, metrics, err) : STATUS_OK;
    if (st) return st;
    struct event c = history_next(s, LOGGED_FINISHED, t);
    c.state = to;
    c.metrics = metrics;
    c.reason = reason;
    c.outcome = outcome;
    const struct early_stopping *rule = curve_rule(t);
    if (to == TRIAL_COMPLETE && rule && t->observed->adjusted) {
        c.adjusted = true;
        c.patience = (double)early_stopping_equivalent(&t->observed->curve, rule);
        c.threshold = rule->threshold;
    }
    return finish(s, t, &c, err);
}

enum status history_poison(struct history *s, struct trial *t, const char *reason, struct error *err)
{
    struct event c = history_next(s, LOGGED_FINISHED, t);
    c.state = TRIAL_FAILED;
    c.reason = reason;
    c.outcome = "crashed the machine";
    c.poisonous = true;
    return finish(s, t, &c, err);
}

enum status history_retry(struct history *s, struct trial *t, struct error *err)
{
    struct event c = history_next(s, LOGGED_RETRIED, t);
    return history_append(s, &c, err);
}

void history_fail(struct history *s, const char *why)
{
    struct event c = history_next(s, LOGGED_PHASE, NULL);
    c.reason = "failed";
    c.why = why;
    history_append(s, &c, NULL);
}

void history_set_phase(struct history *s, const char *phase)
{
    struct event c = history_next(s, LOGGED_PHASE, NULL);
    if (strcmp(s->phase, phase) == 0) return;
    c.reason = phase;
    history_append(s, &c, NULL);
}

void history_note(struct history *s, const char *text)
{
    struct event c = history_next(s, LOGGED_NOTE, NULL);
    c.reason = text;
    history_append(s, &c, NULL);
}

/* Never 0. */
static uint64_t hash_names(const char *const *name, size_t n)
{
    uint64_t h = DIGEST_QUICK_SEED;
    for (size_t i = 0; i < n; i++) h = digest_quick(h, name[i]);
    return h | 1;
}

void history_report(struct history *s, struct trial *t, long step, const json_t *metrics)
{
    const char *names[METRICS_SAID_MAX], *name;
    double values[METRICS_SAID_MAX];
    json_t *v;
    struct store_report r = {.lease = t->lease,
                             .number = t->reports,
                             .step = step,
                             .after_ms = clock_mono_ms(s->clock) - t->leased_ms,
                             .known = s->seq - t->lease,
                             .name = names,
                             .value = values};
    json_object_foreach((json_t *)metrics, name, v)
    {
        if (r.n == METRICS_SAID_MAX) break; /* metrics_check has refused more */
        names[r.n] = name;
        values[r.n++] = json_number_value(v);
    }
    uint64_t hash = hash_names(names, r.n);
    r.same_names = hash == t->reported;
    t->reported = hash;
    journal_report(s->journal, &r);
    t->reports++;
    t->step = step;
    apply_values(s, metrics, t->last);
    curve_report(s, t, step, t->last);
    if (s->watch.report) s->watch.report(s->watch.data, t, step, metrics);
}
