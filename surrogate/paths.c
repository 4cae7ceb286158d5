/* Draws of the posterior as functions, by pathwise conditioning [Wilson 2020]:
 *
 *     f_s(x) = p_s(x) + k(x, X) (K + N)⁻¹ (y − p_s(X) − ε_s),   ε_s ~ N(0, N)
 *
 * The prior draw p_s is a sum of random Fourier features [Rahimi & Recht 2007], FREQUENCIES cosines and as many sines.
 * A Matérn-5/2's frequencies have Student's t of five degrees of freedom. A category is a corner of a simplex whose
 * edges are 1, the distance that the kernel sees: each of its values has a phase of its own. The features are a draw of
 * finitely many; what the data say is exact. Valid for the Matérn kernel; for any number of rows.
 */
#include "surrogate/gp.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <gsl/gsl_blas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FREQUENCIES = 256, FEATURES = 2 * FREQUENCIES, FREEDOM = 5 };

struct gp_paths {
    const struct gp *gp;
    size_t S;                          /* draws; column S of what follows is the mean */
    size_t offset[SURROGATE_DIMS_MAX]; /* dimension → its first row of `frequency` */
    double *frequency;                 /* one row for a number, one for each value of a category; × FREQUENCIES */
    gsl_matrix *weight;                /* FEATURES × (S + 1) */
    gsl_matrix *alpha;                 /* n × (S + 1) */
};

/* ---- features ---- */

static void draw_frequencies(struct gp_paths *p, const struct dimension *dim, uint64_t seed)
{
    const struct gp *gp = p->gp;
    size_t d = gp->kernel.d, rows = 0;
    for (size_t k = 0; k < d; k++) {
        p->offset[k] = rows;
        rows += gp->kernel.category[k] ? dim[k].levels : 1;
    }
    p->frequency = must_alloc(rows * FREQUENCIES + 1, sizeof *p->frequency);
    struct rng rng = rng_derive(seed, "frequencies", 0);
    for (size_t f = 0; f < FREQUENCIES; f++) {
        double square = 0;
        for (int i = 0; i < FREEDOM; i++) square += pow(rng_normal(&rng), 2);
        double heavy = sqrt(FREEDOM / square);
        for (size_t k = 0; k < d; k++) {
            size_t levels = gp->kernel.category[k] ? dim[k].levels : 1;
            double scale = heavy / gp->hyper.length[k] * (gp->kernel.category[k] ? M_SQRT1_2 : 1);
            for (size_t c = 0; c < levels; c++)
                p->frequency[(p->offset[k] + c) * FREQUENCIES + f] = scale * rng_normal(&rng);
        }
    }
}

/* The features of one point: cosines, then sines. */
static void make_features(const struct gp_paths *p, const double *point, double *ret)
{
    const struct kernel *k = &p->gp->kernel;
    double phase[FREQUENCIES] = {0};
    for (size_t j = 0; j < k->d; j++) {
        size_t row = p->offset[j] + (k->category[j] ? (size_t)point[j] : 0);
        const double *w = p->frequency + row * FREQUENCIES;
        double times = k->category[j] ? 1 : point[j];
        for (size_t f = 0; f < FREQUENCIES; f++) phase[f] += times * w[f];
    }
    for (size_t f = 0; f < FREQUENCIES; f++) {
        ret[f] = cos(phase[f]);
        ret[FREQUENCIES + f] = sin(phase[f]);
    }
}

/* The last column stays 0: the mean of the prior. */
static void draw_weights(struct gp_paths *p, uint64_t seed)
{
    struct rng rng = rng_derive(seed, "weights", 0);
    double scale = sqrt(p->gp->hyper.signal / FREQUENCIES);
    p->weight = gsl_matrix_calloc(FEATURES, p->S + 1);
    for (size_t s = 0; s < p->S; s++)
        for (size_t f = 0; f < FEATURES; f++) gsl_matrix_set(p->weight, f, s, scale * rng_normal(&rng));
}

/* ---- conditioning ---- */

/* Of the i-th row: what its diagonal has beside the signal. */
static double noise_of_row(const struct gp *gp, size_t i)
{
    double square = 0;
    for (size_t j = 0; j <= i; j++) square += pow(gsl_matrix_get(gp->L, i, j), 2);
    return fmax(square - gp->hyper.signal, 0);
}

/* alpha = (K + N)⁻¹ (y − p(X) − ε) */
static void condition(struct gp_paths *p, uint64_t seed)
{
    const struct gp *gp = p->gp;
    size_t n = gp->n, d = gp->kernel.d;
    double point[SURROGATE_DIMS_MAX];
    gsl_matrix *features = gsl_matrix_alloc(n, FEATURES);
    gsl_matrix_const_view L = gsl_matrix_const_submatrix(gp->L, 0, 0, n, n);
    gsl_vector *y = gsl_vector_alloc(n);
    gsl_vector_const_view w = gsl_matrix_const_subcolumn(gp->W, 0, 0, n);
    gsl_vector_memcpy(y, &w.vector);
    gsl_blas_dtrmv(CblasLower, CblasNoTrans, CblasNonUnit, &L.matrix, y);
    p->alpha = gsl_matrix_alloc(n, p->S + 1);
    struct rng rng = rng_derive(seed, "noise", 0);
    for (size_t i = 0; i < n; i++) {
        double sd = sqrt(noise_of_row(gp, i));
        for (size_t k = 0; k < d; k++) point[k] = gsl_matrix_get(gp->Xt, k, i);
        make_features(p, point, gsl_matrix_ptr(features, i, 0));
        for (size_t s = 0; s <= p->S; s++)
            gsl_matrix_set(p->alpha, i, s, gsl_vector_get(y, i) - (s < p->S ? sd * rng_normal(&rng) : 0));
    }
    gsl_blas_dgemm(CblasNoTrans, CblasNoTrans, -1, features, p->weight, 1, p->alpha);
    gsl_blas_dtrsm(CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit, 1, &L.matrix, p->alpha);
    gsl_blas_dtrsm(CblasLeft, CblasLower, CblasTrans, CblasNonUnit, 1, &L.matrix, p->alpha);
    gsl_matrix_free(features);
    gsl_vector_free(y);
}

struct gp_paths *gp_paths_create(const struct gp *gp, const struct dimension *dim, size_t n_draws, uint64_t seed)
{
    struct gp_paths *p = must_alloc(1, sizeof *p);
    p->gp = gp;
    p->S = n_draws;
    draw_frequencies(p, dim, seed);
    draw_weights(p, seed);
    condition(p, seed);
    return p;
}

void gp_paths_free(struct gp_paths *p)
{
    if (!p) return;
    free(p->frequency);
    gsl_matrix_free(p->weight);
    gsl_matrix_free(p->alpha);
    free(p);
}

/* ---- asking ---- */

void gp_paths_values(const struct gp_paths *p, const double *points, size_t n_points, double *ret_f)
{
    const struct gp *gp = p->gp;
    size_t n = gp->n, d = gp->kernel.d, columns = p->S + 1;
    gsl_matrix *features = gsl_matrix_alloc(GP_BATCH, FEATURES), *K = gsl_matrix_alloc(GP_BATCH, n);
    for (size_t at = 0; at < n_points; at += GP_BATCH) {
        size_t N = n_points - at < GP_BATCH ? n_points - at : GP_BATCH;
        for (size_t j = 0; j < N; j++) {
            const double *point = points + (at + j) * d;
            make_features(p, point, gsl_matrix_ptr(features, j, 0));
            kernel_row(&gp->kernel, (struct kernel_points){gp->Xt, n}, point, gsl_matrix_ptr(K, j, 0), NULL);
        }
        gsl_matrix_view out = gsl_matrix_view_array(ret_f + at * columns, N, columns),
                        P = gsl_matrix_submatrix(features, 0, 0, N, FEATURES), Kn = gsl_matrix_submatrix(K, 0, 0, N, n);
        gsl_matrix_set_all(&out.matrix, gp->shift);
        gsl_blas_dgemm(CblasNoTrans, CblasNoTrans, gp->scale, &P.matrix, p->weight, 1, &out.matrix);
        gsl_blas_dgemm(CblasNoTrans, CblasNoTrans, gp->scale, &Kn.matrix, p->alpha, 1, &out.matrix);
    }
    gsl_matrix_free(features);
    gsl_matrix_free(K);
}
