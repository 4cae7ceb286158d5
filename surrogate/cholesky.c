#include "surrogate/cholesky.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>

static bool finite_trace(const gsl_matrix *K, double *ret_mean)
{
    double sum = 0;
    for (size_t i = 0; i < K->size1; i++) sum += gsl_matrix_get(K, i, i);
    *ret_mean = sum / (double)K->size1;
    return isfinite(sum) && sum > 0;
}

bool cholesky_factor(gsl_matrix *K, double *ret_jitter)
{
    double scale, jitter;
    *ret_jitter = 0;
    if (K->size1 == 0) return true;
    if (!finite_trace(K, &scale)) return false;
    gsl_matrix *copy = gsl_matrix_alloc(K->size1, K->size2);
    gsl_matrix_memcpy(copy, K);
    bool done = gsl_linalg_cholesky_decomp1(K) == GSL_SUCCESS;
    for (jitter = 1e-10; !done && jitter < 2e-4; jitter *= 10) {
        gsl_matrix_memcpy(K, copy);
        for (size_t i = 0; i < K->size1; i++) gsl_matrix_set(K, i, i, gsl_matrix_get(copy, i, i) + jitter * scale);
        done = gsl_linalg_cholesky_decomp1(K) == GSL_SUCCESS;
        *ret_jitter = jitter * scale;
    }
    gsl_matrix_free(copy);
    return done && isfinite(gsl_matrix_get(K, K->size1 - 1, K->size1 - 1));
}
