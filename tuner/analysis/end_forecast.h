/* end_forecast: when a study that is at work will end, what it will have spent then, and its chance to end in time.
 *
 * The simulation is the plan's; here it is told in the reader's terms: moments of the wall clock, and totals. Intervals
 * are of 90 %. Nothing of it is kept: whoever asks has it made from memory and clock.
 */
#ifndef TUNER_ANALYSIS_END_FORECAST_H
#define TUNER_ANALYSIS_END_FORECAST_H

#include "tuner/analysis/plan.h"

struct end_forecast {
    bool known;                  /* false: the study is at its end, or nothing has ended yet to judge by */
    struct plan_interval end_ms; /* wall clock, of the last trial that has to run; not cut at the deadline */
    struct plan_interval tokens; /* in all, at the end; NaN: the study counts none */
    struct plan_interval trials; /* still to end until then, confirmation included */
    double on_time;              /* probability, 0 … 1; NaN: there is no deadline, or the deadline is the end */
    int64_t deadline_ms;         /* wall clock; 0: none */
    size_t searches, confirms, running; /* trials still to end: of the search, of the confirmation; that run now */
};

/* As of the history's clock. `plan`: of now. */
struct end_forecast end_forecast_of(const struct memory *s, const struct plan *plan);

/* {"end_ms": {"low", "median", "high"}, "tokens": {…}, "trials": {…}, "on_time", "deadline_ms", "trials_left",
 * "confirmations_left", "running"}: null where nothing is known, and null for all of it if it is not `known`. The
 * caller owns it. */
json_t *end_forecast_json(const struct end_forecast *f);

#endif
