/* kernel: ARD Matérn-5/2 with Hamming distance on categories.
 *
 *     k(x, x′) = s² (1 + √5 r + 5r²/3) e^{−√5 r},   r² = Σ_k δ_k²/ℓ_k²
 *     δ_k = x_k − x′_k for numbers, [x_k ≠ x′_k] for categories        [Rasmussen 2006, eq. 4.17]
 *     ∂k/∂ln ℓ_k = slope · δ_k²/ℓ_k²,  ∂k/∂x_k = −slope · δ_k/ℓ_k²,  slope = (5/3) s² (1 + √5 r) e^{−√5 r}
 *
 * Points lie in the columns of Xt (d × room), so that the inner loops run over points and vectorise; one binary
 * holds clones for AVX-512, AVX2 and neither, and the loader picks.
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

/* Covariances of one point with columns 0 … n−1 of Xt: value (n) and slope (n, may be NULL). */
void kernel_row(const struct kernel *k, const gsl_matrix *Xt, size_t n, const double *point, double *value,
                double *slope);

/* grad_k += Σ_i c_i ∂k(x, X_i)/∂x_k over numeric dimensions; slope as kernel_row gives it. */
void kernel_add_gradient(const struct kernel *k, const gsl_matrix *Xt, size_t n, const double *point, const double *c,
                         const double *slope, double *grad);

/* grad_k += Σ_i w_i δ_k(x, X_i)²/ℓ_k², for every dimension. */
void kernel_add_squares(const struct kernel *k, const gsl_matrix *Xt, size_t n, const double *point, const double *w,
                        double *grad);

#endif
