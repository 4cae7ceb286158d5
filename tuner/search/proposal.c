#include "tuner/search/proposal.h"

#include "tuner/search/anchor.h"
#include "tuner/search/draw.h"
#include "tuner/search/stage_cost.h"

#include "tuner/base/rng.h"
#include "tuner/base/words.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 16, DRAWS_PENDING = 32, BEST_OBSERVED = 16, PENDING_MAX = 64, STARTS = 5 };

/* ---- the front, by posterior means ---- */

struct pair {
    double first, second; /* larger is better */
};

static struct pair *mean_pairs(struct task *t)
{
    const struct model *m = t->model;
    size_t n = m->n_complete, g[2] = {0, 0}, found = 0;
    double *mean = arena_array(&t->arena, n * m->n_outputs, sizeof *mean);
    struct pair *p = arena_array(&t->arena, n, sizeof *p);
    model_means(m, task_complete_points(t), n, mean);
    for (size_t i = 0; i < m->n_outputs && found < 2; i++)
        if (m->output[i].weight != 0) g[found++] = i;
    for (size_t i = 0; i < n; i++)
        p[i] = (struct pair){m->output[g[0]].weight * mean[g[0] * n + i], m->output[g[1]].weight * mean[g[1] * n + i]};
    return p;
}

/* Those that the fewest others dominate come first. */
static struct search_rank *rank_front(struct task *t, const struct pair *p)
{
    const struct model *m = t->model;
    size_t n = m->n_complete;
    struct search_rank *r = arena_array(&t->arena, n, sizeof *r);
    struct estimate *x = arena_array(&t->arena, n, sizeof *x);
    model_estimate(m, task_complete_points(t), n, false, x);
    for (size_t i = 0; i < n; i++) {
        double dominators = 0;
        for (size_t k = 0; k < n; k++)
            dominators += p[k].first >= p[i].first && p[k].second >= p[i].second &&
                          p[k].first + p[k].second > p[i].first + p[i].second;
        r[i] = (struct search_rank){-dominators, x[i].feasible, m->order[i]};
    }
    qsort(r, n, sizeof *r, search_rank_compare);
    return r;
}

static bool is_dominated(const struct pair *p, size_t n, size_t i)
{
    for (size_t k = 0; k < n; k++)
        if (p[k].first > p[i].first && p[k].second > p[i].second) return true;
    return false;
}

/* A tenth of the extent below the worst of two fronts: today's, and that of the initial trials, which reaches further
 * out. With today's alone the ends of the front would never be worth anything. */
static void choose_reference(const struct task *t, const struct pair *p, double *ret)
{
    size_t n = t->model->n_complete, first = task_initial_points(t);
    struct pair lo = p[0], hi = p[0];
    for (size_t i = 0; i < n; i++) {
        if (is_dominated(p, n, i) && (i >= first || is_dominated(p, first < n ? first : n, i))) continue;
        lo = (struct pair){fmin(lo.first, p[i].first), fmin(lo.second, p[i].second)};
        hi = (struct pair){fmax(hi.first, p[i].first), fmax(hi.second, p[i].second)};
    }
    ret[0] = lo.first - 0.1 * (hi.first - lo.first) - 1e-9;
    ret[1] = lo.second - 0.1 * (hi.second - lo.second) - 1e-9;
}

/* ---- the proposal ---- */

/* Base points of the acquisition: the model's best observed ones, then the pending ones. */
static double *base_points(struct task *t, const struct search_rank *best, size_t *ret_best, size_t *ret_n)
{
    const struct search_history *h = t->history;
    double *base = arena_array(&t->arena, (BEST_OBSERVED + PENDING_MAX) * t->d, sizeof *base);
    size_t n = 0;
    for (; n < t->model->n_complete && n < BEST_OBSERVED; n++)
        memcpy(base + n * t->d, t->points + best[n].at * t->d, t->d * sizeof *base);
    *ret_best = n;
    for (size_t i = h->n; i-- > 0 && n < *ret_best + PENDING_MAX;)
        if (h->trial[i].outcome == SEARCH_PENDING) memcpy(base + n++ * t->d, t->points + i * t->d, t->d * sizeof *base);
    *ret_n = n;
    return base;
}

/* While there are few trials, the model is sure of nothing but what is near them, and improvement seems largest in the
 * corners. So the search keeps to a box around its best point, whose half-width grows with the trials to the whole
 * space. (Vizier masks likewise, around every trial.) What does not exist at the best point is free. False: no box. */
static bool choose_box(const struct task *t, const double *best, double *lo, double *hi)
{
    double d = (double)t->study->space.n, side = t->model->side;
    double reach = side > 0 ? side / 2 : 0.2 + 0.06 * (double)t->model->n_complete / (d + 1);
    double point[SURROGATE_DIMS_MAX];
    bool exists[SURROGATE_DIMS_MAX];
    memcpy(point, best, t->d * sizeof *point);
    for (size_t k = 0; k < t->d; k++) exists[k] = true;
    encoding_settle(t->encoding, point, exists);
    for (size_t k = 0; k < t->d; k++) {
        lo[k] = exists[k] ? fmax(best[k] - reach, 0) : 0;
        hi[k] = exists[k] ? fmin(best[k] + reach, 1) : 1;
    }
    return reach < 0.5;
}

/* While trials are pending, every second suggestion wants to beat them, too, which spreads the batch; the others only
 * what is known, which gathers it. Each alone was worse with eight pending (tests/bench). */
static void want_improvement(const struct task *t, size_t n_best, size_t n_base, struct acquisition_spec *spec)
{
    spec->n_base = n_base;
    spec->n_incumbents = t->number % 2 ? n_best : n_base;
    spec->n_draws = n_base > n_best ? DRAWS_PENDING : DRAWS;
}

/* With the chance that the utility is measured with much noise. */
static bool is_noisy(const struct task *t, const double *best)
{
    struct rng rng = rng_derive(t->seed, "noisy", 0);
    return rng_unit(&rng) < model_noisy(t->model, best);
}

/* ---- by improvement and cost ---- */

/* A place that the acquisition was maximised from. */
struct offer {
    double point[SURROGATE_DIMS_MAX], value;
    struct stage_price price; /* NaN: unknown, as is every one's */
    const struct anchor *anchor;
};

static void price(const struct task *t, struct offer *x)
{
    double config[SPACE_PARAMS_MAX];
    x->price = (struct stage_price){NAN, NAN};
    if (!t->cost) return;
    decode(t->encoding, x->point, config);
    if (x->anchor) anchor_hold(x->anchor, config);
    x->price = stage_cost_left(t->cost, t, config, x->point);
}

static double worth(const struct task *t, const struct offer *x)
{
    return isnan(x->price.usual) ? x->value : x->value - stage_cost_penalty(t, x->price.usual);
}

/* What the budget allows comes first. */
static bool is_better(const struct task *t, const struct offer *a, const struct offer *b)
{
    bool fits_a = a->price.upper <= t->history->left, fits_b = b->price.upper <= t->history->left;
    return fits_a != fits_b ? fits_a : worth(t, a) > worth(t, b);
}

/* The best trials, by the model. */
struct leaders {
    size_t n, *at; /* places in the history */
    bool feasible; /* the first probably is: the acquisition is what may be gained beyond it */
};

/* With an anchor, what comes after its stages is varied alone. */
static void consider_anchors(struct task *t, struct acquisition *a, const struct maximise_spec *anywhere,
                             const struct leaders *best, struct offer *top)
{
    struct anchor *anchor = arena_array(&t->arena, ANCHORS_MAX, sizeof *anchor);
    size_t n = t->cost ? anchors_find(t, best->at, best->n, anchor) : 0;
    for (size_t i = 0; i < n; i++) {
        struct maximise_spec where = *anywhere;
        struct offer x = {.anchor = &anchor[i]};
        where.lo = where.hi = NULL;
        where.settle = anchor_settle;
        where.settle_data = &anchor[i];
        if (acquisition_maximise(a, &where, x.point, &x.value, NULL)) continue; /* all of it was tried */
        price(t, &x);
        if (is_better(t, &x, top)) *top = x;
    }
}

/* Its logarithm may be below that of any number. */
static double gain_of(const struct task *t, const struct leaders *best, const struct offer *x)
{
    return best->feasible && objective_is_weighed(&t->study->objective) ? fmax(exp(x->value), DBL_MIN) : 0;
}

static void say_offer(const struct offer *x, struct suggestion *ret)
{
    char cost[40];
    ret->cost = x->price.upper;
    if (isnan(x->price.usual))
        suggestion_say(ret, SUGGESTION_MODEL, "log improvement %.3g", x->value);
    else
        suggestion_say(ret, SUGGESTION_MODEL, "log improvement %.3g for %s%s", x->value,
                       words_show_count(x->price.usual, cost, sizeof cost),
                       x->anchor ? ", on stages that are there" : "");
}

/* Where the acquisition of the spec is largest, for what it costs; of one objective in a box, if there is one. */
static enum status propose_largest(struct task *t, const struct acquisition_spec *spec, const struct leaders *best,
                                   double *ret_point, struct suggestion *ret, struct error *err)
{
    struct maximise_spec where = {.dim = t->encoding->dim,
                                  .d = t->d,
                                  .start = spec->base,
                                  .n_start = best->n < STARTS ? best->n : STARTS,
                                  .taken = t->points,
                                  .n_taken = t->history->n,
                                  .settle = encoding_settle,
                                  .settle_data = t->encoding,
                                  .seed = t->seed};
    struct acquisition *a = NULL;
    double lo[SURROGATE_DIMS_MAX], hi[SURROGATE_DIMS_MAX];
    struct offer top = {.anchor = NULL};
    bool pareto = t->study->objective.form == OBJECTIVE_PARETO;
    if (!pareto && choose_box(t, spec->base, lo, hi)) where.lo = lo, where.hi = hi;
    enum status s = acquisition_create(spec, &a, err);
    if (!s) s = acquisition_maximise(a, &where, top.point, &top.value, err);
    if (!s) {
        price(t, &top);
        consider_anchors(t, a, &where, best, &top);
        memcpy(ret_point, top.point, t->d * sizeof *ret_point);
        t->anchor = top.anchor;
        say_offer(&top, ret);
        ret->gain = gain_of(t, best, &top);
    }
    acquisition_free(a);
    return s;
}

enum status proposal_make(struct task *t, double *ret_point, struct suggestion *ret, struct error *err)
{
    const struct model *m = t->model;
    bool pareto = t->study->objective.form == OBJECTIVE_PARETO, drawn = false;
    const struct pair *p = pareto ? mean_pairs(t) : NULL;
    size_t n_best, n_base;
    const struct search_rank *rank = pareto ? rank_front(t, p) : task_rank(t);
    double *base = base_points(t, rank, &n_best, &n_base);
    struct leaders best = {n_best, arena_array(&t->arena, n_best + 1, sizeof *best.at), false};
    if (n_best) best.feasible = rank[0].feasible >= 0.5;
    for (size_t i = 0; i < n_best; i++) best.at[i] = rank[i].at;
    struct acquisition_spec spec = {.kind = acquisition_default(pareto ? 2 : 1),
                                    .n_outputs = m->n_outputs,
                                    .output = m->output,
                                    .n_bounds = m->n_bounds,
                                    .bound = m->bound,
                                    .base = base,
                                    .seed = t->seed};
    enum status s = STATUS_OK;
    if (!pareto && is_noisy(t, base)) s = draw_propose(t, base, n_best, ret_point, &drawn, err);
    if (drawn) suggestion_say(ret, SUGGESTION_MODEL, "the best place of one draw of a noisy utility");
    if (s || drawn) return s;
    if (pareto) choose_reference(t, p, spec.reference);
    want_improvement(t, n_best, n_base, &spec);
    return propose_largest(t, &spec, &best, ret_point, ret, err);
}
