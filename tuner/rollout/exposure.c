#include "tuner/rollout/exposure.h"

#include <math.h>

static const double power_80 = 7.848879734349088; /* (Φ⁻¹(0.975) + Φ⁻¹(0.8))² */

double exposure_fixed(double variance, double share, double effect)
{
    return power_80 * variance / (share * (1 - share)) / (effect * effect);
}

double exposure_needed(double variance, double share, double effect)
{
    return 1.3 * exposure_fixed(variance, share, effect);
}

bool exposure_can_decide(double information, double effect)
{
    return information >= power_80 / (effect * effect);
}
