/* auto: the chance that the trial becomes useful is below `stopping: {chance}`.
 *
 *     chance = (k + ½)/(n + 1),   k of the n = FORECAST_DRAWS futures end useful
 *
 * the mean under Jeffreys' prior, so never 0 and never 1. Useful: it satisfies the constraints and is among the two
 * best so far, if winners are confirmed (the best is often only the luckiest), else better than the best; for a Pareto
 * objective, it would be on the front. Without a forecast, or without the baseline that the objective needs, nothing is
 * stopped.
 */
#include "tuner/search/pruner.h"

#include <math.h>
#include <stdio.h>

static bool is_useful(const struct objective *o, const struct evidence *e, const double *value)
{
    if (!objective_feasible(o, value, e->baseline)) return false;
    if (o->form != OBJECTIVE_PARETO) return objective_utility(o, value, e->baseline) > e->target;
    for (size_t i = 0; i < e->n_front; i++)
        if (objective_dominates(o, e->front + i * o->n_metrics, value)) return false;
    return true;
}

static void judge(const struct study *study, const struct evidence *e, const struct running *r,
                  const struct forecast *x, struct stop_decision *ret)
{
    const struct objective *o = &study->objective;
    struct forecast_end out[FORECAST_DRAWS];
    size_t useful = 0;
    if (!x || (!e->baseline && objective_needs_baseline(o))) return;
    forecast_outcomes(x, r->rule, out);
    for (size_t k = 0; k < FORECAST_DRAWS; k++) useful += is_useful(o, e, out[k].value);
    ret->chance = ((double)useful + 0.5) / (FORECAST_DRAWS + 1);
    ret->target = e->target > -HUGE_VAL ? e->target : NAN;
    ret->stop = ret->chance < study->stopping.chance;
    snprintf(ret->why, sizeof ret->why, "%.2g %% chance to %s", 100 * ret->chance,
             o->form == OBJECTIVE_PARETO   ? "reach the front"
             : isnan(ret->target)          ? "satisfy the constraints"
             : e->target < e->best_utility ? "be among the 2 best so far"
                                           : "beat the best so far");
}

const struct pruner_ops pruner_auto = {.needs_forecast = true, .judge = judge};
