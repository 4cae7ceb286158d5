/* guard: must a challenger be taken back now? One bound, of one metric, looked at with every unit.
 *
 * An e-process against "the challenger is worse by no more than the bound allows" that begins anew while units come: half
 * of the stake at the start, half spread over the planned exposure, so that a challenger that falls after a thousand good
 * units is found in time. Of all challengers within the bound at most a share `alpha` is ever taken back, however often one
 * looks [Ville 1939]. At 1 % no method finds a fall of five points in less than 526 exposed units in the median
 * (Neyman-Pearson), and this one needs about 800.
 */
#ifndef TUNER_ROLLOUT_GUARD_H
#define TUNER_ROLLOUT_GUARD_H

#include "tuner/rollout/tally.h"

struct guard_plan {
    double bound;    /* of the difference challenger − champion: −0.01: a point less is let go */
    double fall;     /* the fall beyond the bound that is to be found, > 0: 0.05 of exact match */
    double exposed;  /* units of the challenger that are planned, > 0; the second half of the stake is spread over them */
};

struct guard {
    struct guard_plan plan;
    double log_wealth, exposed, staked;
};

void guard_begin(struct guard *g, const struct guard_plan *plan);
/* Units of one step, in the order in which they were assigned; many at once are one bet. */
void guard_see(struct guard *g, const struct tally *block);
/* log E; take it back at log(1/alpha). */
double guard_evidence(const struct guard *g);

#endif
