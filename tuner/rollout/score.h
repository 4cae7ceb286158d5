/* score: of a unit, whose mean is the difference of the arms whatever its offset, and bets on it (sequence.h). */
#ifndef TUNER_ROLLOUT_SCORE_H
#define TUNER_ROLLOUT_SCORE_H

#include "tuner/rollout/tally.h"

enum side {
    SIDE_ABOVE, /* evidence against Δ ≤ d: the challenger's mean is above the champion's by more than d */
    SIDE_BELOW, /* against Δ ≥ d */
    SIDES
};

/* (Y − m)/π of the challenger, −(Y − m)/(1 − π) of the champion. */
double score_of(const struct tally *t, enum arm arm, size_t level);
/* The bet, no larger than one that cannot lose all whatever comes, against any d in [−1, 1]. */
double score_careful(const struct tally *t, double lambda);
/* Σ units · log(1 ± λ(Z − d)) over the cells. */
double score_growth(const struct tally *t, enum side side, double d, double lambda);

#endif
