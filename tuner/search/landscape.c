#include "tuner/search/landscape.h"

#include "tuner/search/encode.h"
#include "tuner/search/partial.h"
#include "tuner/search/quantile.h"
#include "tuner/search/region.h"
#include "tuner/search/targets.h"
#include "tuner/search/terrain.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { QUANTILES = 128 };

struct landscape {
    const struct study *study;
    struct arena arena;
    struct encoding encoding;
    const struct search_trial *trial; /* with what is expected of the stopped */
    size_t n_trials;
    double *points;         /* n_trials × d */
    bool *repeated;         /* n_trials: the configuration was measured more than once */
    const double *baseline; /* NULL: none is known */
    struct terrain terrain[METRICS_MAX];
    struct gp *success; /* NULL: nothing has failed */
    double r2;          /* of the utility */
    uint64_t seed;
};

/* ---- fitting ---- */

static struct terrain_ground ground_of(const struct landscape *l)
{
    return (struct terrain_ground){.trial = l->trial,
                                   .repeated = l->repeated,
                                   .d = l->encoding.d,
                                   .dim = l->encoding.dim,
                                   .seed = l->seed,
                                   .least = LANDSCAPE_LEAST,
                                   .coverage = LANDSCAPE_COVERAGE};
}

static enum status fit_success(struct landscape *l, const struct targets_source *source, struct error *err)
{
    struct targets r = targets_of_success(source);
    enum status s = STATUS_OK;
    const struct gp_data data = {.n = r.n, .d = r.d, .x = r.x, .y = r.y, .dim = l->encoding.dim};
    if (r.n > source->n) s = gp_fit(&data, l->seed, &l->success, err);
    targets_done(&r);
    return s;
}

/* ---- which trials ---- */

static int by_config(const void *a, const void *b, void *d)
{
    return memcmp(*(const double *const *)a, *(const double *const *)b, *(const size_t *)d * sizeof(double));
}

static void find_repeated(struct landscape *l, const size_t *order, size_t n)
{
    size_t d = l->encoding.d;
    const double **at = arena_array(&l->arena, n + 1, sizeof *at);
    l->repeated = arena_array(&l->arena, l->n_trials + 1, sizeof *l->repeated);
    for (size_t k = 0; k < n; k++) at[k] = l->points + order[k] * d;
    qsort_r(at, n, sizeof *at, by_config, &d);
    for (size_t k = 1; k < n; k++) {
        if (memcmp(at[k - 1], at[k], d * sizeof(double)) != 0) continue;
        l->repeated[(size_t)(at[k - 1] - l->points) / d] = l->repeated[(size_t)(at[k] - l->points) / d] = true;
    }
}

/* Without a baseline a front is still one, beside the mean of all. */
static const double *stand_in(struct landscape *l, const size_t *order, size_t n)
{
    size_t m = l->study->objective.n_metrics;
    double *mean = arena_array(&l->arena, METRICS_MAX, sizeof *mean);
    for (size_t i = 0; i < m; i++) {
        double seen = 0;
        for (size_t k = 0; k < n; k++) {
            double v = l->trial[order[k]].metrics[i];
            if (isfinite(v)) mean[i] += (v - mean[i]) / ++seen;
        }
    }
    return mean;
}

static double utility_of(const struct landscape *l, const double *metrics)
{
    return objective_known_utility(&l->study->objective, metrics, l->baseline);
}

static int by_place(const void *a, const void *b)
{
    const size_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Of many results those that are spread over all of them, and those near the best; in their order. */
static size_t choose(const struct landscape *l, size_t *order, size_t n)
{
    if (n <= REGION_FROM) return n;
    double *utility = must_alloc(n, sizeof *utility);
    size_t *near = must_alloc(n, sizeof *near), *spread = must_alloc(n, sizeof *spread), m = 0;
    for (size_t k = 0; k < n; k++) {
        double u = utility_of(l, l->trial[order[k]].metrics);
        utility[k] = isnan(u) ? -HUGE_VAL : u;
        near[k] = spread[k] = k;
    }
    double *points = must_alloc(n * l->encoding.d, sizeof *points);
    for (size_t k = 0; k < n; k++)
        memcpy(points + k * l->encoding.d, l->points + order[k] * l->encoding.d, l->encoding.d * sizeof *points);
    size_t a = region_choose(REGION_NEAR, &l->encoding, points, near, utility, n),
           b = region_choose(REGION_SPREAD, &l->encoding, points, spread, utility, n);
    near = must_grow(near, a + b, sizeof *near);
    memcpy(near + a, spread, b * sizeof *near);
    qsort(near, a + b, sizeof *near, by_place);
    for (size_t k = 0; k < a + b; k++)
        if (k == 0 || near[k] != near[k - 1])
            order[m++] = order[near[k]]; /* near[k] ≥ m: nothing is overwritten early */
    free(utility);
    free(near);
    free(spread);
    free(points);
    return m;
}

/* ---- life ---- */

static void judge_utility(struct landscape *l)
{
    const struct objective *o = &l->study->objective;
    double *metrics = must_alloc(2 * (l->n_trials + 1) * METRICS_MAX, sizeof *metrics),
           *said = metrics + (l->n_trials + 1) * METRICS_MAX, *a = must_alloc(l->n_trials + 1, sizeof *a),
           *b = must_alloc(l->n_trials + 1, sizeof *b);
    size_t n = 0, single = 0;
    for (size_t i = 0; i < 2 * (l->n_trials + 1) * METRICS_MAX; i++) metrics[i] = NAN;
    for (size_t m = 0; m < o->n_metrics; m++) {
        const struct terrain *t = &l->terrain[m];
        for (size_t r = 0; t->gp && r < t->rows.n; r++) {
            if (l->trial[t->trial[r]].spread) continue;
            metrics[t->trial[r] * METRICS_MAX + m] = l->trial[t->trial[r]].metrics[m];
            said[t->trial[r] * METRICS_MAX + m] = terrain_own_unit(t, t->left_out[r]);
        }
    }
    for (size_t i = 0; i < l->n_trials; i++)
        single += !l->repeated[i] && isfinite(utility_of(l, metrics + i * METRICS_MAX));
    for (size_t i = 0; i < l->n_trials; i++) {
        a[n] = utility_of(l, metrics + i * METRICS_MAX);
        b[n] = utility_of(l, said + i * METRICS_MAX);
        n += isfinite(a[n]) && isfinite(b[n]) && (single < LANDSCAPE_LEAST || !l->repeated[i]);
    }
    l->r2 = landscape_has_utility(l) ? terrain_r_squared(a, b, n) : NAN;
    free(metrics);
    free(a);
    free(b);
}

static enum status fit_all(struct landscape *l, const struct search_history *told, struct error *err)
{
    const struct objective *o = &l->study->objective;
    size_t n, *order = targets_told_order(told, false, &n), models = 0;
    l->baseline = told->baseline;
    if (!l->baseline && o->form == OBJECTIVE_PARETO) l->baseline = stand_in(l, order, n);
    n = choose(l, order, n);
    find_repeated(l, order, n);
    const struct targets_source source = {told, l->points, order, n, l->encoding.d};
    const struct terrain_ground ground = ground_of(l);
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < o->n_metrics; i++) {
        s = terrain_fit(&l->terrain[i], &ground, &source, err);
        models += l->terrain[i].gp != NULL;
    }
    if (!s && models == 0)
        s = error_set(err, STATUS_EXHAUSTED, "a model needs %d complete trials; there are %zu so far", LANDSCAPE_LEAST,
                      n);
    if (!s) s = fit_success(l, &source, err);
    if (!s) judge_utility(l);
    free(order);
    return s;
}

enum status landscape_fit(const struct study *study, const struct search_history *history, uint64_t seed,
                          struct landscape **ret, struct error *err)
{
    struct landscape *l = must_alloc(1, sizeof *l);
    l->study = study;
    l->seed = seed;
    for (size_t i = 0; i < study->objective.n_metrics; i++)
        l->terrain[i] = (struct terrain){.metric = &study->objective.metric[i], .index = i};
    struct search_history *told = arena_alloc(&l->arena, sizeof *told);
    *told = partial_expect(study, history, &l->arena);
    if (told->baseline) {
        size_t size = METRICS_MAX * sizeof *told->baseline;
        double *copy = arena_alloc(&l->arena, size);
        memcpy(copy, told->baseline, study->objective.n_metrics * sizeof *copy);
        told->baseline = copy;
    }
    l->trial = told->trial;
    l->n_trials = told->n;
    enum status s = encoding_make(&study->space, &l->arena, &l->encoding, err);
    if (!s) {
        l->points = arena_array(&l->arena, told->n * l->encoding.d + 1, sizeof *l->points);
        for (size_t i = 0; i < told->n; i++) encode(&l->encoding, told->trial[i].config, l->points + i * l->encoding.d);
        s = fit_all(l, told, err);
    }
    if (s)
        landscape_free(l);
    else
        *ret = l;
    return s;
}

void landscape_free(struct landscape *l)
{
    if (!l) return;
    for (size_t i = 0; i < METRICS_MAX; i++) terrain_done(&l->terrain[i]);
    gp_free(l->success);
    arena_done(&l->arena);
    free(l);
}

/* ---- looking ---- */

static struct landscape_value value_of(const struct terrain *t, double mean, double sd)
{
    double z = normal_quantile(0.5 + LANDSCAPE_COVERAGE / 2);
    return (struct landscape_value){terrain_own_unit(t, mean),
                                    (terrain_own_unit(t, mean + sd) - terrain_own_unit(t, mean - sd)) / 2,
                                    terrain_own_unit(t, mean - z * sd), terrain_own_unit(t, mean + z * sd)};
}

/* The quantiles of a normal distribution, in an order of each metric's own: every metric alone is exact, together they
 * are independent [McKay 1979, Latin hypercube]. */
static void make_quantiles(const struct landscape *l, double (*ret)[QUANTILES])
{
    for (size_t m = 0; m < l->study->objective.n_metrics; m++) {
        struct rng rng = rng_derive(l->seed, "quantiles", m);
        for (size_t s = 0; s < QUANTILES; s++) ret[m][s] = normal_quantile(((double)s + 0.5) / QUANTILES);
        for (size_t s = QUANTILES - 1; s > 0; s--) {
            size_t other = rng_below(&rng, s + 1);
            double keep = ret[m][s];
            ret[m][s] = ret[m][other];
            ret[m][other] = keep;
        }
    }
}

static struct landscape_value utility_at(const struct landscape *l, const struct terrain_moments *all, size_t i,
                                         const double (*z)[QUANTILES])
{
    const struct objective *o = &l->study->objective;
    double u[QUANTILES], metrics[METRICS_MAX];
    for (size_t s = 0; s < QUANTILES; s++) {
        for (size_t m = 0; m < o->n_metrics; m++)
            if (objective_in_utility(o, m))
                metrics[m] = terrain_own_unit(&l->terrain[m], all[m].mean[i] + z[m][s] * all[m].sd[i]);
        u[s] = utility_of(l, metrics);
    }
    gsl_sort(u, 1, QUANTILES);
    return (struct landscape_value){quantile_between(u, QUANTILES, 0.5),
                                    (quantile_between(u, QUANTILES, 0.8413) - quantile_between(u, QUANTILES, 0.1587)) /
                                        2,
                                    quantile_between(u, QUANTILES, 0.5 - LANDSCAPE_COVERAGE / 2),
                                    quantile_between(u, QUANTILES, 0.5 + LANDSCAPE_COVERAGE / 2)};
}

static bool knows_constraints(const struct landscape *l)
{
    const struct objective *o = &l->study->objective;
    for (size_t c = 0; c < o->n_constraints; c++)
        if (!l->terrain[o->constraint[c].metric].gp || (!l->baseline && o->constraint[c].factor != 0)) return false;
    return true;
}

/* log chance that all bounds hold, success apart. */
static double log_allowed(const struct landscape *l, const struct terrain_moments *all, size_t i)
{
    const struct objective *o = &l->study->objective;
    double sum = 0;
    for (size_t c = 0; c < o->n_constraints; c++) {
        const struct constraint *k = &o->constraint[c];
        const struct terrain *t = &l->terrain[k->metric];
        double bound = constraint_bound(k, l->baseline), mean = all[k->metric].mean[i], sd = all[k->metric].sd[i];
        if (t->level || !(sd > 0)) { /* on the way back only: how far the middle is from the bound, by the sign */
            sum += constraint_allows(k, bound, terrain_own_unit(t, mean)) ? 0 : -HUGE_VAL;
            continue;
        }
        double z = (mean - targets_transform(t->metric, bound) / t->unit) / sd;
        sum += normal_log_cdf(k->sense == AT_LEAST ? z : -z);
    }
    return sum;
}

static void look_at_all(const struct landscape *l, const struct terrain_moments *all, size_t n,
                        struct landscape_view *ret)
{
    const struct objective *o = &l->study->objective;
    double z[METRICS_MAX][QUANTILES];
    bool utility = landscape_has_utility(l), constraints = knows_constraints(l);
    make_quantiles(l, z);
    for (size_t i = 0; i < n; i++) {
        for (size_t m = 0; m < o->n_metrics; m++)
            if (l->terrain[m].gp) ret[i].metric[m] = value_of(&l->terrain[m], all[m].mean[i], all[m].sd[i]);
        if (utility) ret[i].utility = utility_at(l, all, i, z);
        ret[i].feasible = constraints ? exp(log_allowed(l, all, i)) : NAN;
    }
}

static void look_at_success(const struct landscape *l, const double *points, size_t n, struct landscape_view *ret)
{
    if (!l->success) return;
    double *mean = must_alloc(2 * n + 1, sizeof *mean), *variance = mean + n;
    gp_predict_all(l->success, points, n, mean, variance);
    for (size_t i = 0; i < n; i++) ret[i].feasible *= exp(normal_log_cdf(mean[i] / sqrt(variance[i])));
    free(mean);
}

void landscape_look(const struct landscape *l, const double *configs, size_t n, enum landscape_of of,
                    struct landscape_view *ret)
{
    const struct landscape_value unknown = {NAN, NAN, NAN, NAN};
    size_t d = l->encoding.d, m = l->study->objective.n_metrics;
    struct arena arena = {0};
    struct terrain_moments all[METRICS_MAX];
    double *points = arena_array(&arena, n * d + 1, sizeof *points);
    for (size_t i = 0; i < n; i++) {
        encode(&l->encoding, configs + i * l->study->space.n, points + i * d);
        ret[i].utility = unknown;
        for (size_t k = 0; k < METRICS_MAX; k++) ret[i].metric[k] = unknown;
    }
    for (size_t k = 0; k < m; k++) {
        all[k] = (struct terrain_moments){arena_array(&arena, n + 1, sizeof(double)),
                                          arena_array(&arena, n + 1, sizeof(double))};
        if (l->terrain[k].gp) terrain_ask(&l->terrain[k], points, n, of == LANDSCAPE_MEASUREMENT, &all[k]);
    }
    look_at_all(l, all, n, ret);
    look_at_success(l, points, n, ret);
    arena_done(&arena);
}

/* ---- how good is it? ---- */

size_t landscape_results(const struct landscape *l, size_t metric)
{
    return l->terrain[metric].measured;
}

bool landscape_is_constant(const struct landscape *l, size_t metric)
{
    return l->terrain[metric].constant;
}

double landscape_quality(const struct landscape *l, size_t metric)
{
    return metric == l->study->objective.n_metrics ? l->r2 : l->terrain[metric].r2;
}

/* ---- draws ---- */

const struct encoding *landscape_encoding(const struct landscape *l)
{
    return &l->encoding;
}

bool landscape_has_utility(const struct landscape *l)
{
    const struct objective *o = &l->study->objective;
    bool varies = false;
    for (size_t m = 0; m < o->n_metrics; m++) {
        if (!objective_in_utility(o, m)) continue;
        if (!l->terrain[m].gp) return false;
        varies |= !l->terrain[m].constant;
    }
    return varies && (l->baseline || !(objective_needs_baseline(o) || o->form == OBJECTIVE_PARETO));
}

void landscape_vary(struct landscape *l)
{
    const struct terrain_ground ground = ground_of(l);
    for (size_t m = 0; m < l->study->objective.n_metrics; m++) terrain_vary(&l->terrain[m], &ground);
}

bool landscape_draw(const struct landscape *l, size_t metric, const double *points, size_t n, double *ret)
{
    const struct terrain_ground ground = ground_of(l);
    const struct gp_draws all = {points, n, LANDSCAPE_DRAWS, l->seed};
    return terrain_draw(&l->terrain[metric], &ground, &all, ret);
}

void landscape_join(const struct landscape *l, double *const f[METRICS_MAX], size_t size, double *ret)
{
    const struct objective *o = &l->study->objective;
    double metrics[METRICS_MAX] = {0};
    for (size_t i = 0; i < size; i++) {
        for (size_t m = 0; m < o->n_metrics; m++)
            if (objective_in_utility(o, m)) metrics[m] = terrain_own_unit(&l->terrain[m], f[m][i]);
        ret[i] = utility_of(l, metrics);
    }
}

bool landscape_draw_configs(const struct landscape *l, const double *configs, size_t n, double *ret)
{
    const struct objective *o = &l->study->objective;
    size_t size = n * (LANDSCAPE_DRAWS + 1);
    double *f[METRICS_MAX] = {NULL}, *points = must_alloc(n * l->encoding.d + 1, sizeof *points);
    for (size_t i = 0; i < n; i++) encode(&l->encoding, configs + i * l->study->space.n, points + i * l->encoding.d);
    bool known = landscape_has_utility(l);
    for (size_t m = 0; known && m < o->n_metrics; m++) {
        if (!objective_in_utility(o, m)) continue;
        f[m] = must_alloc(size + 1, sizeof **f);
        landscape_draw(l, m, points, n, f[m]);
    }
    if (known) landscape_join(l, f, size, ret);
    for (size_t m = 0; m < o->n_metrics; m++) free(f[m]);
    free(points);
    return known;
}

double landscape_tame(const struct landscape *l, size_t metric, double f)
{
    return terrain_tame(&l->terrain[metric], f);
}
