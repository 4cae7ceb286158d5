/* MAP hyperparameters by gradient. With θ = (ln ℓ_1 … ln ℓ_d, ln s², ln σ²), minimise
 *
 *     ½ yᵀα + Σ ln L_ii + ½ Σ ((θ_j − μ_j)/τ_j)²            (constants dropped)
 *     gradient: −½ tr((ααᵀ − K⁻¹) ∂K/∂θ_j) + (θ_j − μ_j)/τ_j²   [Rasmussen 2006, eq. 5.9]
 *
 * Priors: ln ℓ ~ N(½ ln d, √3²), ln s² ~ N(0, 0.1²), ln σ² ~ N(−4, 1) [BoTorch]. [Hvarfner 2024] has ln ℓ ~ N(√2 +
 * ½ ln d, √3²) and a fixed s² = 1; the shorter mean and the nearly fixed s² were chosen by ablation (tests/bench).
 *
 * A second fit, with ln σ² ~ N(−0.7, 0.7²), asks whether a good part of y is noise: from few rows the first cannot say,
 * and calls noise signal. Of both minima v (with ln τ of the noise's prior) and odds of 10 to 1 for a calm y:
 * noisy = 1/(1 + 10 e^(v₂ − v₁)). Its hyperparameters are not taken: searches with them were worse (tests/bench).
 *
 * NLopt's L-BFGS from one fixed start, and random ones while n is small (n ≤ 40: three, n ≤ 60: one; the second fit:
 * two, none), on at most FEW_ROWS rows, and of more rows from there on at most FIT_ROWS; its "generic failure" at a
 * point that has not got worse counts as converged. If no start gives a finite value: the priors' centre.
 */
#include "surrogate/fit.h"

#include "surrogate/cholesky.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

enum { EVALUATIONS = 60, FIT_ROWS = 250, FEW_ROWS = 100, FINE_EVALUATIONS = 15, CALM_ODDS = 10 };

struct prior {
    double mean, sd, lo, hi; /* of the logarithm */
};

static struct prior prior_of(size_t j, size_t d, bool noisy)
{
    if (j < d) return (struct prior){0.5 * log((double)d), sqrt(3), log(0.025), log(1e3)};
    if (j == d) return (struct prior){0, 0.1, log(1e-3), log(1e3)};
    if (noisy) return (struct prior){-0.7, 0.7, log(1e-5), log(10)};
    return (struct prior){-4, 1, log(1e-5), log(10)};
}

static struct gp_hyper hyper_of(const double *theta, size_t d)
{
    struct gp_hyper h = {.signal = exp(theta[d]), .noise = exp(theta[d + 1])};
    for (size_t k = 0; k < d; k++) h.length[k] = exp(theta[k]);
    return h;
}

/* grad_j = −½ Σ_ij (α_i α_j − K⁻¹_ij) ∂K_ij/∂θ_j; K holds K⁻¹. Row by row of the lower half. */
static void data_gradient(const struct likelihood *l, const struct kernel *kernel, double noise, double *grad)
{
    const gsl_matrix *Xt = l->frame->Xt;
    size_t n = Xt->size2, d = kernel->d;
    double point[SURROGATE_DIMS_MAX], *weight = l->weight->data, signal = 0, trace = 0;
    const double *alpha = l->alpha->data;
    memset(grad, 0, (d + 2) * sizeof *grad);
    for (size_t i = 0; i < n; i++) {
        const double *inverse = gsl_matrix_const_ptr(l->K, i, 0), *slope = gsl_matrix_const_ptr(l->slope, i, 0),
                     *value = gsl_matrix_const_ptr(l->value, i, 0);
        double own = alpha[i] * alpha[i] - inverse[i];
        signal += 0.5 * own * kernel->signal;
        trace += own;
        for (size_t j = 0; j < i; j++) {
            weight[j] = inverse[j] - alpha[i] * alpha[j]; /* both halves: × 2 · ½ */
            signal -= weight[j] * value[j];
            weight[j] *= slope[j];
        }
        for (size_t k = 0; k < d; k++) point[k] = gsl_matrix_get(Xt, k, i);
        kernel_add_squares(kernel, (struct kernel_points){Xt, i}, point, weight, grad);
    }
    grad[d] = -signal;
    grad[d + 1] = -0.5 * trace * noise;
}

double likelihood_value(unsigned n_theta, const double *theta, double *grad, void *data)
{
    struct likelihood *l = data;
    size_t d = n_theta - 2, n = l->frame->Xt->size2;
    struct gp_hyper h = hyper_of(theta, d);
    struct kernel kernel = l->frame->kernel;
    double value = 0, jitter;
    gp_kernel(&kernel, &h);
    gp_frame_covariance(l->frame, &kernel, h.noise, l->K, grad ? l->slope : NULL);
    if (grad) gsl_matrix_memcpy(l->value, l->K);
    if (!cholesky_factor(l->K, &jitter)) return HUGE_VAL;
    for (size_t i = 0; i < n; i++) value += log(gsl_matrix_get(l->K, i, i));
    gsl_vector_memcpy(l->alpha, l->frame->y);
    gsl_blas_dtrsv(CblasLower, CblasNoTrans, CblasNonUnit, l->K, l->alpha);
    value += 0.5 * pow(gsl_blas_dnrm2(l->alpha), 2);
    if (grad) {
        gsl_blas_dtrsv(CblasLower, CblasTrans, CblasNonUnit, l->K, l->alpha);
        gsl_linalg_cholesky_invert(l->K);
        data_gradient(l, &kernel, h.noise, grad);
    }
    for (size_t j = 0; j < n_theta; j++) {
        struct prior p = prior_of(j, d, l->noisy);
        double z = (theta[j] - p.mean) / p.sd;
        value += 0.5 * z * z;
        if (grad) grad[j] += z / p.sd;
    }
    return value;
}

void likelihood_init(struct likelihood *l, const struct gp_frame *frame)
{
    size_t n = frame->Xt->size2;
    *l = (struct likelihood){frame,
                             gsl_matrix_alloc(n, n),
                             gsl_matrix_alloc(n, n),
                             gsl_matrix_alloc(n, n),
                             gsl_vector_alloc(n),
                             gsl_vector_alloc(n),
                             false};
}

void likelihood_done(struct likelihood *l)
{
    gsl_matrix_free(l->K);
    gsl_matrix_free(l->value);
    gsl_matrix_free(l->slope);
    gsl_vector_free(l->alpha);
    gsl_vector_free(l->weight);
}

static void start_point(const struct likelihood *l, size_t start, size_t n_theta, struct rng *rng, double *theta)
{
    for (size_t j = 0; j < n_theta; j++) {
        struct prior p = prior_of(j, n_theta - 2, l->noisy);
        double v = j < n_theta - 2 ? log(0.5) : p.mean;
        if (start > 0) v = (j < n_theta - 2 ? log(0.3) + 0.8 * rng_normal(rng) : p.mean + 0.7 * rng_normal(rng));
        theta[j] = fmin(fmax(v, p.lo), p.hi);
    }
}

static double descend(struct likelihood *l, int evaluations, size_t n_theta, double *theta)
{
    double lo[SURROGATE_DIMS_MAX + 2], hi[SURROGATE_DIMS_MAX + 2], best = HUGE_VAL;
    for (size_t j = 0; j < n_theta; j++) {
        struct prior p = prior_of(j, n_theta - 2, l->noisy);
        lo[j] = p.lo;
        hi[j] = p.hi;
    }
    nlopt_opt opt = nlopt_create(NLOPT_LD_LBFGS, (unsigned)n_theta);
    nlopt_set_lower_bounds(opt, lo);
    nlopt_set_upper_bounds(opt, hi);
    nlopt_set_min_objective(opt, likelihood_value, l);
    nlopt_set_maxeval(opt, evaluations);
    nlopt_set_ftol_abs(opt, 1e-3);
    nlopt_optimize(opt, theta, &best);
    nlopt_destroy(opt);
    return likelihood_value((unsigned)n_theta, theta, NULL, l); /* not what NLopt says: what is there */
}

/* At most so many rows, spread evenly over the order in which they came: late ones show the optimum, early ones the
 * rest. */
static struct gp_data thin(const struct gp_data *data, size_t most, struct arena *arena)
{
    struct gp_data t = *data;
    size_t d = data->d;
    if (data->n <= most) return t;
    double *x = arena_array(arena, most * d, sizeof *x), *y = arena_array(arena, most, sizeof *y),
           *noise = data->noise ? arena_array(arena, most, sizeof *noise) : NULL;
    for (size_t i = 0; i < most; i++) {
        size_t at = (i * (data->n - 1)) / (most - 1);
        memcpy(x + i * d, data->x + at * d, d * sizeof *x);
        y[i] = data->y[at];
        if (noise) noise[i] = data->noise[at];
    }
    t.n = most;
    t.x = x;
    t.y = y;
    t.noise = noise;
    return t;
}

/* The best of so many descents, and its value; the first start itself if none comes to a finite one. */
static double best_descent(struct likelihood *l, size_t starts, struct rng *rng, double *ret_theta)
{
    size_t n_theta = l->frame->Xt->size1 + 2;
    double theta[SURROGATE_DIMS_MAX + 2], best = HUGE_VAL;
    for (size_t s = 0; s < starts; s++) {
        start_point(l, s, n_theta, rng, theta);
        if (s == 0) memcpy(ret_theta, theta, n_theta * sizeof *theta);
        double value = descend(l, EVALUATIONS, n_theta, theta);
        if (value >= best) continue;
        best = value;
        memcpy(ret_theta, theta, n_theta * sizeof *theta);
    }
    return best;
}

/* Cold, over at most FEW_ROWS rows: enough to come near, and to tell with which chance y is noisy, by both minima. */
static void fit_few(const struct gp_data *data, struct rng *rng, double *ret_theta, double *ret_noisy)
{
    size_t n = data->n, d = data->d, last = d + 1;
    double theta[SURROGATE_DIMS_MAX + 2];
    struct arena arena = {0};
    struct gp_data rows = thin(data, FEW_ROWS, &arena);
    struct gp_frame frame = gp_frame_make(&rows);
    struct likelihood l;
    likelihood_init(&l, &frame);
    double calm = best_descent(&l, n <= 40 ? 4 : n <= 60 ? 2 : 1, rng, ret_theta);
    l.noisy = true;
    double noisy = best_descent(&l, n <= 40 ? 3 : 1, rng, theta),
           units = log(prior_of(last, d, true).sd) - log(prior_of(last, d, false).sd);
    *ret_noisy = isfinite(calm) && isfinite(noisy) ? 1 / (1 + CALM_ODDS * exp(noisy - calm + units)) : 0;
    likelihood_done(&l);
    gp_frame_done(&frame);
    arena_done(&arena);
}

/* From there, over more rows; few evaluations may end in the middle of a step that is worse. */
static void fit_finely(const struct gp_data *data, double *theta)
{
    size_t n_theta = data->d + 2;
    double moved[SURROGATE_DIMS_MAX + 2];
    struct arena arena = {0};
    struct gp_data rows = thin(data, FIT_ROWS, &arena);
    struct gp_frame frame = gp_frame_make(&rows);
    struct likelihood l;
    likelihood_init(&l, &frame);
    memcpy(moved, theta, n_theta * sizeof *theta);
    if (descend(&l, FINE_EVALUATIONS, n_theta, moved) < likelihood_value((unsigned)n_theta, theta, NULL, &l))
        memcpy(theta, moved, n_theta * sizeof *theta);
    likelihood_done(&l);
    gp_frame_done(&frame);
    arena_done(&arena);
}

void gp_fit_hyper(const struct gp_data *data, uint64_t seed, struct gp_hyper *ret)
{
    double theta[SURROGATE_DIMS_MAX + 2], noisy;
    struct rng rng = rng_derive(seed, "fit", data->n);
    fit_few(data, &rng, theta, &noisy);
    if (data->n > FEW_ROWS) fit_finely(data, theta);
    *ret = hyper_of(theta, data->d);
    ret->noisy = noisy;
}

enum status gp_fit(const struct gp_data *data, uint64_t seed, struct gp **ret, struct error *err)
{
    struct gp_hyper h;
    gp_fit_hyper(data, seed, &h);
    return gp_with(data, &h, ret, err);
}
