/* Thompson sampling: where one posterior draw of the utility is largest [Thompson 1933; of a Gaussian process:
 * Kandasamy 2018]. With outputs g, weights w and links ℓ, draw s, and the bounds c as exact penalties [Eriksson 2021]:
 *
 *     U_s(x) = Σ_g w_g ℓ_g(μ_gs(x))
 *     value_s = UNITS · ((U_s − hi_s)/(hi_s − lo_s) − PENALTY · Σ_c max(0, violation_cs(x))/scale_c)
 *
 * lo_s and hi_s are its extremes over the base points, scale_c is one deviation of the bounded metric. μ_gs is the draw
 * itself at the base points and its conditional mean elsewhere: whoever wants the draw and nothing else asks at these.
 * For what is measured with strong noise: improvement on noise-free draws at the best points keeps to where it has
 * looked, a draw leaves a place as soon as another may be better, and no sooner (tests/bench).
 *
 * Wants one draw (of several, the value is the log of their mean exp, and says nothing); any number of outputs, any
 * links.
 */
#include "surrogate/acquisition.h"
#include "surrogate/link.h"

#include "tuner/base/arena.h"

#include <math.h>
#include <stdlib.h>

static const double UNITS = 100, PENALTY = 10;

struct thompson {
    double *hi, *extent; /* S + 1 each, the last of the mean draw */
};

static double utility(const struct acquisition *a, const struct moment *m)
{
    double u = 0;
    for (size_t g = 0; g < a->n_outputs; g++)
        if (a->output[g].weight != 0) u += a->output[g].weight * link_value(a->output[g].link, m[g].mean);
    return u;
}

static void find_extremes(const struct acquisition *a, size_t n_base, gsl_matrix *const *f, size_t s,
                          struct thompson *t)
{
    double lo = HUGE_VAL, hi = -HUGE_VAL;
    struct moment m[OUTPUTS_MAX];
    for (size_t i = 0; i < n_base; i++) {
        for (size_t g = 0; g < a->n_outputs; g++) m[g].mean = gsl_matrix_get(f[g], i, s);
        double u = utility(a, m);
        lo = fmin(lo, u);
        hi = fmax(hi, u);
    }
    t->hi[s] = hi;
    t->extent[s] = hi > lo ? hi - lo : 1;
    t->hi[a->S] += hi / (double)a->S;
    t->extent[a->S] += t->extent[s] / (double)a->S;
}

static void *prepare(const struct acquisition *a, const struct acquisition_spec *spec, gsl_matrix *const *f)
{
    struct thompson *t = must_alloc(1, sizeof *t);
    t->hi = must_alloc(a->S + 1, sizeof *t->hi);
    t->extent = must_alloc(a->S + 1, sizeof *t->extent);
    for (size_t s = 0; s < a->S; s++) find_extremes(a, spec->n_base, f, s, t);
    return t;
}

static void done(void *state)
{
    struct thompson *t = state;
    free(t->hi);
    free(t->extent);
    free(t);
}

static double penalty(const struct acquisition *a, const struct moment *m, struct slope *d)
{
    double sum = 0;
    for (size_t c = 0; c < a->n_bounds; c++) {
        const struct acquisition_bound *b = &a->bound[c];
        double sign = b->at_least ? 1 : -1, scale = a->output[b->output].gp->scale,
               violation = sign * (b->bound - m[b->output].mean) / scale;
        if (violation <= 0) continue;
        sum += UNITS * PENALTY * violation;
        if (d) d[b->output].mean += sign * UNITS * PENALTY / scale;
    }
    return sum;
}

static double value(const struct acquisition *a, size_t s, const struct moment *m, struct slope *d)
{
    const struct thompson *t = a->state;
    for (size_t g = 0; d && g < a->n_outputs; g++) {
        const struct output *o = &a->output[g];
        if (o->weight != 0) d[g].mean = UNITS * o->weight * link_slope(o->link, m[g].mean) / t->extent[s];
    }
    return UNITS * (utility(a, m) - t->hi[s]) / t->extent[s] - penalty(a, m, d);
}

const struct acquisition_ops acquisition_thompson = {
    .name = "thompson", .objectives = 1, .by_mean = true, .prepare = prepare, .value = value, .done = done};
