/* Noisy log expected hypervolume improvement of two outputs under constraints, exact [Yang 2019; LogEI: Ament 2023].
 *
 * Both outputs are to be maximised after weighting. With the front of draw s (of the incumbents feasible in it, above
 * the reference) as strips from l_i to u_i of the first output, each above the level y_i of the second:
 *
 *     value_s = log Σ_i (EI_1(l_i) − EI_1(u_i)) EI_2(y_i) + Σ_c log Φ(t_cs),   EI(y) = σ h((μ − y)/σ)
 *
 * Valid for two outputs with a weight whose links are the identity (dominance is the same on any monotone scale); their
 * posteriors count as independent. Where no strip gains what a double could show, the value is NOTHING.
 */
#include "surrogate/feasibility.h"
#include "surrogate/normal.h"

#include "tuner/base/arena.h"

#include <math.h>
#include <stdlib.h>

static const double NOTHING = -1e10;

/* The front of one draw: strips of the first output, from[i] … from[i+1] (the last is open), above level[i]. */
struct front {
    size_t n;
    double *from, *level;
};

struct hypervolume {
    size_t objective[2]; /* the outputs */
    size_t n_fronts;
    struct front *front; /* S + 1: the last of the mean draw */
};

/* ---- what must be beaten ---- */

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

static void find_fronts(const struct acquisition *a, struct hypervolume *h, gsl_matrix *const *f,
                        const struct acquisition_spec *spec)
{
    size_t n_base = spec->n_incumbents;
    struct pair *p = must_alloc(n_base, sizeof *p);
    const gsl_matrix *f0 = f[h->objective[0]], *f1 = f[h->objective[1]];
    double w0 = a->output[h->objective[0]].weight, w1 = a->output[h->objective[1]].weight;
    for (size_t s = 0; s <= a->S; s++) {
        size_t n = 0;
        for (size_t i = 0; i < n_base; i++) {
            struct pair v = {0, 0};
            if (s < a->S && !feasibility_in_draw(a, f, i, s)) continue;
            for (size_t t = 0; s == a->S && t < a->S; t++) {
                v.first += w0 * gsl_matrix_get(f0, i, t) / (double)a->S;
                v.second += w1 * gsl_matrix_get(f1, i, t) / (double)a->S;
            }
            p[n++] = s < a->S ? (struct pair){w0 * gsl_matrix_get(f0, i, s), w1 * gsl_matrix_get(f1, i, s)} : v;
        }
        h->front[s] = front_make(p, n, spec->reference);
    }
    free(p);
}

static void *prepare(const struct acquisition *a, const struct acquisition_spec *spec, gsl_matrix *const *f)
{
    struct hypervolume *h = must_alloc(1, sizeof *h);
    for (size_t g = 0, found = 0; g < a->n_outputs && found < 2; g++)
        if (a->output[g].weight != 0) h->objective[found++] = g;
    h->n_fronts = a->S + 1;
    h->front = must_alloc(h->n_fronts, sizeof *h->front);
    find_fronts(a, h, f, spec);
    return h;
}

static void done(void *state)
{
    struct hypervolume *h = state;
    for (size_t s = 0; s < h->n_fronts; s++) {
        free(h->front[s].from);
        free(h->front[s].level);
    }
    free(h->front);
    free(h);
}

/* ---- the value of one draw ---- */

/* log(e^x − e^y), x > y */
static double log_minus(double x, double y)
{
    double e = y - x;
    return x + (e > -0.6931 ? log(-expm1(e)) : log1p(-exp(e)));
}

static double log_hypervolume(const struct acquisition *a, size_t s, const struct moment *m, struct slope *d)
{
    const struct hypervolume *h = a->state;
    const struct front *f = &h->front[s];
    double mean[2], sd[2], value[f->n], top = -HUGE_VAL, sum = 0;
    struct slope each[f->n][2]; /* by mean and by sd */
    for (int i = 0; i < 2; i++) {
        size_t g = h->objective[i];
        mean[i] = a->output[g].weight * m[g].mean;
        sd[i] = fabs(a->output[g].weight) * sqrt(m[g].variance);
    }
    for (size_t k = 0; k < f->n; k++) {
        double lm, ls, um = 0, us = 0, ym, ys;
        double lower = normal_log_improvement(mean[0], sd[0], f->from[k], &lm, &ls), width = lower;
        if (k + 1 < f->n) {
            double upper = normal_log_improvement(mean[0], sd[0], f->from[k + 1], &um, &us);
            width = lower > upper ? log_minus(lower, upper) : -HUGE_VAL;
            if (width > -HUGE_VAL) {
                double by_lower = exp(lower - width), by_upper = exp(upper - width);
                lm = by_lower * lm - by_upper * um;
                ls = by_lower * ls - by_upper * us;
            }
        }
        value[k] = width + normal_log_improvement(mean[1], sd[1], f->level[k], &ym, &ys);
        each[k][0] = (struct slope){lm, ls};
        each[k][1] = (struct slope){ym, ys};
        top = fmax(top, value[k]);
    }
    if (top == -HUGE_VAL) return NOTHING;
    for (size_t k = 0; k < f->n; k++) sum += exp(value[k] - top);
    for (size_t k = 0; d && k < f->n; k++)
        for (int i = 0; i < 2 && value[k] > -HUGE_VAL; i++) {
            size_t g = h->objective[i];
            double share = exp(value[k] - top) / sum, w = a->output[g].weight;
            d[g].mean += share * each[k][i].mean * w;
            d[g].variance += share * each[k][i].variance * fabs(w) / (2 * sqrt(m[g].variance));
        }
    return top + log(sum);
}

static double value(const struct acquisition *a, size_t s, const struct moment *m, struct slope *d)
{
    double feasible = feasibility_log(a, m, -1, d);
    return feasible + log_hypervolume(a, s, m, d);
}

const struct acquisition_ops acquisition_hypervolume = {
    .name = "hypervolume", .objectives = 2, .prepare = prepare, .value = value, .done = done};
