/* Noisy LogEI of a composite utility, pending trials integrated out.
 *
 * For S joint posterior draws s of every output at the base points (the pending ones and the
 * best observed), condition on the draw as noise-free data. With outputs g, weights w and links ℓ:
 *
 *     U_s(x) = Σ_g w_g ℓ_g(μ_gs(x)),   σ_s²(x) = Σ_g (w_g ℓ_g′(μ_gs(x)))² v_g(x)     (delta method)
 *     a(x)   = log mean_s exp( log σ_s + log h((U_s − U*_s)/σ_s) + Σ_c log Φ(t_cs) )
 *     t_cs   = ±(μ_cs(x) − bound_c)/√v_c(x)
 *
 * U*_s is the best utility among base points feasible in draw s; if none is, the worst utility
 * of all of them, so that feasibility decides and the term stays smooth. Noisy EI by
 * conditioning: [Letham 2019]; LogEI: [Ament 2023]; log Φ for constraints: [Gardner 2014].
 */
#include "surrogate/gp.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUTS_MAX = 24, BOUNDS_MAX = 24 };

struct output {
    struct gp *gp; /* conditioned, S columns; owned */
    struct gp_query query;
    double weight;
    enum link link;
    gsl_vector *d_mean; /* S: ∂a/∂μ_gs */
    double d_variance;  /* ∂a/∂v_g */
};

struct acquisition {
    size_t d, S, n_outputs, n_bounds;
    struct output output[OUTPUTS_MAX];
    struct acquisition_bound bound[BOUNDS_MAX];
    double *best;  /* S: U*_s */
    double *value; /* S: workspace */
};

double link_value(enum link link, double f)
{
    switch (link) {
    case LINK_IDENTITY: return f;
    case LINK_LOGISTIC: return 1 / (1 + exp(-f));
    case LINK_EXP: return exp(fmin(f, 700));
    }
    return 0;
}

/* First and second derivative. */
static void link_slopes(enum link link, double f, double *first, double *second)
{
    double v = link_value(link, f);
    switch (link) {
    case LINK_IDENTITY: *first = 1, *second = 0; return;
    case LINK_LOGISTIC: *first = v * (1 - v), *second = v * (1 - v) * (1 - 2 * v); return;
    case LINK_EXP: *first = *second = v; return;
    }
}

/* Standard normals for the draws, antithetic in pairs. */
static void fill_normals(gsl_matrix *eps, uint64_t seed, size_t output)
{
    struct rng rng = rng_derive(seed, "draws", output);
    for (size_t s = 0; s < eps->size2; s++)
        for (size_t i = 0; i < eps->size1; i++)
            gsl_matrix_set(eps, i, s, s % 2 ? -gsl_matrix_get(eps, i, s - 1) : rng_normal(&rng));
}

static bool feasible_in_draw(const struct acquisition *a, gsl_matrix *const *f, size_t i, size_t s)
{
    for (size_t c = 0; c < a->n_bounds; c++) {
        double v = gsl_matrix_get(f[a->bound[c].output], i, s);
        if (a->bound[c].at_least ? v < a->bound[c].bound : v > a->bound[c].bound) return false;
    }
    return true;
}

static void find_incumbents(struct acquisition *a, gsl_matrix *const *f, size_t n_base)
{
    for (size_t s = 0; s < a->S; s++) {
        double best = -HUGE_VAL, worst = HUGE_VAL;
        for (size_t i = 0; i < n_base; i++) {
            double u = 0;
            for (size_t g = 0; g < a->n_outputs; g++)
                if (a->output[g].weight != 0)
                    u += a->output[g].weight * link_value(a->output[g].link, gsl_matrix_get(f[g], i, s));
            if (feasible_in_draw(a, f, i, s)) best = fmax(best, u);
            worst = fmin(worst, u);
        }
        a->best[s] = best > -HUGE_VAL ? best : worst;
    }
}

static enum status condition_outputs(struct acquisition *a, const struct acquisition_spec *spec, gsl_matrix **f,
                                     struct error *err)
{
    gsl_matrix *base = gsl_matrix_alloc(spec->n_base, a->d), *eps = gsl_matrix_alloc(spec->n_base, a->S);
    memcpy(base->data, spec->base, spec->n_base * a->d * sizeof *spec->base);
    enum status st = STATUS_OK;
    for (size_t g = 0; !st && g < a->n_outputs; g++) {
        struct output *o = &a->output[g];
        o->weight = spec->output[g].weight;
        o->link = spec->output[g].link;
        fill_normals(eps, spec->seed, g);
        st = gp_condition(spec->output[g].gp, base, eps, f[g], &o->gp, err);
        if (st) break;
        o->query = gp_query_alloc(o->gp);
        o->d_mean = gsl_vector_alloc(a->S);
    }
    gsl_matrix_free(base);
    gsl_matrix_free(eps);
    return st;
}

enum status acquisition_create(const struct acquisition_spec *spec, struct acquisition **ret, struct error *err)
{
    if (spec->n_outputs == 0 || spec->n_outputs > OUTPUTS_MAX || spec->n_bounds > BOUNDS_MAX || spec->n_base == 0)
        return error_set(err, STATUS_INVALID, "an acquisition needs 1 to %d outputs and a base point", OUTPUTS_MAX);
    struct acquisition *a = must_alloc(1, sizeof *a);
    gsl_matrix *f[OUTPUTS_MAX] = {0};
    a->d = spec->output[0].gp->kernel.d;
    a->S = spec->n_draws;
    a->n_outputs = spec->n_outputs;
    a->n_bounds = spec->n_bounds;
    a->best = must_alloc(a->S, sizeof *a->best);
    a->value = must_alloc(a->S, sizeof *a->value);
    for (size_t c = 0; c < spec->n_bounds; c++) a->bound[c] = spec->bound[c];
    for (size_t g = 0; g < a->n_outputs; g++) f[g] = gsl_matrix_alloc(spec->n_base, a->S);
    enum status st = condition_outputs(a, spec, f, err);
    if (!st) find_incumbents(a, f, spec->n_base);
    for (size_t g = 0; g < a->n_outputs; g++) gsl_matrix_free(f[g]);
    if (st)
        acquisition_free(a);
    else
        *ret = a;
    return st;
}

void acquisition_free(struct acquisition *a)
{
    if (!a) return;
    for (size_t g = 0; g < a->n_outputs; g++) {
        if (!a->output[g].gp) continue;
        gp_free(a->output[g].gp);
        gp_query_done(&a->output[g].query);
        gsl_vector_free(a->output[g].d_mean);
    }
    free(a->best);
    free(a->value);
    free(a);
}

struct utility {
    double mean, sd;
};

static struct utility utility_of_draw(const struct acquisition *a, size_t s)
{
    double mean = 0, variance = 0;
    for (size_t g = 0; g < a->n_outputs; g++) {
        const struct output *o = &a->output[g];
        double first = 0, second = 0, mu = gsl_vector_get(o->query.mean, s);
        if (o->weight == 0) continue;
        link_slopes(o->link, mu, &first, &second);
        mean += o->weight * link_value(o->link, mu);
        variance += o->weight * o->weight * first * first * o->query.variance;
    }
    return (struct utility){mean, sqrt(fmax(variance, 1e-300))};
}

static double bound_z(const struct acquisition *a, size_t c, size_t s)
{
    const struct acquisition_bound *b = &a->bound[c];
    const struct gp_query *q = &a->output[b->output].query;
    double z = (gsl_vector_get(q->mean, s) - b->bound) / sqrt(q->variance);
    return b->at_least ? z : -z;
}

static double value_of_draw(const struct acquisition *a, size_t s)
{
    struct utility u = utility_of_draw(a, s);
    double value = log(u.sd) + normal_log_ei((u.mean - a->best[s]) / u.sd);
    for (size_t c = 0; c < a->n_bounds; c++) value += normal_log_cdf(bound_z(a, c, s));
    return value;
}

/* Adds weight · ∂value_s to the outputs' derivatives. With EI = σh(z): ∂log EI/∂U = Φ/(σh), ∂log EI/∂σ = φ/(σh). */
static void add_slopes_of_draw(struct acquisition *a, size_t s, double weight)
{
    struct utility u = utility_of_draw(a, s);
    double z = (u.mean - a->best[s]) / u.sd, log_h = normal_log_ei(z);
    double by_mean = exp(normal_log_cdf(z) - log_h) / u.sd, by_sd = exp(normal_log_pdf(z) - log_h) / u.sd;
    for (size_t g = 0; g < a->n_outputs; g++) {
        struct output *o = &a->output[g];
        double first = 0, second = 0, w = o->weight, v = o->query.variance;
        if (w == 0) continue;
        link_slopes(o->link, gsl_vector_get(o->query.mean, s), &first, &second);
        *gsl_vector_ptr(o->d_mean, s) += weight * (by_mean * w * first + by_sd * w * w * first * second * v / u.sd);
        o->d_variance += weight * by_sd * w * w * first * first / (2 * u.sd);
    }
    for (size_t c = 0; c < a->n_bounds; c++) {
        struct output *o = &a->output[a->bound[c].output];
        double t = bound_z(a, c, s), slope = weight * exp(normal_log_pdf(t) - normal_log_cdf(t));
        *gsl_vector_ptr(o->d_mean, s) += slope * (a->bound[c].at_least ? 1 : -1) / sqrt(o->query.variance);
        o->d_variance -= slope * t / (2 * o->query.variance);
    }
}

double acquisition_value(struct acquisition *a, const double *point, double *ret_gradient)
{
    double top = -HUGE_VAL, sum = 0;
    for (size_t g = 0; g < a->n_outputs; g++) gp_ask(a->output[g].gp, point, &a->output[g].query);
    for (size_t s = 0; s < a->S; s++) top = fmax(top, a->value[s] = value_of_draw(a, s));
    for (size_t s = 0; s < a->S; s++) sum += exp(a->value[s] - top);
    if (!ret_gradient) return top + log(sum / (double)a->S);
    memset(ret_gradient, 0, a->d * sizeof *ret_gradient);
    for (size_t g = 0; g < a->n_outputs; g++) {
        gsl_vector_set_zero(a->output[g].d_mean);
        a->output[g].d_variance = 0;
    }
    for (size_t s = 0; s < a->S; s++) add_slopes_of_draw(a, s, exp(a->value[s] - top) / sum);
    for (size_t g = 0; g < a->n_outputs; g++) {
        struct output *o = &a->output[g];
        gp_add_gradient(o->gp, point, &o->query, o->d_mean, o->d_variance, ret_gradient);
    }
    return top + log(sum / (double)a->S);
}
