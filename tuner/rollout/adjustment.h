/* adjustment: of an outcome what was to be expected of its unit is taken off, so that fewer units decide (CUPED).
 *
 * What is known of a unit before its assignment (its outcome last month, the length of its question) predicts its
 * outcome: m(x) = mean + slope (x − centre), fitted to the champion's history. What is left, Y − m(x), has the same
 * difference between the arms and a variance smaller by the share that x explains (1 − ρ²), and so has the number of
 * units.
 *
 * Tallies count levels: what is left is brought to [0, 1] from a declared range [low, high], within which it has to
 * lie: beyond it, it is clipped, and the difference is that of what was clipped. On that scale effects, targets and
 * intervals are shorter by high − low (adjustment_difference), and the offset is where nothing is left
 * (adjustment_offset). m must be fixed before the step: fit it to units of former steps only, and begin a new step to
 * fit it anew.
 */
#ifndef TUNER_ROLLOUT_ADJUSTMENT_H
#define TUNER_ROLLOUT_ADJUSTMENT_H

#include "tuner/rollout/tally.h"

/* Sums of the history: of n pairs of what was known, x, and the outcome, y. They add up as counts do. */
struct adjustment_history {
    double n, x, y, xx, xy, yy;
};

struct adjustment {
    double mean, slope, centre;
    double low, high; /* of what is left */
    double variance;  /* of what is left */
    double explained; /* the share of the outcomes' variance that x explains, ρ² of the history, in [0, 1] */
};

/* Where x lies between low and high for certain, what is left lies in a smaller range: a shorter scale, larger bets. */
void adjustment_bound(struct adjustment *a, double low, double high);

/* Nothing is taken off: an outcome is its own, on its own scale. */
struct adjustment adjustment_none(void);

/* Outcomes and what is expected of them lie in [0, 1], so that what is left lies in [−1, 1] for certain, whatever x.
 * False: fewer than three pairs, sums that cannot be, x that does not move; nothing is changed. */
bool adjustment_fit(struct adjustment *a, const struct adjustment_history *history);

/* For tally_level: what is left of an outcome, within the range; NaN: an outcome or x that is none. */
double adjustment_outcome(const struct adjustment *a, double x, double outcome);
/* Of a difference on the outcome's scale that on the tally's. */
double adjustment_difference(const struct adjustment *a, double difference);
/* … and back: of a difference on the tally's scale, and of the mean of an arm's tally (of units as they were expected
 * on average), that on the outcome's. */
double adjustment_difference_back(const struct adjustment *a, double difference);
double adjustment_mean_back(const struct adjustment *a, double mean);
double adjustment_offset(const struct adjustment *a);
/* tally_begin with this adjustment's offset and variance. */
bool adjustment_tally(const struct adjustment *a, double share, struct tally *ret);

#endif
