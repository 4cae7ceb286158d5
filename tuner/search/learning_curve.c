#include "tuner/search/learning_curve.h"

#include "tuner/base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void thin(struct learning_curve *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i += 2, kept++) {
        c->at[kept] = c->at[i];
        memmove(c->value + kept * c->n_metrics, c->value + i * c->n_metrics, c->n_metrics * sizeof *c->value);
    }
    c->n = kept;
    c->every *= 2;
}

double learning_curve_place(const struct objective *o, long step, const double *value)
{
    int tokens = objective_token_metric(o);
    return tokens >= 0 ? value[tokens] : (double)step + 1;
}

void learning_curve_cut(struct learning_curve *c, double cost)
{
    size_t n = c->n;
    while (n > 0 && c->at[n - 1] >= cost) n--;
    if (n == c->n) return;
    c->n = n;
    c->reports = n ? (long)(n - 1) * c->every + 1 : 0;
    if (n == 0) c->every = 1;
}

bool learning_curve_add(struct learning_curve *c, const struct objective *o, long step, const double *value)
{
    double at = learning_curve_place(o, step, value);
    if (!isfinite(at) || at <= 0 || at <= learning_curve_cost(c)) return false;
    if (!c->at) {
        c->n_metrics = o->n_metrics;
        c->every = 1;
        c->at = must_alloc(LEARNING_CURVE_POINTS, sizeof *c->at);
        c->value = must_alloc(LEARNING_CURVE_POINTS * o->n_metrics, sizeof *c->value);
    }
    /* The last point is provisional unless it falls on the grid. */
    bool provisional = c->n > 1 && (c->reports - 1) % c->every != 0;
    if (provisional) c->n--;
    if (c->n == LEARNING_CURVE_POINTS) thin(c);
    c->at[c->n] = at;
    memcpy(c->value + c->n * c->n_metrics, value, c->n_metrics * sizeof *value);
    c->n++;
    c->reports++;
    return true;
}

void learning_curve_done(struct learning_curve *c)
{
    free(c->at);
    free(c->value);
    *c = (struct learning_curve){0};
}

struct learning_curve *learning_curve_copy(const struct learning_curve *c, struct arena *arena)
{
    struct learning_curve *out = arena_alloc(arena, sizeof *out);
    *out = *c;
    out->at = arena_array(arena, c->n + 1, sizeof *out->at);
    out->value = arena_array(arena, c->n * c->n_metrics + 1, sizeof *out->value);
    memcpy(out->at, c->at, c->n * sizeof *out->at);
    memcpy(out->value, c->value, c->n * c->n_metrics * sizeof *out->value);
    return out;
}

double learning_curve_cost(const struct learning_curve *c)
{
    return c->n ? c->at[c->n - 1] : 0;
}

double learning_curve_best(const struct learning_curve *c, const struct objective *o, size_t metric)
{
    double best = NAN;
    for (size_t i = 0; i < c->n; i++) {
        double v = c->value[i * c->n_metrics + metric];
        if (isfinite(v) && !(o->metric[metric].goal * v <= o->metric[metric].goal * best)) best = v;
    }
    return best;
}

double learning_curve_last(const struct learning_curve *c, size_t metric)
{
    for (size_t i = c->n; i-- > 0;)
        if (isfinite(c->value[i * c->n_metrics + metric])) return c->value[i * c->n_metrics + metric];
    return NAN;
}

bool early_stopping_update(struct early_stopping *e, double value)
{
    if (isnan(e->best) ||
        (e->mode == GOAL_MAXIMIZE ? value > e->best + e->threshold : value < e->best - e->threshold)) {
        e->best = value;
        e->bad = 0;
    } else
        e->bad++;
    return (double)e->bad >= e->patience;
}

long early_stopping_equivalent(const struct learning_curve *c, const struct early_stopping *e)
{
    struct early_stopping x = *e;
    long longest = 0; /* wait that an improvement ended */
    x.best = NAN;
    x.bad = 0;
    for (size_t i = 0; i < c->n; i++) {
        double v = c->value[i * c->n_metrics + e->metric];
        long waited = x.bad;
        if (!isfinite(v)) continue;
        early_stopping_update(&x, v);
        if (x.bad == 0 && waited > longest) longest = waited;
    }
    longest *= c->every;
    x.bad *= c->every;
    return x.bad > longest ? x.bad : longest + 1;
}
