/* Exact Gaussian process regression [Rasmussen 2006, algorithm 2.1]:
 *     K + N = LLᵀ,  α = L⁻ᵀL⁻¹y,  mean = kᵀα,  variance = k(x,x) − |L⁻¹k|²
 */
#include "surrogate/gp.h"

#include "surrogate/cholesky.h"

#include "tuner/base/arena.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>

extern void openblas_set_num_threads(int n);

void surrogate_setup(void)
{
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
}

static void standardise(const struct gp_data *data, double *shift, double *scale)
{
    double mean = 0, square = 0, largest = 0;
    for (size_t i = 0; i < data->n; i++) largest = fmax(largest, fabs(data->y[i]));
    double unit = largest > 0 ? largest : 1; /* 1e300 must not overflow when squared */
    for (size_t i = 0; i < data->n; i++) mean += data->y[i] / unit / (double)data->n;
    for (size_t i = 0; i < data->n; i++) square += pow(data->y[i] / unit - mean, 2) / (double)data->n;
    *shift = mean * unit;
    *scale = sqrt(square) > 1e-12 ? sqrt(square) * unit : unit; /* a constant metric keeps its own size */
}

struct gp_frame gp_frame_make(const struct gp_data *data)
{
    struct gp_frame f = {
        .X = gsl_matrix_alloc(data->n, data->d), .y = gsl_vector_alloc(data->n), .noise = gsl_vector_calloc(data->n)};
    standardise(data, &f.shift, &f.scale);
    for (size_t i = 0; i < data->n; i++) {
        for (size_t k = 0; k < data->d; k++) gsl_matrix_set(f.X, i, k, data->x[i * data->d + k]);
        gsl_vector_set(f.y, i, (data->y[i] - f.shift) / f.scale);
        if (data->noise) gsl_vector_set(f.noise, i, data->noise[i] / f.scale / f.scale);
    }
    f.kernel.d = data->d;
    for (size_t k = 0; k < data->d; k++) f.kernel.category[k] = data->dim && data->dim[k].kind == DIMENSION_CATEGORY;
    return f;
}

void gp_frame_done(struct gp_frame *f)
{
    gsl_matrix_free(f->X);
    gsl_vector_free(f->y);
    gsl_vector_free(f->noise);
}

void gp_frame_covariance(const struct gp_frame *f, const struct gp_hyper *h, struct kernel *ret_kernel, gsl_matrix *K)
{
    *ret_kernel = f->kernel;
    ret_kernel->signal = h->signal;
    for (size_t k = 0; k < f->kernel.d; k++) ret_kernel->inverse[k] = 1 / (h->length[k] * h->length[k]);
    kernel_matrix(ret_kernel, f->X, K);
    for (size_t i = 0; i < K->size1; i++) *gsl_matrix_ptr(K, i, i) += h->noise + gsl_vector_get(f->noise, i);
}

static struct gp *gp_alloc(size_t n, size_t d, size_t S)
{
    struct gp *gp = must_alloc(1, sizeof *gp);
    gp->n = n;
    gp->S = S;
    gp->X = gsl_matrix_alloc(n, d);
    gp->L = gsl_matrix_calloc(n, n);
    gp->W = gsl_matrix_alloc(n, S);
    gp->A = gsl_matrix_alloc(n, S);
    return gp;
}

void gp_free(struct gp *gp)
{
    if (!gp) return;
    gsl_matrix_free(gp->X);
    gsl_matrix_free(gp->L);
    gsl_matrix_free(gp->W);
    gsl_matrix_free(gp->A);
    free(gp);
}

const struct gp_hyper *gp_hyper(const struct gp *gp)
{
    return &gp->hyper;
}

/* A = L⁻ᵀ W */
static void solve_back(struct gp *gp)
{
    gsl_matrix_memcpy(gp->A, gp->W);
    gsl_blas_dtrsm(CblasLeft, CblasLower, CblasTrans, CblasNonUnit, 1, gp->L, gp->A);
}

enum status gp_with(const struct gp_data *data, const struct gp_hyper *hyper, struct gp **ret, struct error *err)
{
    struct gp_frame f = gp_frame_make(data);
    struct gp *gp = gp_alloc(data->n, data->d, 1);
    gp->hyper = *hyper;
    gp->shift = f.shift;
    gp->scale = f.scale;
    gsl_matrix_memcpy(gp->X, f.X);
    gp_frame_covariance(&f, hyper, &gp->kernel, gp->L);
    bool ok = cholesky_factor(gp->L);
    if (ok) {
        gsl_matrix_set_col(gp->W, 0, f.y);
        gsl_blas_dtrsm(CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, 1, gp->L, gp->W);
        solve_back(gp);
    }
    gp_frame_done(&f);
    if (!ok) {
        gp_free(gp);
        return error_set(err, STATUS_NUMERIC, "the covariance matrix of %zu trials cannot be factored", data->n);
    }
    *ret = gp;
    return STATUS_OK;
}

struct gp_query gp_query_alloc(const struct gp *gp)
{
    return (struct gp_query){
        .k = gsl_vector_alloc(gp->n), .v = gsl_vector_alloc(gp->n), .mean = gsl_vector_alloc(gp->S)};
}

void gp_query_done(struct gp_query *q)
{
    gsl_vector_free(q->k);
    gsl_vector_free(q->v);
    gsl_vector_free(q->mean);
}

void gp_ask(const struct gp *gp, const double *point, struct gp_query *q)
{
    double square;
    kernel_vector(&gp->kernel, gp->X, point, q->k);
    gsl_vector_memcpy(q->v, q->k);
    gsl_blas_dtrsv(CblasLower, CblasNoTrans, CblasNonUnit, gp->L, q->v);
    gsl_blas_ddot(q->v, q->v, &square);
    q->variance = fmax(gp->kernel.signal - square, 1e-12 * gp->kernel.signal) * gp->scale * gp->scale;
    gsl_vector_set_all(q->mean, gp->shift);
    gsl_blas_dgemv(CblasTrans, gp->scale, gp->A, q->k, 1, q->mean);
}

void gp_predict(const struct gp *gp, const double *point, double *ret_mean, double *ret_variance)
{
    struct gp_query q = gp_query_alloc(gp);
    gp_ask(gp, point, &q);
    *ret_mean = gsl_vector_get(q.mean, 0);
    *ret_variance = q.variance;
    gp_query_done(&q);
}

void gp_add_gradient(const struct gp *gp, const double *point, struct gp_query *q, const gsl_vector *a, double b,
                     double *grad)
{
    /* coefficient of ∂k_i: scale · (A a)_i − 2 b scale² (L⁻ᵀ v)_i */
    gsl_blas_dtrsv(CblasLower, CblasTrans, CblasNonUnit, gp->L, q->v);
    gsl_blas_dgemv(CblasNoTrans, gp->scale, gp->A, a, -2 * b * gp->scale * gp->scale, q->v);
    kernel_add_gradient(&gp->kernel, gp->X, point, q->v->data, grad);
}

/* With V = L⁻¹ K(X, B) and C = K(B, B) − VᵀV = L_C L_Cᵀ, the factor of the extended matrix is
 * [L 0; Vᵀ L_C], and L_ext⁻¹ [y; f] = [L⁻¹y; ε] for the sample f = VᵀL⁻¹y + L_C ε. */
enum status gp_condition(const struct gp *gp, const gsl_matrix *base, const gsl_matrix *eps, gsl_matrix *ret_f,
                         struct gp **ret, struct error *err)
{
    size_t n = gp->n, m = base->size1, S = eps->size2, d = gp->kernel.d;
    struct gp *out = gp_alloc(n + m, d, S);
    out->hyper = gp->hyper;
    out->kernel = gp->kernel;
    out->shift = gp->shift;
    out->scale = gp->scale;
    gsl_matrix_view X0 = gsl_matrix_submatrix(out->X, 0, 0, n, d), L0 = gsl_matrix_submatrix(out->L, 0, 0, n, n);
    gsl_matrix_memcpy(&X0.matrix, gp->X);
    gsl_matrix_memcpy(&L0.matrix, gp->L);
    for (size_t s = 0; s < S; s++)
        for (size_t i = 0; i < n; i++) gsl_matrix_set(out->W, i, s, gsl_matrix_get(gp->W, i, 0));
    bool ok = true;
    if (m > 0) {
        gsl_matrix_view X1 = gsl_matrix_submatrix(out->X, n, 0, m, d), Vt = gsl_matrix_submatrix(out->L, n, 0, m, n),
                        C = gsl_matrix_submatrix(out->L, n, n, m, m), W1 = gsl_matrix_submatrix(out->W, n, 0, m, S);
        gsl_matrix_view W0 = gsl_matrix_submatrix(out->W, 0, 0, n, S);
        gsl_matrix_memcpy(&X1.matrix, base);
        for (size_t j = 0; j < m; j++) {
            gsl_vector_view row = gsl_matrix_row(&Vt.matrix, j);
            kernel_vector(&gp->kernel, gp->X, gsl_matrix_const_ptr(base, j, 0), &row.vector);
        }
        gsl_blas_dtrsm(CblasRight, CblasLower, CblasTrans, CblasNonUnit, 1, gp->L, &Vt.matrix);
        kernel_matrix(&gp->kernel, base, &C.matrix);
        gsl_blas_dgemm(CblasNoTrans, CblasTrans, -1, &Vt.matrix, &Vt.matrix, 1, &C.matrix);
        for (size_t j = 0; j < m; j++) *gsl_matrix_ptr(&C.matrix, j, j) += 1e-9 * gp->kernel.signal;
        ok = cholesky_factor(&C.matrix);
        gsl_matrix_memcpy(&W1.matrix, eps);
        if (ok && ret_f) {
            gsl_matrix_memcpy(ret_f, eps);
            gsl_blas_dtrmm(CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, 1, &C.matrix, ret_f);
            gsl_blas_dgemm(CblasNoTrans, CblasNoTrans, 1, &Vt.matrix, &W0.matrix, 1, ret_f);
            gsl_matrix_scale(ret_f, gp->scale);
            gsl_matrix_add_constant(ret_f, gp->shift);
        }
    }
    if (!ok) {
        gp_free(out);
        return error_set(err, STATUS_NUMERIC, "the joint covariance of %zu pending and best points cannot be factored",
                         m);
    }
    solve_back(out);
    *ret = out;
    return STATUS_OK;
}
