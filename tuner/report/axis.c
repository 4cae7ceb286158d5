#include "tuner/report/axis.h"

#include "tuner/base/bounded.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the range ---- */

static bool usable(const struct axis *axis, double v)
{
    return isfinite(v) && (axis->scale != AXIS_LOG || v > 0);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How far apart two values are drawn; halves, since the greatest doubles are farther apart than a double can say. */
static double apart(const struct axis *axis, double low, double high)
{
    return axis->scale == AXIS_LOG ? log(high) - log(low) : high / 2 - low / 2;
}

/* A range that has a width. */
static void settle(struct axis *axis, double low, double high)
{
    bool log_scale = axis->scale == AXIS_LOG;
    if (!(low <= high)) {
        low = log_scale ? 1 : 0;
        high = log_scale ? 10 : 1;
    } else if (apart(axis, low, high) <= 1e-12 * (log_scale ? 1 : fabs(high / 2))) {
        double half = low == 0 ? 1 : fabs(low) / 10;
        low = log_scale ? fmax(low / 1.5, DBL_MIN) : bounded(low - half);
        high = bounded(log_scale ? high * 1.5 : high + half);
    }
    axis->low = low;
    axis->high = high;
}

enum { CUT_FROM = 10 }; /* values; of fewer all are shown */
#define SQUASHED 2.0    /* beyond the middle 98 % by so many times their width */

void axis_fit(struct axis *axis, const double *v, size_t n)
{
    size_t m = 0;
    double *sorted = must_alloc(n + 1, sizeof *sorted);
    for (size_t i = 0; i < n; i++)
        if (usable(axis, v[i])) sorted[m++] = v[i];
    if (m == 0) {
        settle(axis, 1, 0);
        free(sorted);
        return;
    }
    qsort(sorted, m, sizeof *sorted, by_value);
    double low = sorted[0], high = sorted[m - 1], inner_low = sorted[(size_t)ceil(0.01 * (double)(m - 1))],
           inner_high = sorted[(size_t)floor(0.99 * (double)(m - 1))], width = apart(axis, inner_low, inner_high);
    bool wide = m >= CUT_FROM && width > 0;
    if (wide && apart(axis, low, inner_low) > SQUASHED * width) low = inner_low;
    if (wide && apart(axis, inner_high, high) > SQUASHED * width) high = inner_high;
    settle(axis, low, high);
    free(sorted);
}

void axis_include(struct axis *axis, double v)
{
    if (usable(axis, v)) settle(axis, fmin(axis->low, v), fmax(axis->high, v));
}

void axis_pad(struct axis *axis, double part)
{
    double low = axis_value(axis, -part), high = axis_value(axis, 1 + part);
    if (usable(axis, low)) axis->low = low;
    if (usable(axis, high)) axis->high = high;
}

/* ---- places ---- */

static double row_place(const struct axis *axis, double v)
{
    return axis->n_rows ? (v + 0.5) / (double)axis->n_rows : NAN;
}

double axis_place(const struct axis *axis, double v)
{
    if (isnan(v)) return NAN;
    if (axis->scale == AXIS_ROWS) return row_place(axis, v);
    if (axis->scale == AXIS_LOG && !(v > 0)) return -INFINITY;
    if (isinf(v)) return v;
    double width = apart(axis, axis->low, axis->high),
           from = axis->scale == AXIS_LOG ? log(v) - log(axis->low) : v / 2 - axis->low / 2;
    return from / width;
}

double axis_value(const struct axis *axis, double place)
{
    if (axis->scale == AXIS_ROWS) return place * (double)axis->n_rows - 0.5;
    double width = apart(axis, axis->low, axis->high);
    if (axis->scale == AXIS_LOG) return exp(log(axis->low) + place * width);
    return bounded(2 * (axis->low / 2 + place * width));
}

bool axis_sees(const struct axis *axis, double v)
{
    double place = axis_place(axis, v);
    return place >= -1e-9 && place <= 1 + 1e-9;
}

/* ---- ticks ---- */

static size_t keep(double *ret, size_t n, double v)
{
    if (n < AXIS_TICKS_MAX) ret[n++] = v;
    return n;
}

/* The least of 1, 2, 5 · 10^k that is not below `least`. */
static double nice(double least)
{
    double ten = pow(10, floor(log10(least)));
    for (int k = 0; k < 4; k++) {
        static const double step[] = {1, 2, 5, 10};
        if (step[k] * ten >= least * (1 - 1e-9)) return step[k] * ten;
    }
    return 10 * ten;
}

static size_t stepped(const struct axis *axis, double step, double *ret, bool count_only)
{
    double first = ceil(axis->low / step - 1e-6), last = floor(axis->high / step + 1e-6);
    size_t n = 0;
    if (!(last - first < 1000)) return 1000;
    if (count_only) return (size_t)fmax(0, last - first + 1);
    for (double k = first; k <= last; k++) n = keep(ret, n, k * step + 0.0);
    return n;
}

static size_t linear_ticks(const struct axis *axis, size_t most, double *ret)
{
    double step = nice(2 * (axis->high / 2 - axis->low / 2) / (double)most);
    if (axis->whole && step < 1) step = 1;
    for (int k = 0; k < 8 && isfinite(step); k++, step = nice(step * 1.5))
        if (stepped(axis, step, ret, true) <= most) return stepped(axis, step, ret, false);
    return keep(ret, keep(ret, 0, axis->low), axis->high);
}

/* The multiples of powers of ten that lie in the range. */
static size_t decades(const struct axis *axis, const double *multiple, size_t n_multiples, double every, double *ret)
{
    size_t n = 0;
    double first = floor(log10(axis->low)), last = ceil(log10(axis->high));
    for (double k = first; k <= last; k++)
        for (size_t i = 0; i < n_multiples; i++) {
            double v = multiple[i] * pow(10, k);
            if (fmod(k, every) != 0 || !axis_sees(axis, v)) continue;
            if (n == AXIS_TICKS_MAX) return n + 1;
            ret[n++] = v;
        }
    return n;
}

/* 1, 2, 5; or powers of ten; or every 2nd, 3rd, … of these. A range without two of them is as good as linear. */
static size_t log_ticks(const struct axis *axis, size_t most, double *ret)
{
    static const double one_two_five[] = {1, 2, 5}, one_three[] = {1, 3};
    size_t n = decades(axis, one_two_five, 3, 1, ret);
    if (n < 3) {
        n = linear_ticks(axis, most, ret);
        if (n && !(ret[0] > 0)) memmove(ret, ret + 1, --n * sizeof *ret);
        return n;
    }
    if (n <= most) return n;
    if ((n = decades(axis, one_three, 2, 1, ret)) <= most) return n;
    for (double every = 1; every < 700; every++)
        if ((n = decades(axis, one_two_five, 1, every, ret)) <= most) return n;
    return 0;
}

static const int64_t clock_steps[] = {1,    2,    5,    10,    15,    30,    60,    120,    300,    600,    900,
                                      1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000};

static double clock_step(const struct axis *axis, size_t most)
{
    double span = axis->high - axis->low;
    for (size_t i = 0; i < sizeof clock_steps / sizeof *clock_steps; i++)
        if (span / (1000.0 * (double)clock_steps[i]) <= (double)most - 1) return 1000.0 * (double)clock_steps[i];
    return 1000 * nice(span / 1000 / (double)(most - 1));
}

/* Seconds that local clocks are ahead of UTC then. */
static double ahead(double ms)
{
    time_t at = (time_t)fmin(fmax(ms / 1000, -1e11), 1e11);
    struct tm t;
    return localtime_r(&at, &t) ? (double)t.tm_gmtoff : 0;
}

static size_t clock_ticks(const struct axis *axis, size_t most, double *ret)
{
    double step = clock_step(axis, most > 1 ? most : 2), shift = 1000 * ahead(axis->low);
    size_t n = 0;
    for (double v = ceil((axis->low + shift) / step) * step - shift; v <= axis->high && n < most; v += step)
        n = keep(ret, n, v);
    return n;
}

size_t axis_ticks(const struct axis *axis, size_t most, double ret[AXIS_TICKS_MAX])
{
    most = most < 2 ? 2 : most > AXIS_TICKS_MAX ? AXIS_TICKS_MAX : most;
    switch (axis->scale) {
    case AXIS_LINEAR: return linear_ticks(axis, most, ret);
    case AXIS_LOG: return log_ticks(axis, most, ret);
    case AXIS_CLOCK: return clock_ticks(axis, most, ret);
    case AXIS_ROWS: return 0;
    }
    return 0;
}

/* ---- text ---- */

/* Digits behind the point that tell `v` from its neighbour. */
static int decimals(double step)
{
    double d = step > 0 ? -floor(log10(step) + 1e-9) : 0;
    return d < 0 ? 0 : d > 9 ? 9 : (int)d;
}

static const char *unit_of(double v, double *ret_size)
{
    static const struct {
        double from, size;
        const char *letter;
    } units[] = {{1e12, 1e12, "T"}, {1e9, 1e9, "G"}, {1e6, 1e6, "M"}, {1e4, 1e3, "k"}};
    *ret_size = 1;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (fabs(v) >= units[i].from * (1 - 1e-9)) return *ret_size = units[i].size, units[i].letter;
    return "";
}

static const char *number_text(const struct axis *axis, double v, double step, char buf[AXIS_TEXT_MAX])
{
    double size, a = fabs(v);
    const char *sign = v < 0 ? "−" : axis->sign && v > 0 ? "+" : "", *letter = unit_of(a, &size);
    if (a >= 1e15 || (a > 0 && step < 1e-4))
        snprintf(buf, AXIS_TEXT_MAX, "%s%.3g", sign, a);
    else
        snprintf(buf, AXIS_TEXT_MAX, "%s%.*f%s", sign, decimals(step / size), a / size, letter);
    return buf;
}

static const char *clock_text(double ms, double step, char buf[AXIS_TEXT_MAX])
{
    time_t at = (time_t)(fmin(fmax(ms, -1e14), 1e14) / 1000);
    struct tm t;
    const char *format = step >= 86400e3 ? "%-d %b" : step >= 60e3 ? "%H:%M" : "%H:%M:%S";
    *buf = 0;
    if (localtime_r(&at, &t)) strftime(buf, AXIS_TEXT_MAX, format, &t);
    return buf;
}

/* Distance to the nearest other tick; of powers of ten, where neighbours say nothing, the value's own size. */
static double step_at(const struct axis *axis, const double *tick, size_t n, size_t at)
{
    double step = INFINITY;
    if (axis->scale == AXIS_LOG) return pow(10, floor(log10(fabs(tick[at])) + 1e-9));
    if (at > 0) step = fmin(step, tick[at] - tick[at - 1]);
    if (at + 1 < n) step = fmin(step, tick[at + 1] - tick[at]);
    return isfinite(step) && step > 0 ? step : fabs(tick[at]) / 10;
}

/* On a logarithmic axis that has linear ticks, these are as far apart as they are. */
static bool ticks_are_linear(const double *tick, size_t n)
{
    return n > 2 && fabs((tick[2] - tick[1]) - (tick[1] - tick[0])) < 1e-6 * (tick[1] - tick[0]);
}

const char *axis_tick_text(const struct axis *axis, const double *tick, size_t n, size_t at, char buf[AXIS_TEXT_MAX])
{
    struct axis as = *axis;
    if (as.scale == AXIS_LOG && ticks_are_linear(tick, n)) as.scale = AXIS_LINEAR;
    double step = step_at(&as, tick, n, at);
    return as.scale == AXIS_CLOCK ? clock_text(tick[at], step, buf) : number_text(&as, tick[at], step, buf);
}

const char *axis_title(const struct axis *axis, struct arena *a)
{
    const char *name = axis->name ? axis->name : "", *unit = axis->unit ? axis->unit : "";
    bool log_scale = axis->scale == AXIS_LOG;
    if (*unit) return arena_printf(a, "%s (%s%s)", name, unit, log_scale ? ", log" : "");
    return log_scale ? arena_printf(a, "%s (log)", name) : name;
}
