#include "tuner/rollout/mismatch.h"

#include "tuner/rollout/evidence.h"

#include <math.h>

enum { SIZES = 6 };

double mismatch_evidence(const struct arrivals *steps, size_t n)
{
    double wealth[2 * SIZES];
    for (size_t k = 0; k < 2 * SIZES; k++) {
        double tilt = (k % 2 ? -0.01 : 0.01) * exp2((double)(k / 2));
        wealth[k] = -log(2 * SIZES);
        for (size_t h = 0; h < n; h++)
            wealth[k] += tilt * steps[h].challenger -
                         (steps[h].champion + steps[h].challenger) * log1p(steps[h].share * expm1(tilt));
    }
    return evidence_sum(wealth, 2 * SIZES);
}
