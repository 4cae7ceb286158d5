#include "tuner/rollout/mismatch.h"

#include "tuner/rollout/evidence.h"

#include <math.h>

enum { SIZES = 6, GROSS = 9 };

/* log of what a bet on this tilt has won. */
static double won(double tilt, const struct arrivals *steps, size_t n)
{
    double log_e = 0;
    for (size_t h = 0; h < n; h++)
        log_e += tilt * steps[h].challenger -
                 (steps[h].champion + steps[h].challenger) * log1p(steps[h].share * expm1(tilt));
    return log_e;
}

double mismatch_evidence(const struct arrivals *steps, size_t n)
{
    double wealth[2 * SIZES];
    for (size_t k = 0; k < 2 * SIZES; k++)
        wealth[k] = won((k % 2 ? -0.01 : 0.01) * exp2((double)(k / 2)), steps, n) - log(2 * SIZES);
    return evidence_sum(wealth, 2 * SIZES);
}

double mismatch_of_champion(const struct arrivals *steps, size_t n)
{
    double wealth[GROSS];
    for (size_t k = 0; k < GROSS; k++) wealth[k] = won(-0.01 * exp2((double)k), steps, n) - log(GROSS);
    return evidence_sum(wealth, GROSS);
}
