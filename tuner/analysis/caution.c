#include "tuner/analysis/caution.h"

#include "tuner/base/words.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdio.h>

static const double RARE = 1e-3;

/* ---- it failed ---- */

struct again { /* its measurements on fresh seeds */
    size_t n, failed;
    long first_failed;
};

static struct again count_again(const struct memory *s, const struct trial *t)
{
    struct again out = {0};
    for (size_t i = (size_t)t->number + 1; i < s->n; i++) {
        const struct trial *c = s->trial[i];
        if (c->role != ROLE_CONFIRM || c->confirms != t->number || !trial_state_final(c->state)) continue;
        if (c->state == TRIAL_CANCELLED) continue;
        out.n++;
        if (c->state == TRIAL_COMPLETE) continue;
        if (out.failed++ == 0) out.first_failed = c->number;
    }
    return out;
}

static const char *failed(const struct memory *s, const struct trial *t, struct arena *arena)
{
    struct again again = count_again(s, t);
    if (again.failed == 0) return NULL;
    return arena_printf(arena, "failed on %zu of %zu fresh seed%s ('nocturne show %s %ld')%s", again.failed, again.n,
                        words_s(again.n), s->study->name, again.first_failed,
                        again.failed == again.n ? ": measured once only" : "");
}

/* ---- it differs ---- */

/* Pooled deviation of one measurement on a fresh seed; returns its degrees of freedom. */
static size_t pool(const struct ranking *all, size_t metric, double *ret)
{
    double sum = 0;
    size_t freedom = 0;
    for (size_t i = 0; i < all->n; i++) {
        const struct ranked *x = &all->all[i];
        if (x->confirmed < 2 || !isfinite(x->sd[metric])) continue;
        sum += x->sd[metric] * x->sd[metric] * (double)(x->confirmed - 1);
        freedom += x->confirmed - 1;
    }
    *ret = freedom ? sqrt(sum / (double)freedom) : 0;
    return freedom;
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
    double sd, apart = fabs(x->trial->value[metric] - x->mean[metric]), k = (double)x->confirmed;
    size_t freedom = pool(all, metric, &sd);
    if (x->confirmed == 0 || freedom < 2 || !(apart > least_deviation(m))) return false;
    sd = fmax(sd, least_deviation(m)) * sqrt(1 + 1 / k);
    double chance = sd > 0 ? 2 * gsl_cdf_tdist_Q(apart / sd, (double)freedom) : 0;
    return chance * chosen_of(all, x) < RARE;
}

const char *caution_of(const struct memory *s, const struct ranking *all, const struct ranked *x, struct arena *arena)
{
    const struct objective *o = &s->study->objective;
    const char *why = failed(s, x->trial, arena);
    for (size_t i = 0; !why && i < o->n_metrics; i++)
        if (objective_uses(o, i) && differs(&o->metric[i], all, x, i))
            why = arena_printf(arena, "%s: %.4g at first, %.4g on fresh seeds, beyond noise and luck: it changes",
                               o->metric[i].name, x->trial->value[i], x->mean[i]);
    return why;
}
