/* e_k(x) = 1 − λ_k (x − μ0), λ_k = δ_k/v: of exact match the likelihood ratio of μ0 − δ_k and μ0. Falls δ_k =
 * sd/60 · 1.35^k: of an exact match of 0.6 from 0.8 to 12 points. Their weights are log-normal around sd/16, three points
 * there: with equal ones falls of one to five points are found 4 to 9 % later, and of twenty 20 outcomes sooner. */
#include "tuner/rollout/detector.h"

#include "tuner/rollout/evidence.h"

#include <math.h>

static const double variance_min = 1e-4;

/* In standard deviations. */
static double fall(size_t k)
{
    return pow(1.35, (double)k) / 60;
}

static double log_weight(size_t k)
{
    double x = log(16 * fall(k)) / 0.4;
    return -x * x / 2;
}

/* λ ≤ 0.99/(1 − μ0): no outcome makes a factor negative. */
static double bet(const struct detector *x, size_t k)
{
    return fmin(fall(k) / sqrt(x->variance), 0.99 / fmax(1 - x->baseline, 1e-9));
}

bool detector_begin(struct detector *x, double baseline, double variance)
{
    if (!(baseline > 0 && baseline <= 1 && variance >= 0 && variance <= 0.25)) return false;
    *x = (struct detector){.baseline = baseline, .variance = fmax(variance, variance_min)};
    for (size_t k = 0; k < DETECTOR_FALLS; k++) x->log_wealth[k] = -INFINITY;
    return true;
}

static double log_more(double log_x, double n) /* log(x + n) */
{
    return log_x > log(n) ? log_x + log1p(n * exp(-log_x)) : log(n) + log1p(exp(log_x) / n);
}

bool detector_see(struct detector *x, double outcome)
{
    if (!(outcome >= 0 && outcome <= 1)) return false;
    for (size_t k = 0; k < DETECTOR_FALLS; k++)
        x->log_wealth[k] = log_more(x->log_wealth[k], 1) + log1p(-bet(x, k) * (outcome - x->baseline));
    return true;
}

bool detector_see_counts(struct detector *x, double right, double n)
{
    if (!(n >= 1 && n < INFINITY && right >= 0 && right <= n)) return false;
    for (size_t k = 0; k < DETECTOR_FALLS; k++)
        x->log_wealth[k] = log_more(x->log_wealth[k], n) + right * log1p(-bet(x, k) * (1 - x->baseline)) +
                           (n - right) * log1p(bet(x, k) * x->baseline);
    return true;
}

double detector_statistic(const struct detector *x)
{
    double weight[DETECTOR_FALLS], log_r[DETECTOR_FALLS];
    for (size_t k = 0; k < DETECTOR_FALLS; k++) {
        weight[k] = log_weight(k);
        log_r[k] = weight[k] + x->log_wealth[k];
    }
    return evidence_sum(log_r, DETECTOR_FALLS) - evidence_sum(weight, DETECTOR_FALLS);
}

static const double z = 1.6448536269514722; /* Φ⁻¹(0.95) */

/* Wilson's score interval with continuity correction [Newcombe 1998], its lower end. */
static double wilson(double p, double n)
{
    double root = sqrt(fmax(z * z - 2 - 1 / n + 4 * p * (n * (1 - p) + 1), 0));
    return fmin(fmax((2 * n * p + z * z - 1 - z * root) / (2 * (n + z * z)), 0), p);
}

/* Of n outcomes no more than so many are wrong, if p are right. */
static double few_wrong(double n, double wrong, double p)
{
    double sum = 0;
    for (double k = 0; k <= wrong; k++)
        sum += exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log1p(-p) + (n - k) * log(p));
    return sum;
}

/* Where that has a chance of 5 % [Clopper & Pearson 1934]. */
static double exact(double n, double wrong)
{
    double low = 0, high = 1;
    for (int i = 0; i < 50; i++) {
        double middle = (low + high) / 2;
        *(few_wrong(n, wrong, middle) < 0.05 ? &low : &high) = middle;
    }
    return low;
}

static const double sum_max = 500; /* terms; with more wrong ones Wilson's is as good */

double detector_careful(double mean, double variance, double n)
{
    if (!(mean > 0 && mean <= 1 && n > 0)) return 0;
    double wrong = ceil(n * (1 - mean) - 1e-6);
    if (variance >= 0.99 * mean * (1 - mean)) return wrong < sum_max && wrong < n ? exact(n, wrong) : wilson(mean, n);
    return fmax(0, mean - z * sqrt(variance / n));
}
