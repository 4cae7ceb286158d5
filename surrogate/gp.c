/* Exact Gaussian process regression [Rasmussen 2006, algorithm 2.1]:
 *     K + N = LLᵀ,  α = L⁻ᵀL⁻¹y,  mean = kᵀα,  variance = k(x,x) − |L⁻¹k|²
 */
#include "surrogate/gp.h"

#include "surrogate/cholesky.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

extern void openblas_set_num_threads(int n);

void surrogate_setup(void)
{
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
}

/* ---- the standardised data ---- */

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
        .Xt = gsl_matrix_alloc(data->d, data->n), .y = gsl_vector_alloc(data->n), .noise = gsl_vector_calloc(data->n)};
    standardise(data, &f.shift, &f.scale);
    for (size_t i = 0; i < data->n; i++) {
        for (size_t k = 0; k < data->d; k++) gsl_matrix_set(f.Xt, k, i, data->x[i * data->d + k]);
        gsl_vector_set(f.y, i, (data->y[i] - f.shift) / f.scale);
        if (data->noise) gsl_vector_set(f.noise, i, data->noise[i] / f.scale / f.scale);
    }
    f.kernel.kind = data->kernel;
    f.kernel.d = data->d;
    for (size_t k = 0; k < data->d; k++) f.kernel.category[k] = data->dim && data->dim[k].kind == DIMENSION_CATEGORY;
    return f;
}

void gp_frame_done(struct gp_frame *f)
{
    gsl_matrix_free(f->Xt);
    gsl_vector_free(f->y);
    gsl_vector_free(f->noise);
}

void gp_kernel(struct kernel *k, const struct gp_hyper *h)
{
    k->signal = h->signal;
    for (size_t j = 0; j < k->d; j++) k->inverse[j] = 1 / (h->length[j] * h->length[j]);
}

void gp_frame_covariance(const struct gp_frame *f, const struct kernel *kernel, double noise, gsl_matrix *K,
                         gsl_matrix *slope)
{
    double point[SURROGATE_DIMS_MAX];
    for (size_t i = 0; i < K->size1; i++) {
        for (size_t k = 0; k < kernel->d; k++) point[k] = gsl_matrix_get(f->Xt, k, i);
        kernel_row(kernel, (struct kernel_points){f->Xt, i + 1}, point, gsl_matrix_ptr(K, i, 0),
                   slope ? gsl_matrix_ptr(slope, i, 0) : NULL);
        *gsl_matrix_ptr(K, i, i) += noise + gsl_vector_get(f->noise, i);
    }
}

/* ---- life ---- */

static struct gp *gp_alloc(size_t capacity, size_t d, size_t S)
{
    struct gp *gp = must_alloc(1, sizeof *gp);
    gp->capacity = capacity;
    gp->S = S;
    gp->Xt = gsl_matrix_alloc(d, capacity);
    gp->L = gsl_matrix_alloc(capacity, capacity);
    gp->W = gsl_matrix_alloc(capacity, S ? S + 1 : 1);
    gp->A = gsl_matrix_alloc(capacity, S ? S + 1 : 1);
    return gp;
}

void gp_free(struct gp *gp)
{
    if (!gp) return;
    gsl_matrix_free(gp->Xt);
    gsl_matrix_free(gp->L);
    gsl_matrix_free(gp->W);
    gsl_matrix_free(gp->A);
    free(gp);
}

const struct gp_hyper *gp_hyper(const struct gp *gp)
{
    return &gp->hyper;
}

size_t gp_rows(const struct gp *gp)
{
    return gp->n;
}

static _gsl_matrix_const_view factor(const struct gp *gp)
{
    return gsl_matrix_const_submatrix(gp->L, 0, 0, gp->n, gp->n);
}

/* A = L⁻ᵀ W */
static void solve_back(struct gp *gp)
{
    gsl_matrix_const_view L = factor(gp);
    gsl_matrix_view A = gsl_matrix_submatrix(gp->A, 0, 0, gp->n, gp->A->size2),
                    W = gsl_matrix_submatrix(gp->W, 0, 0, gp->n, gp->W->size2);
    gsl_matrix_memcpy(&A.matrix, &W.matrix);
    gsl_blas_dtrsm(CblasLeft, CblasLower, CblasTrans, CblasNonUnit, 1, &L.matrix, &A.matrix);
}

void gp_observe(struct gp *gp, const double *y)
{
    gsl_matrix_const_view L = factor(gp);
    gsl_vector_view w = gsl_matrix_subcolumn(gp->W, 0, 0, gp->n);
    for (size_t i = 0; i < gp->n; i++) gsl_vector_set(&w.vector, i, (y[i] - gp->shift) / gp->scale);
    gsl_blas_dtrsv(CblasLower, CblasNoTrans, CblasNonUnit, &L.matrix, &w.vector);
    solve_back(gp);
}

enum status gp_with(const struct gp_data *data, const struct gp_hyper *hyper, struct gp **ret, struct error *err)
{
    struct gp_frame f = gp_frame_make(data);
    size_t n = data->n;
    struct gp *gp = gp_alloc(n + 16, data->d, 0);
    gp->n = n;
    gp->hyper = *hyper;
    gp->shift = f.shift;
    gp->scale = f.scale;
    gp->kernel = f.kernel;
    gp_kernel(&gp->kernel, hyper);
    gsl_matrix_view Xt = gsl_matrix_submatrix(gp->Xt, 0, 0, data->d, n), L = gsl_matrix_submatrix(gp->L, 0, 0, n, n);
    gsl_matrix_memcpy(&Xt.matrix, f.Xt);
    gp_frame_covariance(&f, &gp->kernel, hyper->noise, &L.matrix, NULL);
    bool ok = cholesky_factor(&L.matrix, &gp->nugget);
    if (ok) gp_observe(gp, data->y);
    gp_frame_done(&f);
    if (!ok) {
        gp_free(gp);
        return error_set(err, STATUS_NUMERIC, "the covariance matrix of %zu trials cannot be factored", n);
    }
    *ret = gp;
    return STATUS_OK;
}

static gsl_matrix *grow_rows(gsl_matrix *m, size_t rows, size_t columns)
{
    gsl_matrix *out = gsl_matrix_alloc(rows, columns);
    gsl_matrix_view old = gsl_matrix_submatrix(out, 0, 0, m->size1, m->size2);
    gsl_matrix_memcpy(&old.matrix, m);
    gsl_matrix_free(m);
    return out;
}

static void make_room(struct gp *gp)
{
    if (gp->n < gp->capacity) return;
    gp->capacity += gp->capacity / 8 + 16;
    gp->Xt = grow_rows(gp->Xt, gp->kernel.d, gp->capacity);
    gp->L = grow_rows(gp->L, gp->capacity, gp->capacity);
    gp->W = grow_rows(gp->W, gp->capacity, 1);
    gp->A = grow_rows(gp->A, gp->capacity, 1);
}

/* The new row of L is l = L⁻¹k, its pivot √(k(x,x) + noise − |l|²). */
void gp_append(struct gp *gp, const double *point, double noise)
{
    double square, full = gp->kernel.signal + gp->hyper.noise + gp->nugget + noise / gp->scale / gp->scale;
    make_room(gp);
    gsl_matrix_const_view L = factor(gp);
    gsl_vector_view row = gsl_matrix_subrow(gp->L, gp->n, 0, gp->n);
    kernel_row(&gp->kernel, (struct kernel_points){gp->Xt, gp->n}, point, row.vector.data, NULL);
    gsl_blas_dtrsv(CblasLower, CblasNoTrans, CblasNonUnit, &L.matrix, &row.vector);
    gsl_blas_ddot(&row.vector, &row.vector, &square);
    gsl_matrix_set(gp->L, gp->n, gp->n, sqrt(fmax(full - square, 1e-10 * full)));
    for (size_t k = 0; k < gp->kernel.d; k++) gsl_matrix_set(gp->Xt, k, gp->n, point[k]);
    gp->n++;
}

/* ---- asking ---- */

void gp_query_init(struct gp_query *q, const struct gp *gp)
{
    q->Kt = gsl_matrix_alloc(GP_BATCH, gp->n);
    q->V = gsl_matrix_alloc(gp->n, GP_BATCH);
    q->slope = gsl_matrix_alloc(GP_BATCH, gp->n);
    q->mean = gsl_matrix_alloc(GP_BATCH, gp->A->size2);
}

void gp_query_done(struct gp_query *q)
{
    gsl_matrix_free(q->Kt);
    gsl_matrix_free(q->V);
    gsl_matrix_free(q->slope);
    gsl_matrix_free(q->mean);
}

static void ask_variances(const struct gp *gp, struct gp_query *q)
{
    size_t n = gp->n, N = q->n_points;
    double signal = gp->kernel.signal, scale2 = gp->scale * gp->scale;
    gsl_matrix_const_view L = factor(gp);
    gsl_matrix_view V = gsl_matrix_submatrix(q->V, 0, 0, n, N), Kt = gsl_matrix_submatrix(q->Kt, 0, 0, N, n);
    gsl_matrix_transpose_memcpy(&V.matrix, &Kt.matrix);
    gsl_blas_dtrsm(CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, 1, &L.matrix, &V.matrix);
    memset(q->variance, 0, sizeof q->variance);
    for (size_t i = 0; i < n; i++) {
        const double *v = gsl_matrix_const_ptr(q->V, i, 0);
        for (size_t j = 0; j < N; j++) q->variance[j] += v[j] * v[j];
    }
    for (size_t j = 0; j < N; j++) q->variance[j] = fmax(signal - q->variance[j], 1e-12 * signal) * scale2;
}

static void bound_variances(const struct gp *gp, struct gp_query *q)
{
    double signal = gp->kernel.signal, full = signal + gp->hyper.noise;
    for (size_t j = 0; j < q->n_points; j++) {
        const double *k = gsl_matrix_const_ptr(q->Kt, j, 0);
        double nearest = 0;
#pragma omp simd reduction(max : nearest)
        for (size_t i = 0; i < gp->n; i++) nearest = k[i] > nearest ? k[i] : nearest;
        q->variance[j] = fmax(signal - nearest * nearest / full, 1e-12 * signal) * gp->scale * gp->scale;
    }
}

void gp_query_ask(const struct gp *gp, const double *points, size_t n_points, enum gp_wanted wanted, bool with_slope,
                  struct gp_query *q)
{
    q->n_points = n_points;
    q->point = points;
    for (size_t j = 0; j < n_points; j++)
        kernel_row(&gp->kernel, (struct kernel_points){gp->Xt, gp->n}, points + j * gp->kernel.d,
                   gsl_matrix_ptr(q->Kt, j, 0), with_slope ? gsl_matrix_ptr(q->slope, j, 0) : NULL);
    gsl_matrix_const_view A = gsl_matrix_const_submatrix(gp->A, 0, 0, gp->n, gp->A->size2);
    gsl_matrix_view mean = gsl_matrix_submatrix(q->mean, 0, 0, n_points, gp->A->size2),
                    Kt = gsl_matrix_submatrix(q->Kt, 0, 0, n_points, gp->n);
    gsl_matrix_set_all(&mean.matrix, gp->shift);
    if (wanted == GP_SCREEN && gp->S) { /* the mean of the draws, in the last column, will do */
        gsl_vector_const_view alpha = gsl_matrix_const_subcolumn(gp->A, gp->S, 0, gp->n);
        gsl_vector_view last = gsl_matrix_column(&mean.matrix, gp->S);
        gsl_blas_dgemv(CblasNoTrans, gp->scale, &Kt.matrix, &alpha.vector, 1, &last.vector);
    } else
        gsl_blas_dgemm(CblasNoTrans, CblasNoTrans, gp->scale, &Kt.matrix, &A.matrix, 1, &mean.matrix);
    if (wanted == GP_SCREEN) bound_variances(gp, q);
    if (wanted == GP_MOMENTS) ask_variances(gp, q);
}

void gp_query_gradient(const struct gp *gp, struct gp_query *q, const gsl_matrix *a, const double *b, double *grad)
{
    /* coefficient of ∂k_i: scale · (A aᵀ)_i − 2 b scale² (L⁻ᵀ v)_i */
    size_t n = gp->n, N = q->n_points, d = gp->kernel.d;
    gsl_matrix_const_view L = factor(gp), A = gsl_matrix_const_submatrix(gp->A, 0, 0, n, gp->A->size2),
                          av = gsl_matrix_const_submatrix(a, 0, 0, N, gp->A->size2);
    gsl_matrix_view V = gsl_matrix_submatrix(q->V, 0, 0, n, N), C = gsl_matrix_submatrix(q->Kt, 0, 0, N, n);
    gsl_blas_dtrsm(CblasLeft, CblasLower, CblasTrans, CblasNonUnit, 1, &L.matrix, &V.matrix);
    gsl_matrix_transpose_memcpy(&C.matrix, &V.matrix);
    for (size_t j = 0; j < N; j++) {
        gsl_vector_view row = gsl_matrix_row(&C.matrix, j);
        gsl_vector_scale(&row.vector, -2 * b[j] * gp->scale * gp->scale);
    }
    gsl_blas_dgemm(CblasNoTrans, CblasTrans, gp->scale, &av.matrix, &A.matrix, 1, &C.matrix);
    for (size_t j = 0; j < N; j++)
        kernel_add_gradient(&gp->kernel, (struct kernel_points){gp->Xt, n}, q->point + j * d,
                            gsl_matrix_const_ptr(&C.matrix, j, 0), gsl_matrix_const_ptr(q->slope, j, 0), grad + j * d);
}

void gp_predict_all(const struct gp *gp, const double *points, size_t n_points, double *ret_mean, double *ret_variance)
{
    struct gp_query q;
    gp_query_init(&q, gp);
    for (size_t at = 0; at < n_points; at += GP_BATCH) {
        size_t N = n_points - at < GP_BATCH ? n_points - at : GP_BATCH;
        gp_query_ask(gp, points + at * gp->kernel.d, N, ret_variance ? GP_MOMENTS : GP_MEANS, false, &q);
        for (size_t j = 0; j < N; j++) {
            ret_mean[at + j] = gsl_matrix_get(q.mean, j, 0);
            if (ret_variance) ret_variance[at + j] = q.variance[j];
        }
    }
    gp_query_done(&q);
}

void gp_predict(const struct gp *gp, const double *point, double *ret_mean, double *ret_variance)
{
    gp_predict_all(gp, point, 1, ret_mean, ret_variance);
}

double gp_noise(const struct gp *gp)
{
    return gp->hyper.noise * gp->scale * gp->scale;
}

double gp_signal(const struct gp *gp)
{
    return gp->hyper.signal * gp->scale * gp->scale;
}

/* mean_i = y_i − α_i/[K⁻¹]_ii, variance_i = 1/[K⁻¹]_ii; y = L L⁻¹y. */
void gp_leave_one_out(const struct gp *gp, double *ret_mean, double *ret_variance)
{
    size_t n = gp->n;
    gsl_matrix_const_view L = factor(gp);
    gsl_matrix *inverse = gsl_matrix_alloc(n, n);
    gsl_vector *y = gsl_vector_alloc(n);
    gsl_vector_const_view w = gsl_matrix_const_subcolumn(gp->W, 0, 0, n);
    gsl_vector_memcpy(y, &w.vector);
    gsl_blas_dtrmv(CblasLower, CblasNoTrans, CblasNonUnit, &L.matrix, y);
    gsl_matrix_memcpy(inverse, &L.matrix);
    gsl_linalg_cholesky_invert(inverse);
    for (size_t i = 0; i < n; i++) {
        double own = gsl_matrix_get(inverse, i, i);
        ret_mean[i] = gp->shift + gp->scale * (gsl_vector_get(y, i) - gsl_matrix_get(gp->A, i, 0) / own);
        ret_variance[i] = gp->scale * gp->scale / own;
    }
    gsl_matrix_free(inverse);
    gsl_vector_free(y);
}

/* ---- conditioning on the GP's own samples ---- */

/* Column S of W becomes the mean of the draws. */
static void average_draws(struct gp *gp)
{
    for (size_t i = 0; i < gp->n; i++) {
        double sum = 0;
        for (size_t s = 0; s < gp->S; s++) sum += gsl_matrix_get(gp->W, i, s);
        gsl_matrix_set(gp->W, i, gp->S, sum / (double)gp->S);
    }
}

/* With V = L⁻¹ K(X, B) and C = K(B, B) − VᵀV = L_C L_Cᵀ, the factor of the extended matrix is
 * [L 0; Vᵀ L_C], and L_ext⁻¹ [y; f] = [L⁻¹y; ε] for the sample f = VᵀL⁻¹y + L_C ε. */
enum status gp_condition(const struct gp *gp, const struct gp_base *base, gsl_matrix *ret_f, struct gp **ret,
                         struct error *err)
{
    size_t n = gp->n, m = base->m, S = base->eps->size2, d = gp->kernel.d;
    struct gp *out = gp_alloc(n + m, d, S);
    out->n = n;
    out->hyper = gp->hyper;
    out->kernel = gp->kernel;
    out->shift = gp->shift;
    out->scale = gp->scale;
    gsl_matrix_view X0 = gsl_matrix_submatrix(out->Xt, 0, 0, d, n), L0 = gsl_matrix_submatrix(out->L, 0, 0, n, n),
                    Vt = gsl_matrix_submatrix(out->L, n, 0, m, n), C = gsl_matrix_submatrix(out->L, n, n, m, m),
                    W1 = gsl_matrix_submatrix(out->W, n, 0, m, S);
    gsl_matrix_const_view Xn = gsl_matrix_const_submatrix(gp->Xt, 0, 0, d, n), Ln = factor(gp);
    gsl_vector_const_view w = gsl_matrix_const_subcolumn(gp->W, 0, 0, n);
    gsl_matrix_memcpy(&X0.matrix, &Xn.matrix);
    gsl_matrix_memcpy(&L0.matrix, &Ln.matrix);
    for (size_t j = 0; j < m; j++) {
        const double *point = base->point + j * d;
        for (size_t k = 0; k < d; k++) gsl_matrix_set(out->Xt, k, n + j, point[k]);
        kernel_row(&gp->kernel, (struct kernel_points){out->Xt, n}, point, gsl_matrix_ptr(&Vt.matrix, j, 0), NULL);
        gsl_matrix_view Xb = gsl_matrix_submatrix(out->Xt, 0, n, d, m);
        kernel_row(&gp->kernel, (struct kernel_points){&Xb.matrix, j + 1}, point, gsl_matrix_ptr(&C.matrix, j, 0),
                   NULL);
    }
    gsl_blas_dtrsm(CblasRight, CblasLower, CblasTrans, CblasNonUnit, 1, &Ln.matrix, &Vt.matrix);
    gsl_blas_dsyrk(CblasLower, CblasNoTrans, -1, &Vt.matrix, 1, &C.matrix);
    for (size_t j = 0; j < m; j++) *gsl_matrix_ptr(&C.matrix, j, j) += 1e-9 * gp->kernel.signal;
    if (!cholesky_factor(&C.matrix, &out->nugget)) {
        gp_free(out);
        return error_set(err, STATUS_NUMERIC, "the joint covariance of %zu pending and best points cannot be factored",
                         m);
    }
    gsl_matrix_memcpy(&W1.matrix, base->eps);
    for (size_t s = 0; s < S; s++) {
        gsl_vector_view column = gsl_matrix_subcolumn(out->W, s, 0, n);
        gsl_vector_memcpy(&column.vector, &w.vector);
    }
    if (ret_f) {
        gsl_matrix_const_view W0 = gsl_matrix_const_submatrix(out->W, 0, 0, n, S);
        gsl_matrix_memcpy(ret_f, base->eps);
        gsl_blas_dtrmm(CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, 1, &C.matrix, ret_f);
        gsl_blas_dgemm(CblasNoTrans, CblasNoTrans, 1, &Vt.matrix, &W0.matrix, 1, ret_f);
        gsl_matrix_scale(ret_f, gp->scale);
        gsl_matrix_add_constant(ret_f, gp->shift);
    }
    out->n = n + m;
    average_draws(out);
    solve_back(out);
    *ret = out;
    return STATUS_OK;
}

/* ---- samples ---- */

void gp_normals(gsl_matrix *eps, uint64_t seed, size_t stream)
{
    struct rng rng = rng_derive(seed, "draws", stream);
    for (size_t s = 0; s < eps->size2; s++)
        for (size_t i = 0; i < eps->size1; i++)
            gsl_matrix_set(eps, i, s, s % 2 ? -gsl_matrix_get(eps, i, s - 1) : rng_normal(&rng));
}

enum status gp_sample(const struct gp *gp, const struct gp_draws *draws, double *ret_f, struct error *err)
{
    size_t m = draws->n_points, S = draws->n_draws;
    gsl_matrix *eps = gsl_matrix_alloc(m, S), *f = gsl_matrix_alloc(m, S);
    struct gp *conditioned = NULL;
    gp_normals(eps, draws->seed, 0);
    enum status s = gp_condition(gp, &(struct gp_base){draws->points, m, eps}, f, &conditioned, err);
    for (size_t i = 0; !s && i < m; i++)
        for (size_t k = 0; k < S; k++) ret_f[i * S + k] = gsl_matrix_get(f, i, k);
    gp_free(conditioned);
    gsl_matrix_free(eps);
    gsl_matrix_free(f);
    return s;
}
