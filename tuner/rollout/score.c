#include "tuner/rollout/score.h"

#include <math.h>

void scores_of_ratio(const struct tally *t, double r, struct scores *ret)
{
    const double by[ARMS] = {[ARM_CHAMPION] = -1 / (1 - t->share), [ARM_CHALLENGER] = 1 / t->share};
    ret->n = 0;
    for (size_t a = 0; a < ARMS; a++)
        for (size_t i = 0; i < TALLY_LEVELS; i++) {
            if (!(t->units[a][i] > 0)) continue;
            ret->units[ret->n] = t->units[a][i];
            ret->z[ret->n++] = (tally_outcome(i) / (a == ARM_CHALLENGER ? r : 1) - t->offset) * by[a];
        }
}

void scores_of(const struct tally *t, struct scores *ret)
{
    scores_of_ratio(t, 1, ret);
}

/* The most that is lost: above, by a challenger of 0 or a champion of 1; below, the other way round. */
double score_careful(const struct tally *t, enum side side, double lambda)
{
    double m = side == SIDE_ABOVE ? t->offset : 1 - t->offset;
    return fmin(lambda, 0.9 / (fmax(m / t->share, (1 - m) / (1 - t->share)) + 1));
}

double scores_growth(const struct scores *x, enum side side, double lambda, double d)
{
    double bet = side == SIDE_ABOVE ? lambda : -lambda, sum = 0;
    for (size_t i = 0; i < x->n; i++) sum += x->units[i] * log1p(bet * (x->z[i] - d));
    return sum;
}
