#include "tuner/search/terrain.h"

#include "tuner/search/quantile.h"

#include "tuner/base/rng.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEAVY_FROM = 10, VARIED_ROWS = 1200, SUBSET_LEAST = 8 };

static const double HEAVY = 10, SUBSET = 0.7;

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

double terrain_own_unit(const struct terrain *t, double f)
{
    return targets_transform_back(t->metric, unwarp(t, f)) * (t->metric->kind == METRIC_VALUE ? t->unit : 1);
}

double terrain_tame(const struct terrain *t, double f)
{
    switch (t->metric->kind) {
    case METRIC_VALUE: return f; /* in units of `unit`: shares do not ask */
    case METRIC_PROPORTION: return targets_transform_back(t->metric, f);
    case METRIC_COUNT: return f;
    }
    return f;
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

static void find_rows(struct terrain *t, const struct targets_source *source)
{
    size_t n = 0;
    t->trial = must_alloc(source->n + 1, sizeof *t->trial);
    for (size_t k = 0; k < source->n; k++) {
        const struct search_trial *x = &source->history->trial[source->order[k]];
        if (!isfinite(x->metrics[t->index]) || (x->spread && !isfinite(x->spread[t->index]))) continue;
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
static double widening(const struct terrain_ground *g, double *z, size_t n)
{
    return quantile_conformal(z, n, g->coverage) / normal_quantile(0.5 + g->coverage / 2);
}

double terrain_r_squared(const double *y, const double *said, size_t n)
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
static bool counts(const struct terrain_ground *g, const struct terrain *t, size_t row, bool repeated)
{
    const struct search_trial *x = &g->trial[t->trial[row]];
    return !x->spread && (repeated || !g->repeated[t->trial[row]]);
}

static void leave_out(const struct terrain_ground *g, struct terrain *t, const double *y)
{
    size_t n = t->rows.n, m = 0, single = 0;
    double *variance = must_alloc(n, sizeof *variance), *z = must_alloc(n, sizeof *z), *a = must_alloc(n, sizeof *a),
           *b = must_alloc(n, sizeof *b);
    t->left_out = must_alloc(n, sizeof *t->left_out);
    gp_leave_one_out(t->gp, t->left_out, variance);
    for (size_t i = 0; i < n; i++)
        if (counts(g, t, i, true)) z[m++] = fabs(y[i] - t->left_out[i]) / sqrt(variance[i]);
    t->widen = t->constant ? 1 : widening(g, z, m);
    for (size_t i = 0; i < n; i++) single += counts(g, t, i, false);
    m = 0;
    for (size_t i = 0; i < n; i++) {
        if (!counts(g, t, i, single < g->least)) continue;
        a[m] = terrain_tame(t, y[i]);
        b[m++] = terrain_tame(t, t->left_out[i]);
    }
    t->r2 = t->constant ? NAN : terrain_r_squared(a, b, m);
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

static struct gp_data data_of(const struct terrain_ground *g, const struct terrain *t)
{
    return (struct gp_data){
        .n = t->rows.n, .d = g->d, .x = t->rows.x, .y = t->y, .noise = t->rows.noise, .dim = g->dim};
}

enum status terrain_fit(struct terrain *t, const struct terrain_ground *g, const struct targets_source *source,
                        struct error *err)
{
    t->r2 = NAN;
    t->widen = t->unit = 1;
    find_rows(t, source);
    t->rows = targets_of_metric(source, t->metric, t->index);
    if (t->measured < g->least) return STATUS_OK;
    t->unit = targets_unit(&t->rows);
    for (size_t i = 0; i < t->rows.n; i++) t->rows.y[i] /= t->unit;
    t->constant = all_same(&t->rows);
    t->y = warped(t);
    const struct gp_data data = data_of(g, t);
    enum status s = gp_fit(&data, g->seed, &t->gp, err);
    if (!s) leave_out(g, t, t->y);
    return s ? error_context(err, "metric %s", t->metric->name) : STATUS_OK;
}

void terrain_done(struct terrain *t)
{
    gp_free(t->gp);
    targets_done(&t->rows);
    free(t->trial);
    free(t->level);
    free(t->left_out);
    free(t->y);
    for (size_t v = 0; v < t->n_variants; v++) gp_free(t->variant[v]);
}

/* ---- asking ---- */

void terrain_ask(const struct terrain *t, const double *points, size_t n, bool noisy, struct terrain_moments *ret)
{
    gp_predict_all(t->gp, points, n, ret->mean, ret->sd);
    for (size_t i = 0; i < n; i++) {
        double noise = noisy ? gp_noise(t->gp) + targets_known_noise(t->metric, terrain_own_unit(t, ret->mean[i])) : 0;
        ret->sd[i] = t->constant ? 0 : t->widen * sqrt(ret->sd[i] + noise);
    }
}

/* ---- draws ---- */

/* Lengths that a part of the rows asks for, drawn without putting back. */
static struct gp_hyper fit_part(const struct terrain_ground *g, const struct terrain *t, struct rng *rng)
{
    struct gp_data data = data_of(g, t);
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
    gp_fit_hyper(&data, g->seed, &h);
    free(at);
    free(x);
    free(y);
    free(noise);
    return h;
}

void terrain_vary(struct terrain *t, const struct terrain_ground *g)
{
    struct rng rng = rng_derive(g->seed, "vary", t->index);
    size_t most = !t->gp || t->constant ? 0 : VARIED_ROWS / t->rows.n;
    while (most > 1 && t->n_variants < TERRAIN_VARIANTS && t->n_variants < most) {
        struct gp_hyper h = fit_part(g, t, &rng);
        const struct gp_data data = data_of(g, t);
        if (gp_with(&data, &h, &t->variant[t->n_variants], NULL)) break;
        t->n_variants++;
    }
}

/* Some of the draws, from one model. */
static void draw_some(const struct gp *gp, const struct dimension *dim, const struct gp_draws *some, size_t stride,
                      double *ret)
{
    size_t columns = some->n_draws + 1;
    double *f = must_alloc(some->n_points * columns + 1, sizeof *f);
    struct gp_paths *p = gp_paths_create(gp, dim, some->n_draws, some->seed);
    gp_paths_values(p, some->points, some->n_points, f);
    gp_paths_free(p);
    for (size_t i = 0; i < some->n_points; i++) memcpy(ret + i * stride, f + i * columns, some->n_draws * sizeof *f);
    free(f);
}

bool terrain_draw(const struct terrain *t, const struct terrain_ground *g, const struct gp_draws *all, double *ret)
{
    size_t parts = t->n_variants ? t->n_variants : 1, n = all->n_points, columns = all->n_draws + 1;
    if (!t->gp) return false;
    if (t->constant) {
        for (size_t i = 0; i < n * columns; i++) ret[i] = t->rows.y[0];
        return true;
    }
    struct rng rng = rng_derive(all->seed, "landscape", t->index);
    for (size_t v = 0; v < parts; v++) {
        size_t first = v * all->n_draws / parts, end = (v + 1) * all->n_draws / parts;
        const struct gp_draws some = {all->points, n, end - first, rng_bits(&rng)};
        draw_some(t->n_variants ? t->variant[v] : t->gp, g->dim, &some, columns, ret + first);
    }
    double *mean = must_alloc(n + 1, sizeof *mean);
    gp_predict_all(t->gp, all->points, n, mean, NULL);
    for (size_t i = 0; i < n; i++) ret[i * columns + all->n_draws] = mean[i];
    free(mean);
    return true;
}
