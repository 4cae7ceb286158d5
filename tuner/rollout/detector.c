/* e_k(x) = 1 − λ_k (x − μ0), λ_k = δ_k/v: of exact match the likelihood ratio of μ0 − δ_k and μ0. Falls δ_k =
 * sd/60 · 1.35^k: of an exact match of 0.6 from 0.8 to 12 points. */
#include "tuner/rollout/detector.h"

#include "tuner/rollout/evidence.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

static const double variance_min = 1e-4;

/* λ ≤ 0.99/(1 − μ0): no outcome makes a factor negative. */
static double bet(const struct detector *x, size_t k)
{
    double lambda = pow(1.35, (double)k) / (60 * sqrt(x->variance));
    return fmin(lambda, 0.99 / fmax(1 - x->baseline, 1e-9));
}

bool detector_begin(struct detector *x, double baseline, double variance)
{
    if (!(baseline > 0 && baseline <= 1 && variance >= 0 && variance <= 0.25)) return false;
    *x = (struct detector){.baseline = baseline, .variance = fmax(variance, variance_min)};
    for (size_t k = 0; k < DETECTOR_FALLS; k++) x->log_wealth[k] = -INFINITY;
    return true;
}

static double one_more(double log_x) /* log(x + 1) */
{
    return log_x > 0 ? log_x + log1p(exp(-log_x)) : log1p(exp(log_x));
}

bool detector_see(struct detector *x, double outcome)
{
    if (!(outcome >= 0 && outcome <= 1)) return false;
    for (size_t k = 0; k < DETECTOR_FALLS; k++)
        x->log_wealth[k] = one_more(x->log_wealth[k]) + log1p(-bet(x, k) * (outcome - x->baseline));
    return true;
}

double detector_statistic(const struct detector *x)
{
    return evidence_sum(x->log_wealth, DETECTOR_FALLS) - log(DETECTOR_FALLS);
}

double detector_careful(double mean, double variance, double n)
{
    double right = mean * n, all_or_nothing = mean * (1 - mean);
    if (!(right > 0)) return 0;
    if (variance >= 0.99 * all_or_nothing) return gsl_cdf_beta_Pinv(0.05, right, n - right + 1);
    return fmax(0, mean - 1.6448536269514722 * sqrt(variance / n));
}
