#include "tuner/analysis/verdict.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <string.h>

enum { SEEDS_MAX = 100 };

static const double ROUNDING = 1e-9;
static const double LEVEL = 0.95, MARGIN = 0.005; /* half a point of a proportion, half a percent of anything else */

static const char *const names[] = {"", "adopt", "a trade", "promising", "no better", "do not adopt", "not confirmed"};

const char *verdict_name(enum verdict_word word)
{
    return names[word];
}

bool verdict_parse(const char *name, enum verdict_word *ret)
{
    for (int i = VERDICT_ADOPT; i <= VERDICT_NOT_CONFIRMED; i++)
        if (strcmp(name, names[i]) == 0) return *ret = (enum verdict_word)i, true;
    return false;
}

/* ---- differences ---- */

struct moments {
    double mean, variance; /* variance: of the mean; NaN of fewer than two */
};

static struct moments moments_of(struct measured x, bool logs)
{
    struct moments out = {0};
    double square = 0;
    for (size_t i = 0; i < x.n; i++) {
        double v = logs ? log(x.value[i]) : x.value[i], delta = v - out.mean;
        out.mean += delta / (double)(i + 1);
        square += delta * (v - out.mean);
    }
    out.variance = x.repeats ? 0 : x.n > 1 ? square / (double)(x.n - 1) / (double)x.n : NAN;
    return out;
}

/* Half the width of Welch's interval. */
static double half_width(struct moments a, size_t n_a, struct moments b, size_t n_b)
{
    double sum = a.variance + b.variance;
    if (isnan(sum)) return INFINITY;
    if (sum <= 0) return 0;
    double df = sum * sum /
                ((n_a > 1 ? a.variance * a.variance / (double)(n_a - 1) : 0) +
                 (n_b > 1 ? b.variance * b.variance / (double)(n_b - 1) : 0));
    return gsl_cdf_tdist_Pinv(0.5 + LEVEL / 2, df) * sqrt(sum);
}

static bool all_positive(struct measured x)
{
    for (size_t i = 0; i < x.n; i++)
        if (!(x.value[i] > 0)) return false;
    return true;
}

struct difference difference_of(enum metric_kind kind, struct measured a, struct measured b)
{
    bool ratio = kind == METRIC_COUNT && all_positive(a) && all_positive(b);
    if (a.n == 0 || b.n == 0) return (struct difference){ratio, NAN, NAN, NAN};
    struct moments x = moments_of(a, ratio), y = moments_of(b, ratio);
    double by = x.mean - y.mean, h = half_width(x, a.n, y, b.n);
    if (!ratio) return (struct difference){false, by, by - h, by + h};
    return (struct difference){true, expm1(by), isinf(h) ? -INFINITY : expm1(by - h), expm1(by + h)};
}

/* ---- words ---- */

double verdict_margin(const struct objective *o, size_t metric, bool ratio, double baseline)
{
    double margin = INFINITY, size = fabs(baseline);
    for (size_t i = 0; i < o->n_constraints; i++) {
        const struct constraint *c = &o->constraint[i];
        if (c->metric != metric || c->factor == 0) continue;
        double apart = (c->factor - 1) * baseline + c->offset; /* of the bound */
        margin = fmin(margin, fmax(c->sense == AT_LEAST ? -apart : apart, 0));
    }
    if (isfinite(margin)) return ratio && size > 0 ? margin / size : margin;
    return ratio || o->metric[metric].kind == METRIC_PROPORTION ? MARGIN : MARGIN * size;
}

enum bearing { BETTER, HOLDS, OPEN, WORSE };

/* `d` as if more were better. */
static struct difference upright(const struct difference *d, enum goal goal)
{
    if (goal == GOAL_MAXIMIZE) return *d;
    return (struct difference){d->ratio, -d->by, -d->high, -d->low};
}

static enum bearing bearing_of(struct difference d, double margin)
{
    double slack = ROUNDING * fmax(margin, fabs(d.by)); /* a bound that is just met is met */
    return d.low > 0 ? BETTER : d.low >= -margin - slack ? HOLDS : d.high < 0 ? WORSE : OPEN;
}

/* Seeds of each until an open one is decided, if means and spread stay as they are: the width goes with 1/√n. */
static size_t seeds_to_decide(struct difference d, double margin, size_t n)
{
    double gap = d.by > -margin ? d.by + margin : -d.by, half = d.by - d.low;
    double seeds = gap > 0 && isfinite(half) ? ceil((double)n * half * half / gap / gap) : INFINITY;
    return seeds <= SEEDS_MAX ? (size_t)fmax(seeds, (double)n + 1) : 0;
}

/* Until nothing is open any more, and something is better. */
static size_t seeds_wanted(const struct objective *o, const struct verdict *v, size_t n)
{
    size_t most = 0, better = SIZE_MAX;
    for (size_t i = 0; i < o->n_metrics; i++) {
        struct difference d = upright(&v->apart[i], o->metric[i].goal);
        if (!objective_uses(o, i) || isnan(d.by)) continue;
        enum bearing b = bearing_of(d, v->margin[i]);
        size_t seeds = b == OPEN ? seeds_to_decide(d, v->margin[i], n) : 1;
        if (seeds == 0) return 0;
        most = seeds > most ? seeds : most;
        size_t proves = b == BETTER ? 1 : d.by > 0 ? seeds_to_decide(d, 0, n) : 0;
        if (proves && proves < better) better = proves;
    }
    if (better == SIZE_MAX) return 0;
    return better > most ? better : most;
}

enum verdict_word verdict_judge(const struct objective *o, const struct difference *apart, const double *margin,
                                double gain)
{
    bool better = false, worse = false, open = false, within = true;
    for (size_t i = 0; i < o->n_metrics; i++) {
        struct difference d = upright(&apart[i], o->metric[i].goal);
        if (!objective_uses(o, i) || isnan(d.by)) continue;
        enum bearing b = bearing_of(d, margin[i]);
        better |= b == BETTER;
        worse |= b == WORSE;
        open |= b == OPEN;
        within &= b != WORSE && b != OPEN && d.high <= margin[i];
    }
    if (better && worse) return VERDICT_TRADE;
    if (better && !open) return VERDICT_ADOPT;
    if (within || !(gain > 0)) return worse ? VERDICT_DO_NOT_ADOPT : VERDICT_NO_BETTER;
    return VERDICT_PROMISING;
}

enum verdict_word verdict_of(const struct verdict *each, size_t n)
{
    static const enum verdict_word order[] = {VERDICT_NOT_CONFIRMED, VERDICT_DO_NOT_ADOPT, VERDICT_TRADE,
                                              VERDICT_NO_BETTER,     VERDICT_PROMISING,    VERDICT_ADOPT};
    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        for (size_t i = 0; i < n; i++)
            if (each[i].word == order[k]) return order[k];
    return VERDICT_NONE;
}

/* ---- of a study ---- */

/* All that was measured of a configuration on fresh seeds, by metric; else its single measurement. */
static void measure(const struct objective *o, const struct ranking *all, const struct ranked *x, struct arena *arena,
                    struct measured *ret)
{
    size_t n = 0;
    const struct trial **from = arena_array(arena, x->confirmed + 1, sizeof(const struct trial *));
    if (!x->confirmed) from[n++] = x->trial;
    for (size_t i = 0; i < all->n_fresh && n < x->confirmed; i++)
        if (all->fresh[i]->confirms == x->trial->number) from[n++] = all->fresh[i];
    for (size_t k = 0; k < o->n_metrics; k++) {
        double *value = arena_array(arena, n, sizeof *value);
        ret[k] = (struct measured){.value = value, .repeats = x->repeats};
        for (size_t i = 0; i < n; i++)
            if (isfinite(from[i]->value[k])) value[ret[k].n++] = from[i]->value[k];
    }
}

/* Is a bound that the baseline gives broken by the whole interval? An absolute one by the mean less that half width. */
static bool surely_breaks(const struct objective *o, const struct difference *apart, const struct ranked *x,
                          const struct ranked *base)
{
    for (size_t i = 0; i < o->n_constraints; i++) {
        const struct constraint *c = &o->constraint[i];
        const struct difference *d = &apart[c->metric];
        double before = base->mean[c->metric], bound = constraint_bound(c, base->mean),
               best = c->sense == AT_LEAST ? d->high : d->low, end = d->ratio ? before * (1 + best) : before + best;
        if (c->factor == 0) end = x->mean[c->metric] + (d->ratio ? before * (best - d->by) : best - d->by);
        if (!constraint_allows(c, bound, end)) return true;
    }
    return false;
}

static double gain_over(const struct objective *o, const struct ranked *x, const struct ranked *reference,
                        const struct ranked *base)
{
    const double *baseline = base ? base->mean : NULL;
    return objective_known_utility(o, x->mean, baseline) - objective_known_utility(o, reference->mean, baseline);
}

/* Of one figure nothing is known but itself, unless it came out the same on another seed. */
static bool measured_once(const struct ranked *x)
{
    return x->confirmed < 2 && !(x->confirmed && x->repeats);
}

static void compare(const struct objective *o, const struct ranking *all, const struct ranked *x,
                    const struct ranked *reference, struct verdict *v, struct arena *arena)
{
    struct measured a[METRICS_MAX], b[METRICS_MAX];
    struct difference *apart = arena_array(arena, o->n_metrics, sizeof *apart);
    double *margin = arena_array(arena, o->n_metrics, sizeof *margin);
    measure(o, all, x, arena, a);
    measure(o, all, reference, arena, b);
    for (size_t i = 0; i < o->n_metrics; i++) {
        apart[i] = difference_of(o->metric[i].kind, a[i], b[i]);
        margin[i] = verdict_margin(o, i, apart[i].ratio, all->baseline ? all->baseline->mean[i] : reference->mean[i]);
    }
    *v = (struct verdict){.reference = arena_strdup(arena, reference->label),
                          .trial = reference->trial->number,
                          .apart = apart,
                          .margin = margin};
    if (measured_once(x) || measured_once(reference))
        v->word = VERDICT_NOT_CONFIRMED;
    else if (reference == all->baseline && surely_breaks(o, apart, x, all->baseline))
        v->word = VERDICT_DO_NOT_ADOPT;
    else
        v->word = verdict_judge(o, apart, margin, gain_over(o, x, reference, all->baseline));
    if (v->word == VERDICT_PROMISING) v->seeds = seeds_wanted(o, v, x->confirmed);
}

size_t verdict_each(const struct objective *o, const struct ranking *all, const struct ranked *x, struct arena *arena,
                    struct verdict **ret)
{
    size_t n = 0, labels = 0;
    for (size_t i = 0; i < all->n; i++) labels += all->all[i].label != NULL;
    *ret = arena_array(arena, labels + 1, sizeof **ret);
    for (size_t i = 0; i < all->n; i++)
        if (all->all[i].label && &all->all[i] != x) compare(o, all, x, &all->all[i], &(*ret)[n++], arena);
    return n;
}
