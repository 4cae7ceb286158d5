/* cholesky: factorisation that survives nearly singular matrices. */
#ifndef SURROGATE_CHOLESKY_H
#define SURROGATE_CHOLESKY_H

#include <gsl/gsl_matrix.h>
#include <stdbool.h>

/* K (n × n, symmetric, lower half used) becomes L with K + jI = LLᵀ; the upper half is undefined.
 * j is 0, else 1e-10 … 1e-4 of the mean diagonal, the first that works; *ret_jitter
 * receives it. False: none does, or K is not finite. */
bool cholesky_factor(gsl_matrix *K, double *ret_jitter);

#endif
