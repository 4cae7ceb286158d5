#include "tuner/analysis/space_checks.h"

#include "tuner/analysis/noise.h"

#include "tuner/base/spread.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_multifit.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_scale(const struct param *p)
{
    return p->type == PARAM_INT || p->type == PARAM_FLOAT;
}

/* Place in its range, 0 … 1; of values in a list by their number. NaN: it does not exist. */
static double place(const struct param *p, double v)
{
    if (!is_scale(p)) return p->n_values > 1 ? v / (double)(p->n_values - 1) : 0;
    if (!(p->hi > p->lo)) return 0;
    return p->log ? log(v / p->lo) / log(p->hi / p->lo) : (v - p->lo) / (p->hi - p->lo);
}

/* "a", "a and b", "a, b and c" */
static const char *listed(const struct checkup *x, const char *so_far, const char *name, bool last)
{
    return *so_far ? arena_printf(x->arena, "%s%s%s", so_far, last ? " and " : ", ", name) : name;
}

/* ---- ignored ---- */

enum { PAIRS_FROM = 3, RESULTS_FROM = 10 };

/* What is asked: do trials that agree in all but these parameters measure the same? */
struct question {
    const struct study *study;
    bool ignored[SPACE_PARAMS_MAX]; /* these */
};

static int by_number(double a, double b)
{
    if (isnan(a) || isnan(b)) return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

static int compare_metrics(const struct objective *o, const struct trial *a, const struct trial *b)
{
    int order = 0;
    for (size_t m = 0; m < o->n_metrics && order == 0; m++)
        if (objective_uses(o, m)) order = by_number(a->value[m], b->value[m]);
    return order;
}

static int compare_rest(const struct question *q, const struct trial *a, const struct trial *b)
{
    int order = 0;
    for (size_t p = 0; p < q->study->space.n && order == 0; p++)
        if (!q->ignored[p]) order = by_number(a->config[p], b->config[p]);
    return order;
}

static int by_metrics(const void *a, const void *b, void *data)
{
    return compare_metrics(data, *(const struct trial *const *)a, *(const struct trial *const *)b);
}

static int by_rest(const void *a, const void *b, void *data)
{
    return compare_rest(data, *(const struct trial *const *)a, *(const struct trial *const *)b);
}

/* Parameters in which trials with the same results differ. */
static bool suspect(const struct checkup *x, const struct trial **list, struct question *q)
{
    const struct objective *o = &x->s->study->objective;
    bool any = false;
    qsort_r(list, x->n, sizeof(const struct trial *), by_metrics, (void *)o);
    for (size_t i = 1; i < x->n; i++) {
        if (compare_metrics(o, list[i - 1], list[i])) continue;
        for (size_t p = 0; p < q->study->space.n; p++)
            if (by_number(list[i - 1]->config[p], list[i]->config[p])) any = q->ignored[p] = true;
    }
    return any;
}

struct answer {
    size_t pairs;                                      /* that differ in these alone, and measured the same */
    bool refuted;                                      /* one such measured something else */
    double chance;                                     /* that the pairs are luck */
    double lo[SPACE_PARAMS_MAX], hi[SPACE_PARAMS_MAX]; /* of the places of those pairs */
};

static void widen(const struct checkup *x, struct answer *a, const struct trial *t)
{
    const struct space *space = &x->s->study->space;
    for (size_t p = 0; p < space->n; p++) {
        double at = place(&space->param[p], t->config[p]);
        a->lo[p] = fmin(a->lo[p], at);
        a->hi[p] = fmax(a->hi[p], at);
    }
}

static struct answer ask(const struct checkup *x, const struct trial **list, struct question *q)
{
    const struct objective *o = &x->s->study->objective;
    struct answer out = {.chance = 1};
    for (size_t p = 0; p < SPACE_PARAMS_MAX; p++) out.lo[p] = INFINITY, out.hi[p] = -INFINITY;
    qsort_r(list, x->n, sizeof(const struct trial *), by_rest, q);
    for (size_t i = 1; i < x->n && !out.refuted; i++) {
        if (compare_rest(q, list[i - 1], list[i])) continue;
        out.refuted = compare_metrics(o, list[i - 1], list[i]) != 0;
        out.pairs++;
        out.chance *= ranking_coincidence(o, list[i]);
        widen(x, &out, list[i - 1]);
        widen(x, &out, list[i]);
    }
    return out;
}

/* Names of those that the answer convicts; "": none. */
static const char *convicted(const struct checkup *x, const struct question *q, const struct answer *a)
{
    const char *names = "";
    if (a->refuted || a->pairs < PAIRS_FROM || a->chance > RANKING_CONVINCED) return names;
    for (size_t p = 0; p < q->study->space.n; p++)
        if (q->ignored[p] && a->hi[p] - a->lo[p] >= 0.5) names = listed(x, names, q->study->space.param[p].name, false);
    return names;
}

/* All of the suspects together; if that does not hold, each alone. */
static const char *find_ignored(const struct checkup *x, size_t *ret_pairs)
{
    const struct study *study = x->s->study;
    const struct trial **list = arena_array(x->arena, x->n + 1, sizeof(const struct trial *));
    struct question all = {.study = study};
    memcpy(list, x->result, x->n * sizeof(const struct trial *));
    if (!suspect(x, list, &all)) return "";
    struct answer a = ask(x, list, &all);
    const char *names = convicted(x, &all, &a);
    *ret_pairs = a.pairs;
    for (size_t p = 0; p < study->space.n && a.refuted; p++) {
        struct question one = {.study = study};
        if (!(one.ignored[p] = all.ignored[p])) continue;
        struct answer alone = ask(x, list, &one);
        const char *name = convicted(x, &one, &alone);
        if (!*name) continue;
        names = listed(x, names, name, false);
        *ret_pairs = alone.pairs;
    }
    return names;
}

static bool all_the_same(const struct checkup *x)
{
    for (size_t i = 1; i < x->n; i++)
        if (compare_metrics(&x->s->study->objective, x->result[0], x->result[i])) return false;
    return true;
}

struct finding space_check_parameters(const struct checkup *x)
{
    const struct study *study = x->s->study;
    size_t pairs = 0;
    if (x->n < PAIRS_FROM + 1)
        return finding_later(HEALTH_PARAMETERS,
                             arena_printf(x->arena, "this needs some complete trials; %zu so far", x->n));
    const char *names = all_the_same(x) ? "" : find_ignored(x, &pairs);
    if (*names)
        return finding_look(HEALTH_PARAMETERS,
                            arena_printf(x->arena,
                                         "%s: seems to be ignored: %zu pairs of trials that differ in nothing else "
                                         "measured the same to the last digit",
                                         names, pairs),
                            arena_printf(x->arena,
                                         "'nocturne plan %s' says how each parameter reaches the program; is it "
                                         "used there?",
                                         study->path));
    if (x->n < RESULTS_FROM)
        return finding_later(HEALTH_PARAMETERS,
                             arena_printf(x->arena, "nothing seems to be ignored in the first %zu trials", x->n));
    return finding_fine(HEALTH_PARAMETERS, "no parameter seems to be ignored");
}

/* ---- no effect ---- */

enum { SAME_FROM = 5 };

static const double NOISES = 2, UNSURE = 0.05;

static struct spread spread_of(const struct checkup *x, size_t metric)
{
    struct spread out = {0};
    for (size_t i = 0; i < x->n; i++) spread_join(&out, x->result[i]->value[metric]);
    return out;
}

enum effect { EFFECT_UNKNOWN, EFFECT_NONE, EFFECT_SOME };

/* Is the spread at most twice the noise, even if luck has hidden some of it? */
static enum effect effect_on(const struct checkup *x, size_t metric)
{
    struct noise noise = noise_of(x->s, &x->all, metric);
    struct spread all = spread_of(x, metric);
    double variance = spread_variance(&all);
    if (noise.freedom == 0 || isnan(variance)) return EFFECT_UNKNOWN;
    if (!(noise.sd > 0)) return variance > 0 ? EFFECT_SOME : EFFECT_NONE;
    double least = gsl_cdf_fdist_Pinv(UNSURE, (double)all.n - 1, (double)noise.freedom);
    return variance / (noise.sd * noise.sd) <= NOISES * NOISES * least ? EFFECT_NONE : EFFECT_SOME;
}

/* Of the utility's metrics: none, if that holds of all. */
static enum effect effect_of_all(const struct checkup *x)
{
    const struct objective *o = &x->s->study->objective;
    enum effect out = EFFECT_UNKNOWN;
    for (size_t m = 0; m < o->n_metrics; m++) {
        enum effect e = objective_in_utility(o, m) ? effect_on(x, m) : EFFECT_UNKNOWN;
        if (e == EFFECT_SOME) return EFFECT_SOME;
        if (e == EFFECT_NONE) out = EFFECT_NONE;
    }
    return out;
}

struct finding space_check_effect(const struct checkup *x)
{
    const char *path = x->s->study->path;
    if (x->n >= SAME_FROM && all_the_same(x))
        return finding_wrong(
            HEALTH_EFFECT, arena_printf(x->arena, "all %zu configurations measured the same to the last digit", x->n),
            arena_printf(x->arena,
                         "'nocturne plan %s' says how parameters reach the program, and where its numbers are found",
                         path));
    if (x->n < RESULTS_FROM)
        return finding_later(HEALTH_EFFECT,
                             arena_printf(x->arena, "this needs %d complete trials; %zu so far", RESULTS_FROM, x->n));
    switch (effect_of_all(x)) {
    case EFFECT_UNKNOWN:
        return finding_later(HEALTH_EFFECT, "nothing was measured on two seeds yet, so noise is unknown");
    case EFFECT_SOME: return finding_fine(HEALTH_EFFECT, "trials differ by more than another seed does");
    case EFFECT_NONE: break;
    }
    return finding_look(
        HEALTH_EFFECT,
        arena_printf(x->arena, "%zu configurations differ by no more than twice what another seed makes of one", x->n),
        arena_printf(x->arena,
                     "widen the ranges in %s, or measure with less noise: more data to judge by, several seeds in "
                     "one trial",
                     path));
}

/* ---- at the end of a range ---- */

enum { BOUNDS_FROM = 20, TOP = 10, AT_BOUND = 3, ROWS_MAX = 2000, LEAST_FREEDOM = 8 };

static const double NEAR = 0.02, RARE = 0.01;

struct scored {
    const struct trial *trial;
    double utility;
    bool feasible;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->feasible != y->feasible) return y->feasible - x->feasible;
    if (x->utility != y->utility) return x->utility < y->utility ? 1 : -1;
    return (x->trial->number > y->trial->number) - (x->trial->number < y->trial->number);
}

struct scores { /* of the trials that have a utility */
    size_t n;
    struct scored *best; /* first */
};

static struct scores rank(const struct checkup *x)
{
    struct scores out = {.best = arena_array(x->arena, x->n + 1, sizeof *out.best)};
    for (size_t i = 0; i < x->n; i++) {
        double utility = checkup_utility(x, x->result[i]);
        if (isfinite(utility))
            out.best[out.n++] = (struct scored){x->result[i], utility, checkup_feasible(x, x->result[i])};
    }
    qsort(out.best, out.n, sizeof *out.best, by_score);
    return out;
}

static bool is_natural(const struct param *p, bool upper)
{
    if (p->type == PARAM_ORDINAL) return false;
    if (upper) return p->type == PARAM_FLOAT && p->hi == 1 && p->lo >= 0;
    return p->lo == 0 || (p->type == PARAM_INT && p->lo == 1);
}

static bool is_near(const struct param *p, double v, bool upper)
{
    double at = place(p, v);
    return upper ? at >= 1 - NEAR : at <= NEAR;
}

static size_t crowd(const struct checkup *x, const struct scores *all, size_t p, bool upper)
{
    size_t top = 0;
    for (size_t i = 0; i < TOP; i++) top += is_near(&x->s->study->space.param[p], all->best[i].trial->config[p], upper);
    return top;
}

/* The utility over the place of one parameter, by least squares, when each other has its share: a straight line, and
 * with enough trials a parabola. */
struct slope {
    size_t n, q; /* trials; columns: 1, the parameter, the others and their squares */
    size_t param;
    bool curved;
    double t, freedom; /* of the slope: over its standard error */
};

static void fill_row(const struct checkup *x, const struct slope *f, const struct trial *t, gsl_vector *row)
{
    const struct space *space = &x->s->study->space;
    size_t column = 2;
    gsl_vector_set(row, 0, 1);
    for (size_t p = 0; p < space->n; p++) {
        double v = place(&space->param[p], t->config[p]);
        if (space->param[p].type == PARAM_CATEGORICAL) continue;
        if (isnan(v)) v = 0.5;
        gsl_vector_set(row, p == f->param ? 1 : column++, v);
        if (p != f->param && f->curved) gsl_vector_set(row, column++, v * v);
    }
}

static void fit(const struct checkup *x, const struct scores *all, struct slope *f)
{
    gsl_matrix *places = gsl_matrix_calloc(f->n, f->q), *cov = gsl_matrix_alloc(f->q, f->q);
    gsl_vector *utility = gsl_vector_calloc(f->n), *slope = gsl_vector_alloc(f->q);
    gsl_multifit_linear_workspace *w = gsl_multifit_linear_alloc(f->n, f->q);
    double rest;
    for (size_t i = 0; i < f->n; i++) {
        const struct scored *at = &all->best[i * all->n / f->n];
        gsl_vector_view row = gsl_matrix_row(places, i);
        fill_row(x, f, at->trial, &row.vector);
        gsl_vector_set(utility, i, at->utility);
    }
    gsl_multifit_linear(places, utility, slope, cov, &rest, w);
    double error = sqrt(gsl_matrix_get(cov, 1, 1));
    f->t = error > 0 ? gsl_vector_get(slope, 1) / error : 0;
    gsl_multifit_linear_free(w);
    gsl_vector_free(slope);
    gsl_vector_free(utility);
    gsl_matrix_free(cov);
    gsl_matrix_free(places);
}

/* Does utility rise towards that end, whatever the other parameters do? */
static bool rises(const struct checkup *x, const struct scores *all, size_t param, bool upper)
{
    const struct space *space = &x->s->study->space;
    struct slope f = {.n = all->n < ROWS_MAX ? all->n : ROWS_MAX, .param = param};
    size_t others = 0;
    for (size_t p = 0; p < space->n; p++) others += p != param && space->param[p].type != PARAM_CATEGORICAL;
    f.curved = f.n >= 2 + 2 * others + LEAST_FREEDOM;
    f.q = 2 + (f.curved ? 2 : 1) * others;
    if (f.n < f.q + LEAST_FREEDOM) return false;
    f.freedom = (double)(f.n - f.q);
    fit(x, all, &f);
    return gsl_cdf_tdist_Q(upper ? f.t : -f.t, f.freedom) * 2 * (double)space->n < RARE;
}

/* A quarter of the range further, in a number that people write: 1, 1.5, 2, 3, 5, 7 and powers of ten of these. */
static double further(const struct param *p, bool upper)
{
    static const double nice[] = {1, 1.5, 2, 3, 5, 7, 10};
    double ratio = p->log ? pow(p->hi / p->lo, 0.25) : 0, step = 0.25 * (p->hi - p->lo);
    double v = upper ? (p->log ? p->hi * ratio : p->hi + step) : (p->log ? p->lo / ratio : p->lo - step);
    if (!upper && p->lo > 0 && v <= 0) v = p->log ? v : 0;
    if (v == 0) return 0;
    double ten = pow(10, floor(log10(fabs(v)))), digit = fabs(v) / ten, out = 10;
    bool outward = (v > 0) == upper;
    for (size_t i = 7; outward && i-- > 0;)
        if (nice[i] >= digit * 0.999) out = nice[i];
    for (size_t i = 0; !outward && i < 7; i++)
        if (nice[i] <= digit * 1.001) out = nice[i];
    return (v < 0 ? -out : out) * ten;
}

/* "threshold: {range: [0.0001, 0.1], scale: log}" */
static const char *change(const struct checkup *x, const struct param *p, bool upper)
{
    if (!is_scale(p))
        return arena_printf(x->arena, "%s: a value %s", p->name, upper ? "after its last" : "before its first");
    double v = further(p, upper);
    if (p->type == PARAM_INT) v = round(v);
    return arena_printf(x->arena, "%s: {range: [%.10g, %.10g]}", p->name, upper ? p->lo : v, upper ? v : p->hi);
}

struct finding space_check_bounds(const struct checkup *x)
{
    const struct space *space = &x->s->study->space;
    const char *says = "", *then = "";
    const struct scores all = rank(x);
    if (all.n < BOUNDS_FROM)
        return finding_later(
            HEALTH_BOUNDS,
            arena_printf(x->arena, "this needs %d complete trials with a utility; %zu so far", BOUNDS_FROM, all.n));
    for (size_t i = 0; i < 2 * space->n; i++) {
        const struct param *p = &space->param[i / 2];
        bool upper = i % 2;
        char text[SPACE_TEXT_MAX];
        if (p->type == PARAM_CATEGORICAL || p->type == PARAM_BOOL || is_natural(p, upper)) continue;
        size_t top = crowd(x, &all, i / 2, upper);
        if (top < AT_BOUND || !rises(x, &all, i / 2, upper)) continue;
        double end = is_scale(p) ? (upper ? p->hi : p->lo) : upper ? (double)p->n_values - 1 : 0;
        says = arena_printf(x->arena, "%s%s%zu of the %d best lie at %s = %s, the end of its range", says,
                            *says ? "; " : "", top, TOP, p->name, param_text(p, end, text));
        then = arena_printf(x->arena, "%s%s'%s'", then, *then ? ", " : "", change(x, p, upper));
    }
    if (!*says) return finding_fine(HEALTH_BOUNDS, "the best do not crowd at the end of a range");
    return finding_look(HEALTH_BOUNDS, says,
                        arena_printf(x->arena, "if it makes sense there: %s in %s, and the same command again", then,
                                     x->s->study->path));
}
