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
#include "surrogate/acquisition.h"

#include <math.h>
#include <string.h>

static const double LOWEST = -5, SPREAD = 0.08;

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
    double mean = 0, variance = 1e-300, by_mean = 0, by_sd = 0;
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

double acquisition_draw_value(const struct acquisition *a, size_t s, const struct moment *m, struct slope *d)
{
    switch (a->form) {
    case ACQUISITION_IMPROVEMENT:
        if (a->best[s] == -HUGE_VAL) return log_feasible(a, m, -1, d);
        return log_feasible(a, m, a->joint, d) + log_improvement(a, s, m, d);
    case ACQUISITION_HYPERVOLUME: return log_feasible(a, m, -1, d) + log_hypervolume(a, s, m, d);
    }
    return -HUGE_VAL;
}
