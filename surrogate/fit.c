/* MAP hyperparameters by gradient. With θ = (ln ℓ_1 … ln ℓ_d, ln s², ln σ²), minimise
 *
 *     ½ yᵀα + Σ ln L_ii + ½ Σ ((θ_j − μ_j)/τ_j)²            (constants dropped)
 *     gradient: −½ tr((ααᵀ − K⁻¹) ∂K/∂θ_j) + (θ_j − μ_j)/τ_j²   [Rasmussen 2006, eq. 5.9]
 *
 * Priors: ln ℓ ~ N(√2 + ½ ln d, √3²) [Hvarfner 2024], ln s² ~ N(0, 1), ln σ² ~ N(−4, 1) [BoTorch].
 * NLopt's L-BFGS from one fixed and two random starts; its "generic failure" at a point that
 * has not got worse counts as converged. If no start gives a finite value: the priors' centre.
 */
#include "surrogate/fit.h"

#include "surrogate/cholesky.h"

#include "tuner/base/rng.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <nlopt.h>
#include <string.h>

enum { STARTS = 3, EVALUATIONS = 120 };

struct prior {
    double mean, sd, lo, hi; /* of the logarithm */
};

static struct prior prior_of(size_t j, size_t d)
{
    if (j < d) return (struct prior){M_SQRT2 + 0.5 * log((double)d), sqrt(3), log(0.025), log(1e3)};
    if (j == d) return (struct prior){0, 1, log(1e-3), log(1e3)};
    return (struct prior){-4, 1, log(1e-5), log(10)};
}

static struct gp_hyper hyper_of(const double *theta, size_t d)
{
    struct gp_hyper h = {.signal = exp(theta[d]), .noise = exp(theta[d + 1])};
    for (size_t k = 0; k < d; k++) h.length[k] = exp(theta[k]);
    return h;
}

/* grad_j = −½ Σ_ij (α_i α_j − K⁻¹_ij) ∂K_ij/∂θ_j; K holds K⁻¹. */
static void data_gradient(const struct likelihood *l, const struct kernel *kernel, const struct gp_hyper *h,
                          double *grad)
{
    const gsl_matrix *X = l->frame->X;
    size_t n = X->size1, d = kernel->d;
    memset(grad, 0, (d + 2) * sizeof *grad);
    for (size_t i = 0; i < n; i++) {
        const double *xi = gsl_matrix_const_ptr(X, i, 0);
        double ai = gsl_vector_get(l->alpha, i), mii = ai * ai - gsl_matrix_get(l->K, i, i);
        grad[d] -= 0.5 * mii * kernel->signal;
        grad[d + 1] -= 0.5 * mii * h->noise;
        for (size_t j = 0; j < i; j++) {
            const double *xj = gsl_matrix_const_ptr(X, j, 0);
            double m = ai * gsl_vector_get(l->alpha, j) - gsl_matrix_get(l->K, i, j); /* both halves: × 2 · ½ */
            double slope = m * kernel_slope(kernel, xi, xj);
            grad[d] -= m * kernel_value(kernel, xi, xj);
            for (size_t k = 0; k < d; k++) {
                double delta = kernel_delta(kernel, k, xi, xj);
                grad[k] -= slope * delta * delta * kernel->inverse[k];
            }
        }
    }
}

double likelihood_value(unsigned n_theta, const double *theta, double *grad, void *data)
{
    struct likelihood *l = data;
    size_t d = n_theta - 2, n = l->frame->X->size1;
    struct gp_hyper h = hyper_of(theta, d);
    struct kernel kernel;
    double value = 0;
    gp_frame_covariance(l->frame, &h, &kernel, l->K);
    if (!cholesky_factor(l->K)) return HUGE_VAL;
    for (size_t i = 0; i < n; i++) value += log(gsl_matrix_get(l->K, i, i));
    gsl_vector_memcpy(l->alpha, l->frame->y);
    gsl_blas_dtrsv(CblasLower, CblasNoTrans, CblasNonUnit, l->K, l->alpha);
    value += 0.5 * pow(gsl_blas_dnrm2(l->alpha), 2);
    if (grad) {
        gsl_blas_dtrsv(CblasLower, CblasTrans, CblasNonUnit, l->K, l->alpha);
        gsl_linalg_cholesky_invert(l->K);
        data_gradient(l, &kernel, &h, grad);
    }
    for (size_t j = 0; j < n_theta; j++) {
        struct prior p = prior_of(j, d);
        double z = (theta[j] - p.mean) / p.sd;
        value += 0.5 * z * z;
        if (grad) grad[j] += z / p.sd;
    }
    return value;
}

void likelihood_init(struct likelihood *l, const struct gp_frame *frame)
{
    size_t n = frame->X->size1;
    *l = (struct likelihood){frame, gsl_matrix_alloc(n, n), gsl_vector_alloc(n)};
}

void likelihood_done(struct likelihood *l)
{
    gsl_matrix_free(l->K);
    gsl_vector_free(l->alpha);
}

static void start_point(size_t start, size_t n_theta, struct rng *rng, double *theta)
{
    for (size_t j = 0; j < n_theta; j++) {
        struct prior p = prior_of(j, n_theta - 2);
        double v = j < n_theta - 2 ? log(0.5) : p.mean;
        if (start > 0) v = (j < n_theta - 2 ? log(0.3) + 0.8 * rng_normal(rng) : p.mean + 0.7 * rng_normal(rng));
        theta[j] = fmin(fmax(v, p.lo), p.hi);
    }
}

static double descend(struct likelihood *l, size_t n_theta, double *theta)
{
    double lo[SURROGATE_DIMS_MAX + 2], hi[SURROGATE_DIMS_MAX + 2], best = HUGE_VAL;
    for (size_t j = 0; j < n_theta; j++) {
        struct prior p = prior_of(j, n_theta - 2);
        lo[j] = p.lo;
        hi[j] = p.hi;
    }
    nlopt_opt opt = nlopt_create(NLOPT_LD_LBFGS, (unsigned)n_theta);
    nlopt_set_lower_bounds(opt, lo);
    nlopt_set_upper_bounds(opt, hi);
    nlopt_set_min_objective(opt, likelihood_value, l);
    nlopt_set_maxeval(opt, EVALUATIONS);
    nlopt_set_ftol_abs(opt, 1e-4);
    nlopt_optimize(opt, theta, &best);
    nlopt_destroy(opt);
    return likelihood_value((unsigned)n_theta, theta, NULL, l); /* not what NLopt says: what is there */
}

enum status gp_fit(const struct gp_data *data, uint64_t seed, struct gp **ret, struct error *err)
{
    size_t n_theta = data->d + 2;
    double best[SURROGATE_DIMS_MAX + 2], theta[SURROGATE_DIMS_MAX + 2], best_value = HUGE_VAL;
    struct rng rng = rng_derive(seed, "fit", data->n);
    struct gp_frame frame = gp_frame_make(data);
    struct likelihood l;
    likelihood_init(&l, &frame);
    start_point(0, n_theta, &rng, best);
    for (size_t s = 0; s < STARTS; s++) {
        start_point(s, n_theta, &rng, theta);
        double value = descend(&l, n_theta, theta);
        if (value < best_value) {
            best_value = value;
            memcpy(best, theta, n_theta * sizeof *best);
        }
    }
    likelihood_done(&l);
    gp_frame_done(&frame);
    struct gp_hyper h = hyper_of(best, data->d);
    return gp_with(data, &h, ret, err);
}
