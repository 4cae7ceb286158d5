/* score: of a unit, whose mean is the difference of the arms whatever its offset, and bets on it (sequence.h).
 *
 * Z = (Y − m)/π of the challenger, −(Y − m)/(1 − π) of the champion: π is the tally's share, m its offset. A tally has
 * as many different scores as it has cells, so that a product over units is a sum over cells.
 */
#ifndef TUNER_ROLLOUT_SCORE_H
#define TUNER_ROLLOUT_SCORE_H

#include "tuner/rollout/tally.h"

enum side {
    SIDE_ABOVE, /* evidence against Δ ≤ d: the challenger's mean is above the champion's by more than d */
    SIDE_BELOW, /* against Δ ≥ d */
    SIDES
};

/* Cells that have units, and what each unit of them scores. */
struct scores {
    size_t n;
    double units[ARMS * TALLY_LEVELS], z[ARMS * TALLY_LEVELS];
};

void scores_of(const struct tally *t, struct scores *ret);
/* … for a ratio r of the means: of the challenger's outcome over r; its mean is (challenger's mean)/r − champion's. */
void scores_of_ratio(const struct tally *t, double r, struct scores *ret);

/* λ, no larger than a bet that can lose no more than nine tenths, whatever comes, against any d in [−1, 1]. */
double score_careful(const struct tally *t, enum side side, double lambda);

/* log Π (1 + λ(Z − d)) on the side above, 1 − λ(Z − d) on the side below: what a bet has won. */
double scores_growth(const struct scores *x, enum side side, double lambda, double d);

#endif
