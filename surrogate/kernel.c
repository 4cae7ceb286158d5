#include "surrogate/kernel.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* Sanitizers and the resolvers of clones do not go together. */
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
#define FAST __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FAST
#endif

/* e^{−t} for t ≥ 0, to 1 ulp or so, without a branch: −t = n ln 2 + r, |r| ≤ ½ ln 2, Taylor to r¹³ (2e-18), and 2ⁿ by
 * the exponent bits. Beyond t = 700 the value stays e^{−700}. */
static inline double exp_minus(double t)
{
    const double shift = 0x1.8p52, ln2_hi = 0x1.62e42fefa0000p-1, ln2_lo = 0x1.cf79abc9e3b3ap-40;
    double x = -(t < 700 ? t : 700);
    double kd = x * 1.4426950408889634074 + shift;
    union {
        double f;
        uint64_t u;
    } bits = {kd}, power;
    double n = kd - shift, r = (x - n * ln2_hi) - n * ln2_lo;
    double p = 1.0 / 6227020800;
    p = p * r + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r * r + r + 1;
    power.u = (bits.u + 1023) << 52;
    return p * power.f;
}

FAST static void add_numeric(size_t n, const double *restrict x, double at, double inverse, double *restrict r2)
{
    for (size_t i = 0; i < n; i++) r2[i] += (x[i] - at) * (x[i] - at) * inverse;
}

FAST static void add_category(size_t n, const double *restrict x, double at, double inverse, double *restrict r2)
{
    for (size_t i = 0; i < n; i++) r2[i] += x[i] != at ? inverse : 0;
}

FAST static void matern(size_t n, double signal, double *restrict r2)
{
    for (size_t i = 0; i < n; i++) {
        double t = sqrt(5 * r2[i]);
        r2[i] = signal * (1 + t + t * t * (1.0 / 3)) * exp_minus(t);
    }
}

FAST static void matern_and_slope(size_t n, double signal, double *restrict r2, double *restrict slope)
{
    for (size_t i = 0; i < n; i++) {
        double t = sqrt(5 * r2[i]), e = signal * exp_minus(t);
        r2[i] = (1 + t + t * t * (1.0 / 3)) * e;
        slope[i] = (5.0 / 3) * (1 + t) * e;
    }
}

void kernel_row(const struct kernel *k, const gsl_matrix *Xt, size_t n, const double *point, double *value,
                double *slope)
{
    memset(value, 0, n * sizeof *value);
    for (size_t j = 0; j < k->d; j++)
        (k->category[j] ? add_category : add_numeric)(n, gsl_matrix_const_ptr(Xt, j, 0), point[j], k->inverse[j],
                                                      value);
    if (slope)
        matern_and_slope(n, k->signal, value, slope);
    else
        matern(n, k->signal, value);
}

FAST static double sum_of_products(size_t n, const double *restrict x, double at, const double *restrict c,
                                   const double *restrict slope)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += c[i] * slope[i] * (x[i] - at);
    return sum;
}

void kernel_add_gradient(const struct kernel *k, const gsl_matrix *Xt, size_t n, const double *point, const double *c,
                         const double *slope, double *grad)
{
    for (size_t j = 0; j < k->d; j++)
        if (!k->category[j])
            grad[j] += k->inverse[j] * sum_of_products(n, gsl_matrix_const_ptr(Xt, j, 0), point[j], c, slope);
}

FAST static double sum_of_squares(size_t n, const double *restrict x, double at, const double *restrict w)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += w[i] * (x[i] - at) * (x[i] - at);
    return sum;
}

FAST static double sum_of_differing(size_t n, const double *restrict x, double at, const double *restrict w)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += x[i] != at ? w[i] : 0;
    return sum;
}

void kernel_add_squares(const struct kernel *k, const gsl_matrix *Xt, size_t n, const double *point, const double *w,
                        double *grad)
{
    for (size_t j = 0; j < k->d; j++)
        grad[j] += k->inverse[j] *
                   (k->category[j] ? sum_of_differing : sum_of_squares)(n, gsl_matrix_const_ptr(Xt, j, 0), point[j], w);
}
