#include "tuner/analysis/caution.h"

#include "tuner/analysis/noise.h"

#include "tuner/base/words.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>

static const double RARE = 1e-3;

static const char *failed(const struct memory *s, const struct ranked *x, struct arena *arena)
{
    size_t n = x->failed + x->confirmed;
    if (x->failed == 0) return NULL;
    return arena_printf(arena, "failed on %zu of %zu fresh seed%s ('nocturne show %s %ld')%s", x->failed, n, words_s(n),
                        s->study->name, x->first_failed, x->confirmed ? "" : ": measured once only");
}

/* A difference of one item is none. */
static double least_deviation(const struct metric *m)
{
    return m->kind != METRIC_PROPORTION ? 0 : m->of > 0 ? 1 / m->of : 0.005;
}

/* Of how many it may have been chosen because it was lucky. */
static double chosen_of(const struct ranking *all, const struct ranked *x)
{
    return x->label ? 1 : (double)all->n;
}

static bool differs(const struct metric *m, const struct ranking *all, const struct ranked *x, size_t metric)
{
    double apart = fabs(x->trial->value[metric] - x->mean[metric]), k = (double)x->confirmed;
    if (x->confirmed == 0 || !(apart > least_deviation(m))) return false;
    const struct noise noise = noise_fresh(all, metric);
    if (noise.freedom < 2) return false;
    double sd = fmax(noise.sd, least_deviation(m)) * sqrt(1 + 1 / k);
    double chance = sd > 0 ? 2 * gsl_cdf_tdist_Q(apart / sd, (double)noise.freedom) : 0;
    return chance * chosen_of(all, x) < RARE;
}

const char *caution_of(const struct memory *s, const struct ranking *all, const struct ranked *x, struct arena *arena)
{
    const struct objective *o = &s->study->objective;
    const char *why = failed(s, x, arena);
    for (size_t i = 0; !why && i < o->n_metrics; i++)
        if (objective_uses(o, i) && differs(&o->metric[i], all, x, i))
            why = arena_printf(arena, "%s: %.4g at first, %.4g on fresh seeds, beyond noise and luck: it changes",
                               o->metric[i].name, x->trial->value[i], x->mean[i]);
    return why;
}
