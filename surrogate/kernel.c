#include "surrogate/kernel.h"

#include <math.h>

static const double SQRT5 = 2.23606797749978969641;

double kernel_delta(const struct kernel *k, size_t dim, const double *a, const double *b)
{
    return k->category[dim] ? (double)(a[dim] != b[dim]) : a[dim] - b[dim];
}

static double distance(const struct kernel *k, const double *a, const double *b)
{
    double r2 = 0;
    for (size_t j = 0; j < k->d; j++) {
        double delta = kernel_delta(k, j, a, b);
        r2 += delta * delta * k->inverse[j];
    }
    return sqrt(r2);
}

double kernel_value(const struct kernel *k, const double *a, const double *b)
{
    double t = SQRT5 * distance(k, a, b);
    return k->signal * (1 + t + t * t / 3) * exp(-t);
}

double kernel_slope(const struct kernel *k, const double *a, const double *b)
{
    double t = SQRT5 * distance(k, a, b);
    return k->signal * (5.0 / 3) * (1 + t) * exp(-t);
}

void kernel_matrix(const struct kernel *k, const gsl_matrix *X, gsl_matrix *K)
{
    for (size_t i = 0; i < X->size1; i++)
        for (size_t j = 0; j <= i; j++) {
            double v = kernel_value(k, gsl_matrix_const_ptr(X, i, 0), gsl_matrix_const_ptr(X, j, 0));
            gsl_matrix_set(K, i, j, v);
            gsl_matrix_set(K, j, i, v);
        }
}

void kernel_vector(const struct kernel *k, const gsl_matrix *X, const double *point, gsl_vector *out)
{
    for (size_t i = 0; i < X->size1; i++) gsl_vector_set(out, i, kernel_value(k, point, gsl_matrix_const_ptr(X, i, 0)));
}

void kernel_add_gradient(const struct kernel *k, const gsl_matrix *X, const double *point, const double *c,
                         double *grad)
{
    for (size_t i = 0; i < X->size1; i++) {
        const double *row = gsl_matrix_const_ptr(X, i, 0);
        double slope = -c[i] * kernel_slope(k, point, row);
        for (size_t j = 0; j < k->d; j++)
            if (!k->category[j]) grad[j] += slope * (point[j] - row[j]) * k->inverse[j];
    }
}
