/* spending: what a study has spent, over time.
 *
 * A trial counts where it ended, with all its attempts and what they cost; one that has not ended yet, with attempts
 * that have failed, at the last point. Points are `step_ms` apart, of the wall clock, from the first trial's beginning;
 * all numbers are sums since then.
 */
#ifndef TUNER_ANALYSIS_SPENDING_H
#define TUNER_ANALYSIS_SPENDING_H

#include "tuner/history/history.h"

#include <jansson.h>

enum { SPENDING_POINTS_MAX = 2000 };

struct spending_point {
    double tokens, busy_ms;
    size_t trials; /* that count towards a budget of trials; final */
};

struct spending {
    int64_t begin_ms, step_ms; /* of the first point; between two */
    size_t n;                  /* 0: no trial yet */
    const struct spending_point *point;
};

/* step_ms 0: about 200 points; it is made longer where there would be more than SPENDING_POINTS_MAX. In the arena. */
struct spending spending_make(const struct memory *s, int64_t step_ms, struct arena *arena);

/* {"step_ms", "at_ms": […], "tokens": […], "trials": […], "cost": […], "busy_ms": […]}; the caller owns it. */
json_t *spending_json(const struct memory *s, const struct spending *x);

#endif
