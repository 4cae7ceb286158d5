/* One suggestion: Sobol points first, then the maximum of the acquisition. */
#include "tuner/search/suggest.h"

#include "tuner/search/anchor.h"
#include "tuner/search/partial.h"
#include "tuner/search/proposal.h"
#include "tuner/search/prediction.h"
#include "tuner/search/stage_cost.h"
#include "tuner/search/termination.h"

#include "tuner/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POISON_DRAWS = 1000 };

static const double POISON_REACH = 0.1;

struct search {
    const struct study *study;
    uint64_t seed;
    struct arena arena; /* of the encoding */
    struct encoding encoding;
    struct design *sobol;
    struct model model, spread; /* spread: of a large history, the model of all of it (region.h) */
    struct stage_cost *cost;    /* NULL: without stages, or blind to what they cost */
    enum status status;         /* of the encoding; a space that cannot be encoded is sampled at random */
    struct error err;
};

struct search *search_create(const struct study *study, uint64_t seed, const struct search_prior *prior,
                             size_t n_priors)
{
    struct search *s = must_alloc(1, sizeof *s);
    s->study = study;
    s->seed = seed;
    s->status = encoding_make(&study->space, &s->arena, &s->encoding, &s->err);
    if (!s->status) s->sobol = design_create(s->encoding.dim, s->encoding.d, seed);
    if (!s->status && study->sampler == SAMPLER_GP && study->objective.form != OBJECTIVE_PARETO)
        transfer_make(&s->model.transfer, prior, n_priors, &s->encoding, seed);
    if (study->pipeline.n && !study->pipeline.cost_blind) s->cost = stage_cost_create(study);
    return s;
}

void search_free(struct search *search)
{
    if (!search) return;
    model_done(&search->model);
    model_done(&search->spread);
    design_free(search->sobol);
    stage_cost_free(search->cost);
    arena_done(&search->arena);
    free(search);
}

static struct task task_begin(struct search *search, const struct search_history *history, long number)
{
    struct rng rng = rng_derive(search->seed, "suggest", (uint64_t)number);
    struct task t = {.study = search->study,
                     .encoding = &search->encoding,
                     .model = &search->model,
                     .search_seed = search->seed,
                     .seed = rng_bits(&rng),
                     .number = number,
                     .d = search->encoding.d};
    struct search_history *told = arena_alloc(&t.arena, sizeof *told);
    *told = partial_expect(search->study, history, &t.arena);
    t.history = told;
    return t;
}

static size_t count(const struct search_history *h, enum search_outcome outcome)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++) n += h->trial[i].outcome == outcome;
    return n;
}

/* With earlier studies half as many will do. With fewer still, one that misleads is found out late (tests/bench). */
static bool wants_initial_point(const struct task *t)
{
    size_t first = task_initial_points(t) / (t->model->transfer.n ? 2 : 1);
    size_t complete = count(t->history, SEARCH_COMPLETE);
    return complete < 2 || complete + count(t->history, SEARCH_PENDING) < first;
}

/* The best configuration of each earlier study comes first. NULL: all were tried, or there are none. */
static const double *next_warm_start(const struct task *t, const char **ret_name)
{
    const struct transfer *x = &t->model->transfer;
    size_t n = t->study->space.n;
    for (size_t i = 0; i < x->n; i++) {
        bool tried = false;
        for (size_t k = 0; k < t->history->n && !tried; k++)
            tried = memcmp(t->history->trial[k].config, x->best[i], n * sizeof(double)) == 0;
        *ret_name = x->name[i];
        if (!tried) return x->best[i];
    }
    return NULL;
}

/* ---- enough? ---- */

/* The history without its last result. */
static struct search_history without_last(struct task *t)
{
    struct search_history h = *t->history;
    struct search_trial *list = arena_array(&t->arena, h.n, sizeof *list);
    size_t last = t->model->order[t->model->n_complete - 1];
    memcpy(list, h.trial, h.n * sizeof *list);
    list[last].outcome = SEARCH_PENDING;
    h.trial = list;
    return h;
}

static bool is_due(struct task *t, struct termination *ret)
{
    const struct model *m = t->model;
    return termination_due(m, t->encoding, task_complete_points(t), m->n_complete, t->search_seed, ret);
}

/* Once with today's history and, only if that says so, once without its last result. */
static void judge_enough(struct task *t, struct suggestion *ret)
{
    struct termination now, before;
    if (!t->study->budget.patience_auto || t->study->objective.form == OBJECTIVE_PARETO || !is_due(t, &now)) return;
    struct search_history h = without_last(t);
    struct model_input in = task_input(t);
    in.history = &h;
    if (model_update(t->model, &in, REGION_NEAR, NULL) || !is_due(t, &before)) return;
    snprintf(ret->enough, sizeof ret->enough,
             "at most %.3g of utility is left to gain, less than the noise of one measurement, %.3g", now.gap,
             before.noise);
}

static enum status suggest_by_model(struct search *search, struct task *t, double *ret_point, struct suggestion *ret,
                                    struct error *err)
{
    bool wide = t->number % REGION_WIDE == 0 && count(t->history, SEARCH_COMPLETE) > REGION_FROM;
    if (wide) t->model = &search->spread;
    task_encode(t);
    struct model_input in = task_input(t);
    enum status s = model_update(t->model, &in, wide ? REGION_SPREAD : REGION_NEAR, err);
    if (search->cost && stage_cost_update(search->cost, t)) t->cost = search->cost;
    if (!s) s = proposal_make(t, ret_point, ret, err);
    if (!s && !wide) judge_enough(t, ret);
    return s;
}

/* ---- poison ---- */

/* Every number within a tenth of its range, and every category the same. */
static bool is_near(const struct task *t, const double *point, const double *config)
{
    const struct dimension *dim = t->encoding->dim;
    double other[SURROGATE_DIMS_MAX];
    encode(t->encoding, config, other);
    for (size_t k = 0; k < t->d; k++) {
        double reach = dim[k].kind == DIMENSION_CATEGORY ? 0 : POISON_REACH;
        if (fabs(point[k] - other[k]) > reach) return false;
    }
    return true;
}

static const struct search_trial *poison_near(const struct task *t, const double *point)
{
    for (size_t i = 0; i < t->history->n; i++) {
        const struct search_trial *x = &t->history->trial[i];
        if (x->poisonous && is_near(t, point, x->config)) return x;
    }
    return NULL;
}

/* What lies near a poisonous configuration is replaced by chance. */
static enum status keep_off_poison(struct task *t, double *point, struct suggestion *ret, struct error *err)
{
    if (t->history->n_poisonous == 0 || !poison_near(t, point)) return STATUS_OK;
    for (size_t k = 0; k < POISON_DRAWS; k++) {
        design_random(t->encoding->dim, t->d, t->seed, k, point);
        if (poison_near(t, point)) continue;
        t->anchor = NULL;
        suggestion_say(ret, SUGGESTION_DIVERTED, "what came first lies near a poisonous configuration");
        return STATUS_OK;
    }
    return error_set(err, STATUS_EXHAUSTED, "everything left to try lies near configurations that crash the machine");
}

static void say_exhausted(const struct space *space, struct error *err)
{
    double size = space_size(space);
    if (size > 0)
        error_set(err, STATUS_EXHAUSTED, "all %.0f configurations of this space have been tried", size);
    else
        error_set(err, STATUS_EXHAUSTED, "every configuration of this space has been tried");
}

enum status search_suggest(struct search *search, const struct search_history *history, long number,
                           struct suggestion *ret, struct error *err)
{
    if (search->status) return error_set(err, search->status, "%s", search->err.text);
    struct task t = task_begin(search, history, number);
    const struct dimension *dim = search->encoding.dim;
    double point[SURROGATE_DIMS_MAX];
    enum status s = STATUS_OK;
    *ret->enough = 0;
    ret->cost = NAN;
    const char *earlier;
    const double *start = next_warm_start(&t, &earlier);
    if (start) {
        memcpy(ret->config, start, search->study->space.n * sizeof *start);
        suggestion_say(ret, SUGGESTION_WARM_START, "the best of study %.60s", earlier);
        arena_done(&t.arena);
        return STATUS_OK;
    }
    if (search->study->sampler == SAMPLER_RANDOM) {
        design_random(dim, t.d, search->seed, (size_t)number, point);
        suggestion_say(ret, SUGGESTION_RANDOM, "%s", "");
    } else if (search->study->sampler == SAMPLER_SOBOL || wants_initial_point(&t)) {
        design_next(search->sobol, (size_t)number, point);
        suggestion_say(ret, SUGGESTION_SOBOL, "%s", "");
    } else {
        struct error inner = {0};
        s = suggest_by_model(search, &t, point, ret, &inner);
        if (s == STATUS_NUMERIC) {
            design_random(dim, t.d, search->seed, (size_t)number, point);
            suggestion_say(ret, SUGGESTION_FALLBACK, " %.120s", inner.text);
            s = STATUS_OK;
        }
        if (s == STATUS_EXHAUSTED)
            say_exhausted(&search->study->space, err);
        else if (s)
            error_set(err, s, "%s", inner.text);
    }
    if (!s) s = keep_off_poison(&t, point, ret, err);
    if (!s) decode(&search->encoding, point, ret->config);
    if (!s && t.anchor) anchor_hold(t.anchor, ret->config);
    arena_done(&t.arena);
    return s;
}

enum status search_estimate(struct search *search, const struct search_history *history, double *ret_utility,
                            double *ret_feasible, struct error *err)
{
    if (search->status) return error_set(err, search->status, "%s", search->err.text);
    struct task t = task_begin(search, history, 0);
    task_encode(&t);
    struct model_input in = task_input(&t);
    enum status s = model_update(t.model, &in, REGION_NEAR, err);
    for (size_t i = 0; i < history->n; i++) ret_utility[i] = ret_feasible[i] = NAN;
    struct estimate *x = arena_array(&t.arena, history->n + 1, sizeof *x);
    if (!s) model_estimate(t.model, t.points, history->n, false, x);
    for (size_t i = 0; !s && i < history->n; i++) {
        if (history->trial[i].outcome != SEARCH_COMPLETE) continue;
        ret_utility[i] = x[i].utility;
        ret_feasible[i] = x[i].feasible;
    }
    arena_done(&t.arena);
    return s;
}

size_t search_winner(struct search *search, const struct search_history *history)
{
    if (search->status || search->study->sampler != SAMPLER_GP || search->study->objective.form == OBJECTIVE_PARETO)
        return SIZE_MAX;
    struct task t = task_begin(search, history, 0);
    task_encode(&t);
    struct model_input in = task_input(&t);
    size_t winner = SIZE_MAX;
    if (model_update(t.model, &in, REGION_NEAR, NULL) == STATUS_OK) {
        const struct search_rank *best = task_rank(&t);
        if (best->feasible >= 0.5 && model_noisy(t.model, t.points + best->at * t.d) > 0.5) winner = best->at;
    }
    arena_done(&t.arena);
    return winner;
}

static bool is_pending(const struct search_history *h, const double *config, size_t n)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->trial[i].outcome == SEARCH_PENDING && memcmp(h->trial[i].config, config, n * sizeof *config) == 0)
            return true;
    return false;
}

enum status search_predict(struct search *search, const struct search_history *history, const double *config,
                           double coverage, struct prediction ret[METRICS_MAX], struct error *err)
{
    if (search->status) return error_set(err, search->status, "%s", search->err.text);
    struct task t = task_begin(search, history, 0);
    task_encode(&t);
    const struct objective *o = &search->study->objective;
    double point[SURROGATE_DIMS_MAX];
    encode(&search->encoding, config, point);
    struct model_input in = task_input(&t);
    struct prediction_query query = {
        .point = point, .coverage = coverage, .chosen = is_pending(history, config, search->study->space.n)};
    enum status s = model_update(t.model, &in, REGION_NEAR, err);
    for (query.metric = 0; !s && query.metric < o->n_metrics; query.metric++)
        ret[query.metric] = objective_uses(o, query.metric) ? prediction_make(t.model, &in, &query)
                                                            : (struct prediction){NAN, NAN, NAN};
    arena_done(&t.arena);
    return s;
}
