/* kernel: ARD Matérn-5/2 with Hamming distance on categories.
 *
 *     k(x, x′) = s² (1 + √5 r + 5r²/3) e^{−√5 r},   r² = Σ_k δ_k²/ℓ_k²
 *     δ_k = x_k − x′_k for numbers, [x_k ≠ x′_k] for categories        [Rasmussen 2006, eq. 4.17]
 */
#ifndef SURROGATE_KERNEL_H
#define SURROGATE_KERNEL_H

#include "surrogate/surrogate.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

struct kernel {
    size_t d;
    double signal;                      /* s² */
    double inverse[SURROGATE_DIMS_MAX]; /* 1/ℓ_k² */
    bool category[SURROGATE_DIMS_MAX];
};

double kernel_value(const struct kernel *k, const double *a, const double *b);

/* K: n × n, both halves, from the rows of X (n × d). */
void kernel_matrix(const struct kernel *k, const gsl_matrix *X, gsl_matrix *K);

/* out: n; covariances of one point with the rows of X. */
void kernel_vector(const struct kernel *k, const gsl_matrix *X, const double *point, gsl_vector *out);

/* grad_k += Σ_i c_i ∂k(x, X_i)/∂x_k over numeric dimensions. */
void kernel_add_gradient(const struct kernel *k, const gsl_matrix *X, const double *point, const double *c,
                         double *grad);

/* ∂k/∂ln ℓ_k = slope · δ_k²/ℓ_k² with slope = (5/3) s² (1 + √5 r) e^{−√5 r}. */
double kernel_slope(const struct kernel *k, const double *a, const double *b);
double kernel_delta(const struct kernel *k, size_t dim, const double *a, const double *b);

#endif
