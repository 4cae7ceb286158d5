#include "tuner/policy/monitor.h"

#include "tuner/policy/grounds.h"

#include "tuner/base/json.h"
#include "tuner/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct question {
    struct arena arena;
    struct history *history;
    const struct study *study;
    const struct trial *trial;
    int64_t lease;
    struct evidence evidence;
    struct running running;
    struct early_stopping rule;
    bool judge, adapt; /* what is asked */
    struct stop_decision verdict;
    struct advice advice;
};

/* ---- asking ---- */

struct question *monitor_ask(struct history *h, const struct trial *t)
{
    const struct memory *s = history_memory(h);
    const struct curve *o = t->attempt.curve;
    if (!o || o->curve.stage != t->attempt.stage || t->role != ROLE_SEARCH || t->state != TRIAL_RUNNING ||
        o->curve.reports <= o->judged)
        return NULL;
    const struct early_stopping *rule = curve_rule(t);
    struct running running = {.number = t->number, .config = t->config, .curve = &o->curve, .rule = rule};
    running.judged = curve_judged(h, t);
    bool judge = t->attempt.stop.state == STOP_NONE && !t->resumed.whole && pruner_looks(s->study, &running);
    bool adapt = s->study->stopping.adaptive && rule;
    if (!judge && !adapt) return NULL;
    struct question *q = must_alloc(1, sizeof *q);
    q->history = h;
    q->study = s->study;
    q->trial = t;
    q->lease = t->attempt.lease;
    q->judge = judge;
    q->adapt = adapt;
    if (rule) q->rule = *rule;
    q->running = running;
    q->running.curve = learning_curve_copy(&o->curve, &q->arena);
    q->running.rule = rule ? &q->rule : NULL;
    grounds_take(h, t->attempt.stage, &q->arena, &q->evidence);
    return q;
}

const struct trial *question_trial(const struct question *q)
{
    return q->trial;
}

void monitor_forget(struct question *q)
{
    lending_end(q->history);
    arena_done(&q->arena);
    free(q);
}

/* ---- thinking ---- */

/* A forecast is made once, and only if somebody asks for it: ranks need none until they condemn. */
void monitor_think(struct forecaster *f, struct question *q)
{
    struct forecast *x = NULL;
    bool foreseen = q->adapt || (q->judge && pruner_needs_forecast(q->study, &q->running));
    if (foreseen) forecast_make(f, &q->evidence, &q->running, &x, NULL);
    if (q->judge) pruner_judge(q->study, &q->evidence, &q->running, x, &q->verdict);
    if (q->verdict.stop && !foreseen) forecast_make(f, &q->evidence, &q->running, &x, NULL);
    if (q->verdict.stop && x) pruner_expect(q->study, &q->evidence, &q->running, x, &q->verdict);
    if (q->adapt && x) stopping_advise(q->study, &q->evidence, &q->running, x, &q->advice);
    if (q->adapt && !x && stopping_clamp(&q->study->stopping, &q->rule)) {
        q->advice = (struct advice){.change = true, .patience = q->rule.patience, .threshold = q->rule.threshold};
        snprintf(q->advice.why, sizeof q->advice.why, "outside the bounds of the study file");
    }
    forecast_free(x);
}

/* ---- deciding ---- */

static void put_number(json_t *o, const char *key, double v)
{
    if (isfinite(v)) json_object_set_new(o, key, json_real(v));
}

/* What the log says of a verdict, besides its reason. */
static json_t *details(const struct question *q)
{
    const struct stop_decision *v = &q->verdict;
    const struct objective *o = &q->study->objective;
    json_t *out = json_pack("{s:s}", "by", pruner_name(q->study->stopping.pruner)), *near = json_array(),
           *expected = json_object();
    put_number(out, "at", learning_curve_cost(q->running.curve));
    put_number(out, "chance", v->chance);
    put_number(out, "target", v->target);
    put_number(out, "saves", v->saves);
    for (size_t i = 0; i < v->n_nearest; i++) json_array_append_new(near, json_integer(v->nearest[i]));
    if (v->n_nearest)
        json_object_set_new(out, "nearest", near);
    else
        json_decref(near);
    for (size_t m = 0; m < o->n_metrics; m++)
        if (isfinite(v->expected[m]) && isfinite(v->spread[m]))
            json_object_set_new(expected, o->metric[m].name,
                                json_pack("[o, o]", json_number(v->expected[m]), json_number(v->spread[m])));
    if (json_object_size(expected))
        json_object_set_new(out, "expected", expected);
    else
        json_decref(expected);
    return out;
}

/* Have the audited ones, with this one, cost no more than the share `audit` of all curves? */
static bool is_affordable(const struct memory *s, const struct question *q)
{
    double all = isfinite(q->verdict.saves) ? q->verdict.saves : 0, audited = all;
    for (size_t i = 0; i < s->n_curves; i++) {
        double cost = learning_curve_cost(&s->curves[i]->attempt.curve->curve);
        all += cost;
        audited += s->curves[i]->attempt.stop.state == STOP_AUDIT ? cost : 0;
    }
    return audited <= s->study->stopping.audit * all;
}

/* A random share of the condemned runs on, to see what becomes of it, as far as that costs no more than this share. */
static bool is_audited(const struct memory *s, const struct question *q)
{
    struct rng rng = rng_derive(s->seed, "audit", (uint64_t)q->trial->number);
    return rng_unit(&rng) < s->study->stopping.audit && is_affordable(s, q);
}

static enum status condemn(struct history *s, const struct question *q, struct monitor_order *ret, struct error *err)
{
    bool audit = is_audited(history_memory(s), q);
    json_t *more = details(q);
    enum status st = history_condemn(s, q->trial, q->verdict.why, more, audit, err);
    json_decref(more);
    ret->stop = !st && !audit;
    snprintf(ret->why, sizeof ret->why, "%s", q->verdict.why);
    return st;
}

static enum status adapt(struct history *s, const struct question *q, struct monitor_order *ret, struct error *err)
{
    const struct rule_values rule = {q->advice.patience, q->advice.threshold};
    enum status st = history_adjust(s, q->trial, rule, q->advice.why, err);
    ret->patience = rule.patience;
    ret->threshold = rule.threshold;
    ret->adapt = !st;
    return st;
}

enum status monitor_decide(struct history *s, struct question *q, struct monitor_order *ret, struct error *err)
{
    const struct trial *t = q->trial;
    enum status st = STATUS_OK;
    *ret = (struct monitor_order){0};
    bool runs = t->state == TRIAL_RUNNING && t->attempt.lease == q->lease;
    if (runs && q->verdict.stop && t->attempt.stop.state == STOP_NONE) st = condemn(s, q, ret, err);
    if (!st && runs && !ret->stop && q->advice.change && t->attempt.curve) st = adapt(s, q, ret, err);
    monitor_forget(q);
    return st;
}

/* ---- the end of condemned trials ---- */

static json_t *last_metrics(const struct memory *s, const struct trial *t)
{
    json_t *out = json_object();
    for (size_t i = 0; i < s->study->objective.n_metrics; i++)
        put_number(out, s->study->objective.metric[i].name, t->attempt.last[i]);
    return out;
}

enum status monitor_prune(struct history *s, const struct trial *t, const json_t *metrics, struct error *err)
{
    json_t *last = metrics ? NULL : last_metrics(history_memory(s), t);
    enum status st = history_finish(s, t,
                                    &(struct ending){.state = TRIAL_PRUNED,
                                                     .metrics = metrics ? metrics : last,
                                                     .reason = t->attempt.stop.reason,
                                                     .outcome = OUTCOME_PRUNED},
                                    err);
    json_decref(last);
    return st;
}

enum status monitor_recover(struct history *h, struct error *err)
{
    const struct memory *s = history_memory(h);
    enum status st = STATUS_OK;
    for (size_t i = s->n_open; !st && i-- > 0;)
        if (s->open[i]->state == TRIAL_RUNNING && s->open[i]->attempt.stop.state == STOP_PRUNE)
            st = monitor_prune(h, s->open[i], NULL, err);
    return st;
}
