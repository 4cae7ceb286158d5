/* One suggestion: Sobol points first, then the maximum of the acquisition. */
#include "tuner/search/search.h"

#include "tuner/search/encode.h"
#include "tuner/search/model.h"

#include "tuner/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 16, DRAWS_PENDING = 32, BEST_OBSERVED = 16, PENDING_MAX = 64, STARTS = 5 };

struct search {
    const struct study *study;
    uint64_t seed;
    struct arena arena; /* of the encoding */
    struct encoding encoding;
    struct model model;
    enum status status; /* of the encoding; a space that cannot be encoded is sampled at random */
    struct error err;
};

/* One question. */
struct task {
    struct search *search;
    const struct search_history *history;
    uint64_t seed;
    long number;
    size_t d;
    double *points; /* history->n × d */
    struct arena arena;
};

struct search *search_create(const struct study *study, uint64_t seed)
{
    struct search *s = must_alloc(1, sizeof *s);
    s->study = study;
    s->seed = seed;
    s->status = encoding_make(&study->space, &s->arena, &s->encoding, &s->err);
    return s;
}

void search_free(struct search *search)
{
    if (!search) return;
    model_done(&search->model);
    arena_done(&search->arena);
    free(search);
}

static struct task task_begin(struct search *search, const struct search_history *history, long number)
{
    struct rng rng = rng_derive(search->seed, "suggest", (uint64_t)number);
    struct task t = {.search = search, .history = history, .seed = rng_bits(&rng), .number = number};
    t.d = search->encoding.d;
    t.points = arena_array(&t.arena, history->n * t.d, sizeof *t.points);
    for (size_t i = 0; i < history->n; i++) encode(&search->encoding, history->trial[i].config, t.points + i * t.d);
    return t;
}

static size_t count(const struct search_history *h, enum search_outcome outcome)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++) n += h->trial[i].outcome == outcome;
    return n;
}

static bool wants_initial_point(const struct task *t)
{
    size_t d = t->search->study->space.n, first = d + 1 < 4 ? 4 : d + 1 > 10 ? 10 : d + 1;
    size_t complete = count(t->history, SEARCH_COMPLETE);
    return complete < 2 || complete + count(t->history, SEARCH_PENDING) < first;
}

int search_rank_compare(const void *a, const void *b)
{
    const struct search_rank *x = a, *y = b;
    bool fx = x->feasible >= 0.5, fy = y->feasible >= 0.5;
    if (fx != fy) return fx ? -1 : 1;
    double u = fx ? x->utility : x->feasible, v = fy ? y->utility : y->feasible;
    if (u != v) return u > v ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* The complete trials, the model's best first. */
static struct search_rank *rank_complete(struct task *t, size_t *ret_n)
{
    const struct model *m = &t->search->model;
    size_t n = m->n_complete;
    struct search_rank *r = arena_array(&t->arena, n, sizeof *r);
    double *points = arena_array(&t->arena, n * t->d, sizeof *points), *utility = arena_array(&t->arena, n, sizeof *utility),
           *feasible = arena_array(&t->arena, n, sizeof *feasible);
    for (size_t i = 0; i < n; i++) memcpy(points + i * t->d, t->points + m->order[i] * t->d, t->d * sizeof *points);
    model_estimate(m, points, n, utility, feasible);
    for (size_t i = 0; i < n; i++) r[i] = (struct search_rank){utility[i], feasible[i], m->order[i]};
    qsort(r, n, sizeof *r, search_rank_compare);
    *ret_n = n;
    return r;
}

/* Base points of the acquisition: the model's best observed ones, then the pending ones. */
static double *base_points(struct task *t, size_t *ret_best, size_t *ret_n)
{
    const struct search_history *h = t->history;
    double *base = arena_array(&t->arena, (BEST_OBSERVED + PENDING_MAX) * t->d, sizeof *base);
    size_t n_ranked, n = 0;
    const struct search_rank *r = rank_complete(t, &n_ranked);
    for (; n < n_ranked && n < BEST_OBSERVED; n++)
        memcpy(base + n * t->d, t->points + r[n].at * t->d, t->d * sizeof *base);
    *ret_best = n;
    for (size_t i = h->n; i-- > 0 && n < *ret_best + PENDING_MAX;)
        if (h->trial[i].outcome == SEARCH_PENDING) memcpy(base + n++ * t->d, t->points + i * t->d, t->d * sizeof *base);
    *ret_n = n;
    return base;
}

static enum status propose(struct task *t, double *ret_point, double *ret_value, struct error *err)
{
    struct search *search = t->search;
    const struct model *m = &search->model;
    size_t n_best, n_base;
    double *base = base_points(t, &n_best, &n_base);
    struct acquisition_spec spec = {.n_outputs = m->n_outputs,
                                    .output = m->output,
                                    .n_bounds = m->n_bounds,
                                    .bound = m->bound,
                                    .n_base = n_base,
                                    .base = base,
                                    .n_draws = n_base > n_best ? DRAWS_PENDING : DRAWS,
                                    .seed = t->seed};
    struct maximise_spec where = {.dim = search->encoding.dim,
                                  .d = t->d,
                                  .start = base,
                                  .n_start = n_best < STARTS ? n_best : STARTS,
                                  .taken = t->points,
                                  .n_taken = t->history->n,
                                  .settle = encoding_settle,
                                  .settle_data = &search->encoding,
                                  .seed = t->seed};
    struct acquisition *a = NULL;
    enum status s = acquisition_create(&spec, &a, err);
    if (!s) s = acquisition_maximise(a, &where, ret_point, ret_value, err);
    acquisition_free(a);
    return s;
}

static enum status suggest_by_model(struct task *t, double *ret_point, double *ret_value, struct error *err)
{
    struct search *search = t->search;
    enum status s = model_update(&search->model, search->study, t->history, t->points, &search->encoding, search->seed,
                                 err);
    return s ? s : propose(t, ret_point, ret_value, err);
}

enum status search_suggest(struct search *search, const struct search_history *history, long number,
                           struct suggestion *ret, struct error *err)
{
    if (search->status) return error_set(err, search->status, "%s", search->err.text);
    struct task t = task_begin(search, history, number);
    const struct dimension *dim = search->encoding.dim;
    double point[SURROGATE_DIMS_MAX], value;
    enum status s = STATUS_OK;
    if (search->study->sampler == SAMPLER_RANDOM) {
        design_random(dim, t.d, search->seed, (size_t)number, point);
        snprintf(ret->source, sizeof ret->source, "random");
    } else if (search->study->sampler == SAMPLER_SOBOL || wants_initial_point(&t)) {
        design_point(dim, t.d, search->seed, (size_t)number, point);
        snprintf(ret->source, sizeof ret->source, "sobol");
    } else {
        struct error inner = {0};
        s = suggest_by_model(&t, point, &value, &inner);
        if (!s) snprintf(ret->source, sizeof ret->source, "gp: log improvement %.3g", value);
        if (s == STATUS_NUMERIC) {
            design_random(dim, t.d, search->seed, (size_t)number, point);
            snprintf(ret->source, sizeof ret->source, "random, because %.120s", inner.text);
            s = STATUS_OK;
        }
        if (s) error_set(err, s, "%s", inner.text);
    }
    if (!s) decode(&search->encoding, point, ret->config);
    arena_done(&t.arena);
    return s;
}

enum status search_estimate(struct search *search, const struct search_history *history, double *ret_utility,
                            double *ret_feasible, struct error *err)
{
    if (search->status) return error_set(err, search->status, "%s", search->err.text);
    struct task t = task_begin(search, history, 0);
    enum status s = model_update(&search->model, search->study, history, t.points, &search->encoding, search->seed, err);
    for (size_t i = 0; i < history->n; i++) ret_utility[i] = ret_feasible[i] = NAN;
    if (!s) {
        size_t n;
        const struct search_rank *r = rank_complete(&t, &n);
        for (size_t i = 0; i < n; i++) {
            ret_utility[r[i].at] = r[i].utility;
            ret_feasible[r[i].at] = r[i].feasible;
        }
    }
    arena_done(&t.arena);
    return s;
}
