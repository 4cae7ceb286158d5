#include "tuner/history/apply.h"

#include "tuner/history/curve.h"

#include "tuner/base/bounded.h"
#include "tuner/base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists ---- */

static void open_add(struct history *s, struct trial *t)
{
    if (s->n_open == s->open_capacity) {
        s->open_capacity = s->open_capacity ? 2 * s->open_capacity : 64;
        s->open = must_grow(s->open, s->open_capacity, sizeof(struct trial *));
    }
    t->open_at = s->n_open;
    s->open[s->n_open++] = t;
}

static void open_remove(struct history *s, struct trial *t)
{
    struct trial *last = s->open[--s->n_open];
    s->open[t->open_at] = last;
    last->open_at = t->open_at;
}

static void seen_add(struct history *s, struct trial *t)
{
    t->seen_at = SIZE_MAX;
    if (t->outside) return;
    if (s->n_seen == s->seen_capacity) {
        s->seen_capacity = s->seen_capacity ? 2 * s->seen_capacity : 64;
        s->seen = must_grow(s->seen, s->seen_capacity, sizeof *s->seen);
        s->seen_trial = must_grow(s->seen_trial, s->seen_capacity, sizeof(struct trial *));
    }
    t->seen_at = s->n_seen;
    s->seen_trial[s->n_seen] = t;
    s->seen[s->n_seen++] =
        (struct search_trial){.outcome = SEARCH_PENDING, .config = t->config, .metrics = t->value, .told = -1};
}

/* Leaves a hole: a hundred thousand cancelled trials would each move all that come after. */
static void seen_remove(struct history *s, struct trial *t)
{
    s->seen_trial[t->seen_at] = NULL;
    t->seen_at = SIZE_MAX;
    s->seen_holes++;
}

void apply_close_holes(struct history *s)
{
    size_t n = 0;
    if (s->seen_holes == 0) return;
    for (size_t i = 0; i < s->n_seen; i++) {
        struct trial *t = s->seen_trial[i];
        if (!t) continue;
        t->seen_at = n;
        s->seen_trial[n] = t;
        s->seen[n++] = s->seen[i];
    }
    s->n_seen = n;
    s->seen_holes = 0;
}

static void seen_finish(struct history *s, struct trial *t)
{
    if (t->seen_at == SIZE_MAX) return;
    if (t->state == TRIAL_CANCELLED || (t->state == TRIAL_PRUNED && !t->expected)) { /* it says nothing to the models */
        seen_remove(s, t);
        return;
    }
    struct search_trial *row = &s->seen[t->seen_at];
    row->outcome = t->state == TRIAL_COMPLETE || t->state == TRIAL_PRUNED ? SEARCH_COMPLETE : SEARCH_FAILED;
    if (t->state == TRIAL_PRUNED) {
        row->metrics = t->expected;
        row->spread = t->spread;
    }
    row->told = t->told;
    row->poisonous = t->poisonous;
}

/* A cancelled one comes back to its place: the search sees the trials by number. */
static void seen_restore(struct history *s, struct trial *t)
{
    apply_close_holes(s);
    seen_add(s, t);
    for (size_t i = t->seen_at; i > 0 && s->seen_trial[i - 1]->number > t->number; i--) {
        struct trial *later = s->seen_trial[i - 1];
        struct search_trial row = s->seen[i];
        s->seen[i] = s->seen[i - 1];
        s->seen_trial[i] = later;
        later->seen_at = i;
        s->seen[i - 1] = row;
        s->seen_trial[i - 1] = t;
        t->seen_at = i - 1;
    }
}

static void seen_reopen(struct history *s, struct trial *t)
{
    if (t->outside) return;
    if (t->seen_at == SIZE_MAX) {
        seen_restore(s, t);
        return;
    }
    struct search_trial *row = &s->seen[t->seen_at];
    row->outcome = SEARCH_PENDING;
    row->told = -1;
    row->poisonous = false;
}

/* ---- what follows from results ---- */

/* A Pareto study without a baseline compares with the first trial that was told. */
static void choose_stand_in(struct history *s, const struct trial *t)
{
    if (s->study->baseline || s->study->objective.form != OBJECTIVE_PARETO || s->stand_in) return;
    s->stand_in = t;
}

static bool runs_baseline(const struct history *s, const struct trial *t)
{
    if (t == s->stand_in) return true;
    return t->role == ROLE_BASELINE || (t->role == ROLE_CONFIRM && s->trial[t->confirms]->role == ROLE_BASELINE);
}

/* In order of the trials' numbers, so that the sum has the same last bit after a restart. */
static void update_baseline(struct history *s)
{
    size_t n = 0;
    for (size_t k = 0; k < METRICS_MAX; k++) s->baseline[k] = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->state != TRIAL_COMPLETE || !runs_baseline(s, t)) continue;
        n++;
        for (size_t k = 0; k < s->study->objective.n_metrics; k++)
            s->baseline[k] = bounded_mean(s->baseline[k], t->value[k], n);
    }
    s->baseline_runs = n;
}

static void consider(struct history *s, const struct trial *t)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = memory_baseline(s);
    if (t->role == ROLE_CONFIRM || t->state != TRIAL_COMPLETE || t->outside) return;
    if ((!baseline && objective_needs_baseline(o)) || !objective_feasible(o, t->value, baseline)) return;
    double u = objective_utility(o, t->value, baseline);
    bool better = !s->best || u > s->best_utility || (u == s->best_utility && t->number < s->best->number);
    double behind = s->best ? better ? s->best_utility : u : -HUGE_VAL;
    s->second_utility = s->best ? fmax(s->second_utility, behind) : behind;
    if (!better) return;
    s->best = t;
    s->best_utility = u;
}

static void judge(struct history *s, const struct trial *t)
{
    choose_stand_in(s, t);
    if (!runs_baseline(s, t)) {
        consider(s, t);
        return;
    }
    update_baseline(s);
    s->best = NULL;
    for (size_t i = 0; i < s->n; i++) consider(s, s->trial[i]);
}

/* ---- trials ---- */

static struct trial *append(struct history *s)
{
    size_t d = s->study->space.n, m = s->study->objective.n_metrics;
    if (s->n == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 64;
        s->trial = must_grow(s->trial, s->capacity, sizeof(struct trial *));
    }
    struct trial *t = s->trial[s->n] = arena_alloc(&s->arena, sizeof *t);
    t->number = (long)s->n++;
    t->config = arena_array(&s->arena, d + 2 * m, sizeof *t->config);
    t->value = t->config + d;
    t->last = t->value + m;
    for (size_t i = 0; i < 2 * m; i++) t->value[i] = NAN;
    t->told = t->parent = -1;
    return t;
}

/* Into the space as it is now, or aside. */
static void place(struct history *s, struct trial *t, const json_t *params)
{
    struct error why;
    if (space_from_json(&s->study->space, params, t->config, &why) == STATUS_OK) return;
    t->outside = arena_strdup(&s->arena, why.text);
    t->params = json_deep_copy(params);
    for (size_t i = 0; i < s->study->space.n; i++) t->config[i] = NAN;
    s->outside++;
}

static void set_state(struct history *s, struct trial *t, enum trial_state to)
{
    s->tally.count[t->state]--;
    s->tally.count[to]++;
    t->state = to;
    if (trial_state_final(to)) open_remove(s, t);
}

static const char *keep(struct history *s, const char *text)
{
    return text ? arena_strdup(&s->arena, text) : NULL;
}

/* One copy of each name of an agent or token: there are far fewer than leases. */
static const char *intern(struct history *s, const char *name)
{
    for (size_t i = 0; name && i < s->n_names; i++)
        if (strcmp(s->name[i], name) == 0) return s->name[i];
    if (!name) return NULL;
    if (s->n_names == s->names_capacity) {
        s->names_capacity = 2 * s->names_capacity + 16;
        s->name = must_grow(s->name, s->names_capacity, sizeof *s->name);
    }
    return s->name[s->n_names++] = arena_strdup(&s->arena, name);
}

/* Live as it is; from the log as far as it lies in the space as it is now. */
static void take_course(struct history *s, struct trial *t, const struct event *c)
{
    const struct space *space = &s->study->space;
    if (c->trajectory) t->trajectory.until = c->trajectory->until;
    for (size_t k = 0; c->trajectory && k < c->trajectory->n; k++)
        trajectory_add(&t->trajectory, space, &s->arena, c->trajectory->step[k].from, c->trajectory->step[k].config,
                       c->trajectory->step[k].trial);
    if (c->trajectory_json) trajectory_parse(c->trajectory_json, space, &s->arena, &t->trajectory, NULL);
}

static void adjust(struct history *s, struct trial *t, const struct event *c)
{
    const struct space *space = &s->study->space;
    double config[SPACE_PARAMS_MAX];
    bool stored = c->set_json && space_from_json(space, c->set_json, config, NULL) == STATUS_OK;
    if (c->adjusted) curve_adjusted(s, t, c->seq, c->patience, c->threshold);
    if (!c->set && !stored) return;
    trajectory_add(&t->trajectory, space, &s->arena, c->set_from, stored ? config : c->set, t->number);
    t->trajectory_at = t->trajectory.n;
}

static enum status add(struct history *s, const struct event *c, struct error *err)
{
    if (c->parent < -1 || c->parent >= c->trial)
        return error_set(err, STATUS_INVALID, "trial %ld goes on from a trial that does not exist", c->trial);
    if (c->trial != (long)s->n)
        return error_set(err, STATUS_INVALID, "trial %ld is added, but %zu comes next", c->trial, s->n);
    if (c->role == ROLE_CONFIRM ? c->confirms < 0 || c->confirms >= c->trial : c->confirms != -1)
        return error_set(err, STATUS_INVALID, "trial %ld confirms a trial that does not exist", c->trial);
    struct trial *t = append(s);
    t->role = c->role;
    t->seed = c->seed ? c->seed : memory_trial_seed(s, t->number);
    t->confirms = c->confirms;
    t->parent = c->parent;
    t->round = c->parent >= 0 ? s->trial[c->parent]->round + 1 : 0;
    t->source = keep(s, c->source ? c->source : "");
    t->expect_tokens = c->expect_tokens;
    t->expect_ms = c->expect_ms;
    t->created_ms = c->at_ms;
    if (c->config)
        memcpy(t->config, c->config, s->study->space.n * sizeof *t->config);
    else
        place(s, t, c->params);
    take_course(s, t, c);
    s->tally.count[TRIAL_QUEUED]++;
    s->tally.searched += t->role != ROLE_CONFIRM;
    s->tally.fallbacks += strncmp(t->source, SEARCH_FALLBACK, strlen(SEARCH_FALLBACK)) == 0;
    open_add(s, t);
    seen_add(s, t);
    return STATUS_OK;
}

/* ---- attempts ---- */

static enum status check_move(const struct trial *t, enum trial_state to, struct error *err)
{
    if (trial_state_may(t->state, to)) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "trial %ld is %s and cannot become %s", t->number, trial_state_name(t->state),
                     trial_state_name(to));
}

static void set_deadline(struct history *s, struct trial *t, int64_t ttl_ms)
{
    t->deadline_ms = ttl_ms > 0 ? clock_mono_ms(s->clock) + ttl_ms : 0;
    if (ttl_ms > 0 && (s->expiry_ms == 0 || t->deadline_ms < s->expiry_ms)) s->expiry_ms = t->deadline_ms;
}

/* Its holder may still come with a result. */
static void keep_past(struct history *s, struct trial *t)
{
    struct past_lease *p = arena_alloc(&s->arena, sizeof *p);
    *p = (struct past_lease){t->past, t->lease, t->holder};
    t->past = p;
}

static enum status lease(struct history *s, struct trial *t, const struct event *c, struct error *err)
{
    enum status st = check_move(t, TRIAL_LEASED, err);
    if (st) return st;
    if (t->lease) keep_past(s, t);
    set_state(s, t, TRIAL_LEASED);
    if (!c->dir) set_state(s, t, TRIAL_RUNNING); /* the client has it */
    t->attempts++;
    t->lease = c->seq;
    t->holder = (struct holder){intern(s, c->agent), intern(s, c->token)};
    t->client = !c->dir;
    t->leased_ms = clock_mono_ms(s->clock);
    t->reports = t->step = 0;
    t->resumed_cost = 0;
    t->reported = 0;
    t->stop_state = STOP_NONE;
    t->trajectory_at = 0;
    curve_begin(s, t);
    set_deadline(s, t, c->ttl_ms);
    for (size_t i = 0; i < s->study->objective.n_metrics; i++) t->last[i] = NAN;
    return STATUS_OK;
}

static enum status renew(struct history *s, struct trial *t, const struct event *c, struct error *err)
{
    if (t->state != TRIAL_LEASED && t->state != TRIAL_RUNNING)
        return error_set(err, STATUS_INVALID, "trial %ld is %s and holds no lease", t->number,
                         trial_state_name(t->state));
    set_deadline(s, t, c->ttl_ms);
    return STATUS_OK;
}

/* What the pruner expects of it; without every metric of the objective the search can do nothing with it. */
static void expect(struct history *s, struct trial *t, const json_t *expected)
{
    const struct objective *o = &s->study->objective;
    double *value = arena_array(&s->arena, 2 * o->n_metrics, sizeof *value), *spread = value + o->n_metrics;
    for (size_t i = 0; i < o->n_metrics; i++) {
        const json_t *pair = json_object_get(expected, o->metric[i].name);
        value[i] = json_number_read(json_array_get(pair, 0));
        spread[i] = json_number_read(json_array_get(pair, 1));
        if (objective_uses(o, i) && !(isfinite(value[i]) && isfinite(spread[i]))) return;
    }
    t->expected = value;
    t->spread = spread;
}

static enum status condemn(struct history *s, struct trial *t, const struct event *c, struct error *err)
{
    if (t->state != TRIAL_RUNNING && t->state != TRIAL_LEASED)
        return error_set(err, STATUS_INVALID, "trial %ld is %s and cannot be stopped", t->number,
                         trial_state_name(t->state));
    if (!c->details) return STATUS_OK; /* it is run again */
    t->stop_state = c->audit ? STOP_AUDIT : STOP_PRUNE;
    t->stop_reason = arena_strdup(&s->arena, c->reason ? c->reason : "");
    expect(s, t, json_object_get(c->details, "expected"));
    return STATUS_OK;
}

static void keep_checkpoint(struct history *s, struct trial *t, const struct checkpoint *c)
{
    t->checkpoint = *c;
    t->checkpoint.path = arena_strdup(&s->arena, c->path);
}

/* What an attempt has cost, however it ended. */
static void account(struct history *s, struct trial *t, const struct event *c, double spent_tokens)
{
    spent_tokens = fmax(spent_tokens - t->resumed_cost, 0);
    t->busy_ms += c->took_ms;
    t->took_ms = (int64_t)c->took_ms;
    t->spent_tokens = bounded_sum(t->spent_tokens, spent_tokens);
    s->tally.busy_ms += c->took_ms;
    s->tally.tokens = bounded_sum(s->tally.tokens, spent_tokens);
    t->deadline_ms = 0;
    for (size_t i = 0; i < s->study->objective.n_metrics; i++) t->last[i] = NAN;
}

static enum status give_back(struct history *s, struct trial *t, const struct event *c, struct error *err)
{
    const char *outcome = c->outcome ? c->outcome : "";
    enum status st = check_move(t, TRIAL_QUEUED, err);
    if (st) return st;
    bool machine = strcmp(outcome, "crashed the machine") == 0;
    set_state(s, t, TRIAL_QUEUED);
    t->crashes += machine || strcmp(outcome, "crashed") == 0 || strcmp(outcome, "expired") == 0;
    t->machine_crashes += machine;
    t->ready_ms = c->backoff_ms > 0 ? clock_mono_ms(s->clock) + c->backoff_ms : 0;
    account(s, t, c, c->spent_tokens);
    return STATUS_OK;
}

/* ---- results ---- */

static void settle_param(struct history *s, struct trial *t, const char *name, double v)
{
    int i = space_find(&s->study->space, name);
    if (i < 0 || t->outside || isnan(t->config[i])) return;
    const struct param *p = &s->study->space.param[i];
    if (p->type != PARAM_INT && p->type != PARAM_FLOAT) return;
    t->config[i] = param_nearest(p, v);
}

/* The trial's stopping rule was changed while it ran: its result is that of another configuration than it began with.
 */
static void settle(struct history *s, struct trial *t, const struct event *c)
{
    double *config = arena_array(&s->arena, s->study->space.n, sizeof *config); /* snapshots keep the old one */
    t->config = memcpy(config, t->config, s->study->space.n * sizeof *config);
    if (t->seen_at != SIZE_MAX) s->seen[t->seen_at].config = config;
    settle_param(s, t, "patience", c->patience);
    settle_param(s, t, "threshold", c->threshold);
}

void apply_values(const struct history *s, const json_t *metrics, double *ret)
{
    for (size_t i = 0; i < s->study->objective.n_metrics; i++)
        ret[i] = json_number_at(metrics, s->study->objective.metric[i].name);
}

static enum status check_complete(const struct history *s, const double *value, struct error *err)
{
    const struct objective *o = &s->study->objective;
    for (size_t i = 0; i < o->n_metrics; i++)
        if (objective_uses(o, i) && !isfinite(value[i]))
            return error_set(err, STATUS_INVALID, "the metric '%s' is missing or not a finite number",
                             o->metric[i].name);
    return STATUS_OK;
}

static json_t *extra_metrics(const struct history *s, const json_t *metrics)
{
    json_t *out = NULL, *v;
    const char *name;
    json_object_foreach((json_t *)metrics, name, v)
    {
        if (objective_find_metric(&s->study->objective, name) >= 0) continue;
        if (!out) out = json_object();
        json_object_set(out, name, v);
    }
    return out;
}

static void remember_cost(struct history *s, const struct event *c, double tokens)
{
    size_t at = s->tally.n_recent++ % RECENT_MAX;
    s->tally.recent_ms[at] = c->took_ms;
    s->tally.recent_tokens[at] = tokens;
}

static enum status finish(struct history *s, struct trial *t, const struct event *c, struct error *err)
{
    double value[METRICS_MAX];
    if (c->value)
        memcpy(value, c->value, s->study->objective.n_metrics * sizeof *value);
    else
        apply_values(s, c->metrics, value);
    enum status st = check_move(t, c->state, err);
    if (!st && c->state == TRIAL_COMPLETE) st = check_complete(s, value, err);
    if (st) return st;
    set_state(s, t, c->state);
    if (c->adjusted) settle(s, t, c);
    t->finished_ms = c->at_ms;
    t->told = s->told++;
    t->reason = keep(s, c->reason);
    t->poisonous = c->poisonous;
    s->tally.poisonous += c->poisonous;
    int metric = objective_token_metric(&s->study->objective);
    double spent = metric >= 0 && isfinite(value[metric]) ? value[metric] : c->spent_tokens;
    account(s, t, c, spent);
    s->tally.finished += memory_is_searched(t);
    s->tally.searched -= t->role != ROLE_CONFIRM && c->state == TRIAL_CANCELLED;
    s->tally.confirmed += t->role == ROLE_CONFIRM;
    if (c->state == TRIAL_COMPLETE || c->state == TRIAL_PRUNED) {
        memcpy(t->value, value, s->study->objective.n_metrics * sizeof *value);
        t->extra = extra_metrics(s, c->metrics);
    }
    seen_finish(s, t);
    if (c->state != TRIAL_COMPLETE) return STATUS_OK;
    remember_cost(s, c, fmax(spent - t->resumed_cost, 0));
    judge(s, t);
    return STATUS_OK;
}

/* As if it had not ended: what it has cost stays spent, and its number and configuration are what they were. It has all
 * its retries again; what took the machine down is remembered. */
static enum status retry(struct history *s, struct trial *t, struct error *err)
{
    if (!trial_state_may_retry(t->state))
        return error_set(err, STATUS_CONFLICT, "trial %ld is %s and is not tried again", t->number,
                         trial_state_name(t->state));
    s->tally.finished -= memory_is_searched(t);
    s->tally.searched += t->role != ROLE_CONFIRM && t->state == TRIAL_CANCELLED;
    s->tally.confirmed -= t->role == ROLE_CONFIRM;
    s->tally.poisonous -= t->poisonous;
    set_state(s, t, TRIAL_QUEUED);
    open_add(s, t);
    t->poisonous = false;
    t->reason = NULL;
    t->finished_ms = 0;
    t->told = -1;
    t->crashes = 0;
    t->ready_ms = 0;
    t->stop_state = STOP_NONE;
    t->stop_reason = NULL;
    t->expected = t->spread = NULL;
    seen_reopen(s, t);
    return STATUS_OK;
}

/* ---- the study ---- */

static void set_phase(struct history *s, const struct event *c)
{
    snprintf(s->phase, sizeof s->phase, "%s", c->reason);
    s->failure = keep(s, c->why);
}

static void open_study(struct history *s, const struct event *c)
{
    snprintf(s->boot, sizeof s->boot, "%s", c->boot ? c->boot : "");
    if (c->file) {
        free(s->file);
        s->file = must_strdup(c->file);
    }
    memcpy(s->warm_seq, c->warm_seq, sizeof s->warm_seq);
    if (!c->budget) return;
    s->budget = *c->budget;
    s->slots = c->slots;
    s->run_wall_ms = c->began_ms ? c->began_ms : c->at_ms;
    s->run_mono_ms = clock_mono_ms(s->clock);
    s->run_spent_ms = c->spent_ms;
    s->run_gone_ms = c->gone_ms;
}

static enum status apply_to_trial(struct history *s, const struct event *c, struct error *err)
{
    struct trial *t = memory_trial(s, c->trial);
    if (!t) return error_set(err, STATUS_INVALID, "there is no trial %ld", c->trial);
    switch (c->kind) {
    case LOGGED_LEASED: return lease(s, t, c, err);
    case LOGGED_STARTED: {
        enum status st = check_move(t, TRIAL_RUNNING, err);
        if (st) return st;
        set_state(s, t, TRIAL_RUNNING);
        t->resumed_cost = c->resumed_cost;
        return STATUS_OK;
    }
    case LOGGED_RENEWED: return renew(s, t, c, err);
    case LOGGED_RETURNED: return give_back(s, t, c, err);
    case LOGGED_RETRIED: return retry(s, t, err);
    case LOGGED_FINISHED: return finish(s, t, c, err);
    case LOGGED_CONDEMNED: return condemn(s, t, c, err);
    case LOGGED_CHECKPOINT: keep_checkpoint(s, t, &c->checkpoint); break;
    case LOGGED_ADJUSTED: adjust(s, t, c); break;
    case LOGGED_ANNOUNCED: return curve_announced(s, t, c->seq, c->policy, err);
    case LOGGED_OPENED:
    case LOGGED_ADDED:
    case LOGGED_PHASE:
    case LOGGED_NOTE: break;
    }
    return STATUS_OK;
}

enum status apply_event(struct history *s, const struct event *c, struct error *err)
{
    enum status st = STATUS_OK;
    bool begins = s->seq == 0 && c->kind == LOGGED_OPENED; /* after the log of a deleted study of its name */
    if (c->seq != s->seq + 1 && !begins)
        return error_set(err, STATUS_INVALID, "event %lld is missing", (long long)s->seq + 1);
    switch (c->kind) {
    case LOGGED_OPENED: open_study(s, c); break;
    case LOGGED_ADDED: st = add(s, c, err); break;
    case LOGGED_PHASE: set_phase(s, c); break;
    case LOGGED_NOTE: break;
    case LOGGED_LEASED:
    case LOGGED_STARTED:
    case LOGGED_RENEWED:
    case LOGGED_CONDEMNED:
    case LOGGED_ADJUSTED:
    case LOGGED_ANNOUNCED:
    case LOGGED_CHECKPOINT:
    case LOGGED_RETURNED:
    case LOGGED_RETRIED:
    case LOGGED_FINISHED: st = apply_to_trial(s, c, err); break;
    }
    if (!st) s->seq = c->seq;
    return st;
}
