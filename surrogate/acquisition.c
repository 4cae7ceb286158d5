/* Noisy log acquisitions of composite objectives, pending trials integrated out.
 *
 * For S joint posterior draws s of every output at the base points (the pending ones and the best observed), condition
 * on the draw as noise-free data; a(x) = log mean_s exp(value_s(x)). Improvement of a utility, with outputs g, weights
 * w and links ℓ:
 *
 *     U_s(x) = Σ_g w_g ℓ_g(μ_gs(x)),   σ_s²(x) = Σ_g (w_g ℓ_g′(μ_gs(x)))² v_g(x)     (delta method)
 *     value_s = log σ_s + log h((U_s − U*_s)/σ_s) + Σ_c log Φ(t_cs),   t_cs = ±(μ_cs(x) − bound_c)/√v_c(x)
 *
 * U*_s is the best utility among the incumbents (the first n_incumbents base points) feasible in draw s; if none is,
 * the improvement is left out and feasibility alone decides. A bound on an output that is itself in the utility breaks
 * the product of the two. The first such bound is integrated jointly, by Gauss-Legendre over the output's own z from
 * where the bound holds to REACH deviations on:
 *
 *     value_s = log ∫ φ(z) EI(f = μ ± √v z, the others) dz        instead of log EI + log Φ(t)
 *
 *
 * Hypervolume of two outputs (both to be maximised after weighting): with the front of draw s as strips from l_i to u_i
 * of the first output, each above the level y_i of the second,
 *
 *     value_s = log Σ_i (EI_1(l_i) − EI_1(u_i)) EI_2(y_i) + Σ_c log Φ(t_cs),   EI(y) = σ h((μ − y)/σ)
 *
 * Noisy EI by conditioning: [Letham 2019]; LogEI: [Ament 2023]; log Φ for constraints: [Gardner 2014]; strips: [Yang
 * 2019].
 */
#include "surrogate/gp.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <gsl/gsl_integration.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUTS_MAX = 24, BOUNDS_MAX = 24, NODES = 16 };

static const double REACH = 12, LOWEST = -5, SPREAD = 0.08;

struct output {
    struct gp *gp; /* conditioned, S columns and their mean; owned */
    struct gp_query query;
    double weight;
    enum link link;
    gsl_matrix *d_mean; /* GP_BATCH × (S + 1): ∂a/∂μ */
    double d_variance[GP_BATCH];
};

/* The front of one draw: strips of the first output, from[i] … from[i+1] (the last is open), above level[i]. */
struct front {
    size_t n;
    double *from, *level;
};

struct acquisition {
    size_t d, S, n_outputs, n_bounds;
    enum acquisition_form form;
    size_t objective[2]; /* hypervolume: the outputs */
    int joint;           /* index of the bound that is integrated jointly with the utility; −1: none */
    double node[NODES], log_weight[NODES]; /* on [0, REACH] */
    struct output output[OUTPUTS_MAX];
    struct acquisition_bound bound[BOUNDS_MAX];
    double *best;        /* S + 1: U*_s, the last of the mean draw; −HUGE_VAL: nothing feasible */
    struct front *front; /* S + 1 */
    double *value;       /* S: workspace */
    struct slope *slope; /* S × n_outputs: workspace */
};

struct moment {
    double mean, variance;
};

struct slope {
    double mean, variance; /* ∂value/∂mean, ∂value/∂variance */
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

double link_slope(enum link link, double f)
{
    double first = 0, second;
    link_slopes(link, f, &first, &second);
    return first;
}

/* ---- the value of one draw at one point ---- */

/* log EI and, with EI = σh(z): ∂/∂U = Φ/(σh), ∂/∂σ = φ/(σh). */
static double log_ei(double mean, double sd, double best, double *by_mean, double *by_sd)
{
    double z = (mean - best) / sd, log_h = normal_log_ei(z);
    if (by_mean) {
        *by_mean = exp(normal_log_cdf(z) - log_h) / sd;
        *by_sd = exp(normal_log_pdf(z) - log_h) / sd;
    }
    return log(sd) + log_h;
}

static double bound_z(const struct acquisition_bound *b, const struct moment *m)
{
    double z = (m[b->output].mean - b->bound) / sqrt(m[b->output].variance);
    return b->at_least ? z : -z;
}

static double log_feasible(const struct acquisition *a, const struct moment *m, int but, struct slope *d)
{
    double sum = 0;
    for (size_t c = 0; c < a->n_bounds; c++) {
        if ((int)c == but) continue;
        const struct acquisition_bound *b = &a->bound[c];
        double t = bound_z(b, m), log_cdf = normal_log_cdf(t), v = m[b->output].variance;
        sum += log_cdf;
        if (!d) continue;
        double slope = exp(normal_log_pdf(t) - log_cdf);
        d[b->output].mean += slope * (b->at_least ? 1 : -1) / sqrt(v);
        d[b->output].variance -= slope * t / (2 * v);
    }
    return sum;
}

/* What one output adds to mean and variance of the utility, and their derivatives by mean and sd of f. */
struct part {
    double mean, variance;
    double mean_by_mean, mean_by_sd, variance_by_mean, variance_by_sd;
};

/* The output's value f stands in for its distribution, but for a share `spread` of its sd. */
static struct part part_at(const struct output *o, double f, double f_by_mean, double f_by_sd, double sd, double spread)
{
    double first = 0, second = 0, w = o->weight;
    link_slopes(o->link, f, &first, &second);
    double slope = w * first * spread, curve = w * second * spread;
    return (struct part){.mean = w * link_value(o->link, f),
                         .variance = slope * slope * sd * sd,
                         .mean_by_mean = w * first * f_by_mean,
                         .mean_by_sd = w * first * f_by_sd,
                         .variance_by_mean = 2 * slope * curve * sd * sd * f_by_mean,
                         .variance_by_sd = 2 * slope * curve * sd * sd * f_by_sd + 2 * slope * slope * sd};
}

/* A node of the joint integral: where the bounded output lies, and the weight, with derivatives by its mean and sd. */
struct node {
    double f, f_by_mean, f_by_sd;
    double log_weight, weight_by_mean, weight_by_sd;
};

static struct node node_of(const struct acquisition *a, const struct moment *m, size_t k)
{
    const struct acquisition_bound *b = &a->bound[a->joint];
    double sd = sqrt(m[b->output].variance), sign = b->at_least ? 1 : -1, t = bound_z(b, m);
    double from = fmax(-t, LOWEST), from_by_t = -t > LOWEST ? -1 : 0, z = from + a->node[k];
    return (struct node){.f = m[b->output].mean + sign * sd * z,
                         .f_by_mean = 1 + from_by_t,
                         .f_by_sd = sign * (z - t * from_by_t),
                         .log_weight = a->log_weight[k] + normal_log_pdf(z),
                         .weight_by_mean = -z * from_by_t * sign / sd,
                         .weight_by_sd = z * from_by_t * t / sd};
}

/* log EI with the joint output, if any, at a node. */
static double node_value(const struct acquisition *a, size_t s, const struct moment *m, size_t k, struct slope *d)
{
    struct part part[OUTPUTS_MAX];
    struct node node = {0};
    size_t joint = a->joint >= 0 ? a->bound[a->joint].output : OUTPUTS_MAX;
    double mean = 0, variance = 1e-300, by_mean, by_sd;
    if (a->joint >= 0) node = node_of(a, m, k);
    for (size_t g = 0; g < a->n_outputs; g++) {
        const struct output *o = &a->output[g];
        double sd = sqrt(m[g].variance);
        if (o->weight == 0) continue;
        part[g] = g == joint ? part_at(o, node.f, node.f_by_mean, node.f_by_sd, sd, SPREAD)
                             : part_at(o, m[g].mean, 1, 0, sd, 1);
        mean += part[g].mean;
        variance += part[g].variance;
    }
    double sd = sqrt(variance), value = log_ei(mean, sd, a->best[s], d ? &by_mean : NULL, &by_sd);
    for (size_t g = 0; d && g < a->n_outputs; g++) {
        if (a->output[g].weight == 0) continue;
        double by_variance = by_sd / (2 * sd),
               by_own_sd = by_mean * part[g].mean_by_sd + by_variance * part[g].variance_by_sd;
        d[g].mean = by_mean * part[g].mean_by_mean + by_variance * part[g].variance_by_mean;
        if (g == joint) d[g].mean += node.weight_by_mean, by_own_sd += node.weight_by_sd;
        d[g].variance = by_own_sd / (2 * sqrt(m[g].variance));
    }
    return value + node.log_weight;
}

/* log of the sum over the nodes; one, of weight 1, if nothing is joint. */
static double log_improvement(const struct acquisition *a, size_t s, const struct moment *m, struct slope *d)
{
    size_t nodes = a->joint >= 0 ? NODES : 1;
    double value[NODES], top = -HUGE_VAL, sum = 0;
    struct slope each[NODES][OUTPUTS_MAX];
    for (size_t k = 0; k < nodes; k++) {
        if (d) memset(each[k], 0, a->n_outputs * sizeof **each);
        top = fmax(top, value[k] = node_value(a, s, m, k, d ? each[k] : NULL));
    }
    for (size_t k = 0; k < nodes; k++) sum += exp(value[k] - top);
    for (size_t k = 0; d && k < nodes; k++)
        for (size_t g = 0; g < a->n_outputs; g++) {
            double share = exp(value[k] - top) / sum;
            d[g].mean += share * each[k][g].mean;
            d[g].variance += share * each[k][g].variance;
        }
    return top + log(sum);
}

/* log(e^x − e^y), x > y */
static double log_minus(double x, double y)
{
    double e = y - x;
    return x + (e > -0.6931 ? log(-expm1(e)) : log1p(-exp(e)));
}

static double log_hypervolume(const struct acquisition *a, size_t s, const struct moment *m, struct slope *d)
{
    const struct front *f = &a->front[s];
    double mean[2], sd[2], value[f->n], top = -HUGE_VAL, sum = 0;
    struct slope each[f->n][2]; /* by mean and by sd */
    for (int i = 0; i < 2; i++) {
        size_t g = a->objective[i];
        mean[i] = a->output[g].weight * m[g].mean;
        sd[i] = fabs(a->output[g].weight) * sqrt(m[g].variance);
    }
    for (size_t k = 0; k < f->n; k++) {
        double lm, ls, um = 0, us = 0, ym, ys;
        double lower = log_ei(mean[0], sd[0], f->from[k], &lm, &ls), width = lower;
        if (k + 1 < f->n) {
            double upper = log_ei(mean[0], sd[0], f->from[k + 1], &um, &us);
            width = lower > upper ? log_minus(lower, upper) : -HUGE_VAL;
            if (width > -HUGE_VAL) {
                double by_lower = exp(lower - width), by_upper = exp(upper - width);
                lm = by_lower * lm - by_upper * um;
                ls = by_lower * ls - by_upper * us;
            }
        }
        value[k] = width + log_ei(mean[1], sd[1], f->level[k], &ym, &ys);
        each[k][0] = (struct slope){lm, ls};
        each[k][1] = (struct slope){ym, ys};
        top = fmax(top, value[k]);
    }
    if (top == -HUGE_VAL) return -1e10; /* nothing to gain that a double could show */
    for (size_t k = 0; k < f->n; k++) sum += exp(value[k] - top);
    for (size_t k = 0; d && k < f->n; k++)
        for (int i = 0; i < 2 && value[k] > -HUGE_VAL; i++) {
            size_t g = a->objective[i];
            double share = exp(value[k] - top) / sum, w = a->output[g].weight;
            d[g].mean += share * each[k][i].mean * w;
            d[g].variance += share * each[k][i].variance * fabs(w) / (2 * sqrt(m[g].variance));
        }
    return top + log(sum);
}

/* d: n_outputs, zeroed; NULL if no slopes are wanted. */
static double value_of_draw(const struct acquisition *a, size_t s, const struct moment *m, struct slope *d)
{
    switch (a->form) {
    case ACQUISITION_IMPROVEMENT:
        if (a->best[s] == -HUGE_VAL) return log_feasible(a, m, -1, d);
        return log_feasible(a, m, a->joint, d) + log_improvement(a, s, m, d);
    case ACQUISITION_HYPERVOLUME: return log_feasible(a, m, -1, d) + log_hypervolume(a, s, m, d);
    }
    return -HUGE_VAL;
}

/* ---- making one ---- */

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
    double sum = 0;
    size_t n = 0;
    for (size_t s = 0; s < a->S; s++) {
        a->best[s] = -HUGE_VAL;
        for (size_t i = 0; i < n_base; i++) {
            double u = 0;
            if (!feasible_in_draw(a, f, i, s)) continue;
            for (size_t g = 0; g < a->n_outputs; g++)
                if (a->output[g].weight != 0)
                    u += a->output[g].weight * link_value(a->output[g].link, gsl_matrix_get(f[g], i, s));
            a->best[s] = fmax(a->best[s], u);
        }
        if (a->best[s] == -HUGE_VAL) continue;
        sum += a->best[s];
        n++;
    }
    a->best[a->S] = n ? sum / (double)n : -HUGE_VAL;
}

struct pair {
    double first, second;
};

static int by_first_descending(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    if (x->first != y->first) return x->first < y->first ? 1 : -1;
    return (x->second < y->second) - (x->second > y->second);
}

/* From the points above the reference, those that no other dominates, as strips. */
static struct front front_make(struct pair *p, size_t n, const double *reference)
{
    struct front f = {0, must_alloc(n + 1, sizeof(double)), must_alloc(n + 1, sizeof(double))};
    double level = reference[1];
    size_t kept = 0;
    qsort(p, n, sizeof *p, by_first_descending);
    for (size_t i = 0; i < n; i++)
        if (p[i].first > reference[0] && p[i].second > level) {
            level = p[i].second;
            p[kept++] = p[i];
        }
    f.from[0] = reference[0]; /* ascending in the first output: the last kept point comes first */
    for (size_t k = 0; k < kept; k++) {
        f.level[k] = p[kept - 1 - k].second;
        f.from[k + 1] = p[kept - 1 - k].first;
    }
    f.level[kept] = reference[1];
    f.n = kept + 1;
    return f;
}

static void find_fronts(struct acquisition *a, gsl_matrix *const *f, size_t n_base, const double *reference)
{
    struct pair *p = must_alloc(n_base, sizeof *p);
    const gsl_matrix *f0 = f[a->objective[0]], *f1 = f[a->objective[1]];
    double w0 = a->output[a->objective[0]].weight, w1 = a->output[a->objective[1]].weight;
    for (size_t s = 0; s <= a->S; s++) {
        size_t n = 0;
        for (size_t i = 0; i < n_base; i++) {
            struct pair v = {0, 0};
            if (s < a->S && !feasible_in_draw(a, f, i, s)) continue;
            for (size_t t = 0; s == a->S && t < a->S; t++) {
                v.first += w0 * gsl_matrix_get(f0, i, t) / (double)a->S;
                v.second += w1 * gsl_matrix_get(f1, i, t) / (double)a->S;
            }
            p[n++] = s < a->S ? (struct pair){w0 * gsl_matrix_get(f0, i, s), w1 * gsl_matrix_get(f1, i, s)} : v;
        }
        a->front[s] = front_make(p, n, reference);
    }
    free(p);
}

static enum status condition_outputs(struct acquisition *a, const struct acquisition_spec *spec, gsl_matrix **f,
                                     struct error *err)
{
    gsl_matrix *eps = gsl_matrix_alloc(spec->n_base, a->S);
    enum status st = STATUS_OK;
    for (size_t g = 0; !st && g < a->n_outputs; g++) {
        struct output *o = &a->output[g];
        fill_normals(eps, spec->seed, g);
        st = gp_condition(spec->output[g].gp, spec->base, spec->n_base, eps, f[g], &o->gp, err);
        if (st) break;
        gp_query_init(&o->query, o->gp);
        o->d_mean = gsl_matrix_calloc(GP_BATCH, a->S + 1);
    }
    gsl_matrix_free(eps);
    return st;
}

/* The first bound on an output that is in the utility is integrated jointly with it, not multiplied. */
static void choose_joint_bound(struct acquisition *a)
{
    a->joint = -1;
    for (size_t c = a->n_bounds; c-- > 0;)
        if (a->output[a->bound[c].output].weight != 0 && a->form == ACQUISITION_IMPROVEMENT) a->joint = (int)c;
    if (a->joint < 0) return;
    gsl_integration_glfixed_table *table = gsl_integration_glfixed_table_alloc(NODES);
    for (size_t k = 0; k < NODES; k++) {
        double weight;
        gsl_integration_glfixed_point(0, REACH, k, &a->node[k], &weight, table);
        a->log_weight[k] = log(weight);
    }
    gsl_integration_glfixed_table_free(table);
}

static void adopt_spec(struct acquisition *a, const struct acquisition_spec *spec)
{
    size_t objectives = 0;
    a->d = spec->output[0].gp->kernel.d;
    a->S = spec->n_draws;
    a->form = spec->form;
    a->n_outputs = spec->n_outputs;
    a->n_bounds = spec->n_bounds;
    for (size_t c = 0; c < spec->n_bounds; c++) a->bound[c] = spec->bound[c];
    for (size_t g = 0; g < a->n_outputs; g++) {
        a->output[g].weight = spec->output[g].weight;
        a->output[g].link = spec->output[g].link;
        if (a->output[g].weight != 0 && objectives < 2) a->objective[objectives++] = g;
    }
    a->best = must_alloc(a->S + 1, sizeof *a->best);
    a->front = must_alloc(a->S + 1, sizeof *a->front);
    a->value = must_alloc(a->S, sizeof *a->value);
    a->slope = must_alloc(a->S * a->n_outputs, sizeof *a->slope);
    choose_joint_bound(a);
}

enum status acquisition_create(const struct acquisition_spec *spec, struct acquisition **ret, struct error *err)
{
    if (spec->n_outputs == 0 || spec->n_outputs > OUTPUTS_MAX || spec->n_bounds > BOUNDS_MAX ||
        spec->n_incumbents == 0 || spec->n_incumbents > spec->n_base)
        return error_set(err, STATUS_INVALID, "an acquisition needs 1 to %d outputs and a base point", OUTPUTS_MAX);
    struct acquisition *a = must_alloc(1, sizeof *a);
    gsl_matrix *f[OUTPUTS_MAX] = {0};
    adopt_spec(a, spec);
    for (size_t g = 0; g < a->n_outputs; g++) f[g] = gsl_matrix_alloc(spec->n_base, a->S);
    enum status st = condition_outputs(a, spec, f, err);
    if (!st) find_incumbents(a, f, spec->n_incumbents);
    if (!st && a->form == ACQUISITION_HYPERVOLUME) find_fronts(a, f, spec->n_incumbents, spec->reference);
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
        if (!a->output[g].gp || !a->output[g].d_mean) continue;
        gp_free(a->output[g].gp);
        gp_query_done(&a->output[g].query);
        gsl_matrix_free(a->output[g].d_mean);
    }
    for (size_t s = 0; s <= a->S; s++) {
        free(a->front[s].from);
        free(a->front[s].level);
    }
    free(a->best);
    free(a->front);
    free(a->value);
    free(a->slope);
    free(a);
}

/* ---- asking ---- */

static void moments_of(const struct acquisition *a, size_t point, size_t s, struct moment *ret)
{
    for (size_t g = 0; g < a->n_outputs; g++)
        ret[g] = (struct moment){gsl_matrix_get(a->output[g].query.mean, point, s), a->output[g].query.variance[point]};
}

/* log mean over the draws at one point of the batch; its slopes go to the outputs' rows. */
static double mean_of_draws(struct acquisition *a, size_t point, bool with_slopes)
{
    struct moment m[OUTPUTS_MAX];
    double top = -HUGE_VAL, sum = 0;
    if (with_slopes) memset(a->slope, 0, a->S * a->n_outputs * sizeof *a->slope);
    for (size_t s = 0; s < a->S; s++) {
        moments_of(a, point, s, m);
        a->value[s] = value_of_draw(a, s, m, with_slopes ? a->slope + s * a->n_outputs : NULL);
        top = fmax(top, a->value[s]);
    }
    for (size_t s = 0; s < a->S; s++) sum += exp(a->value[s] - top);
    for (size_t g = 0; with_slopes && g < a->n_outputs; g++) {
        a->output[g].d_variance[point] = 0;
        for (size_t s = 0; s < a->S; s++) {
            double share = exp(a->value[s] - top) / sum;
            gsl_matrix_set(a->output[g].d_mean, point, s, share * a->slope[s * a->n_outputs + g].mean);
            a->output[g].d_variance[point] += share * a->slope[s * a->n_outputs + g].variance;
        }
    }
    return top + log(sum / (double)a->S);
}

static void batch_values(struct acquisition *a, const double *points, size_t n, double *ret_values,
                         double *ret_gradients)
{
    for (size_t g = 0; g < a->n_outputs; g++)
        gp_query_ask(a->output[g].gp, points, n, false, ret_gradients != NULL, &a->output[g].query);
    for (size_t j = 0; j < n; j++) ret_values[j] = mean_of_draws(a, j, ret_gradients != NULL);
    if (!ret_gradients) return;
    memset(ret_gradients, 0, n * a->d * sizeof *ret_gradients);
    for (size_t g = 0; g < a->n_outputs; g++) {
        struct output *o = &a->output[g];
        gp_query_gradient(o->gp, &o->query, o->d_mean, o->d_variance, ret_gradients);
    }
}

void acquisition_values(struct acquisition *a, const double *points, size_t n, double *ret_values,
                        double *ret_gradients)
{
    for (size_t at = 0; at < n; at += GP_BATCH)
        batch_values(a, points + at * a->d, n - at < GP_BATCH ? n - at : GP_BATCH, ret_values + at,
                     ret_gradients ? ret_gradients + at * a->d : NULL);
}

void acquisition_screen(struct acquisition *a, const double *points, size_t n, double *ret_values)
{
    struct moment m[OUTPUTS_MAX];
    for (size_t at = 0; at < n; at += GP_BATCH) {
        size_t N = n - at < GP_BATCH ? n - at : GP_BATCH;
        for (size_t g = 0; g < a->n_outputs; g++)
            gp_query_ask(a->output[g].gp, points + at * a->d, N, true, false, &a->output[g].query);
        for (size_t j = 0; j < N; j++) {
            moments_of(a, j, a->S, m);
            ret_values[at + j] = value_of_draw(a, a->S, m, NULL);
        }
    }
}

double acquisition_value(struct acquisition *a, const double *point, double *ret_gradient)
{
    double value;
    acquisition_values(a, point, 1, &value, ret_gradient);
    return value;
}
