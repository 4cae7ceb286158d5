/* guard: must a challenger be taken back now? One bound, of one metric, looked at with every unit.
 *
 * An e-process against "the challenger is worse by no more than the bound allows" that begins anew while units come:
 * most of the stake at the start, the rest spread over the planned exposure, so that a challenger that falls after a
 * thousand good units is found in time. Of all challengers within the bound at most a share `alpha` is ever taken back,
 * however often one looks [Ville 1939]. At 1 % no method finds a fall of five points in less than 526 exposed units in
 * the median (Neyman-Pearson); this one needs about 800, of ten points about 300.
 *
 * A shadow runs on the champion's own requests, so that what both say to one is compared: guard_see_pair. Where the two
 * agree most of the time a fall of five points takes about 160 pairs.
 */
#ifndef TUNER_ROLLOUT_GUARD_H
#define TUNER_ROLLOUT_GUARD_H

#include "tuner/rollout/tally.h"

struct guard_plan {
    double bound;         /* of the difference challenger − champion, in (−1, 1): −0.01: a point less is let go */
    double fall;          /* the fall beyond the bound that is to be found, > 0: 0.05 of exact match */
    double exposed;       /* units of the challenger that are planned; the rest of the stake is spread over them */
    double pair_variance; /* of a pair's difference, as the study knew it; 0: unknown, it is learnt from the pairs */
};

struct guard {
    struct guard_plan plan;
    double log_wealth, exposed, staked;
    double pairs, squares; /* of their differences, for the bet on the next */
};

/* False: a bound or fall that is none, or NaN anywhere; nothing is changed. */
bool guard_begin(struct guard *g, const struct guard_plan *plan);
/* Units of one step, in an order that outcomes have no part in; many at once are one bet. */
void guard_see(struct guard *g, const struct tally *block);
/* What both answered to one request, in [0, 1]. False: NaN or outside; nothing is changed. */
bool guard_see_pair(struct guard *g, double champion, double challenger);
/* log E; take it back at log(1/alpha). */
double guard_evidence(const struct guard *g);

#endif
