/* x_k = 0.12 · 1.37^k, weights ∝ x exp(−x²/2): the density of a half-normal times the width of the grid there.
 * λ = δ/(v + δ²) maximises E log(1 + λZ) to the second order. */
#include "tuner/rollout/mixture.h"

#include <math.h>

struct mixture mixture_make(void)
{
    struct mixture out;
    double x = 0.12, sum = 0;
    for (size_t k = 0; k < MIXTURE_BETS; k++, x *= 1.37) {
        out.size[k] = x;
        out.log_weight[k] = log(x) - x * x / 2;
        sum += exp(out.log_weight[k]);
    }
    for (size_t k = 0; k < MIXTURE_BETS; k++) out.log_weight[k] -= log(sum);
    return out;
}

double mixture_bet(double effect, double variance)
{
    return effect / (variance + effect * effect);
}
