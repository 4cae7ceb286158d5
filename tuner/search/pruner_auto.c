/* auto: the trial is unlikely to become useful, by the curves of all trials.
 *
 * On the rungs 1, 4, 16, … (from `grace` on): its chance to end among the best sixteenth of those that came so far is
 * below 4 · `chance` of what a trial has on the mean (outlook.h); by default four fifths. A rung that tells much stops
 * nearly all, as successive halving does; one that tells nothing stops nobody.
 *
 * At every report, if the trial's own stopping rule is known or the objective is a front: the chance that it becomes
 * useful is below `chance`:
 *
 *     chance = (k + ½)/(n + 1),   k of the n = FORECAST_DRAWS futures end useful
 *
 * the mean under Jeffreys' prior, so never 0 and never 1. Useful: it satisfies the constraints and is among the two
 * best so far, if winners are confirmed (the best is often only the luckiest), else better than the best; for a Pareto
 * objective, it would be on the front.
 *
 * Where both judge, a rung stops a trial only if its forecast is below 3 · `chance`: what ends by a rule of its own is
 * better known by that rule.
 *
 * Until one trial is complete (three, for those with a forecast), or without the baseline that the objective needs,
 * nothing is stopped.
 */
#include "tuner/search/pruner.h"

#include "tuner/search/bar.h"
#include "tuner/search/outlook.h"

#include "tuner/base/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LEAST = 1, FORESEES_FROM = 3, ETA_LOG2 = 2, BEST_OF = 16 };

static const double RATIO = 4, DOUBT = 3, RESUMES = 2;
static const double SMALL = 1e-4; /* of what is below, people need not know how much */

/* ---- by rungs ---- */

static size_t count_complete(const struct evidence *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++) n += e->trial[i].result != NULL;
    return n;
}

static bool may_look(const struct study *study, const struct evidence *e)
{
    return count_complete(e) >= LEAST && (e->baseline || !objective_needs_baseline(&study->objective));
}

/* The highest rung that it has come to, as a power of two. */
static size_t rung_of(const struct running *r)
{
    size_t rung = 0;
    while (1L << (rung + ETA_LOG2) <= r->curve->reports) rung += ETA_LOG2;
    return rung;
}

static bool is_on_rung(const struct study *study, const struct running *r)
{
    long report = 1L << rung_of(r);
    return report > r->judged && report >= study->stopping.grace && study->objective.form != OBJECTIVE_PARETO;
}

static void judge_by_rung(const struct study *study, const struct evidence *e, const struct running *r,
                          struct stop_decision *ret)
{
    const struct objective *o = &study->objective;
    size_t rung = rung_of(r);
    if (!is_on_rung(study, r) || !may_look(study, e)) return;
    struct outlook x;
    struct outlook_chance c;
    outlook_make(study, e, &x);
    if (!outlook_look(&x, r, rung, 1.0 / BEST_OF, &c)) return;
    ret->chance = c.own;
    ret->target = c.theta;
    ret->stop = c.own < fmin(1, RATIO * study->stopping.chance) * c.mean;
    for (size_t m = 0; o->form == OBJECTIVE_SINGLE && m < o->n_metrics; m++)
        if (objective_in_utility(o, m)) ret->target = o->metric[m].goal * ladder_unscale(&x.ladder[m], c.theta);
    snprintf(ret->why, sizeof ret->why, "%s%.2g %% chance to end among the best sixteenth of %zu, after %ld report%s",
             c.own < SMALL ? "under " : "", 100 * fmax(c.own, SMALL), c.n, 1L << rung, words_s((size_t)1 << rung));
}

/* Again by what is known now: who would go on if it came to its rung today. */
static void reconsider(const struct study *study, const struct evidence *e, const struct stopped_trial *stopped,
                       size_t n, double *ret)
{
    struct outlook x;
    if (study->objective.form == OBJECTIVE_PARETO || !may_look(study, e)) return;
    double *chance = must_alloc(e->n + 1, sizeof *chance);
    outlook_make(study, e, &x);
    for (size_t rung = 0; rung < LADDER_RUNGS; rung += ETA_LOG2) {
        outlook_compare(&x, rung, 1.0 / BEST_OF, chance);
        for (size_t i = 0; i < n; i++)
            if (!isnan(chance[stopped[i].at])) ret[i] = chance[stopped[i].at] / (RESUMES * stopped[i].price);
    }
    free(chance);
}

/* ---- by forecast ---- */

static bool reaches_front(const struct objective *o, const struct evidence *e, const double *value)
{
    if (!objective_feasible(o, value, e->baseline)) return false;
    for (size_t i = 0; i < e->n_front; i++)
        if (objective_dominates(o, e->front + i * o->n_metrics, value)) return false;
    return true;
}

static size_t count_on_front(const struct objective *o, const struct evidence *e, const struct forecast_end *out)
{
    size_t useful = 0;
    for (size_t k = 0; k < FORECAST_DRAWS; k++) useful += reaches_front(o, e, out[k].value);
    return useful;
}

/* Each future against a draw of what it must exceed. */
static size_t count_above(const struct study *study, const struct evidence *e, const struct forecast *x,
                          const struct forecast_end *out, double *ret_target)
{
    const struct objective *o = &study->objective;
    double noise[METRICS_MAX], sum = 0;
    struct bar bar;
    size_t useful = 0, some = 0;
    for (size_t m = 0; m < METRICS_MAX; m++) noise[m] = forecast_noise(x, m);
    bar_make(study, e, noise, &bar);
    for (size_t k = 0; k < FORECAST_DRAWS; k++) {
        const double *baseline = e->baseline ? bar.baseline[k] : NULL;
        useful += objective_feasible(o, out[k].value, baseline) &&
                  objective_utility(o, out[k].value, baseline) > bar.utility[k];
        if (isfinite(bar.utility[k])) sum += bar.utility[k], some++;
    }
    if (some) *ret_target = sum / (double)some;
    return useful;
}

static void judge_by_forecast(const struct study *study, const struct evidence *e, const struct running *r,
                              const struct forecast *x, struct stop_decision *ret)
{
    const struct objective *o = &study->objective;
    struct forecast_end out[FORECAST_DRAWS];
    bool front = o->form == OBJECTIVE_PARETO;
    if (!e->baseline && objective_needs_baseline(o)) return;
    forecast_outcomes(x, r->rule, out);
    size_t useful = front ? count_on_front(o, e, out) : count_above(study, e, x, out, &ret->target);
    ret->chance = ((double)useful + 0.5) / (FORECAST_DRAWS + 1);
    ret->stop = ret->chance < study->stopping.chance;
    snprintf(ret->why, sizeof ret->why, "%.2g %% chance to %s", 100 * ret->chance,
             front                         ? "reach the front"
             : isnan(ret->target)          ? "satisfy the constraints"
             : e->target < e->best_utility ? "be among the 2 best so far"
                                           : "beat the best so far");
}

static bool needs_forecast(const struct study *study, const struct running *r)
{
    return study->objective.form == OBJECTIVE_PARETO || r->rule;
}

static bool looks(const struct study *study, const struct running *r)
{
    return is_on_rung(study, r) || needs_forecast(study, r);
}

static void judge(const struct study *study, const struct evidence *e, const struct running *r,
                  const struct forecast *x, struct stop_decision *ret)
{
    struct stop_decision rung = *ret;
    bool foreseen = x && needs_forecast(study, r);
    if (needs_forecast(study, r) && count_complete(e) < FORESEES_FROM) return;
    judge_by_rung(study, e, r, foreseen ? &rung : ret);
    if (!foreseen) return;
    judge_by_forecast(study, e, r, x, ret);
    if (!ret->stop && rung.stop && ret->chance < DOUBT * study->stopping.chance) *ret = rung;
}

const struct pruner_ops pruner_auto = {
    .about =
        "stops who is unlikely to end among the best, judged at reports 1, 4, 16, …; if patience is known, at each",
    .looks = looks,
    .needs_forecast = needs_forecast,
    .judge = judge,
    .reconsider = reconsider};
