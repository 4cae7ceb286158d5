#include "tuner/analysis/front.h"

#include <math.h>
#include <stdlib.h>

struct members {
    const struct objective *o;
    const double *const *value;
    const bool *sure;
    size_t n;
    size_t *at;
};

static bool is_sure(const struct members *m, size_t i)
{
    return m->sure && m->sure[i];
}

static bool is_beaten(const struct members *m, size_t i, size_t by)
{
    const double *a = m->value[by], *b = m->value[i];
    bool twin = a[m->o->gain] == b[m->o->gain] && a[m->o->cost] == b[m->o->cost];
    return (is_sure(m, by) || !is_sure(m, i)) && (twin ? by < i : objective_dominates(m->o, a, b));
}

/* What one that has left would beat, its successor beats, too: against those that are left only. */
static void consider(struct members *m, size_t i)
{
    size_t kept = 0;
    for (size_t k = 0; k < m->n; k++)
        if (is_beaten(m, i, m->at[k])) return;
    for (size_t k = 0; k < m->n; k++)
        if (!is_beaten(m, m->at[k], i)) m->at[kept++] = m->at[k];
    m->n = kept;
    m->at[m->n++] = i;
}

static double scaled(const struct metric *m, double v)
{
    return m->goal * (m->kind == METRIC_COUNT ? log(fmax(v, 1e-300)) : v);
}

/* A metric's share of the scores. */
static void add_scores(const struct members *m, size_t metric, double *score)
{
    const struct metric *x = &m->o->metric[metric];
    double lo = HUGE_VAL, hi = -HUGE_VAL;
    for (size_t k = 0; k < m->n; k++) {
        double v = scaled(x, m->value[m->at[k]][metric]);
        lo = fmin(lo, v);
        hi = fmax(hi, v);
    }
    for (size_t k = 0; k < m->n; k++) {
        double v = scaled(x, m->value[m->at[k]][metric]);
        score[m->at[k]] += hi > lo ? fmin(fmax(v / (hi - lo) - lo / (hi - lo), 0), 1) : 1;
    }
}

void front_score(const struct objective *o, size_t n, const double *const *value, const bool *sure, double *ret_score)
{
    struct members m = {.o = o, .value = value, .sure = sure, .at = must_alloc(n + 1, sizeof *m.at)};
    for (int round = 0; round < 2; round++) /* those that are sure first */
        for (size_t i = 0; i < n; i++) {
            ret_score[i] = NAN;
            if (is_sure(&m, i) == !round) consider(&m, i);
        }
    for (size_t k = 0; k < m.n; k++) ret_score[m.at[k]] = 0;
    add_scores(&m, o->gain, ret_score);
    add_scores(&m, o->cost, ret_score);
    free(m.at);
}
