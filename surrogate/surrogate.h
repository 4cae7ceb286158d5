/* surrogate: the mathematics of Bayesian optimisation.
 *
 * Matrices in, predictions and proposals out: no I/O, no clock, no global state. A point is
 * an array of d numbers: coordinates in [0, 1] for numeric dimensions, the category's index
 * for categorical ones. Matrices are row-major, n × d. Equations and their sources:
 * surrogate/README.md. Every function may be called from any thread on objects that no
 * other thread is using; the same inputs and seed give the same result.
 *
 *     struct gp *gp = NULL;
 *     gp_fit(&(struct gp_data){.n = n, .d = d, .x = x, .y = y}, seed, &gp, &err);
 *     gp_predict(gp, point, &mean, &variance);
 *     gp_free(gp);
 */
#ifndef SURROGATE_SURROGATE_H
#define SURROGATE_SURROGATE_H

#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SURROGATE_DIMS_MAX = 64 };

/* Once per process, before anything else here: GSL returns errors instead of aborting, BLAS uses one thread
 * (with more, OpenBLAS can wait for ever when another thread forks meanwhile, as each start of a trial does). */
void surrogate_setup(void);

/* ---- BLAS ----
 *
 * OpenBLAS looks at the processor once, as it is loaded, and for one that it does not know (newer than itself) takes
 * kernels without AVX: dgemm is then two to four times slower. OPENBLAS_CORETYPE, in the environment at that time,
 * overrules it. */

/* What runs, "Haswell"; and of which library, "OpenBLAS 0.3.21 …". Static. */
const char *blas_core(void);
const char *blas_library(void);

/* The OPENBLAS_CORETYPE that would do better than `core` on a processor with AVX2 and FMA, or without; NULL: none. */
const char *blas_better(const char *core, bool avx2);
bool blas_processor_has_avx2(void);

/* ---- dimensions ---- */

enum dimension_kind {
    DIMENSION_CONTINUOUS,
    DIMENSION_GRID,     /* only the listed coordinates exist */
    DIMENSION_CATEGORY, /* 0 … levels−1, no order */
};

struct dimension {
    enum dimension_kind kind;
    size_t levels;      /* grid, category */
    const double *grid; /* grid: `levels` ascending coordinates in [0, 1]; the caller's */
};

/* ---- Gaussian process: exact, ARD kernel, MAP hyperparameters ---- */

/* Every kernel: a row here and a file of its name, which has its formula, source and valid range. */
#define KERNELS(X) X(MATERN52, matern52)

#define KERNEL(id, name) KERNEL_##id,
enum kernel_kind { KERNELS(KERNEL) };
#undef KERNEL

struct gp;

struct gp_data {
    size_t n, d;
    const double *x;     /* n × d */
    const double *y;     /* n; any finite numbers, standardised inside */
    const double *noise; /* n known noise variances in units of y², or NULL; an unknown part is fitted on top */
    const struct dimension *dim; /* d, or NULL: all continuous */
    enum kernel_kind kernel;     /* 0: Matérn-5/2 */
};

struct gp_hyper { /* of the standardised y */
    double length[SURROGATE_DIMS_MAX];
    double signal, noise; /* variances */
    double noisy;         /* chance, 0 … 1, that noise is a good part of y: what a second prior says (fit.c) */
};

/* Hyperparameters by MAP; n ≥ 1. A pure function of data and seed; of many rows, a spread of 400 is used. */
void gp_fit_hyper(const struct gp_data *data, uint64_t seed, struct gp_hyper *ret);

/* Conditions on the data with given hyperparameters. STATUS_NUMERIC if no factorisation succeeds. */
enum status gp_with(const struct gp_data *data, const struct gp_hyper *hyper, struct gp **ret, struct error *err);

/* Both. */
enum status gp_fit(const struct gp_data *data, uint64_t seed, struct gp **ret, struct error *err);

/* Appends a row in O(n²), with a known noise variance in units of y². Its y comes with gp_observe, which gives all rows
 * theirs again in O(n²); shift and scale of the standardisation stay as they were. Between the two the GP predicts
 * nothing. */
void gp_append(struct gp *gp, const double *point, double noise);
void gp_observe(struct gp *gp, const double *y); /* gp_rows numbers */
size_t gp_rows(const struct gp *gp);

void gp_free(struct gp *gp);
const struct gp_hyper *gp_hyper(const struct gp *gp);

/* Posterior of the noise-free function at one point, in units of y. */
void gp_predict(const struct gp *gp, const double *point, double *ret_mean, double *ret_variance);
/* n_points × d in, n_points out; ret_variance may be NULL. */
void gp_predict_all(const struct gp *gp, const double *points, size_t n_points, double *ret_mean, double *ret_variance);

struct gp_draws {
    const double *points; /* n_points × d, all different */
    size_t n_points, n_draws;
    uint64_t seed;
};

/* Joint draws of the noise-free function, antithetic in pairs, in units of y: ret_f is n_points × n_draws.
 * STATUS_NUMERIC if their covariance cannot be factored. O(n² n_points). */
enum status gp_sample(const struct gp *gp, const struct gp_draws *draws, double *ret_f, struct error *err);

/* Draws of the noise-free function that can be asked anywhere and again: each draw is one function (paths.c). `dim` as
 * the GP had it, not NULL where there are categories; it and the GP must live as long, and may not grow. O(n² n_draws).
 */
struct gp_paths;
struct gp_paths *gp_paths_create(const struct gp *gp, const struct dimension *dim, size_t n_draws, uint64_t seed);
void gp_paths_free(struct gp_paths *p);
/* In units of y: ret_f is n_points × (n_draws + 1), the last column the posterior mean. O(n n_draws) a point. */
void gp_paths_values(const struct gp_paths *p, const double *points, size_t n_points, double *ret_f);

/* Inferred noise variance of one observation, in units of y²; known noise comes on top. And the function's own. */
double gp_noise(const struct gp *gp);
double gp_signal(const struct gp *gp);

/* Predictive mean and variance of each observation from all the others [Rasmussen 2006, eq. 5.12]; gp_rows each, noise
 * included. O(n³). */
void gp_leave_one_out(const struct gp *gp, double *ret_mean, double *ret_variance);

/* ---- acquisition: noisy log improvement of a utility, or of a hypervolume, under constraints ---- */

/* Every acquisition function: a row here and a file of its name, which has its formula, source and valid range. The
 * first one for a number of objectives is what searches use. */
#define ACQUISITIONS(X)                                                                                                \
    X(IMPROVEMENT, improvement) /* of the utility Σ weight · link(f) */                                              \
    X(HYPERVOLUME, hypervolume) /* of the front of two outputs, weight · f each, links identity */

#define ACQUISITION(id, name) ACQUISITION_##id,
enum acquisition_kind { ACQUISITIONS(ACQUISITION) };
#undef ACQUISITION

/* 1: it improves the utility; 2: two outputs against each other. */
size_t acquisition_objectives(enum acquisition_kind kind);
enum acquisition_kind acquisition_default(size_t objectives);

/* How an output of a GP contributes to the utility: weight · link(f). */
enum link { LINK_IDENTITY, LINK_LOGISTIC, LINK_EXP };

double link_value(enum link link, double f);
double link_slope(enum link link, double f); /* first derivative */

struct acquisition_output {
    const struct gp *gp;
    double weight; /* 0: only used by constraints */
    enum link link;
};

struct acquisition_bound { /* on f itself, before the link */
    size_t output;
    double bound;
    bool at_least; /* false: at most */
};

struct acquisition_spec {
    enum acquisition_kind kind;
    size_t n_outputs, n_bounds, n_base, n_draws;
    const struct acquisition_output *output;
    const struct acquisition_bound *bound;
    const double *base;  /* n_base × d: the best observed points, then the pending ones */
    size_t n_incumbents; /* the first so many base points: their best is what must be beaten */
    double reference[2]; /* hypervolume: the point that bounds it, in units of weight · f */
    uint64_t seed;
};

struct acquisition;

enum status acquisition_create(const struct acquisition_spec *spec, struct acquisition **ret, struct error *err);
void acquisition_free(struct acquisition *a);

/* Log of the expected feasible improvement at n points (n × d), and its gradients (n × d,
 * numeric dimensions only; may be NULL). Not thread-safe for one object: it holds the workspace. */
void acquisition_values(struct acquisition *a, const double *points, size_t n, double *ret_values,
                        double *ret_gradients);
double acquisition_value(struct acquisition *a, const double *point, double *ret_gradient);

/* A cheap stand-in to choose candidates by: the mean of the draws, and an upper bound of the variance. O(n) a point. */
void acquisition_screen(struct acquisition *a, const double *points, size_t n, double *ret_values);

/* ---- proposals ---- */

/* A scrambled Sobol sequence, snapped to the dimensions. Points one after another take constant time each; going back
 * starts the sequence anew. `dim` must outlive it. */
struct design;
struct design *design_create(const struct dimension *dim, size_t d, uint64_t seed);
void design_free(struct design *design);
void design_next(struct design *design, size_t index, double *ret_point);

/* A uniformly random point. */
void design_random(const struct dimension *dim, size_t d, uint64_t seed, size_t index, double *ret_point);

/* Moves a point to one near it: most coordinates by normal steps of this reach (0 < reach ≤ 0.5) that stay in [0, 1], a
 * few categories to any. */
void design_near(const struct dimension *dim, size_t d, double reach, uint64_t seed, size_t index, double *point);

struct maximise_spec {
    const struct dimension *dim;
    size_t d;
    const double *start; /* n_start × d points to search around: the best known */
    size_t n_start;
    const double *taken; /* n_taken × d points that must not be proposed again */
    size_t n_taken;
    const double *lo, *hi; /* d: a box for numeric dimensions, or NULL: [0, 1] */
    /* Conditional spaces: sets what the point's own values switch off to its neutral value, and whether each dimension
     * may be changed. May be NULL. */
    void (*settle)(void *data, double *point, bool *movable);
    void *settle_data;
    uint64_t seed;
};

/* Best point found that is not taken; STATUS_EXHAUSTED if every point of a finite space is. */
enum status acquisition_maximise(struct acquisition *a, const struct maximise_spec *spec, double *ret_point,
                                 double *ret_value, struct error *err);

/* ---- the normal distribution, stable in the tails ---- */

double normal_log_pdf(double z);
double normal_log_cdf(double z);
/* log h(z), h(z) = φ(z) + z Φ(z): expected improvement in units of σ. */
double normal_log_ei(double z);
/* Φ⁻¹(p), p in (0, 1). */
double normal_quantile(double p);

/* Exact central interval for a proportion of which k of n were seen, n ≥ 1 [Clopper & Pearson 1934]. */
void binomial_interval(size_t k, size_t n, double coverage, double *ret_low, double *ret_high);

#endif
