/* pruner: should a running trial be stopped because it will not become useful?
 *
 *     auto    the chance that it becomes useful, counted over its forecast futures, is below `stopping: {chance}`
 *     asha    at reports grace·3ᵏ it is not in the best third of those that came so far [Li et al. 2020]
 *     median  its best utility is below the median of the others' running means [Golovin et al. 2017]
 *
 * Useful: it satisfies the constraints and is among the two best so far, if winners are confirmed (the best is often
 * only the luckiest), else better than the best; for a Pareto objective, it would be on the front. asha and median rank
 * by the utility of the metrics as reported.
 */
#ifndef TUNER_SEARCH_PRUNER_H
#define TUNER_SEARCH_PRUNER_H

#include "tuner/search/forecast.h"

struct stop_decision {
    bool stop;
    double chance; /* auto: to become useful; else NaN */
    double target; /* auto: the utility to beat; NaN: there is none */
    char why[320];
    /* pruner_expect; NaN: unknown */
    double saves; /* cost that it would still have, the median */
    size_t n_nearest;
    long nearest[FORECAST_NEAREST];
    double expected[METRICS_MAX]; /* its result, in the metric's units: the mean on the model's scale (targets.h) */
    double spread[METRICS_MAX];   /* … and the standard deviation there */
};

/* `forecast` may be NULL: then `auto` stops nothing. */
void pruner_judge(const struct study *study, const struct evidence *evidence, const struct running *running,
                  const struct forecast *forecast, struct stop_decision *ret);

/* What would have become of a condemned trial: saves, nearest curves, expected metrics. */
void pruner_expect(const struct study *study, const struct evidence *evidence, const struct running *running,
                   const struct forecast *forecast, struct stop_decision *ret);

/* Share of false stops among all stops, from a random sample of `audited` of them: estimate and exact 95 % interval.
 * Without any: NaN, 0 and 1. */
void pruner_false_rate(size_t wrong, size_t audited, double *ret_rate, double *ret_low, double *ret_high);

#endif
