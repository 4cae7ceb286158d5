#include "tuner/analysis/noise.h"

#include "tuner/base/spread.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

struct noise noise_fresh(const struct ranking *all, size_t metric)
{
    struct noise out = {0};
    double sum = 0;
    for (size_t i = 0; i < all->n; i++) {
        const struct ranked *x = &all->all[i];
        if (x->confirmed < 2 || !isfinite(x->sd[metric])) continue;
        sum += x->sd[metric] * x->sd[metric] * (double)(x->confirmed - 1);
        out.freedom += x->confirmed - 1;
    }
    if (out.freedom) out.sd = sqrt(sum / (double)out.freedom);
    return out;
}

/* ---- with what nobody chose ---- */

static double measured(const struct memory *s, const struct ranking *all, const struct trial *t, size_t metric)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = all->baseline ? all->baseline->mean : NULL;
    if (metric < o->n_metrics) return t->value[metric];
    return objective_known_utility(o, t->value, baseline);
}

static struct spread spread_of(const struct memory *s, const struct ranking *all, const struct ranked *x, size_t metric)
{
    struct spread out = {0};
    if (x->label) spread_join(&out, measured(s, all, x->trial, metric));
    for (size_t k = 0; k < all->n_fresh; k++)
        if (all->fresh[k]->confirms == x->trial->number) spread_join(&out, measured(s, all, all->fresh[k], metric));
    return out;
}

struct noise noise_of_one(const struct memory *s, const struct ranking *all, const struct ranked *x, size_t metric)
{
    struct spread own = spread_of(s, all, x, metric);
    return own.n > 1 ? (struct noise){own.n - 1, sqrt(spread_variance(&own))} : (struct noise){0};
}

struct noise noise_of(const struct memory *s, const struct ranking *all, size_t metric)
{
    struct noise out = {0};
    double sum = 0;
    for (size_t i = 0; i < all->n; i++) {
        struct noise one = noise_of_one(s, all, &all->all[i], metric);
        sum += one.sd * one.sd * (double)one.freedom;
        out.freedom += one.freedom;
    }
    if (out.freedom) out.sd = sqrt(sum / (double)out.freedom);
    return out;
}

double noise_least(struct noise noise, double confidence)
{
    double freedom = (double)noise.freedom;
    return noise.freedom ? noise.sd * sqrt(freedom / gsl_cdf_chisq_Pinv(confidence, freedom)) : 0;
}
