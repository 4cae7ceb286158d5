/* needs: what an experiment by a plan takes, before anything is known of its outcomes.
 *
 * Units are all that come, also those that a group or the holdout leaves out. How many decide a metric follows from
 * what is truly there and from how much units differ among themselves, so it is said for two kinds of each.
 */
#ifndef TUNER_LIVE_NEEDS_H
#define TUNER_LIVE_NEEDS_H

#include "tuner/live/plan.h"

enum needs_truth {
    TRUTH_SAME,   /* the challenger is as good as the champion: the margin is what can be seen */
    TRUTH_EFFECT, /* it is beyond the margin by the plan's effect; of an amount it saves as much as that */
};

enum needs_spread {
    SPREAD_SMALL, /* 19 of 20 answers are right; amounts are mostly within a factor of e^±½ of the typical one */
    SPREAD_LARGE, /* half of them are; e^±1 */
};

/* Units before the last step of the ramp: to learn, in the shadow, and each step's. */
double needs_before(const struct live_plan *p, size_t n_challengers);
/* Units at the last step that prove a metric with 80 % power, if it is decided there alone; infinity: none do. */
double needs_to_prove(const struct live_plan *p, size_t n_challengers, size_t metric, enum needs_truth truth,
                      enum needs_spread spread);
/* Days for all of it if so many come in a day (> 0), `last` of them needed at the last step; with the plan's limit. */
double needs_days(const struct live_plan *p, size_t n_challengers, double last, double per_day);

#endif
