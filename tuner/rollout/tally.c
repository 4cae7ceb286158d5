#include "tuner/rollout/tally.h"

#include <math.h>

static const double variance_min = 1e-4; /* one outcome in ten thousand is another */

bool tally_begin(struct tally *t, double share, double offset, double variance)
{
    if (!(share > 0 && share < 1 && offset >= 0 && offset <= 1 && variance >= 0 && variance <= 1)) return false;
    *t = (struct tally){.share = share, .offset = offset, .variance = fmin(fmax(variance, variance_min), 0.25)};
    return true;
}

size_t tally_level(double outcome, double chance)
{
    if (!(outcome >= 0 && outcome <= 1)) return TALLY_LEVELS;
    double at = outcome * (TALLY_LEVELS - 1), below = floor(at);
    return (size_t)below + (at - below > chance ? 1 : 0);
}

double tally_outcome(size_t level)
{
    return (double)level / (TALLY_LEVELS - 1);
}

double tally_score_variance(const struct tally *t)
{
    return t->variance / (t->share * (1 - t->share));
}

double tally_units(const struct tally *t, enum arm arm)
{
    double n = 0;
    for (size_t i = 0; i < TALLY_LEVELS; i++) n += t->units[arm][i];
    return n;
}

double tally_mean(const struct tally *t, enum arm arm)
{
    double sum = 0;
    for (size_t i = 0; i < TALLY_LEVELS; i++) sum += t->units[arm][i] * tally_outcome(i);
    return sum / tally_units(t, arm);
}

void tally_add(struct tally *into, const struct tally *more)
{
    for (size_t a = 0; a < ARMS; a++)
        for (size_t i = 0; i < TALLY_LEVELS; i++) into->units[a][i] += more->units[a][i];
}
