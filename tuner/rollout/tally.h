/* tally: what arrived of the outcomes of two arms: counts, which add up.
 *
 * A unit (a user, say) is scored once: its outcome, the mean of what it did in a fixed window after its first exposure,
 * lies in [0, 1] (exact match; or tokens as a share of a cap). It counts for the step of that first exposure: a step is
 * a time during which the challenger's share did not change, of one segment; units of several segments (strata) are
 * steps side by side. Outcomes lie on TALLY_LEVELS levels; what lies between two is rounded up or down at random
 * (tally_level), so that the mean stays what it is and all that is kept is counts: of whoever collects them, in
 * whatever order, and however late they come. Of several challengers each has tallies of its own beside the champion's
 * units; their share is that of the challenger among the two.
 */
#ifndef TUNER_ROLLOUT_TALLY_H
#define TUNER_ROLLOUT_TALLY_H

#include <stdbool.h>
#include <stddef.h>

enum arm { ARM_CHAMPION, ARM_CHALLENGER, ARMS };
enum { TALLY_LEVELS = 65 }; /* level k is the outcome k / 64; of exact match 0 and 64 */

struct tally {
    double share; /* of units that get the challenger, in (0, 1); known when they are assigned */
    double
        offset; /* the champion's mean as it was known before the step, in [0, 1]; what it is decides the power only */
    double variance; /* of an outcome, as it was known before the step, > 0; the same */
    double units[ARMS][TALLY_LEVELS];
};

/* No unit yet. A variance near 0 (so far all outcomes were the same) becomes a small one, one above 1/4 (that of a few)
 * becomes that. False: share not in (0, 1), offset or variance not in [0, 1]; nothing is changed. */
bool tally_begin(struct tally *t, double share, double offset, double variance);

/* The level of an outcome; `chance`: uniform in [0, 1), of the outcome's id, so that it is the same again.
 * TALLY_LEVELS: the outcome is not in [0, 1], or NaN, and must be refused. */
size_t tally_level(double outcome, double chance);
double tally_outcome(size_t level);

/* Variance of the score of a unit (score.h): variance / (share (1 − share)). */
double tally_score_variance(const struct tally *t);
double tally_units(const struct tally *t, enum arm arm);
double tally_mean(const struct tally *t, enum arm arm); /* NaN: of none */

/* `into` += `more`, of the same step. */
void tally_add(struct tally *into, const struct tally *more);

#endif
