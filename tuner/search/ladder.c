#include "tuner/search/ladder.h"

#include "tuner/base/arena.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

static const double DECADES = 10;        /* largest to smallest, from which on values span decades */
static const double LEAST_SPREAD = 1e-3; /* of the mean: what is the same everywhere says nothing of how it goes on */
static const double REACH = 2; /* a floor lies so many times as far below the median as the best is above it */
static const double PRIOR_SD = 0.1, PRIOR_WEIGHT = 2; /* of a step: in spreads of the first rung; in trials */

double ladder_scale(const struct ladder *l, double v)
{
    return l->metric->goal * (l->log ? log(fmax(v, 1e-300)) : v / l->unit);
}

double ladder_unscale(const struct ladder *l, double y)
{
    double v = l->metric->goal * y;
    if (l->metric->kind == METRIC_PROPORTION) return fmin(fmax(v, 0), 1);
    return l->log ? exp(fmin(v, 700)) : v * l->unit;
}

/* ---- values ---- */

/* At a report, or the best until there; NaN: the curve does not go that far. */
static double value_at(const struct ladder *l, const struct learning_curve *c, long report)
{
    double best = NAN;
    if (c->reports < report) return NAN;
    size_t end = (size_t)((report - 1) / (c->every ? c->every : 1));
    for (size_t i = l->best ? 0 : end; i <= end && i < c->n; i++) {
        double v = c->value[i * c->n_metrics + l->index];
        double y = isfinite(v) ? ladder_scale(l, v) : NAN;
        if (!isnan(y) && !(y <= best)) best = y;
    }
    return best;
}

static void choose_scale(struct ladder *l, const struct ladder_trial *t, size_t n)
{
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < t[i].curve->n; k++) {
            double v = t[i].curve->value[k * t[i].curve->n_metrics + l->index];
            if (!isfinite(v)) continue;
            low = fmin(low, v);
            high = fmax(high, v);
        }
    l->log = l->metric->kind == METRIC_COUNT || (l->metric->kind == METRIC_VALUE && low > 0 && high >= DECADES * low);
    double largest = fmax(fabs(low), fabs(high));
    bool extreme = largest > 1e100 || (largest > 0 && largest < 1e-100);
    l->unit = !l->log && isfinite(largest) && extreme ? ldexp(1, ilogb(largest)) : 1;
}

static void choose_best(struct ladder *l, const struct objective *o, const struct ladder_trial *t, size_t n)
{
    double best = 0, last = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(t[i].result)) continue;
        double b = learning_curve_best(t[i].curve, o, l->index), e = learning_curve_last(t[i].curve, l->index);
        if (!isfinite(b)) continue;
        best += fabs(t[i].result - b);
        last += fabs(t[i].result - e);
    }
    l->best = best < last;
}

/* The values of all trials on all rungs, n × (l->n + 1). Who has ended between two rungs stays where it is. */
static double *tabulate(const struct ladder *l, const struct ladder_trial *t, size_t n)
{
    size_t width = l->n + 1;
    double *y = must_alloc(n * width + 1, sizeof *y);
    for (size_t i = 0; i < n; i++) {
        double *row = y + i * width;
        row[l->n] = isfinite(t[i].result) ? ladder_scale(l, t[i].result) : NAN;
        for (size_t k = 0; k < l->n; k++) {
            row[k] = value_at(l, t[i].curve, 1L << k);
            if (k > 0 && isnan(row[k])) row[k] = row[l->n];
        }
    }
    return y;
}

/* Brings one rung above its floor, which is returned. */
static double clip(double *y, size_t n, size_t width)
{
    double *known = must_alloc(n + 1, sizeof *known), floor = -HUGE_VAL, best = -HUGE_VAL;
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(y[i * width])) best = fmax(best, known[m++] = y[i * width]);
    double median = m > 2 ? gsl_stats_select(known, 1, m, m / 2) : best;
    if (best > median) floor = median - REACH * (best - median);
    free(known);
    for (size_t i = 0; i < n; i++)
        if (isfinite(y[i * width])) y[i * width] = fmax(y[i * width], floor);
    return floor;
}

static double spread(const double *y, size_t n, size_t width)
{
    double mean = 0, square = 0, m = 0;
    for (size_t i = 0; i < n; i++) {
        double off = y[i * width] - mean;
        if (!isfinite(off)) continue;
        mean += off / ++m;
        square += off * (y[i * width] - mean);
    }
    return fmax(m > 1 ? sqrt(square / m) : 0, fmax(LEAST_SPREAD * fabs(mean), 1e-9));
}

/* ---- steps ---- */

struct sums { /* of squares and products of what deviates from the means: this value, its gain, the next value */
    double n, aa, gg, bb, ag, ab, gb;
};

static struct sums add_up(const double *y, size_t n, size_t width, size_t k, struct ladder_step *s)
{
    struct sums x = {0};
    for (size_t i = 0; i < n; i++) {
        const double *row = y + i * width;
        if (!isfinite(row[k]) || !isfinite(row[k + 1])) continue;
        double gain = k > 0 && isfinite(row[k - 1]) ? row[k] - row[k - 1] : 0;
        double a = row[k] - s->from, g = gain - s->gained, b = row[k + 1] - s->to;
        x.n++;
        s->from += a / x.n;
        s->gained += g / x.n;
        s->to += b / x.n;
        x.aa += a * (row[k] - s->from);
        x.gg += g * (gain - s->gained);
        x.bb += b * (row[k + 1] - s->to);
        x.ag += a * (gain - s->gained);
        x.ab += a * (row[k + 1] - s->to);
        x.gb += g * (row[k + 1] - s->to);
    }
    return x;
}

/* Ridge regression towards slope 1 and trend 0. `unit`: variance on the first rung. */
static struct ladder_step climb(const double *y, size_t n, size_t width, size_t k, double unit)
{
    struct ladder_step s = {0};
    struct sums x = add_up(y, n, width, k, &s);
    double A = x.aa + unit, G = x.gg + 2 * unit, ra = x.ab - x.aa, rg = x.gb - x.ag, det = A * G - x.ag * x.ag;
    s.slope = 1 + (ra * G - rg * x.ag) / det;
    s.trend = (rg * A - ra * x.ag) / det;
    double left = x.bb + s.slope * s.slope * x.aa + s.trend * s.trend * x.gg - 2 * s.slope * x.ab - 2 * s.trend * x.gb +
                  2 * s.slope * s.trend * x.ag;
    s.variance = (fmax(left, 0) + PRIOR_WEIGHT * PRIOR_SD * PRIOR_SD * unit) / (fmax(x.n - 1, 0) + PRIOR_WEIGHT);
    return s;
}

void ladder_fit(const struct objective *o, size_t metric, const struct ladder_trial *t, size_t n, struct ladder *ret)
{
    long reports = 0;
    *ret = (struct ladder){.metric = &o->metric[metric], .index = metric};
    choose_scale(ret, t, n);
    choose_best(ret, o, t, n);
    for (size_t i = 0; i < n; i++) reports = t[i].curve->reports > reports ? t[i].curve->reports : reports;
    while (ret->n < LADDER_RUNGS && (1L << ret->n) < reports) ret->n++;
    double *y = tabulate(ret, t, n);
    size_t width = ret->n + 1;
    for (size_t k = 0; k < width; k++) ret->floor[k] = clip(y + k, n, width);
    double unit = pow(spread(y, n, width), 2);
    for (size_t k = 0; k < ret->n; k++) ret->step[k] = climb(y, n, width, k, unit);
    free(y);
}

bool ladder_expect(const struct ladder *l, const struct learning_curve *c, size_t top, struct ladder_end *ret)
{
    size_t k = top < l->n ? top + 1 : l->n;
    double mean = NAN, before = NAN, variance = 0;
    while (k > 0 && isnan(mean)) mean = value_at(l, c, 1L << --k);
    if (isnan(mean)) return false;
    mean = fmax(mean, l->floor[k]);
    if (k > 0) before = value_at(l, c, 1L << (k - 1));
    if (!isnan(before)) before = fmax(before, l->floor[k - 1]); /* fmax would make a floor of NaN */
    for (; k < l->n; k++) {
        const struct ladder_step *s = &l->step[k];
        double gain = isfinite(before) ? mean - before : 0;
        before = mean;
        mean = s->to + s->slope * (mean - s->from) + s->trend * (gain - s->gained);
        variance = pow(s->slope + s->trend, 2) * variance + s->variance;
    }
    *ret = (struct ladder_end){mean, sqrt(variance)};
    return true;
}
