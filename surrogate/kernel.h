/* kernel: the covariance of two points, as a function of their scaled distance alone.
 *
 *     k(x, x′) = k(r),   r² = Σ_k δ_k²/ℓ_k²   (automatic relevance determination: one length-scale a dimension)
 *     δ_k = x_k − x′_k for numbers, [x_k ≠ x′_k] for categories (Hamming distance)
 *     ∂k/∂ln ℓ_k = slope · δ_k²/ℓ_k²,  ∂k/∂x_k = −slope · δ_k/ℓ_k²,  slope = −k′(r)/r
 *
 * k(r) is a row of the table KERNELS (surrogate.h) and a file of its own: formula, source, valid range, and struct
 * kernel_ops. Points lie in columns, so that the inner loops run over points and vectorise (simd.h).
 */
#ifndef SURROGATE_KERNEL_H
#define SURROGATE_KERNEL_H

#include "surrogate/surrogate.h"

#include <gsl/gsl_matrix.h>
#include <gsl/gsl_vector.h>

/* One function k(r). */
struct kernel_ops {
    const char *name;
    /* In place: r2[i] = r² becomes k; signal: s² = k(0). */
    void (*value)(size_t n, double signal, double *restrict r2);
    void (*value_and_slope)(size_t n, double signal, double *restrict r2, double *restrict slope);
};

#define KERNEL(id, name) extern const struct kernel_ops kernel_##name;
KERNELS(KERNEL)
#undef KERNEL

struct kernel {
    enum kernel_kind kind;
    size_t d;
    double signal;                      /* s² */
    double inverse[SURROGATE_DIMS_MAX]; /* 1/ℓ_k² */
    bool category[SURROGATE_DIMS_MAX];
};

/* The first n columns of Xt (d × capacity). */
struct kernel_points {
    const gsl_matrix *Xt;
    size_t n;
};

/* Covariances of one point with the others: value (n) and slope (n, may be NULL). */
void kernel_row(const struct kernel *k, struct kernel_points x, const double *point, double *value, double *slope);

/* grad_k += Σ_i c_i ∂k(x, X_i)/∂x_k over numeric dimensions; slope as kernel_row gives it. */
void kernel_add_gradient(const struct kernel *k, struct kernel_points x, const double *point, const double *c,
                         const double *slope, double *grad);

/* grad_k += Σ_i w_i δ_k(x, X_i)²/ℓ_k², for every dimension. */
void kernel_add_squares(const struct kernel *k, struct kernel_points x, const double *point, const double *w,
                        double *grad);

#endif
