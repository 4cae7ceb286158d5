#include "tuner/history/apply.h"

#include "tuner/history/internal.h"

#include "tuner/history/curve.h"
#include "tuner/history/incumbent.h"
#include "tuner/history/product.h"
#include "tuner/history/seen.h"

#include "tuner/base/bounded.h"
#include "tuner/base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists ---- */

static void open_add(struct history *s, struct trial *t)
{
    t->at.open = s->open.n;
    internal_add(&s->open, t);
}

static void open_remove(struct history *s, struct trial *t)
{
    struct trial *last = s->open.at[--s->open.n];
    s->open.at[t->at.open] = last;
    last->at.open = t->at.open;
}

/* ---- trials ---- */

static struct trial *append(struct history *s, const struct event_added *e)
{
    size_t d = s->m.study->space.n, m = s->m.study->objective.n_metrics;
    double *config = arena_array(&s->arena, d + 2 * m, sizeof *config);
    for (size_t i = 0; i < d; i++) config[i] = e->config ? e->config[i] : NAN;
    struct trial *t = arena_alloc(&s->arena, sizeof *t);
    t->number = (long)s->all.n;
    internal_add(&s->all, t);
    t->config = config;
    t->value = config + d;
    t->attempt.last = t->value + m;
    for (size_t i = 0; i < 2 * m; i++) internal_numbers(t->value)[i] = NAN;
    t->told = t->segment.parent = -1;
    t->checkpoint.trial = t->number;
    t->attempt.stage = -1;
    if (s->m.study->pipeline.n)
        t->left = arena_array(&s->arena, s->m.study->pipeline.n, sizeof(const struct product *));
    return t;
}

/* It lies outside the space as it is now. */
static void set_aside(struct history *s, struct trial *t, const struct event_added *e)
{
    t->outside = arena_strdup(&s->arena, e->outside);
    t->params = json_deep_copy(e->params);
    s->m.opened.outside++;
}

static void set_state(struct history *s, struct trial *t, enum trial_state to)
{
    s->m.tally.count[t->state]--;
    s->m.tally.count[to]++;
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
    s->name = must_reserve(s->name, s->n_names + 1, &s->names_capacity, sizeof *s->name);
    return s->name[s->n_names++] = arena_strdup(&s->arena, name);
}

static void take_trajectory(struct history *s, struct trial *t, const struct trajectory *x)
{
    if (!x) return;
    for (size_t k = 0; k < x->n; k++)
        trajectory_add(&t->trajectory, &s->m.study->space, &s->arena, x->step[k].from, x->step[k].config,
                       x->step[k].trial);
}

static enum status check_added(const struct memory *s, long number, const struct event_added *e, struct error *err)
{
    if (e->parent < -1 || e->parent >= number)
        return error_set(err, STATUS_INVALID, "trial %ld goes on from a trial that does not exist", number);
    if (number != (long)s->n)
        return error_set(err, STATUS_INVALID, "trial %ld is added, but %zu comes next", number, s->n);
    if (e->role == ROLE_CONFIRM ? e->confirms < 0 || e->confirms >= number : e->confirms != -1)
        return error_set(err, STATUS_INVALID, "trial %ld confirms a trial that does not exist", number);
    return STATUS_OK;
}

static enum status apply_added(struct history *s, struct trial *none, const struct event *event, struct error *err)
{
    const struct event_added *e = &event->added;
    enum status st = check_added(&s->m, event->trial, e, err);
    (void)none;
    if (st) return st;
    struct trial *t = append(s, e);
    t->role = e->role;
    t->seed = e->seed ? e->seed : memory_trial_seed(&s->m, t->number);
    t->confirms = e->confirms;
    t->segment = (struct segment){.parent = e->parent,
                                  .round = e->parent >= 0 ? s->all.at[e->parent]->segment.round + 1 : 0,
                                  .until = e->trajectory ? e->trajectory->until : 0};
    t->source = keep(s, e->source ? e->source : "");
    t->need.tokens = e->expect_tokens;
    t->need.ms = e->expect_ms;
    t->need.gain = e->expect_gain;
    t->created_ms = event->at_ms;
    if (!e->config) set_aside(s, t, e);
    take_trajectory(s, t, e->trajectory);
    s->m.tally.count[TRIAL_QUEUED]++;
    s->m.tally.searched += t->role != ROLE_CONFIRM;
    s->m.baseline.again += t->role == ROLE_CONFIRM && s->all.at[t->confirms]->role == ROLE_BASELINE;
    s->m.tally.fallbacks += suggestion_kind_of(t->source) == SUGGESTION_FALLBACK;
    open_add(s, t);
    seen_add(s, t);
    return STATUS_OK;
}

static enum status apply_adjusted(struct history *s, struct trial *t, const struct event *event, struct error *err)
{
    const struct event_adjusted *e = &event->adjusted;
    (void)err;
    if (e->policy) curve_adjusted(s, t, event->seq, e->policy->patience, e->policy->threshold);
    if (!e->set) return STATUS_OK;
    trajectory_add(&t->trajectory, &s->m.study->space, &s->arena, e->from, e->set, t->number);
    t->attempt.settings = t->trajectory.n;
    return STATUS_OK;
}

static enum status apply_announced(struct history *s, struct trial *t, const struct event *e, struct error *err)
{
    return curve_announced(s, t, e->seq, e->announced.policy, err);
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
    t->attempt.deadline_ms = ttl_ms > 0 ? clock_mono_ms(s->m.clock) + ttl_ms : 0;
    if (ttl_ms > 0 && (s->expiry_ms == 0 || t->attempt.deadline_ms < s->expiry_ms))
        s->expiry_ms = t->attempt.deadline_ms;
}

/* Its holder may still come with a result. */
static void keep_past(struct history *s, struct trial *t)
{
    struct past_lease *p = arena_alloc(&s->arena, sizeof *p);
    *p = (struct past_lease){t->attempt.past, t->attempt.lease, t->attempt.stage, t->attempt.before, t->attempt.holder};
    t->attempt.past = p;
}

static enum status apply_leased(struct history *s, struct trial *t, const struct event *event, struct error *err)
{
    const struct event_leased *e = &event->leased;
    enum status st = check_move(t, TRIAL_LEASED, err);
    if (st) return st;
    if (t->attempt.lease) keep_past(s, t);
    set_state(s, t, TRIAL_LEASED);
    if (!e->dir) set_state(s, t, TRIAL_RUNNING); /* the client has it */
    t->effort.attempts++;
    t->attempt.lease = event->seq;
    t->attempt.holder = (struct holder){intern(s, e->agent), intern(s, event->token)};
    t->attempt.client = !e->dir;
    t->attempt.leased_ms = clock_mono_ms(s->m.clock);
    t->attempt.began_ms = event->at_ms;
    t->attempt.reports = t->attempt.step = t->attempt.items = 0;
    t->attempt.heard = (struct hearing){0};
    t->attempt.resumed_cost = 0;
    t->attempt.names = 0;
    t->attempt.stage = e->stage ? stage_find(s->m.study, e->stage) : -1;
    t->attempt.key = keep(s, e->key);
    t->attempt.before = product_cost(&s->m, t);
    if (t->attempt.stage < 0 || t->attempt.stop.state != STOP_AUDIT) t->attempt.stop.state = STOP_NONE;
    t->attempt.settings = 0;
    curve_begin(s, t);
    set_deadline(s, t, e->ttl_ms);
    for (size_t i = 0; i < s->m.study->objective.n_metrics; i++) internal_numbers(t->attempt.last)[i] = NAN;
    return STATUS_OK;
}

/* Said again of one that runs: what it goes on from turned out to be another, or nothing. */
static enum status apply_started(struct history *s, struct trial *t, const struct event *e, struct error *err)
{
    bool runs = t->state == TRIAL_RUNNING;
    enum status st = runs ? STATUS_OK : check_move(t, TRIAL_RUNNING, err);
    if (st) return st;
    if (!runs) set_state(s, t, TRIAL_RUNNING);
    t->attempt.resumed_cost = e->started.resumed_cost;
    return STATUS_OK;
}

static enum status apply_renewed(struct history *s, struct trial *t, const struct event *e, struct error *err)
{
    if (t->state != TRIAL_LEASED && t->state != TRIAL_RUNNING)
        return error_set(err, STATUS_INVALID, "trial %ld is %s and holds no lease", t->number,
                         trial_state_name(t->state));
    set_deadline(s, t, e->renewed.ttl_ms);
    return STATUS_OK;
}

/* What the pruner expects of it; without every metric of the objective the search can do nothing with it. */
static void expect(struct history *s, struct trial *t, const json_t *expected)
{
    const struct objective *o = &s->m.study->objective;
    double *value = arena_array(&s->arena, 2 * o->n_metrics, sizeof *value), *spread = value + o->n_metrics;
    for (size_t i = 0; i < o->n_metrics; i++) {
        const json_t *pair = json_object_get(expected, o->metric[i].name);
        value[i] = json_number_read(json_array_get(pair, 0));
        spread[i] = json_number_read(json_array_get(pair, 1));
        if (objective_uses(o, i) && !(isfinite(value[i]) && isfinite(spread[i]))) return;
    }
    t->attempt.stop.expected = value;
    t->attempt.stop.spread = spread;
}

static enum status check_runs(const struct trial *t, struct error *err)
{
    if (t->state == TRIAL_RUNNING || t->state == TRIAL_LEASED) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "trial %ld is %s and cannot be stopped", t->number,
                     trial_state_name(t->state));
}

static enum status apply_condemned(struct history *s, struct trial *t, const struct event *event, struct error *err)
{
    const struct event_condemned *e = &event->condemned;
    enum status st = check_runs(t, err);
    if (st) return st;
    t->attempt.stop.state = e->audit ? STOP_AUDIT : STOP_PRUNE;
    t->attempt.stop.reason = arena_strdup(&s->arena, e->reason ? e->reason : "");
    expect(s, t, json_object_get(e->details, "expected"));
    return STATUS_OK;
}

/* What it means comes with the attempt's end. */
static enum status apply_halted(struct history *s, struct trial *t, const struct event *e, struct error *err)
{
    (void)s, (void)e;
    return check_runs(t, err);
}

static enum status apply_checkpoint(struct history *s, struct trial *t, const struct event *e, struct error *err)
{
    (void)err;
    t->checkpoint = e->checkpoint.left;
    t->checkpoint.name = arena_strdup(&s->arena, t->checkpoint.name);
    t->checkpoint.digest = keep(s, t->checkpoint.digest);
    t->checkpoint.stage = t->attempt.stage;
    return STATUS_OK;
}

/* What an attempt has cost, however it ended. */
static void account(struct history *s, struct trial *t, const struct event_end *e, double spent_tokens)
{
    spent_tokens = fmax(spent_tokens - t->attempt.resumed_cost, 0);
    t->effort.busy_ms += e->took_ms;
    t->effort.took_ms = (int64_t)e->took_ms;
    t->effort.tokens = bounded_sum(t->effort.tokens, spent_tokens);
    s->m.tally.busy_ms += e->took_ms;
    s->m.tally.tokens = bounded_sum(s->m.tally.tokens, spent_tokens);
    t->attempt.deadline_ms = 0;
    for (size_t i = 0; i < s->m.study->objective.n_metrics; i++) internal_numbers(t->attempt.last)[i] = NAN;
}

static enum status apply_returned(struct history *s, struct trial *t, const struct event *event, struct error *err)
{
    const struct event_end *e = &event->returned.end;
    enum status st = check_move(t, TRIAL_QUEUED, err);
    if (st) return st;
    set_state(s, t, TRIAL_QUEUED);
    t->effort.crashes += outcome_is_crash(e->outcome);
    t->effort.machine_crashes += e->outcome == OUTCOME_CRASHED_THE_MACHINE;
    t->need.ready_ms = e->backoff_ms > 0 ? clock_mono_ms(s->m.clock) + e->backoff_ms : 0;
    account(s, t, e, e->spent_tokens);
    return STATUS_OK;
}

/* ---- stages ---- */

static struct product *product_made(struct history *s, const struct trial *t, const struct event *event)
{
    const struct event_staged *e = &event->staged;
    struct product *p = must_alloc(1, sizeof *p);
    char *text = e->metrics ? json_tight(e->metrics) : NULL;
    *p = (struct product){.stage = keep(s, e->left.stage),
                          .key = keep(s, e->left.key),
                          .digest = keep(s, e->left.digest),
                          .bytes = e->left.bytes,
                          .trial = t->number,
                          .attempt = t->effort.attempts,
                          .cost = e->left.cost,
                          .ms = e->end.took_ms,
                          .metrics = keep(s, text ? text : ""),
                          .made = event->seq,
                          .used = event->seq};
    free(text);
    product_add(s, p);
    return p;
}

static struct product *product_taken(struct history *s, const struct event *event)
{
    struct product *p = (struct product *)product_find(&s->m, event->staged.left.key); /* ours */
    if (!p) return NULL;
    p->used = event->seq;
    s->m.products.taken++;
    s->m.products.saved = bounded_sum(s->m.products.saved, p->cost);
    return p;
}

/* What came of another checkpoint than is there now is not this trial's any more. */
static void leave(struct history *s, struct trial *t, size_t stage, const struct product *p)
{
    const struct product *before = t->left[stage];
    bool other = before && before->digest && strcmp(before->digest, p->digest ? p->digest : "") != 0;
    for (size_t k = stage + 1; other && k < s->m.study->pipeline.n; k++) t->left[k] = NULL;
    t->left[stage] = p;
}

static void settle(struct history *s, struct trial *t, const struct rule_values *policy);
static void account(struct history *s, struct trial *t, const struct event_end *e, double spent_tokens);

static void end_stage(struct history *s, struct trial *t, const struct event_staged *e)
{
    set_state(s, t, TRIAL_QUEUED);
    if (e->policy) settle(s, t, e->policy);
    account(s, t, &e->end, e->end.spent_tokens);
    t->effort.crashes = 0;
}

/* The stage's name is of the file of then: one that there is no more is only remembered. */
static enum status apply_staged(struct history *s, struct trial *t, const struct event *event, struct error *err)
{
    const struct event_staged *e = &event->staged;
    bool runs = t->state == TRIAL_RUNNING || t->state == TRIAL_LEASED;
    if (e->taken ? t->state != TRIAL_QUEUED : !runs)
        return error_set(err, STATUS_INVALID, "trial %ld is %s, and no stage of it has ended", t->number,
                         trial_state_name(t->state));
    struct product *p = e->taken ? product_taken(s, event) : product_made(s, t, event);
    if (!p) return error_set(err, STATUS_INVALID, "trial %ld takes over what nobody has left", t->number);
    if (!e->taken) end_stage(s, t, e);
    int stage = stage_find(s->m.study, e->left.stage);
    if (stage >= 0) leave(s, t, (size_t)stage, p);
    return STATUS_OK;
}

static enum status apply_evicted(struct history *s, struct trial *none, const struct event *e, struct error *err)
{
    (void)none, (void)err;
    product_evict(s, e->evicted.digest);
    return STATUS_OK;
}

/* ---- results ---- */

static void settle_param(const struct history *s, double *config, const char *name, double v)
{
    int i = space_find(&s->m.study->space, name);
    if (i < 0 || isnan(config[i])) return;
    const struct param *p = &s->m.study->space.param[i];
    if (p->type != PARAM_INT && p->type != PARAM_FLOAT) return;
    config[i] = param_nearest(p, v);
}

/* The trial's stopping rule was changed while it ran: its result is that of another configuration than it began with.
 */
static void settle(struct history *s, struct trial *t, const struct rule_values *policy)
{
    double *config = arena_array(&s->arena, s->m.study->space.n, sizeof *config); /* snapshots keep the old one */
    memcpy(config, t->config, s->m.study->space.n * sizeof *config);
    settle_param(s, config, "patience", policy->patience);
    settle_param(s, config, "threshold", policy->threshold);
    t->config = config;
    if (t->at.seen != SIZE_MAX) s->seen_row[t->at.seen].config = config;
}

static enum status check_complete(const struct memory *s, const double *value, struct error *err)
{
    const struct objective *o = &s->study->objective;
    for (size_t i = 0; i < o->n_metrics; i++)
        if (objective_uses(o, i) && !isfinite(value[i]))
            return error_set(err, STATUS_INVALID, "the metric '%s' is missing or not a finite number",
                             o->metric[i].name);
    return STATUS_OK;
}

static json_t *extra_metrics(const struct memory *s, const json_t *metrics)
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

static void remember_cost(struct history *s, double took_ms, double tokens)
{
    size_t at = s->m.tally.n_recent++ % RECENT_MAX;
    s->m.tally.recent_ms[at] = took_ms;
    s->m.tally.recent_tokens[at] = tokens;
}

static void tally_finished(struct history *s, const struct trial *t)
{
    s->m.tally.poisonous += t->effort.poisonous;
    s->m.tally.finished += memory_is_searched(t);
    s->m.tally.searched -= t->role != ROLE_CONFIRM && t->state == TRIAL_CANCELLED;
    s->m.tally.confirmed += t->role == ROLE_CONFIRM;
}

/* What it has cost was counted stage by stage, whoever ran them. */
static bool is_staged(const struct history *s, const struct trial *t)
{
    bool any = t->attempt.stage >= 0;
    for (size_t k = 0; t->left && k < s->m.study->pipeline.n; k++) any |= t->left[k] != NULL;
    return any;
}

static enum status apply_finished(struct history *s, struct trial *t, const struct event *event, struct error *err)
{
    const struct event_finished *e = &event->finished;
    enum status st = check_move(t, e->state, err);
    if (!st && e->state == TRIAL_FAILED && t->state == TRIAL_QUEUED && !is_staged(s, t))
        st = error_set(err, STATUS_INVALID, "trial %ld is queued, and nobody runs it", t->number);
    if (!st && e->state == TRIAL_COMPLETE) st = check_complete(&s->m, e->value, err);
    if (st) return st;
    set_state(s, t, e->state);
    if (e->policy) settle(s, t, e->policy);
    t->finished_ms = event->at_ms;
    t->told = s->told++;
    t->reason = keep(s, e->end.reason);
    t->effort.poisonous = e->poisonous;
    int metric = objective_token_metric(&s->m.study->objective);
    bool staged = is_staged(s, t);
    double spent = metric >= 0 && isfinite(e->value[metric]) && !staged ? e->value[metric] : e->end.spent_tokens;
    account(s, t, &e->end, spent);
    if (staged) t->effort.took_ms = (int64_t)t->effort.busy_ms;
    tally_finished(s, t);
    if (e->state == TRIAL_COMPLETE || e->state == TRIAL_PRUNED) {
        memcpy(internal_numbers(t->value), e->value, s->m.study->objective.n_metrics * sizeof *t->value);
        t->extra = extra_metrics(&s->m, e->metrics);
    }
    seen_finish(s, t);
    curve_end(s, t);
    if (e->state != TRIAL_COMPLETE) return STATUS_OK;
    bool once = t->resumed.times == 0 && !staged;
    double alone = staged ? product_cost(&s->m, t) : t->effort.tokens; /* whatever it took over */
    remember_cost(s, once ? e->end.took_ms : t->effort.busy_ms,
                  once ? fmax(spent - t->attempt.resumed_cost, 0) : alone);
    incumbent_judge(s, t);
    return STATUS_OK;
}

/* As if it had not ended: what it has cost stays spent, and its number and configuration are what they were. It has all
 * its retries again; what took the machine down is remembered. */
static void reopen(struct history *s, struct trial *t)
{
    s->m.tally.finished -= memory_is_searched(t);
    s->m.tally.searched += t->role != ROLE_CONFIRM && t->state == TRIAL_CANCELLED;
    s->m.tally.confirmed -= t->role == ROLE_CONFIRM;
    s->m.tally.poisonous -= t->effort.poisonous;
    set_state(s, t, TRIAL_QUEUED);
    open_add(s, t);
    t->effort.poisonous = false;
    t->reason = NULL;
    t->finished_ms = 0;
    t->told = -1;
    t->effort.crashes = 0;
    t->need.ready_ms = 0;
    t->attempt.stop.state = STOP_NONE;
    t->attempt.stop.reason = NULL;
    t->attempt.stop.expected = t->attempt.stop.spread = NULL;
    for (size_t i = 0; i < s->m.study->objective.n_metrics; i++) internal_numbers(t->value)[i] = NAN;
    json_decref(t->extra);
    t->extra = NULL;
    seen_reopen(s, t);
}

static enum status apply_retried(struct history *s, struct trial *t, const struct event *e, struct error *err)
{
    (void)e;
    if (!trial_state_may_retry(t->state))
        return error_set(err, STATUS_CONFLICT, "trial %ld is %s and is not tried again", t->number,
                         trial_state_name(t->state));
    reopen(s, t);
    return STATUS_OK;
}

static enum status apply_resumed(struct history *s, struct trial *t, const struct event *e, struct error *err)
{
    if (!trial_state_may_resume(t->state))
        return error_set(err, STATUS_CONFLICT, "trial %ld is %s and was not stopped", t->number,
                         trial_state_name(t->state));
    reopen(s, t);
    t->resumed.times++;
    t->resumed.whole = e->resumed.whole;
    t->resumed.from = e->resumed.from;
    t->resumed.since = e->seq;
    return STATUS_OK;
}

/* ---- the study ---- */

static enum status apply_phase(struct history *s, struct trial *none, const struct event *e, struct error *err)
{
    (void)none, (void)err;
    s->m.phase = e->phase.phase;
    s->m.failure = keep(s, e->phase.why);
    return STATUS_OK;
}

static enum status apply_note(struct history *s, struct trial *none, const struct event *e, struct error *err)
{
    (void)s, (void)none, (void)e, (void)err;
    return STATUS_OK;
}

static enum status apply_noted(struct history *s, struct trial *none, const struct event *e, struct error *err)
{
    const struct trial *seen = memory_trial(&s->m, e->trial);
    const char *text = keep(s, e->noted.text);
    (void)none;
    if (e->trial >= 0 && !seen) return error_set(err, STATUS_INVALID, "there is no trial %ld", e->trial);
    if (!seen) {
        s->m.note = text;
        return STATUS_OK;
    }
    internal_own(s, seen)->note = text;
    return STATUS_OK;
}

/* What programs of before have left is of no use to others. */
static void take_prints(struct history *s, const struct event *event)
{
    struct products *x = &s->m.products;
    for (size_t i = 0; i < STAGES_MAX; i++) {
        const char *now = event->opened.print[i];
        if (!now || (x->print[i] && strcmp(x->print[i], now) == 0)) continue;
        x->print[i] = keep(s, now);
        x->since[i] = event->seq;
    }
}

static enum status apply_opened(struct history *s, struct trial *none, const struct event *event, struct error *err)
{
    const struct event_opened *e = &event->opened;
    (void)none, (void)err;
    memcpy(s->boot_before, s->boot, sizeof s->boot);
    snprintf(s->boot, sizeof s->boot, "%s", e->boot ? e->boot : "");
    if (e->file) {
        free(s->file);
        s->file = must_strdup(e->file);
        s->m.baseline.since = event->seq;
    }
    memcpy(s->warm_seq, e->warm_seq, sizeof s->warm_seq);
    take_prints(s, event);
    if (!e->budget) return STATUS_OK;
    s->m.run.budget = *e->budget;
    s->m.run.probe = e->probe;
    s->m.run.slots = e->slots;
    s->m.run.wall_ms = e->began_ms ? e->began_ms : event->at_ms;
    s->m.run.mono_ms = clock_mono_ms(s->m.clock);
    s->m.run.spent_ms = e->spent_ms;
    s->m.run.gone_ms = e->gone_ms;
    return STATUS_OK;
}

/* ---- any ---- */

enum subject { STUDY, TRIAL };

static bool is_about_a_trial(enum event_kind kind)
{
    switch (kind) {
#define EVENT(number, NAME, name, subject, word)                                                                       \
    case EVENT_##NAME:                                                                                                 \
        return subject == TRIAL;
#include "tuner/history/event.def"
#undef EVENT
    }
    return false;
}

static enum status apply(struct history *s, const struct event *e, struct error *err)
{
    const struct trial *seen = is_about_a_trial(e->kind) ? memory_trial(&s->m, e->trial) : NULL;
    struct trial *t = seen ? internal_own(s, seen) : NULL;
    if (!t && is_about_a_trial(e->kind)) return error_set(err, STATUS_INVALID, "there is no trial %ld", e->trial);
    switch (e->kind) {
#define EVENT(number, NAME, name, subject, word)                                                                       \
    case EVENT_##NAME:                                                                                                 \
        return apply_##name(s, t, e, err);
#include "tuner/history/event.def"
#undef EVENT
    }
    return error_set(err, STATUS_INVALID, "event %lld is of no known kind", (long long)e->seq);
}

enum status apply_event(struct history *s, const struct event *e, struct error *err)
{
    bool begins = s->m.seq == 0 && e->kind == EVENT_OPENED; /* after the log of a deleted study of its name */
    if (e->seq != s->m.seq + 1 && !begins)
        return error_set(err, STATUS_INVALID, "event %lld is missing", (long long)s->m.seq + 1);
    enum status st = apply(s, e, err);
    if (!st) s->m.seq = e->seq;
    internal_show(s);
    const struct trial *t = st ? NULL : memory_trial(&s->m, e->trial);
    if (t) internal_own(s, t)->at.seq = e->seq;
    return st;
}
