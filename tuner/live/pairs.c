#include "tuner/live/pairs.h"

static void add(struct pair_mean *m, double value)
{
    if (isfinite(value)) m->n++, m->sum += value;
}

static double mean_of(const struct pair_mean *m)
{
    return m->n > 0 ? m->sum / m->n : NAN;
}

void pairs_add(struct pairs *p, const double *value, size_t n)
{
    size_t m = p->n_metrics;
    for (size_t i = 0; i < p->n_challengers && n >= (i + 2) * m; i++) {
        const double *shadow = value + (i + 1) * m;
        if (isnan(shadow[0])) continue;
        p->of[i].requests++;
        for (size_t k = 0; k < m; k++) add(&p->of[i].champion[k], value[k]), add(&p->of[i].challenger[k], shadow[k]);
    }
}

bool pairs_of(const struct pairs *p, size_t challenger, struct pair *ret)
{
    if (!(p->of[challenger].requests > 0)) return false;
    for (size_t k = 0; k < p->n_metrics; k++) {
        ret->champion[k] = mean_of(&p->of[challenger].champion[k]);
        ret->challenger[k] = mean_of(&p->of[challenger].challenger[k]);
    }
    return true;
}
