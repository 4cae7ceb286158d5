#include "tuner/search/bar.h"

#include "tuner/base/rng.h"

#include <math.h>

enum { SHRINKS_FROM = 3 }; /* of fewer results nobody knows how they spread */

/* What a metric of a complete trial is expected to be, and how surely. */
struct posterior {
    double mean, keeps, sd; /* of all results; how much of a distance from it is real; what is unsure of each */
};

static struct posterior learn(const struct evidence *e, size_t metric, double noise)
{
    double mean = 0, square = 0, n = 0;
    for (size_t i = 0; i < e->n; i++) {
        if (!e->trial[i].result || !isfinite(e->trial[i].result[metric])) continue;
        double off = e->trial[i].result[metric] - mean;
        mean += off / ++n;
        square += off * (e->trial[i].result[metric] - mean);
    }
    double variance = n > 1 ? square / (n - 1) : 0;
    struct posterior p = {mean, 1, noise};
    if (n < SHRINKS_FROM || !(noise > 0) || !isfinite(variance)) return p;
    p.keeps = variance > 0 ? fmax(0, 1 - noise * noise / variance) : 0;
    p.sd = noise * sqrt(p.keeps);
    return p;
}

static void draw_baseline(const struct objective *o, const struct evidence *e, const double *noise, struct rng *rng,
                          double *ret)
{
    double runs = fmax((double)e->baseline_runs, 1);
    for (size_t m = 0; e->baseline && m < o->n_metrics; m++)
        ret[m] = e->baseline[m] + noise[m] / sqrt(runs) * rng_normal(rng);
}

/* The second best that is feasible, or the best if there is no other, or it alone is confirmed. */
static double draw_bar(const struct study *study, const struct evidence *e, const struct posterior *p,
                       const double *baseline, struct rng *rng)
{
    const struct objective *o = &study->objective;
    double best = -HUGE_VAL, second = -HUGE_VAL, value[METRICS_MAX];
    for (size_t i = 0; i < e->n; i++) {
        const double *result = e->trial[i].result;
        if (!result) continue;
        for (size_t m = 0; m < o->n_metrics; m++)
            value[m] = p[m].mean + p[m].keeps * (result[m] - p[m].mean) + p[m].sd * rng_normal(rng);
        if (!objective_feasible(o, value, baseline)) continue;
        double u = objective_utility(o, value, baseline);
        second = fmax(second, fmin(u, best));
        best = fmax(best, u);
    }
    return study->confirm.top > 1 && second > -HUGE_VAL ? second : best;
}

void bar_make(const struct study *study, const struct evidence *e, const double *noise, struct bar *ret)
{
    struct posterior p[METRICS_MAX];
    struct rng rng = rng_derive(0, "bar", (uint64_t)e->n);
    for (size_t m = 0; m < study->objective.n_metrics; m++) p[m] = learn(e, m, noise[m]);
    for (size_t k = 0; k < FORECAST_DRAWS; k++) {
        double *baseline = e->baseline ? ret->baseline[k] : NULL;
        draw_baseline(&study->objective, e, noise, &rng, ret->baseline[k]);
        ret->utility[k] = draw_bar(study, e, p, baseline, &rng);
    }
}
