/* Logarithms of φ, Φ and h(z) = φ(z) + zΦ(z), valid for |z| up to 1e150.
 *
 * Below z = −5 the terms of h cancel; there Mills' ratio by its continued fraction
 * [Abramowitz & Stegun 26.2.14] keeps full precision (LogEI: Ament 2023, who use erfcx).
 */
#include "surrogate/normal.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

static const double LOG_SQRT_2PI = 0.91893853320467274178;

double normal_log_pdf(double z)
{
    return -0.5 * z * z - LOG_SQRT_2PI;
}

/* Tail of the continued fraction of Mills' ratio R(x) = (1 − Φ(x))/φ(x) = 1/(x + 1/f), for x ≥ 5:
 * f = x + 2/(x + 3/(x + …)). Then log Φ(−x) = log φ(x) − log(x + 1/f), and 1 − xR = 1/(xf + 1). */
static double mills_tail(double x)
{
    double f = x;
    for (int k = 60; k >= 2; k--) f = x + k / f;
    return f;
}

double normal_log_cdf(double z)
{
    if (z > 0) return log1p(-0.5 * erfc(z / M_SQRT2));
    if (z > -5) return log(0.5 * erfc(-z / M_SQRT2));
    return normal_log_pdf(z) - log(-z + 1 / mills_tail(-z));
}

double normal_log_ei(double z)
{
    if (z > -5) return log(exp(normal_log_pdf(z)) + z * 0.5 * erfc(-z / M_SQRT2));
    return normal_log_pdf(z) - log1p(-z * mills_tail(-z));
}

double normal_log_improvement(double mean, double sd, double best, double *ret_by_mean, double *ret_by_sd)
{
    double z = (mean - best) / sd, log_h = normal_log_ei(z);
    if (ret_by_mean) {
        *ret_by_mean = exp(normal_log_cdf(z) - log_h) / sd;
        *ret_by_sd = exp(normal_log_pdf(z) - log_h) / sd;
    }
    return log(sd) + log_h;
}

double normal_quantile(double p)
{
    return gsl_cdf_ugaussian_Pinv(p);
}

void binomial_interval(size_t k, size_t n, double coverage, double *ret_low, double *ret_high)
{
    double tail = (1 - coverage) / 2, a = (double)k, b = (double)(n - k);
    *ret_low = k == 0 ? 0 : gsl_cdf_beta_Pinv(tail, a, b + 1);
    *ret_high = k == n ? 1 : gsl_cdf_beta_Qinv(tail, a + 1, b);
}
