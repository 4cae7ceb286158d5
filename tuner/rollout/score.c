#include "tuner/rollout/score.h"

#include <math.h>

double score_of(const struct tally *t, enum arm arm, size_t level)
{
    double apart = tally_outcome(level) - t->offset;
    return arm == ARM_CHALLENGER ? apart / t->share : -apart / (1 - t->share);
}

double score_careful(const struct tally *t, double lambda)
{
    double largest = fmax(t->offset, 1 - t->offset) / fmin(t->share, 1 - t->share);
    return fmin(lambda, 0.5 / (largest + 1));
}

double score_growth(const struct tally *t, enum side side, double d, double lambda)
{
    double sign = side == SIDE_ABOVE ? lambda : -lambda, sum = 0;
    for (size_t a = 0; a < ARMS; a++)
        for (size_t i = 0; i < TALLY_LEVELS; i++)
            if (t->units[a][i] > 0) sum += t->units[a][i] * log1p(sign * (score_of(t, (enum arm)a, i) - d));
    return sum;
}
