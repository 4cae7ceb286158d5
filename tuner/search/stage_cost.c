#include "tuner/search/stage_cost.h"

#include "tuner/search/cached_gp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 200 };

static const double LEAST = 0.3, UPPER = 1.2816; /* normal quantile of .9 */

struct stage_cost {
    const struct study *study;
    struct cached_gp gp[STAGES_MAX]; /* of log cost; no GP: it has cost nothing so far */
    bool reach[STAGES_MAX][SPACE_PARAMS_MAX];
    double least; /* cost of whatever is tried */
};

struct stage_cost *stage_cost_create(const struct study *study)
{
    struct stage_cost *x = must_alloc(1, sizeof *x);
    x->study = study;
    for (size_t k = 0; k < study->pipeline.n; k++) stage_reach(study, k, x->reach[k]);
    return x;
}

void stage_cost_free(struct stage_cost *x)
{
    if (!x) return;
    for (size_t k = 0; k < STAGES_MAX; k++) cached_gp_done(&x->gp[k]);
    free(x);
}

/* ---- learning ---- */

struct row {
    int64_t made;
    size_t at; /* place in the history */
};

static int by_made(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return (x->made > y->made) - (x->made < y->made);
}

/* The last runs of a stage that cost something, in their order. */
static size_t find_rows(const struct search_history *h, size_t stage, struct row *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++) {
        const struct search_stage *x = &h->trial[i].stage[stage];
        if (isfinite(x->cost) && x->cost > 0) ret[n++] = (struct row){x->made, i};
    }
    qsort(ret, n, sizeof *ret, by_made);
    size_t gone = n > ROWS_MAX ? n - ROWS_MAX : 0;
    memmove(ret, ret + gone, (n - gone) * sizeof *ret);
    return n - gone;
}

/* Returns the mean cost. */
static double learn(struct stage_cost *x, const struct task *t, size_t stage)
{
    const struct search_history *h = t->history;
    struct row *row = must_alloc(h->n + 1, sizeof *row);
    size_t n = find_rows(h, stage, row);
    struct targets r = {
        .n = n, .d = t->d, .x = must_alloc(n * t->d + 1, sizeof(double)), .y = must_alloc(n + 1, sizeof(double))};
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double cost = h->trial[row[i].at].stage[stage].cost;
        memcpy(r.x + i * t->d, t->points + row[i].at * t->d, t->d * sizeof *r.x);
        r.y[i] = log(cost);
        sum += cost;
    }
    if (n == 0 || cached_gp_update(&x->gp[stage], &r, t->encoding->dim, NULL, t->search_seed, NULL))
        cached_gp_done(&x->gp[stage]);
    targets_done(&r);
    free(row);
    return n ? sum / (double)n : 0;
}

bool stage_cost_update(struct stage_cost *x, const struct task *t)
{
    double whole = 0;
    for (size_t k = 0; k < x->study->pipeline.n; k++) whole += learn(x, t, k);
    x->least = LEAST * whole;
    return whole > 0;
}

/* ---- asking ---- */

static bool agrees(const bool *reach, const double *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (reach[i] && a[i] != b[i] && !(isnan(a[i]) && isnan(b[i]))) return false;
    return true;
}

static bool is_kept(const struct stage_cost *x, const struct search_history *h, size_t stage, const double *config)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->trial[i].stage[stage].kept && agrees(x->reach[stage], h->trial[i].config, config, x->study->space.n))
            return true;
    return false;
}

struct stage_price stage_cost_left(const struct stage_cost *x, const struct task *t, const double *config,
                                   const double *point)
{
    struct stage_price out = {x->least, 0};
    for (size_t k = 0; k < x->study->pipeline.n; k++) {
        double mean, variance;
        if (!x->gp[k].gp || !stage_exists(x->study, k, config) || is_kept(x, t->history, k, config)) continue;
        gp_predict(x->gp[k].gp, point, &mean, &variance);
        out.usual += exp(mean);
        out.upper += exp(mean + UPPER * sqrt(variance + gp_noise(x->gp[k].gp)));
    }
    return out;
}

double stage_cost_penalty(const struct task *t, double cost)
{
    return (1 - t->history->spent) * log(cost);
}
