/* pruner: should a running trial be stopped because it will not become useful?
 *
 *     auto    the chance that it becomes useful and satisfies the constraints, counted over its forecast futures, is
 * below `stopping: {chance}`. Useful: among the two best so far, if winners are confirmed (the best is often only the
 * luckiest), else better than the best; or on the Pareto front asha    at reports grace·3ᵏ it is not in the best third
 * of those that came so far [Li et al. 2020] median  its best utility is below the median of the others' running means
 * [Golovin et al. 2017]
 *
 * asha and median rank by the utility of the metrics as reported.
 */
#ifndef TUNER_SEARCH_PRUNER_H
#define TUNER_SEARCH_PRUNER_H

#include "tuner/search/forecast.h"

struct verdict {
    bool stop;
    double chance; /* auto: to become useful; else NaN */
    double target; /* the utility to beat; NaN: there is none */
    double saves;  /* auto: cost that it would still have, the median; else NaN */
    size_t n_nearest;
    long nearest[FORECAST_NEAREST];
    char why[320];
    /* What its result would have been: mean and standard deviation on the model's scale (rows.h), in the metric's units
     * the mean. NaN: unknown. */
    double expected[METRICS_MAX], spread[METRICS_MAX];
};

/* `forecast` may be NULL: then `auto` stops nothing. */
void pruner_judge(const struct study *study, const struct evidence *evidence, const struct running *running,
                  const struct forecast *forecast, struct verdict *ret);

/* Utility of an outcome by the study's objective; −HUGE_VAL: it breaks a constraint. */
double pruner_utility(const struct objective *o, const double *value, const double *baseline);

/* Share of false stops among all stops, from a random sample of `audited` of them: estimate and exact 95 % interval.
 * Without any: NaN, 0 and 1. */
void pruner_false_rate(size_t wrong, size_t audited, double *ret_rate, double *ret_low, double *ret_high);

#endif
