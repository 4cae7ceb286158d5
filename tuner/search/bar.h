/* bar: what a trial must exceed to be useful, as an expectation with its uncertainty.
 *
 * The second best of the complete trials (the best, if only one is confirmed), not by what they happened to measure but
 * by what they would measure again. In each draw every metric of every result is one of its posterior, shrunk towards
 * the mean of all results by how much of their spread is noise [James & Stein 1961; Efron & Morris 1975], and so is the
 * baseline that constraints and utilities refer to; the feasible ones are ranked. So one lucky value sets no bar, and
 * one lucky baseline condemns nobody for sure.
 */
#ifndef TUNER_SEARCH_BAR_H
#define TUNER_SEARCH_BAR_H

#include "tuner/search/forecast.h"

struct bar {
    double utility[FORECAST_DRAWS];               /* to exceed; −HUGE_VAL: in this draw nothing is feasible */
    double baseline[FORECAST_DRAWS][METRICS_MAX]; /* as it is in this draw */
};

/* `noise`: n_metrics; standard deviation of a result, in the metric's units; 0: none is known. The baseline must be
 * known if the objective needs it. Not for a Pareto objective. Pure: the same evidence gives the
 * same draws. */
void bar_make(const struct study *study, const struct evidence *evidence, const double *noise, struct bar *ret);

#endif
