#include "tuner/search/landscape.h"

#include "tuner/search/encode.h"
#include "tuner/search/partial.h"
#include "tuner/search/quantile.h"
#include "tuner/search/region.h"
#include "tuner/search/targets.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { QUANTILES = 128, HEAVY_FROM = 10, VARIANTS = 8, VARIED_ROWS = 1200, SUBSET_LEAST = 8 };

static const double HEAVY = 10, SUBSET = 0.7;

struct terrain { /* one metric */
    const struct metric *metric;
    struct gp *gp;               /* NULL: too few results */
    struct targets rows;         /* on the model's scale, in units of `unit`, not warped */
    size_t *trial;               /* of each row, its place in the history */
    struct targets_level *level; /* rows.n, NULL: not warped */
    double unit;
    size_t measured; /* rows that are results */
    bool constant;
    double *y;        /* rows.n: what the model was fitted to */
    double *left_out; /* rows.n: what all the others say of it */
    size_t n_variants;
    struct gp *variant[VARIANTS]; /* the same rows, other lengths (landscape_vary) */
    double widen;                 /* of deviations, ≥ 1 */
    double r2;
};

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

static double square(double x)
{
    return x * x;
}

/* ---- scales ---- */

static double unwarp(const struct terrain *t, double f)
{
    if (!t->level) return f;
    double raw = targets_unwarp(t->level, t->rows.n, t->metric->goal * f);
    return t->metric->goal * fmax(raw, t->level[0].raw); /* nothing is known beyond the worst */
}

static double own_unit(const struct terrain *t, double f)
{
    return targets_transform_back(t->metric, unwarp(t, f)) * (t->metric->kind == METRIC_VALUE ? t->unit : 1);
}

static double tame(const struct terrain *t, double f)
{
    switch (t->metric->kind) {
    case METRIC_VALUE: return f; /* in units of `unit`: shares do not ask */
    case METRIC_PROPORTION: return targets_transform_back(t->metric, f);
    case METRIC_COUNT: return f;
    }
    return f;
}

double landscape_tame(const struct landscape *l, size_t metric, double f)
{
    return tame(&l->terrain[metric], f);
}

/* ---- fitting ---- */

/* Does the bad half reach out so far that it would flatten the good one? */
static bool is_heavy(const struct targets *r, enum goal goal)
{
    if (r->n < HEAVY_FROM) return false;
    double *y = must_alloc(r->n, sizeof *y), spread = 0;
    for (size_t i = 0; i < r->n; i++) y[i] = goal * r->y[i];
    gsl_sort(y, 1, r->n);
    double median = y[r->n / 2], worst = y[0];
    for (size_t i = r->n / 2; i < r->n; i++) spread += square(y[i] - median) / (double)(r->n - r->n / 2);
    free(y);
    return spread > 0 && median - worst > HEAVY * sqrt(spread);
}

static void find_rows(struct terrain *t, const struct targets_source *source, size_t index)
{
    size_t n = 0;
    t->trial = must_alloc(source->n + 1, sizeof *t->trial);
    for (size_t k = 0; k < source->n; k++) {
        const struct search_trial *x = &source->history->trial[source->order[k]];
        if (!isfinite(x->metrics[index]) || (x->spread && !isfinite(x->spread[index]))) continue;
        t->measured += x->spread == NULL;
        t->trial[n++] = source->order[k];
    }
}

static double *warped(struct terrain *t)
{
    double *y = must_alloc(t->rows.n, sizeof *y);
    memcpy(y, t->rows.y, t->rows.n * sizeof *y);
    if (t->metric->kind != METRIC_VALUE || !is_heavy(&t->rows, t->metric->goal)) return y;
    targets_warp(y, t->rows.n, t->metric->goal);
    t->level = must_alloc(t->rows.n, sizeof *t->level);
    for (size_t i = 0; i < t->rows.n; i++)
        t->level[i] = (struct targets_level){t->metric->goal * t->rows.y[i], t->metric->goal * y[i]};
    qsort(t->level, t->rows.n, sizeof *t->level, targets_level_compare);
    return y;
}

/* How far the deviations of the results reach, beside a normal distribution's. */
static double widening(double *z, size_t n)
{
    return quantile_conformal(z, n, LANDSCAPE_COVERAGE) / normal_quantile(0.5 + LANDSCAPE_COVERAGE / 2);
}

/* Of the given values and what was said of them: R². */
static double r_squared(const double *y, const double *said, size_t n)
{
    double mean = 0, all = 0, left = 0;
    for (size_t i = 0; i < n; i++) mean += y[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        all += square(y[i] - mean);
        left += square(y[i] - said[i]);
    }
    return n > 1 && all > 0 ? 1 - left / all : NAN;
}

/* Is the row to judge by? Without repeated ones only if there are others. */
static bool counts(const struct landscape *l, const struct terrain *t, size_t row, bool repeated)
{
    const struct search_trial *x = &l->trial[t->trial[row]];
    return !x->spread && (repeated || !l->repeated[t->trial[row]]);
}

static void leave_out(const struct landscape *l, struct terrain *t, const double *y)
{
    size_t n = t->rows.n, m = 0, single = 0;
    double *variance = must_alloc(n, sizeof *variance), *z = must_alloc(n, sizeof *z), *a = must_alloc(n, sizeof *a),
           *b = must_alloc(n, sizeof *b);
    t->left_out = must_alloc(n, sizeof *t->left_out);
    gp_leave_one_out(t->gp, t->left_out, variance);
    for (size_t i = 0; i < n; i++)
        if (counts(l, t, i, true)) z[m++] = fabs(y[i] - t->left_out[i]) / sqrt(variance[i]);
    t->widen = t->constant ? 1 : widening(z, m);
    for (size_t i = 0; i < n; i++) single += counts(l, t, i, false);
    m = 0;
    for (size_t i = 0; i < n; i++) {
        if (!counts(l, t, i, single < LANDSCAPE_LEAST)) continue;
        a[m] = tame(t, y[i]);
        b[m++] = tame(t, t->left_out[i]);
    }
    t->r2 = t->constant ? NAN : r_squared(a, b, m);
    free(variance);
    free(z);
    free(a);
    free(b);
}

static bool all_same(const struct targets *r)
{
    for (size_t i = 1; i < r->n; i++)
        if (r->y[i] != r->y[0]) return false;
    return true;
}

static struct gp_data data_of(const struct landscape *l, const struct terrain *t)
{
    return (struct gp_data){
        .n = t->rows.n, .d = l->encoding.d, .x = t->rows.x, .y = t->y, .noise = t->rows.noise, .dim = l->encoding.dim};
}

static enum status fit(struct landscape *l, const struct targets_source *source, size_t index, struct error *err)
{
    struct terrain *t = &l->terrain[index];
    t->r2 = NAN;
    t->widen = t->unit = 1;
    find_rows(t, source, index);
    t->rows = targets_of_metric(source, t->metric, index);
    if (t->measured < LANDSCAPE_LEAST) return STATUS_OK;
    t->unit = targets_unit(&t->rows);
    for (size_t i = 0; i < t->rows.n; i++) t->rows.y[i] /= t->unit;
    t->constant = all_same(&t->rows);
    t->y = warped(t);
    const struct gp_data data = data_of(l, t);
    enum status s = gp_fit(&data, l->seed, &t->gp, err);
    if (!s) leave_out(l, t, t->y);
    return s ? error_context(err, "metric %s", t->metric->name) : STATUS_OK;
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
            said[t->trial[r] * METRICS_MAX + m] = own_unit(t, t->left_out[r]);
        }
    }
    for (size_t i = 0; i < l->n_trials; i++)
        single += !l->repeated[i] && isfinite(utility_of(l, metrics + i * METRICS_MAX));
    for (size_t i = 0; i < l->n_trials; i++) {
        a[n] = utility_of(l, metrics + i * METRICS_MAX);
        b[n] = utility_of(l, said + i * METRICS_MAX);
        n += isfinite(a[n]) && isfinite(b[n]) && (single < LANDSCAPE_LEAST || !l->repeated[i]);
    }
    l->r2 = landscape_has_utility(l) ? r_squared(a, b, n) : NAN;
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
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < o->n_metrics; i++) {
        s = fit(l, &source, i, err);
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
    for (size_t i = 0; i < study->objective.n_metrics; i++) l->terrain[i].metric = &study->objective.metric[i];
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
    for (size_t i = 0; i < METRICS_MAX; i++) {
        gp_free(l->terrain[i].gp);
        targets_done(&l->terrain[i].rows);
        free(l->terrain[i].trial);
        free(l->terrain[i].level);
        free(l->terrain[i].left_out);
        free(l->terrain[i].y);
        for (size_t v = 0; v < l->terrain[i].n_variants; v++) gp_free(l->terrain[i].variant[v]);
    }
    gp_free(l->success);
    arena_done(&l->arena);
    free(l);
}

/* ---- looking ---- */

struct moments { /* of one metric at n points, on the model's scale */
    double *mean, *sd;
};

static void ask(const struct terrain *t, const double *points, size_t n, enum landscape_of of, struct moments *ret)
{
    gp_predict_all(t->gp, points, n, ret->mean, ret->sd);
    for (size_t i = 0; i < n; i++) {
        double noise =
            of == LANDSCAPE_MEAN ? 0 : gp_noise(t->gp) + targets_known_noise(t->metric, own_unit(t, ret->mean[i]));
        ret->sd[i] = t->constant ? 0 : t->widen * sqrt(ret->sd[i] + noise);
    }
}

static struct landscape_value value_of(const struct terrain *t, double mean, double sd)
{
    double z = normal_quantile(0.5 + LANDSCAPE_COVERAGE / 2);
    return (struct landscape_value){own_unit(t, mean), (own_unit(t, mean + sd) - own_unit(t, mean - sd)) / 2,
                                    own_unit(t, mean - z * sd), own_unit(t, mean + z * sd)};
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

static struct landscape_value utility_at(const struct landscape *l, const struct moments *all, size_t i,
                                         const double (*z)[QUANTILES])
{
    const struct objective *o = &l->study->objective;
    double u[QUANTILES], metrics[METRICS_MAX];
    for (size_t s = 0; s < QUANTILES; s++) {
        for (size_t m = 0; m < o->n_metrics; m++)
            if (objective_in_utility(o, m))
                metrics[m] = own_unit(&l->terrain[m], all[m].mean[i] + z[m][s] * all[m].sd[i]);
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
static double log_allowed(const struct landscape *l, const struct moments *all, size_t i)
{
    const struct objective *o = &l->study->objective;
    double sum = 0;
    for (size_t c = 0; c < o->n_constraints; c++) {
        const struct constraint *k = &o->constraint[c];
        const struct terrain *t = &l->terrain[k->metric];
        double bound = constraint_bound(k, l->baseline), mean = all[k->metric].mean[i], sd = all[k->metric].sd[i];
        if (t->level || !(sd > 0)) { /* on the way back only: how far the middle is from the bound, by the sign */
            sum += constraint_allows(k, bound, own_unit(t, mean)) ? 0 : -HUGE_VAL;
            continue;
        }
        double z = (mean - targets_transform(t->metric, bound) / t->unit) / sd;
        sum += normal_log_cdf(k->sense == AT_LEAST ? z : -z);
    }
    return sum;
}

static void look_at_all(const struct landscape *l, const struct moments *all, size_t n, struct landscape_view *ret)
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
    struct moments all[METRICS_MAX];
    double *points = arena_array(&arena, n * d + 1, sizeof *points);
    for (size_t i = 0; i < n; i++) {
        encode(&l->encoding, configs + i * l->study->space.n, points + i * d);
        ret[i].utility = unknown;
        for (size_t k = 0; k < METRICS_MAX; k++) ret[i].metric[k] = unknown;
    }
    for (size_t k = 0; k < m; k++) {
        all[k] =
            (struct moments){arena_array(&arena, n + 1, sizeof(double)), arena_array(&arena, n + 1, sizeof(double))};
        if (l->terrain[k].gp) ask(&l->terrain[k], points, n, of, &all[k]);
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

/* Lengths that a part of the rows asks for, drawn without putting back. */
static struct gp_hyper fit_part(const struct landscape *l, const struct terrain *t, struct rng *rng)
{
    struct gp_data data = data_of(l, t);
    size_t d = data.d, all = data.n, n = (size_t)(SUBSET * (double)all), *at = must_alloc(all, sizeof *at);
    double *x = must_alloc(all * d, sizeof *x), *y = must_alloc(all, sizeof *y),
           *noise = must_alloc(all, sizeof *noise);
    struct gp_hyper h;
    n = n < SUBSET_LEAST ? SUBSET_LEAST : n;
    n = n > all ? all : n;
    for (size_t i = 0; i < all; i++) at[i] = i;
    for (size_t i = 0; i < n; i++) {
        size_t other = i + rng_below(rng, all - i), row = at[other];
        at[other] = at[i];
        memcpy(x + i * d, data.x + row * d, d * sizeof *x);
        y[i] = data.y[row];
        noise[i] = data.noise ? data.noise[row] : 0;
    }
    data.n = n;
    data.x = x;
    data.y = y;
    data.noise = data.noise ? noise : NULL;
    gp_fit_hyper(&data, l->seed, &h);
    free(at);
    free(x);
    free(y);
    free(noise);
    return h;
}

void landscape_vary(struct landscape *l)
{
    for (size_t m = 0; m < l->study->objective.n_metrics; m++) {
        struct terrain *t = &l->terrain[m];
        struct rng rng = rng_derive(l->seed, "vary", m);
        size_t most = !t->gp || t->constant ? 0 : VARIED_ROWS / t->rows.n;
        while (most > 1 && t->n_variants < VARIANTS && t->n_variants < most) {
            struct gp_hyper h = fit_part(l, t, &rng);
            const struct gp_data data = data_of(l, t);
            if (gp_with(&data, &h, &t->variant[t->n_variants], NULL)) break;
            t->n_variants++;
        }
    }
}

/* Some of the draws, from one model. */
static void draw_some(const struct landscape *l, const struct gp *gp, const struct gp_draws *some, size_t first,
                      double *ret)
{
    size_t columns = some->n_draws + 1;
    double *f = must_alloc(some->n_points * columns + 1, sizeof *f);
    struct gp_paths *p = gp_paths_create(gp, l->encoding.dim, some->n_draws, some->seed);
    gp_paths_values(p, some->points, some->n_points, f);
    gp_paths_free(p);
    for (size_t i = 0; i < some->n_points; i++)
        memcpy(ret + i * (LANDSCAPE_DRAWS + 1) + first, f + i * columns, some->n_draws * sizeof *f);
    free(f);
}

bool landscape_draw(const struct landscape *l, size_t metric, const double *points, size_t n, double *ret)
{
    const struct terrain *t = &l->terrain[metric];
    size_t parts = t->n_variants ? t->n_variants : 1, columns = LANDSCAPE_DRAWS + 1;
    if (!t->gp) return false;
    if (t->constant) {
        for (size_t i = 0; i < n * columns; i++) ret[i] = t->rows.y[0];
        return true;
    }
    struct rng rng = rng_derive(l->seed, "landscape", metric);
    for (size_t v = 0; v < parts; v++) {
        size_t first = v * LANDSCAPE_DRAWS / parts, end = (v + 1) * LANDSCAPE_DRAWS / parts;
        const struct gp_draws some = {points, n, end - first, rng_bits(&rng)};
        draw_some(l, t->n_variants ? t->variant[v] : t->gp, &some, first, ret);
    }
    double *mean = must_alloc(n + 1, sizeof *mean);
    gp_predict_all(t->gp, points, n, mean, NULL);
    for (size_t i = 0; i < n; i++) ret[i * columns + LANDSCAPE_DRAWS] = mean[i];
    free(mean);
    return true;
}

void landscape_join(const struct landscape *l, double *const f[METRICS_MAX], size_t size, double *ret)
{
    const struct objective *o = &l->study->objective;
    double metrics[METRICS_MAX] = {0};
    for (size_t i = 0; i < size; i++) {
        for (size_t m = 0; m < o->n_metrics; m++)
            if (objective_in_utility(o, m)) metrics[m] = own_unit(&l->terrain[m], f[m][i]);
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
