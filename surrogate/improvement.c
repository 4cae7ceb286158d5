/* Noisy log expected improvement of a composite utility under constraints [Letham 2019; LogEI: Ament 2023].
 *
 * With outputs g, weights w and links ℓ, in draw s:
 *
 *     U_s(x) = Σ_g w_g ℓ_g(μ_gs(x)),   σ_s²(x) = Σ_g (w_g ℓ_g′(μ_gs(x)))² v_g(x)     (delta method)
 *     value_s = log σ_s + log h((U_s − U*_s)/σ_s) + Σ_c log Φ(t_cs)                     (feasibility.h)
 *
 * U*_s is the best utility among the incumbents (the first n_incumbents base points) feasible in draw s; if none is,
 * the improvement is left out and feasibility alone decides. A bound on an output that is itself in the utility breaks
 * the product of the two. The first such bound is integrated jointly, by Gauss-Legendre over the output's own z from
 * where the bound holds to REACH deviations on:
 *
 *     value_s = log ∫ φ(z) EI(f = μ ± √v z, the others) dz        instead of log EI + log Φ(t)
 *
 * Valid for any number of outputs with a weight, any links; the delta method wants links nearly linear over a
 * deviation.
 */
#include "surrogate/feasibility.h"
#include "surrogate/link.h"
#include "surrogate/normal.h"

#include "tuner/base/arena.h"

#include <gsl/gsl_integration.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 16 };

/* The joint integral: its width in deviations of the bounded output, where it begins at the lowest, and the share of
 * the output's deviation that each of its nodes keeps. */
static const double REACH = 12, LOWEST = -5, SPREAD = 0.08;

struct improvement {
    int joint; /* index of the bound that is integrated jointly with the utility; −1: none */
    double node[NODES], log_weight[NODES]; /* on [0, REACH] */
    double *best;                          /* S + 1: U*_s, the last of the mean draw; −HUGE_VAL: nothing feasible */
};

/* ---- what must be beaten ---- */

static void find_incumbents(const struct acquisition *a, gsl_matrix *const *f, size_t n_base, double *ret_best)
{
    double sum = 0;
    size_t n = 0;
    for (size_t s = 0; s < a->S; s++) {
        ret_best[s] = -HUGE_VAL;
        for (size_t i = 0; i < n_base; i++) {
            double u = 0;
            if (!feasibility_in_draw(a, f, i, s)) continue;
            for (size_t g = 0; g < a->n_outputs; g++)
                if (a->output[g].weight != 0)
                    u += a->output[g].weight * link_value(a->output[g].link, gsl_matrix_get(f[g], i, s));
            ret_best[s] = fmax(ret_best[s], u);
        }
        if (ret_best[s] == -HUGE_VAL) continue;
        sum += ret_best[s];
        n++;
    }
    ret_best[a->S] = n ? sum / (double)n : -HUGE_VAL;
}

/* The first bound on an output that is in the utility is integrated jointly with it, not multiplied. */
static void choose_joint_bound(const struct acquisition *a, struct improvement *i)
{
    i->joint = -1;
    for (size_t c = a->n_bounds; c-- > 0;)
        if (a->output[a->bound[c].output].weight != 0) i->joint = (int)c;
    if (i->joint < 0) return;
    gsl_integration_glfixed_table *table = gsl_integration_glfixed_table_alloc(NODES);
    for (size_t k = 0; k < NODES; k++) {
        double weight;
        gsl_integration_glfixed_point(0, REACH, k, &i->node[k], &weight, table);
        i->log_weight[k] = log(weight);
    }
    gsl_integration_glfixed_table_free(table);
}

static void *prepare(const struct acquisition *a, const struct acquisition_spec *spec, gsl_matrix *const *f)
{
    struct improvement *i = must_alloc(1, sizeof *i);
    i->best = must_alloc(a->S + 1, sizeof *i->best);
    choose_joint_bound(a, i);
    find_incumbents(a, f, spec->n_incumbents, i->best);
    return i;
}

static void done(void *state)
{
    struct improvement *i = state;
    free(i->best);
    free(i);
}

/* ---- the value of one draw ---- */

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
    const struct improvement *i = a->state;
    const struct acquisition_bound *b = &a->bound[i->joint];
    double sd = sqrt(m[b->output].variance), sign = b->at_least ? 1 : -1, t = feasibility_z(b, m);
    double from = fmax(-t, LOWEST), from_by_t = -t > LOWEST ? -1 : 0, z = from + i->node[k];
    return (struct node){.f = m[b->output].mean + sign * sd * z,
                         .f_by_mean = 1 + from_by_t,
                         .f_by_sd = sign * (z - t * from_by_t),
                         .log_weight = i->log_weight[k] + normal_log_pdf(z),
                         .weight_by_mean = -z * from_by_t * sign / sd,
                         .weight_by_sd = z * from_by_t * t / sd};
}

/* log EI with the joint output, if any, at a node. */
static double node_value(const struct acquisition *a, size_t s, const struct moment *m, size_t k, struct slope *d)
{
    const struct improvement *i = a->state;
    struct part part[OUTPUTS_MAX];
    struct node node = {0};
    size_t joint = i->joint >= 0 ? a->bound[i->joint].output : OUTPUTS_MAX;
    double mean = 0, variance = 1e-300, by_mean = 0, by_sd = 0;
    if (i->joint >= 0) node = node_of(a, m, k);
    for (size_t g = 0; g < a->n_outputs; g++) {
        const struct output *o = &a->output[g];
        double sd = sqrt(m[g].variance);
        if (o->weight == 0) continue;
        part[g] = g == joint ? part_at(o, node.f, node.f_by_mean, node.f_by_sd, sd, SPREAD)
                             : part_at(o, m[g].mean, 1, 0, sd, 1);
        mean += part[g].mean;
        variance += part[g].variance;
    }
    double sd = sqrt(variance), value = normal_log_improvement(mean, sd, i->best[s], d ? &by_mean : NULL, &by_sd);
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
    const struct improvement *i = a->state;
    size_t nodes = i->joint >= 0 ? NODES : 1;
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

static double value(const struct acquisition *a, size_t s, const struct moment *m, struct slope *d)
{
    const struct improvement *i = a->state;
    if (i->best[s] == -HUGE_VAL) return feasibility_log(a, m, -1, d);
    double feasible = feasibility_log(a, m, i->joint, d);
    return feasible + log_improvement(a, s, m, d);
}

const struct acquisition_ops acquisition_improvement = {
    .name = "improvement", .objectives = 1, .prepare = prepare, .value = value, .done = done};
