/* e_k(x) = 1 − λ_k (x − μ0), λ_k = δ_k/(v + δ_k²) for falls δ_k = 0.008 · 1.35^k, which of exact match is the likelihood
 * ratio of p0 − δ_k and p0 but for terms of the second order. */
#include "tuner/rollout/detector.h"

#include "tuner/rollout/evidence.h"

#include <math.h>

static double fall(size_t k)
{
    return 0.008 * pow(1.35, (double)k);
}

/* λ ≤ 0.99/(1 − μ0): no outcome makes a factor negative. */
static double bet(const struct detector *x, size_t k)
{
    double delta = fall(k);
    return fmin(delta / (x->variance + delta * delta), 0.99 / (1 - x->baseline));
}

void detector_begin(struct detector *x, double baseline, double variance)
{
    *x = (struct detector){.baseline = baseline, .variance = variance};
    for (size_t k = 0; k < DETECTOR_FALLS; k++) x->log_wealth[k] = -INFINITY;
}

static double log_one_more(double log_x) /* log(x + 1) */
{
    return log_x > 0 ? log_x + log1p(exp(-log_x)) : log1p(exp(log_x));
}

void detector_see(struct detector *x, double outcome)
{
    for (size_t k = 0; k < DETECTOR_FALLS; k++)
        x->log_wealth[k] = log_one_more(x->log_wealth[k]) + log1p(-bet(x, k) * (outcome - x->baseline));
}

double detector_statistic(const struct detector *x)
{
    return evidence_sum(x->log_wealth, DETECTOR_FALLS) - log(DETECTOR_FALLS);
}

double detector_careful(double mean, double variance, double n)
{
    return mean - 1.6448536269514722 * sqrt(variance / n);
}
