#include "tuner/search/targets.h"

#include "tuner/search/region.h"

#include "tuner/base/arena.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- scales ---- */

static double clip_proportion(double p, double of)
{
    if (of > 0) return (p * of + 0.5) / (of + 1);
    return fmin(fmax(p, 1e-4), 1 - 1e-4);
}

double targets_transform(const struct metric *m, double v)
{
    switch (m->kind) {
    case METRIC_VALUE: return v;
    case METRIC_PROPORTION: {
        double p = fmin(fmax(clip_proportion(v, m->of), 1e-9), 1 - 1e-9);
        return log(p / (1 - p));
    }
    case METRIC_COUNT: return log(fmax(v, 0.5));
    }
    return v;
}

double targets_known_noise(const struct metric *m, double v)
{
    if (m->kind != METRIC_PROPORTION || m->of <= 0) return 0;
    double p = fmin(fmax(clip_proportion(v, m->of), 1e-9), 1 - 1e-9);
    return 1 / (m->of * p * (1 - p));
}

double targets_transform_back(const struct metric *m, double v)
{
    switch (m->kind) {
    case METRIC_VALUE: return v;
    case METRIC_PROPORTION: return link_value(LINK_LOGISTIC, v);
    case METRIC_COUNT: return link_value(LINK_EXP, v);
    }
    return v;
}

enum { PART = 16 };

size_t targets_next_fit(size_t fit)
{
    return fit + fit / PART + 1;
}

size_t targets_fit_point(const double *y, size_t n)
{
    size_t fit = 1;
    double lo = y[0], hi = y[0], fitted_lo = y[0], fitted_hi = y[0];
    for (size_t i = 1; i < n; i++) {
        double range = fitted_hi - fitted_lo;
        lo = fmin(lo, y[i]);
        hi = fmax(hi, y[i]);
        bool outlier = hi - fitted_hi > range || fitted_lo - lo > range;
        if (i + 1 < targets_next_fit(fit) && !outlier) continue;
        fit = i + 1;
        fitted_lo = lo;
        fitted_hi = hi;
    }
    return fit;
}

double targets_unit(const struct targets *r)
{
    double largest = 0;
    size_t n = targets_fit_point(r->y, r->n);
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(r->y[i]));
    if (largest == 0 || (largest > 1e-100 && largest < 1e100)) return 1;
    return ldexp(1, ilogb(largest));
}

/* ---- the bad half ---- */

static bool is_bounded(const struct objective *o, size_t metric)
{
    for (size_t c = 0; c < o->n_constraints; c++)
        if (o->constraint[c].metric == metric) return true;
    return false;
}

bool targets_are_warped(const struct objective *o, size_t metric)
{
    return o->form == OBJECTIVE_SINGLE && o->metric[metric].kind == METRIC_VALUE && !is_bounded(o, metric);
}

enum { WARP_FROM = 10 };

void targets_warp(double *y, size_t n, enum goal goal)
{
    if (n < WARP_FROM) return;
    double *sorted = must_alloc(n, sizeof *sorted), good = 0;
    for (size_t i = 0; i < n; i++) sorted[i] = goal * y[i];
    gsl_sort(sorted, 1, n);
    double median = sorted[n / 2];
    size_t n_good = n - n / 2;
    for (size_t i = n / 2; i < n; i++) good += pow(sorted[i] - median, 2) / (double)n_good;
    for (size_t i = 0; i < n && good > 0; i++) {
        double v = goal * y[i];
        size_t below = 0;
        if (v >= median) continue;
        while (sorted[below] < v) below++;
        y[i] = goal * (median + sqrt(good) * normal_quantile(((double)below + 0.5) / (double)n));
    }
    free(sorted);
}

int targets_level_compare(const void *a, const void *b)
{
    const struct targets_level *x = a, *y = b;
    return (x->raw > y->raw) - (x->raw < y->raw);
}

double targets_unwarp(const struct targets_level *l, size_t n, double v)
{
    if (n < WARP_FROM || v >= l[n / 2].warped) return v;
    if (v < l[0].warped) return -HUGE_VAL;
    size_t i = 0;
    while (i + 1 < n && l[i + 1].warped <= v) i++;
    double span = l[i + 1].warped - l[i].warped;
    return l[i].raw + (span > 0 ? (v - l[i].warped) / span : 0) * (l[i + 1].raw - l[i].raw);
}

/* ---- rows ---- */

static int by_told(const void *a, const void *b)
{
    const long *x = a, *y = b;
    return (x[0] > y[0]) - (x[0] < y[0]);
}

size_t *targets_told_order(const struct search_history *h, bool failed_too, size_t *ret_n)
{
    long *key = must_alloc(2 * (h->n + 1), sizeof *key);
    size_t *order = must_alloc(h->n + 1, sizeof *order), n = 0;
    for (size_t i = 0; i < h->n; i++) {
        enum search_outcome o = h->trial[i].outcome;
        if (o != SEARCH_COMPLETE && !(failed_too && o == SEARCH_FAILED)) continue;
        key[2 * n] = h->trial[i].told;
        key[2 * n++ + 1] = (long)i;
    }
    qsort(key, n, 2 * sizeof *key, by_told);
    for (size_t i = 0; i < n; i++) order[i] = (size_t)key[2 * i + 1];
    free(key);
    *ret_n = n;
    return order;
}

static struct targets targets_alloc(size_t n, size_t d, bool noisy)
{
    return (struct targets){.d = d,
                            .x = must_alloc(n * d + 1, sizeof(double)),
                            .y = must_alloc(n + 1, sizeof(double)),
                            .noise = noisy ? must_alloc(n + 1, sizeof(double)) : NULL};
}

void targets_done(struct targets *r)
{
    free(r->x);
    free(r->y);
    free(r->noise);
}

static bool any_expected(const struct targets_source *m)
{
    for (size_t k = 0; k < m->n; k++)
        if (m->history->trial[m->order[k]].spread) return true;
    return false;
}

struct targets targets_of_metric(const struct targets_source *m, const struct metric *metric, size_t index)
{
    bool noisy = (metric->kind == METRIC_PROPORTION && metric->of > 0) || any_expected(m);
    struct targets r = targets_alloc(m->n, m->d, noisy);
    for (size_t k = 0; k < m->n; k++) {
        size_t i = m->order[k];
        double v = m->history->trial[i].metrics[index];
        const double *spread = m->history->trial[i].spread;
        if (!isfinite(v) || (spread && !isfinite(spread[index]))) continue;
        memcpy(r.x + r.n * m->d, m->points + i * m->d, m->d * sizeof *r.x);
        if (noisy) r.noise[r.n] = targets_known_noise(metric, v) + (spread ? spread[index] * spread[index] : 0);
        r.y[r.n++] = targets_transform(metric, v);
    }
    return r;
}

struct targets targets_of_success(const struct targets_source *m)
{
    size_t n, *order = targets_told_order(m->history, true, &n), next = 0, failed = 0, skipped = 0;
    struct targets r = targets_alloc(n, m->d, false);
    for (size_t k = 0; k < n; k++) failed += m->history->trial[order[k]].outcome == SEARCH_FAILED;
    size_t to_skip = failed > REGION_ROWS ? (failed - REGION_ROWS) / REGION_BLOCK * REGION_BLOCK : 0;
    for (size_t k = 0; k < n; k++) {
        size_t i = order[k];
        bool complete = m->history->trial[i].outcome == SEARCH_COMPLETE;
        if (complete && (next == m->n || m->order[next] != i)) continue;
        if (!complete && skipped++ < to_skip) continue;
        next += complete;
        memcpy(r.x + r.n * m->d, m->points + i * m->d, m->d * sizeof *r.x);
        r.y[r.n++] = complete ? 1 : -1;
    }
    free(order);
    return r;
}
