/* One suggestion: baseline and Sobol points first, then the maximum of the acquisition. */
#include "tuner/search/search.h"

#include "tuner/search/encode.h"
#include "tuner/search/model.h"

#include "tuner/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 32, BEST_OBSERVED = 16, PENDING_MAX = 64, STARTS = 5 };

struct task {
    const struct study *study;
    const struct search_history *history;
    uint64_t seed;
    long number;
    struct arena arena;
    size_t d;
    struct dimension *dim;
    double *points; /* history->n × d */
};

static struct task task_begin(const struct study *study, const struct search_history *history, uint64_t seed,
                              long number)
{
    struct task t = {.study = study, .history = history, .seed = seed, .number = number, .d = study->space.n};
    t.dim = encode_dimensions(&study->space, &t.arena);
    t.points = arena_array(&t.arena, history->n * t.d, sizeof *t.points);
    for (size_t i = 0; i < history->n; i++) encode(&study->space, history->trial[i].config, t.points + i * t.d);
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
    size_t first = t->d + 1 < 4 ? 4 : t->d + 1 > 10 ? 10 : t->d + 1;
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

/* Base points of the acquisition: the model's best observed ones, then the pending ones. */
static double *base_points(struct task *t, const struct model *m, size_t *ret_best, size_t *ret_n)
{
    const struct search_history *h = t->history;
    struct search_rank *r = arena_array(&t->arena, h->n, sizeof *r);
    double *base = arena_array(&t->arena, (BEST_OBSERVED + PENDING_MAX) * t->d, sizeof *base);
    size_t n_ranked = 0, n = 0;
    for (size_t i = 0; i < h->n; i++) {
        if (h->trial[i].outcome != SEARCH_COMPLETE) continue;
        r[n_ranked].at = i;
        model_estimate(m, t->points + i * t->d, &r[n_ranked].utility, &r[n_ranked].feasible);
        n_ranked++;
    }
    qsort(r, n_ranked, sizeof *r, search_rank_compare);
    for (; n < n_ranked && n < BEST_OBSERVED; n++)
        memcpy(base + n * t->d, t->points + r[n].at * t->d, t->d * sizeof *base);
    *ret_best = n;
    for (size_t i = h->n; i-- > 0 && n < *ret_best + PENDING_MAX;)
        if (h->trial[i].outcome == SEARCH_PENDING) memcpy(base + n++ * t->d, t->points + i * t->d, t->d * sizeof *base);
    *ret_n = n;
    return base;
}

static enum status propose(struct task *t, const struct model *m, double *ret_point, double *ret_value,
                           struct error *err)
{
    size_t n_best, n_base;
    double *base = base_points(t, m, &n_best, &n_base);
    struct acquisition_spec spec = {.n_outputs = m->n_outputs,
                                    .output = m->output,
                                    .n_bounds = m->n_bounds,
                                    .bound = m->bound,
                                    .n_base = n_base,
                                    .base = base,
                                    .n_draws = DRAWS,
                                    .seed = t->seed};
    struct maximise_spec where = {.dim = t->dim,
                                  .d = t->d,
                                  .start = base,
                                  .n_start = n_best < STARTS ? n_best : STARTS,
                                  .taken = t->points,
                                  .n_taken = t->history->n,
                                  .seed = t->seed};
    struct acquisition *a = NULL;
    enum status s = acquisition_create(&spec, &a, err);
    if (!s) s = acquisition_maximise(a, &where, ret_point, ret_value, err);
    acquisition_free(a);
    return s;
}

static enum status suggest_by_model(struct task *t, double *ret_point, double *ret_value, struct error *err)
{
    struct model m;
    enum status s = model_fit(&m, t->study, t->history, t->points, t->dim, t->seed, err);
    if (!s) s = propose(t, &m, ret_point, ret_value, err);
    model_done(&m);
    return s;
}

enum status search_suggest(const struct study *study, const struct search_history *history, uint64_t seed, long number,
                           struct suggestion *ret, struct error *err)
{
    struct rng rng = rng_derive(seed, "suggest", (uint64_t)number);
    struct task t = task_begin(study, history, rng_bits(&rng), number);
    double point[SPACE_PARAMS_MAX], value;
    enum status s = STATUS_OK;
    if (study->sampler == SAMPLER_RANDOM) {
        design_random(t.dim, t.d, seed, (size_t)number, point);
        snprintf(ret->source, sizeof ret->source, "random");
    } else if (study->sampler == SAMPLER_SOBOL || wants_initial_point(&t)) {
        design_point(t.dim, t.d, seed, (size_t)number, point);
        snprintf(ret->source, sizeof ret->source, "sobol");
    } else {
        struct error inner = {0};
        s = suggest_by_model(&t, point, &value, &inner);
        if (!s) snprintf(ret->source, sizeof ret->source, "gp: log improvement %.3g", value);
        if (s == STATUS_NUMERIC) {
            design_random(t.dim, t.d, seed, (size_t)number, point);
            snprintf(ret->source, sizeof ret->source, "random, because %.120s", inner.text);
            s = STATUS_OK;
        }
        if (s) error_set(err, s, "%s", inner.text);
    }
    if (!s) decode(&study->space, point, ret->config);
    arena_done(&t.arena);
    return s;
}

enum status search_estimate(const struct study *study, const struct search_history *history, uint64_t seed,
                            double *ret_utility, double *ret_feasible, struct error *err)
{
    struct task t = task_begin(study, history, seed, 0);
    struct model m;
    enum status s = model_fit(&m, study, history, t.points, t.dim, seed, err);
    for (size_t i = 0; !s && i < history->n; i++) {
        ret_utility[i] = ret_feasible[i] = NAN;
        if (history->trial[i].outcome == SEARCH_COMPLETE)
            model_estimate(&m, t.points + i * t.d, &ret_utility[i], &ret_feasible[i]);
    }
    model_done(&m);
    arena_done(&t.arena);
    return s;
}
