#include "tuner/history/append.h"

#include "tuner/history/apply.h"
#include "tuner/history/internal.h"
#include "tuner/history/curve.h"
#include "tuner/history/product.h"

#include "tuner/base/digest.h"
#include "tuner/base/json.h"
#include "tuner/base/metrics.h"
#include "tuner/base/plain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REASON_MAX = 2000, SOURCE_MAX = 300 }; /* bytes */

const struct memory *history_memory(const struct history *s)
{
    return &s->m;
}

void history_on_behalf_of(struct history *s, const char *token)
{
    s->on_behalf_of = token;
}

void history_watch(struct history *s, const struct history_watch *watch)
{
    s->watch = *watch;
}

struct event history_next(const struct history *s, enum event_kind kind, const struct trial *t)
{
    return (struct event){.kind = kind,
                          .trial = t ? t->number : -1,
                          .seq = s->m.seq + 1,
                          .at_ms = clock_wall_ms(s->m.clock),
                          .token = s->on_behalf_of};
}

/* The text of an event that others may have written; NULL: it has none. */
static const char **free_text(struct event *e)
{
    switch (e->kind) {
    case EVENT_ADDED: return &e->added.source;
    case EVENT_CONDEMNED: return &e->condemned.reason;
    case EVENT_HALTED: return &e->halted.reason;
    case EVENT_RETURNED: return &e->returned.end.reason;
    case EVENT_FINISHED: return &e->finished.end.reason;
    case EVENT_PHASE: return &e->phase.why;
    case EVENT_NOTE: return &e->note.text;
    case EVENT_NOTED: return &e->noted.text;
    case EVENT_ADJUSTED: return &e->adjusted.reason;
    case EVENT_RESUMED: return &e->resumed.reason;
    case EVENT_EVICTED: return &e->evicted.why;
    default: return NULL;
    }
}

static size_t longest(enum event_kind kind)
{
    return kind == EVENT_ADDED ? SOURCE_MAX : kind == EVENT_NOTED ? HISTORY_NOTE_MAX : REASON_MAX;
}

/* What others say is stored as UTF-8 of a bounded length, and so memory has it, too: the log gives back the same. */
static void bound_text(struct event *e, struct arena *a)
{
    const char **text = free_text(e);
    if (text && *text) *text = plain_bounded(a, *text, longest(e->kind));
}

/* One event: to memory if it is legal, then to the journal. */
enum status history_append(struct history *s, const struct event *event, struct error *err)
{
    struct arena arena = {0};
    struct event e = *event;
    bound_text(&e, &arena);
    enum status st = apply_event(s, &e, err);
    if (!st) {
        struct store_event row = {.seq = e.seq,
                                  .trial = e.trial,
                                  .kind = (int)e.kind,
                                  .at_ms = e.at_ms,
                                  .body = event_body(&s->m, &e, &arena)};
        journal_event(s->journal, &row);
        if (s->watch.event) s->watch.event(s->watch.data, &row);
    }
    arena_done(&arena);
    return st;
}

const struct trial *history_add(struct history *s, const struct addition *a)
{
    struct event e = history_next(s, EVENT_ADDED, NULL);
    struct error err;
    e.trial = (long)s->all.n;
    e.added = (struct event_added){.role = a->role,
                                   .config = a->config,
                                   .source = a->source,
                                   .seed = a->seed ? a->seed : memory_search_seed(&s->m, e.trial),
                                   .confirms = a->role == ROLE_CONFIRM ? a->confirms : -1,
                                   .trajectory = a->trajectory,
                                   .parent = a->parent ? a->parent->number : -1,
                                   .known = a->known ? a->known : s->m.seq,
                                   .expect_tokens = a->expect_tokens,
                                   .expect_ms = a->expect_ms,
                                   .expect_gain = a->expect_gain};
    if (history_append(s, &e, &err)) abort(); /* cannot be illegal: the number is the next one */
    return s->all.at[s->all.n - 1];
}

static const char WISH[] = "enqueued";

const struct trial *history_enqueue(struct history *s, const double *config)
{
    return history_add(s, &(struct addition){.role = ROLE_ENQUEUED, .config = config, .source = WISH});
}

bool history_is_wish(const struct trial *t)
{
    return t->role == ROLE_ENQUEUED && strcmp(t->source, WISH) == 0;
}

enum status history_lease_to(struct history *s, const struct trial *t, const struct lease_order *order,
                             struct error *err)
{
    struct event e = history_next(s, EVENT_LEASED, t);
    e.token = order->holder.token;
    e.leased = (struct event_leased){.dir = order->dir,
                                     .agent = order->holder.agent,
                                     .ttl_ms = order->ttl_ms,
                                     .stage = order->stage,
                                     .key = order->key};
    return history_append(s, &e, err);
}

enum status history_lease(struct history *s, const struct trial *t, const char *dir, int64_t ttl_ms, struct error *err)
{
    return history_lease_to(s, t, &(struct lease_order){.dir = dir, .ttl_ms = ttl_ms}, err);
}

void history_backdate(struct history *s, const struct trial *t, int64_t took_ms)
{
    if (took_ms > 0) internal_own(s, t)->attempt.leased_ms -= took_ms;
}

enum status history_started(struct history *s, const struct trial *t, int64_t pid, double resumed_cost,
                            struct error *err)
{
    struct event e = history_next(s, EVENT_STARTED, t);
    e.started = (struct event_started){pid, resumed_cost};
    return history_append(s, &e, err);
}

enum status history_renew(struct history *s, const struct trial *t, int64_t ttl_ms, struct error *err)
{
    struct event e = history_next(s, EVENT_RENEWED, t);
    e.renewed.ttl_ms = ttl_ms;
    return history_append(s, &e, err);
}

enum status history_halt(struct history *s, const struct trial *t, const char *why, struct error *err)
{
    struct event e = history_next(s, EVENT_HALTED, t);
    e.halted.reason = why;
    return history_append(s, &e, err);
}

enum status history_condemn(struct history *s, const struct trial *t, const char *why, const json_t *details,
                            bool audit, struct error *err)
{
    struct event e = history_next(s, EVENT_CONDEMNED, t);
    e.condemned = (struct event_condemned){.reason = why, .details = details, .audit = audit};
    return history_append(s, &e, err);
}

enum status history_checkpoint(struct history *s, const struct trial *t, const struct checkpoint *left,
                               struct error *err)
{
    struct event e = history_next(s, EVENT_CHECKPOINT, t);
    int tokens = objective_token_metric(&s->m.study->objective);
    e.checkpoint.left = *left;
    if (tokens >= 0 && isfinite(t->attempt.last[tokens])) e.checkpoint.left.cost = t->attempt.last[tokens];
    return history_append(s, &e, err);
}

enum status history_set(struct history *s, const struct trial *t, double from, const double *config, const char *why,
                        struct error *err)
{
    struct event e = history_next(s, EVENT_ADJUSTED, t);
    e.adjusted = (struct event_adjusted){.reason = why, .from = from, .set = config};
    return history_append(s, &e, err);
}

enum status history_adjust(struct history *s, const struct trial *t, struct rule_values rule, const char *why,
                           struct error *err)
{
    struct event e = history_next(s, EVENT_ADJUSTED, t);
    e.adjusted = (struct event_adjusted){.reason = why, .policy = &rule};
    return history_append(s, &e, err);
}

enum status history_announce(struct history *s, const struct trial *t, const json_t *policy, struct error *err)
{
    struct event e = history_next(s, EVENT_ANNOUNCED, t);
    bool wanted = false;
    enum status st = curve_check(&s->m, policy, &wanted, err);
    e.announced.policy = policy;
    return st || !wanted ? st : history_append(s, &e, err);
}

/* How long the attempt ran and what it spent, as far as its reports say. */
static void measure(const struct memory *s, const struct trial *t, struct event_end *end)
{
    int tokens = objective_token_metric(&s->study->objective);
    if (t->state != TRIAL_LEASED && t->state != TRIAL_RUNNING) return;
    end->took_ms = (double)(clock_mono_ms(s->clock) - t->attempt.leased_ms);
    if (tokens >= 0 && isfinite(t->attempt.last[tokens])) end->spent_tokens = t->attempt.last[tokens];
}

enum status history_return(struct history *s, const struct trial *t, enum outcome outcome, const char *reason,
                           int64_t backoff_ms, struct error *err)
{
    struct event e = history_next(s, EVENT_RETURNED, t);
    e.returned.end = (struct event_end){.outcome = outcome, .reason = reason, .backoff_ms = backoff_ms};
    measure(&s->m, t, &e.returned.end);
    return history_append(s, &e, err);
}

/* The rule that, unchanged from the start, would have led to where the attempt is; NULL: it is as it began. */
static const struct rule_values *equivalent_rule(const struct trial *t, struct rule_values *buf)
{
    const struct early_stopping *rule = curve_rule(t);
    if (!rule || !t->attempt.curve->adjusted) return NULL;
    buf->patience = (double)early_stopping_equivalent(&t->attempt.curve->curve, rule);
    buf->threshold = rule->threshold;
    return buf;
}

/* Tokens that a stage has counted: by its result, else by its last report. */
static double tokens_of_stage(const struct memory *s, const struct trial *t, const struct stage_end *x)
{
    int tokens = objective_token_metric(&s->study->objective);
    if (tokens < 0) return 0;
    double said = json_number_at(x->metrics, s->study->objective.metric[tokens].name);
    if (!isfinite(said)) said = t->attempt.last[tokens] - product_cost(s, t);
    return isfinite(said) && said > 0 ? said : 0;
}

enum status history_stage(struct history *s, const struct trial *t, const struct stage_end *x, struct error *err)
{
    struct event e = history_next(s, EVENT_STAGED, t);
    struct rule_values rule;
    if (t->attempt.stage < 0) return error_set(err, STATUS_INVALID, "trial %ld runs no stage", t->number);
    e.staged = (struct event_staged){.left = {.stage = s->m.study->pipeline.stage[t->attempt.stage].name,
                                              .key = t->attempt.key,
                                              .digest = x->digest,
                                              .bytes = x->bytes,
                                              .cost = tokens_of_stage(&s->m, t, x)},
                                     .metrics = x->metrics,
                                     .policy = equivalent_rule(t, &rule)};
    measure(&s->m, t, &e.staged.end);
    e.staged.end.spent_tokens = e.staged.left.cost > 0 ? product_cost(&s->m, t) + e.staged.left.cost : 0;
    return history_append(s, &e, err);
}

enum status history_take(struct history *s, const struct trial *t, const struct product *p, struct error *err)
{
    struct event e = history_next(s, EVENT_STAGED, t);
    e.staged = (struct event_staged){.left = *p, .taken = true};
    return history_append(s, &e, err);
}

void history_evict(struct history *s, const char *digest, const char *why)
{
    struct event e = history_next(s, EVENT_EVICTED, NULL);
    struct error err;
    e.evicted = (struct event_evicted){digest, why};
    if (history_append(s, &e, &err)) abort(); /* nothing that memory knows can forbid it */
}

static enum status finish(struct history *s, const struct trial *t, struct event *e, struct error *err)
{
    struct arena a = {0};
    int tokens = objective_token_metric(&s->m.study->objective);
    const double *value = event_values(&s->m.study->objective, e->finished.metrics, &a);
    e->finished.value = value;
    measure(&s->m, t, &e->finished.end);
    if (tokens >= 0 && isfinite(value[tokens]) && t->attempt.stage < 0)
        e->finished.end.spent_tokens = 0; /* the metric says it */
    enum status st = history_append(s, e, err);
    arena_done(&a);
    return st;
}

/* Per cent where a proportion is said, or an amount below 0, say: noise and model would be of something else. Logs from
 * before keep theirs.
 */
enum status history_check(const struct objective *o, const json_t *metrics, struct error *err)
{
    enum status st = STATUS_OK;
    for (size_t i = 0; !st && i < o->n_metrics; i++) {
        const json_t *v = json_object_get(metrics, o->metric[i].name);
        if (v) st = objective_check(o, i, json_number_value(v), err);
    }
    return st;
}

enum status history_finish(struct history *s, const struct trial *t, const struct ending *x, struct error *err)
{
    bool complete = x->state == TRIAL_COMPLETE;
    enum status st = complete ? history_check(&s->m.study->objective, x->metrics, err) : STATUS_OK;
    if (st) return st;
    struct event e = history_next(s, EVENT_FINISHED, t);
    struct rule_values equivalent;
    e.finished = (struct event_finished){
        .state = x->state, .metrics = x->metrics, .end = {.outcome = x->outcome, .reason = x->reason}};
    if (complete && t->attempt.stage < 0) e.finished.policy = equivalent_rule(t, &equivalent);
    return finish(s, t, &e, err);
}

enum status history_poison(struct history *s, const struct trial *t, const char *reason, struct error *err)
{
    struct event e = history_next(s, EVENT_FINISHED, t);
    e.finished = (struct event_finished){
        .state = TRIAL_FAILED, .poisonous = true, .end = {.outcome = OUTCOME_CRASHED_THE_MACHINE, .reason = reason}};
    return finish(s, t, &e, err);
}

enum status history_retry(struct history *s, const struct trial *t, struct error *err)
{
    struct event e = history_next(s, EVENT_RETRIED, t);
    return history_append(s, &e, err);
}

enum status history_resume(struct history *s, const struct trial *t, const struct resuming *x, struct error *err)
{
    struct event e = history_next(s, EVENT_RESUMED, t);
    int tokens = objective_token_metric(&s->m.study->objective);
    e.resumed = (struct event_resumed){x->reason, x->details, x->whole, {.step = t->attempt.step}};
    if (tokens >= 0 && isfinite(t->value[tokens])) e.resumed.from.cost = t->value[tokens];
    return history_append(s, &e, err);
}

/* Nothing that memory knows can forbid these two. */
static void must_append(struct history *s, const struct event *e)
{
    struct error err;
    if (history_append(s, e, &err)) abort();
}

void history_fail(struct history *s, const char *why)
{
    struct event e = history_next(s, EVENT_PHASE, NULL);
    e.phase = (struct event_phase){STUDY_FAILED, why};
    must_append(s, &e);
}

void history_set_phase(struct history *s, enum study_phase phase)
{
    struct event e = history_next(s, EVENT_PHASE, NULL);
    if (s->m.phase == phase) return;
    e.phase.phase = phase;
    must_append(s, &e);
}

void history_note(struct history *s, const char *text)
{
    struct event e = history_next(s, EVENT_NOTE, NULL);
    e.note.text = text;
    must_append(s, &e);
}

enum status history_note_check(const char *text, struct error *err)
{
    struct arena a = {0};
    bool stays = plain_bounded(&a, text, HISTORY_NOTE_MAX) == text; /* as it is */
    arena_done(&a);
    return stays ? STATUS_OK
                 : error_set(err, STATUS_INVALID, "a note is UTF-8 text of at most %d bytes", HISTORY_NOTE_MAX);
}

enum status history_annotate(struct history *s, const struct trial *t, const char *text, struct error *err)
{
    struct event e = history_next(s, EVENT_NOTED, t);
    enum status st = history_note_check(text, err);
    if (st) return st;
    e.noted.text = *text ? text : NULL;
    return history_append(s, &e, err);
}

/* Never 0. */
static uint64_t hash_names(const char *const *name, size_t n)
{
    uint64_t h = DIGEST_QUICK_SEED;
    for (size_t i = 0; i < n; i++) h = digest_quick(h, name[i]);
    return h | 1;
}

/* Its first report says whether what it went on from was of use. */
static bool has_begun_anew(const struct memory *s, const struct trial *t, const json_t *metrics)
{
    int tokens = objective_token_metric(&s->study->objective);
    if (t->attempt.reports > 0 || t->attempt.resumed_cost <= product_cost(s, t) || tokens < 0) return false;
    return json_number_at(metrics, s->study->objective.metric[tokens].name) < t->attempt.resumed_cost;
}

void history_report(struct history *s, const struct trial *t, long step, const json_t *metrics)
{
    if (has_begun_anew(&s->m, t, metrics)) history_started(s, t, 0, product_cost(&s->m, t), NULL);
    const char *names[METRICS_SAID_MAX];
    double values[METRICS_SAID_MAX];
    struct store_report r = {.lease = t->attempt.lease,
                             .number = t->attempt.reports,
                             .step = step,
                             .after_ms = clock_mono_ms(s->m.clock) - t->attempt.leased_ms,
                             .known = s->m.seq - t->attempt.lease,
                             .n = metrics_split(metrics, names, values),
                             .name = names,
                             .value = values};
    struct attempt *a = &internal_own(s, t)->attempt;
    uint64_t hash = hash_names(names, r.n);
    r.same_names = hash == a->names;
    a->names = hash;
    journal_report(s->journal, &r);
    internal_hear(a, r.number, r.after_ms);
    a->reports++;
    a->step = step;
    for (size_t i = 0; i < s->m.study->objective.n_metrics; i++)
        internal_numbers(a->last)[i] = json_number_at(metrics, s->m.study->objective.metric[i].name);
    curve_report(s, internal_own(s, t), step, a->last);
    if (s->watch.report) s->watch.report(s->watch.data, t, step, metrics);
}
