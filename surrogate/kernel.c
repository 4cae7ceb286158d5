#include "surrogate/kernel.h"

#include "surrogate/simd.h"

#include <string.h>

#define KERNEL(id, name) [KERNEL_##id] = &kernel_##name,
static const struct kernel_ops *const all[] = {KERNELS(KERNEL)};
#undef KERNEL

FAST static void add_numeric(size_t n, const double *restrict x, double at, double inverse, double *restrict r2)
{
    for (size_t i = 0; i < n; i++) r2[i] += (x[i] - at) * (x[i] - at) * inverse;
}

FAST static void add_category(size_t n, const double *restrict x, double at, double inverse, double *restrict r2)
{
    for (size_t i = 0; i < n; i++) r2[i] += x[i] != at ? inverse : 0;
}

void kernel_row(const struct kernel *k, struct kernel_points x, const double *point, double *value, double *slope)
{
    const struct kernel_ops *ops = all[k->kind];
    memset(value, 0, x.n * sizeof *value);
    for (size_t j = 0; j < k->d; j++)
        (k->category[j] ? add_category : add_numeric)(x.n, gsl_matrix_const_ptr(x.Xt, j, 0), point[j], k->inverse[j],
                                                      value);
    if (slope)
        ops->value_and_slope(x.n, k->signal, value, slope);
    else
        ops->value(x.n, k->signal, value);
}

FAST static double sum_of_products(size_t n, const double *restrict x, double at, const double *restrict c,
                                   const double *restrict slope)
{
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++) sum += c[i] * slope[i] * (x[i] - at);
    return sum;
}

void kernel_add_gradient(const struct kernel *k, struct kernel_points x, const double *point, const double *c,
                         const double *slope, double *grad)
{
    for (size_t j = 0; j < k->d; j++)
        if (!k->category[j])
            grad[j] += k->inverse[j] * sum_of_products(x.n, gsl_matrix_const_ptr(x.Xt, j, 0), point[j], c, slope);
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

void kernel_add_squares(const struct kernel *k, struct kernel_points x, const double *point, const double *w,
                        double *grad)
{
    for (size_t j = 0; j < k->d; j++)
        grad[j] += k->inverse[j] * (k->category[j] ? sum_of_differing : sum_of_squares)(
                                       x.n, gsl_matrix_const_ptr(x.Xt, j, 0), point[j], w);
}
