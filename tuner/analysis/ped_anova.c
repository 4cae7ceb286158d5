#include "tuner/analysis/ped_anova.h"

#include "tuner/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GRID = 50, BINS_MAX = SPACE_VALUES_MAX, BOOTSTRAP = 200, BEST_LEAST = 5 };

static const double BEST = 0.1, PRIOR = 1, SIGMA_LEAST = 0.5 / 1.64;

struct axis { /* one parameter, in bins */
    size_t n; /* 1: it cannot vary */
    bool ordered;
    size_t *bin; /* of each trial; n: the parameter does not exist there */
};

struct sample { /* of the trials, the best first: how often each was drawn */
    size_t n;
    size_t *times;
    size_t n_best; /* the first so many of the trials are among the best */
};

/* ---- bins ---- */

static size_t bins_of(const struct param *p)
{
    double levels = p->n_values ? (double)p->n_values : param_levels(p);
    if (p->n_values) return p->n_values;
    if (levels == 1) return 1;
    if (p->type == PARAM_INT && p->log) levels = ceil(log2(p->hi - p->lo + 1)) + 1;
    return levels > 0 && levels < GRID ? (size_t)levels : GRID;
}

static size_t bin_of(const struct param *p, size_t n, double v)
{
    if (isnan(v)) return n;
    if (p->n_values) return (size_t)v;
    if (n == 1) return 0;
    double lo = p->log ? log(p->lo) : p->lo, hi = p->log ? log(p->hi) : p->hi, at = p->log ? log(v) : v;
    return (size_t)fmin(fmax(round((at - lo) / (hi - lo) * (double)(n - 1)), 0), (double)(n - 1));
}

static struct axis make_axis(const struct param *p, size_t at, const struct ped_trials *t, struct arena *a)
{
    struct axis x = {.n = bins_of(p), .bin = arena_array(a, t->n + 1, sizeof(size_t))};
    x.ordered = p->type == PARAM_INT || p->type == PARAM_FLOAT || p->type == PARAM_ORDINAL;
    for (size_t i = 0; i < t->n; i++) x.bin[i] = bin_of(p, x.n, t->config[i][at]);
    return x;
}

/* ---- densities ---- */

/* Scott's width of counts in bins, no narrower than a bin [Scott 1992]. */
static double width_of(const double *count, size_t n, double total)
{
    double mean = 0, square = 0, sum = 0, q1 = -1, q3 = -1;
    for (size_t b = 0; b < n; b++) mean += count[b] * (double)b / total;
    for (size_t b = 0; b < n; b++) {
        square += count[b] * pow((double)b - mean, 2);
        sum += count[b];
        if (q1 < 0 && count[b] > 0 && sum >= floor(total / 4)) q1 = (double)b;
        if (q3 < 0 && sum > floor(total * 3 / 4)) q3 = (double)b;
    }
    if (q3 < 0) q3 = (double)n - 1;
    double sd = sqrt(square / fmax(1, total - 1)), iqr = (q3 - q1) / 1.34;
    return fmax(1.059 * fmin(iqr, sd) * pow(total, -0.2), SIGMA_LEAST);
}

static double normal_cdf(double z)
{
    return erfc(-z * M_SQRT1_2) / 2;
}

/* Adds `weight` of a normal density around `at`, cut to the bins. cdf[k]: at k − n + ½ bins from the middle. */
static void add_kernel(double *density, size_t n, size_t at, const double *cdf, double weight)
{
    const double *from = cdf + n - 1 - at; /* the lower edge of bin 0 */
    double low = from[0], all = from[n] - low;
    for (size_t b = 0; b < n; b++) density[b] += weight * (from[b + 1] - from[b]) / all;
}

/* The one part of a density that knows nothing: as wide as all bins, around their centre. */
static void add_prior(double *density, size_t n, double weight)
{
    double wide = (double)n, low = normal_cdf(-0.5), all = 1 - 2 * low;
    for (size_t b = 0; b < n; b++) {
        double high = normal_cdf(((double)b + 1) / wide - 0.5);
        density[b] += weight * (high - low) / all;
        low = high;
    }
}

static void densify(const struct axis *x, const double *count, double total, double *ret)
{
    double part = 1 / (total + PRIOR), cdf[2 * BINS_MAX + 1];
    memset(ret, 0, x->n * sizeof *ret);
    if (!x->ordered) {
        for (size_t b = 0; b < x->n; b++) ret[b] = part * (count[b] + PRIOR / (double)x->n);
        return;
    }
    double sigma = width_of(count, x->n, total);
    for (size_t k = 0; k < 2 * x->n; k++) cdf[k] = normal_cdf(((double)k - (double)x->n + 0.5) / sigma);
    for (size_t b = 0; b < x->n; b++)
        if (count[b] > 0) add_kernel(ret, x->n, b, cdf, part * count[b]);
    add_prior(ret, x->n, part * PRIOR);
}

/* Of the first so many trials. */
static double count_up(const struct axis *x, const struct sample *s, size_t first, double *ret)
{
    double total = 0;
    memset(ret, 0, x->n * sizeof *ret);
    for (size_t i = 0; i < first; i++) {
        if (x->bin[i] == x->n) continue;
        ret[x->bin[i]] += (double)s->times[i];
        total += (double)s->times[i];
    }
    return total;
}

static double drawn(const struct sample *s, size_t first)
{
    double n = 0;
    for (size_t i = 0; i < first; i++) n += (double)s->times[i];
    return n;
}

/* V of one parameter. */
static double divergence(const struct axis *x, const struct sample *s)
{
    double count[BINS_MAX], best[BINS_MAX], all[BINS_MAX], sum = 0;
    if (x->n < 2) return 0;
    double n_best = count_up(x, s, s->n_best, count);
    if (n_best == 0) return 0;
    densify(x, count, n_best, best);
    double n_all = count_up(x, s, s->n, count);
    densify(x, count, n_all, all);
    for (size_t b = 0; b < x->n; b++) sum += all[b] * pow(best[b] / all[b] - 1, 2);
    double among_best = n_best / drawn(s, s->n_best), among_all = n_all / drawn(s, s->n);
    return sum * among_best * among_best / among_all;
}

/* ---- samples ---- */

struct placed {
    double good;
    size_t at;
};

static int by_good(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->good != y->good) return x->good > y->good ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

/* The best tenth of a sample, and all that are as good as the last of it; half at most, but for those. */
static void find_best(const double *good, struct sample *s)
{
    size_t wanted = (size_t)ceil(BEST * (double)s->n), sum = 0;
    wanted = wanted < BEST_LEAST ? BEST_LEAST : wanted;
    wanted = wanted > s->n / 2 ? s->n / 2 : wanted;
    s->n_best = 0;
    while (s->n_best < s->n && (sum < wanted || good[s->n_best] == good[s->n_best - 1])) sum += s->times[s->n_best++];
}

/* Shares of the sum; false: nothing makes a difference. */
static bool shares_of(const struct axis *axis, size_t n, const struct sample *s, double *ret)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += ret[i] = divergence(&axis[i], s);
    for (size_t i = 0; i < n; i++) ret[i] = sum > 0 ? ret[i] / sum : NAN;
    return sum > 0 && s->n_best < s->n;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void spread(double *again, size_t n, struct share *ret)
{
    double out = (1 - LANDSCAPE_COVERAGE) / 2;
    if (n == 0) return;
    qsort(again, n, sizeof *again, by_size);
    ret->low = fmin(again[(size_t)(out * (double)(n - 1))], ret->middle);
    ret->high = fmax(again[(size_t)ceil((1 - out) * (double)(n - 1))], ret->middle);
}

static void bootstrap(const struct axis *axis, size_t n, const double *good, struct sample *s, struct share *ret,
                      uint64_t seed)
{
    struct arena a = {0};
    double *again = arena_array(&a, n * BOOTSTRAP + 1, sizeof *again), *one = arena_array(&a, n + 1, sizeof *one);
    struct rng rng = rng_derive(seed, "ped-anova", 0);
    size_t m = 0;
    for (size_t b = 0; b < BOOTSTRAP; b++) {
        memset(s->times, 0, s->n * sizeof *s->times);
        for (size_t i = 0; i < s->n; i++) s->times[rng_below(&rng, s->n)]++;
        find_best(good, s);
        if (!shares_of(axis, n, s, one)) continue;
        for (size_t i = 0; i < n; i++) again[i * BOOTSTRAP + m] = one[i];
        m++;
    }
    for (size_t i = 0; i < n; i++) spread(again + i * BOOTSTRAP, m, &ret[i]);
    arena_done(&a);
}

/* The trials again, the best first. */
static struct ped_trials sort(const struct ped_trials *t, struct arena *a)
{
    struct placed *at = arena_array(a, t->n + 1, sizeof *at);
    double *good = arena_array(a, t->n + 1, sizeof *good);
    struct ped_trials out = {.n = t->n, .config = arena_array(a, t->n + 1, sizeof *out.config), .good = good};
    for (size_t i = 0; i < t->n; i++) at[i] = (struct placed){t->good[i], i};
    qsort(at, t->n, sizeof *at, by_good);
    for (size_t i = 0; i < t->n; i++) {
        out.config[i] = t->config[at[i].at];
        good[i] = at[i].good;
    }
    return out;
}

void ped_anova(const struct space *space, const struct ped_trials *trials, uint64_t seed, struct share *ret)
{
    struct arena a = {0};
    struct ped_trials t = sort(trials, &a);
    struct axis *axis = arena_array(&a, space->n, sizeof *axis);
    double *share = arena_array(&a, space->n, sizeof *share);
    struct sample s = {.n = t.n, .times = arena_array(&a, t.n + 1, sizeof *s.times)};
    for (size_t i = 0; i < space->n; i++) axis[i] = make_axis(&space->param[i], i, &t, &a);
    for (size_t i = 0; i < t.n; i++) s.times[i] = 1;
    bool any = t.n >= 2;
    if (any) find_best(t.good, &s);
    any = any && shares_of(axis, space->n, &s, share);
    for (size_t i = 0; i < space->n; i++) {
        double v = any ? share[i] : NAN;
        ret[i] = (struct share){v, v, v};
    }
    if (any) bootstrap(axis, space->n, t.good, &s, ret, seed);
    arena_done(&a);
}
