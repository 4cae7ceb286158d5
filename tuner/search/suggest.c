/* One suggestion: Sobol points first, then the maximum of the acquisition. */
#include "tuner/search/suggest.h"

#include "tuner/search/encode.h"
#include "tuner/search/model.h"
#include "tuner/search/partial.h"
#include "tuner/search/prediction.h"
#include "tuner/search/termination.h"

#include "tuner/base/rng.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 16, DRAWS_PENDING = 32, BEST_OBSERVED = 16, PENDING_MAX = 64, STARTS = 5, POISON_DRAWS = 1000 };

static const double POISON_REACH = 0.1;

struct search {
    const struct study *study;
    uint64_t seed;
    struct arena arena; /* of the encoding */
    struct encoding encoding;
    struct design *sobol;
    struct model model, spread; /* spread: of a large history, the model of all of it (region.h) */
    enum status status;         /* of the encoding; a space that cannot be encoded is sampled at random */
    struct error err;
};

/* One question. */
struct task {
    struct search *search;
    struct model *model; /* the search's model, or its spread one */
    const struct search_history *history; /* with what is expected of the stopped */
    uint64_t seed;
    long number;
    size_t d;
    double *points; /* history->n × d */
    struct arena arena;
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
    return s;
}

void search_free(struct search *search)
{
    if (!search) return;
    model_done(&search->model);
    model_done(&search->spread);
    design_free(search->sobol);
    arena_done(&search->arena);
    free(search);
}

static struct task task_begin(struct search *search, const struct search_history *history, long number)
{
    struct rng rng = rng_derive(search->seed, "suggest", (uint64_t)number);
    struct task t = {
        .search = search, .model = &search->model, .history = history, .seed = rng_bits(&rng), .number = number};
    struct search_history *told = arena_alloc(&t.arena, sizeof *told);
    *told = partial_expect(search->study, history, &t.arena);
    t.history = told;
    t.d = search->encoding.d;
    return t;
}

/* What a model works on. Sobol and random points need none of it, whatever the length of the history. */
static void encode_history(struct task *t)
{
    const struct search_history *h = t->history;
    t->points = arena_array(&t->arena, h->n * t->d, sizeof *t->points);
    for (size_t i = 0; i < h->n; i++) encode(&t->search->encoding, h->trial[i].config, t->points + i * t->d);
}

static struct model_input input_of(const struct task *t)
{
    const struct search *s = t->search;
    return (struct model_input){s->study, t->history, t->points, &s->encoding, s->seed};
}

static size_t count(const struct search_history *h, enum search_outcome outcome)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n; i++) n += h->trial[i].outcome == outcome;
    return n;
}

static size_t initial_points(const struct study *study)
{
    size_t d = study->space.n;
    return d + 1 < 4 ? 4 : d + 1 > 10 ? 10 : d + 1;
}

static bool wants_initial_point(const struct task *t)
{
    size_t first = t->search->model.transfer.n ? 2 : initial_points(t->search->study);
    size_t complete = count(t->history, SEARCH_COMPLETE);
    return complete < 2 || complete + count(t->history, SEARCH_PENDING) < first;
}

/* The best configuration of each earlier study comes first. NULL: all were tried, or there are none. */
static const double *next_warm_start(const struct task *t, const char **ret_name)
{
    const struct transfer *x = &t->search->model.transfer;
    size_t n = t->search->study->space.n;
    for (size_t i = 0; i < x->n; i++) {
        bool tried = false;
        for (size_t k = 0; k < t->history->n && !tried; k++)
            tried = memcmp(t->history->trial[k].config, x->best[i], n * sizeof(double)) == 0;
        *ret_name = x->name[i];
        if (!tried) return x->best[i];
    }
    return NULL;
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

static double *complete_points(struct task *t)
{
    const struct model *m = t->model;
    double *points = arena_array(&t->arena, m->n_complete * t->d, sizeof *points);
    for (size_t i = 0; i < m->n_complete; i++)
        memcpy(points + i * t->d, t->points + m->order[i] * t->d, t->d * sizeof *points);
    return points;
}

/* The complete trials, the model's best first. */
static struct search_rank *rank_complete(struct task *t)
{
    const struct model *m = t->model;
    size_t n = m->n_complete;
    struct search_rank *r = arena_array(&t->arena, n, sizeof *r);
    struct estimate *x = arena_array(&t->arena, n, sizeof *x);
    model_estimate(m, complete_points(t), n, false, x);
    for (size_t i = 0; i < n; i++) r[i] = (struct search_rank){x[i].utility, x[i].feasible, m->order[i]};
    qsort(r, n, sizeof *r, search_rank_compare);
    return r;
}

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
    model_means(m, complete_points(t), n, mean);
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
    model_estimate(m, complete_points(t), n, false, x);
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
    size_t n = t->model->n_complete, first = initial_points(t->search->study);
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
    double d = (double)t->search->study->space.n, side = t->model->side;
    double reach = side > 0 ? side / 2 : 0.2 + 0.06 * (double)t->model->n_complete / (d + 1);
    double point[SURROGATE_DIMS_MAX];
    bool exists[SURROGATE_DIMS_MAX];
    memcpy(point, best, t->d * sizeof *point);
    for (size_t k = 0; k < t->d; k++) exists[k] = true;
    encoding_settle(&t->search->encoding, point, exists);
    for (size_t k = 0; k < t->d; k++) {
        lo[k] = exists[k] ? fmax(best[k] - reach, 0) : 0;
        hi[k] = exists[k] ? fmin(best[k] + reach, 1) : 1;
    }
    return reach < 0.5;
}

/* While trials are pending, every second suggestion wants to beat them, too, which spreads the batch; the others only
 * what is known, which gathers it. Each alone was worse with eight pending (tests/bench). */
static enum status propose(struct task *t, double *ret_point, double *ret_value, struct error *err)
{
    struct search *search = t->search;
    const struct model *m = t->model;
    bool pareto = search->study->objective.form == OBJECTIVE_PARETO;
    const struct pair *p = pareto ? mean_pairs(t) : NULL;
    size_t n_best, n_base;
    double *base = base_points(t, pareto ? rank_front(t, p) : rank_complete(t), &n_best, &n_base);
    struct acquisition_spec spec = {.kind = acquisition_default(pareto ? 2 : 1),
                                    .n_outputs = m->n_outputs,
                                    .output = m->output,
                                    .n_bounds = m->n_bounds,
                                    .bound = m->bound,
                                    .n_base = n_base,
                                    .base = base,
                                    .n_incumbents = t->number % 2 ? n_best : n_base,
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
    double lo[SURROGATE_DIMS_MAX], hi[SURROGATE_DIMS_MAX];
    if (pareto)
        choose_reference(t, p, spec.reference);
    else if (choose_box(t, base, lo, hi))
        where.lo = lo, where.hi = hi;
    enum status s = acquisition_create(&spec, &a, err);
    if (!s) s = acquisition_maximise(a, &where, ret_point, ret_value, err);
    acquisition_free(a);
    return s;
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
    return termination_due(m, &t->search->encoding, complete_points(t), m->n_complete, t->search->seed, ret);
}

/* Once with today's history and, only if that says so, once without its last result. */
static void judge_enough(struct task *t, struct suggestion *ret)
{
    struct search *s = t->search;
    struct termination now, before;
    if (!s->study->budget.patience_auto || t->model != &s->model || s->study->objective.form == OBJECTIVE_PARETO ||
        !is_due(t, &now))
        return;
    struct search_history h = without_last(t);
    struct model_input in = input_of(t);
    in.history = &h;
    if (model_update(t->model, &in, REGION_NEAR, NULL) || !is_due(t, &before)) return;
    snprintf(ret->enough, sizeof ret->enough,
             "at most %.3g of utility is left to gain, less than the noise of one measurement, %.3g", now.gap,
             before.noise);
}

static enum status suggest_by_model(struct task *t, double *ret_point, double *ret_value, struct error *err)
{
    struct search *search = t->search;
    bool wide = t->number % REGION_WIDE == 0 && count(t->history, SEARCH_COMPLETE) > REGION_FROM;
    if (wide) t->model = &search->spread;
    encode_history(t);
    struct model_input in = input_of(t);
    enum status s = model_update(t->model, &in, wide ? REGION_SPREAD : REGION_NEAR, err);
    return s ? s : propose(t, ret_point, ret_value, err);
}

/* ---- poison ---- */

/* Every number within a tenth of its range, and every category the same. */
static bool is_near(const struct task *t, const double *point, const double *config)
{
    const struct dimension *dim = t->search->encoding.dim;
    double other[SURROGATE_DIMS_MAX];
    encode(&t->search->encoding, config, other);
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
        design_random(t->search->encoding.dim, t->d, t->seed, k, point);
        if (poison_near(t, point)) continue;
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
    double point[SURROGATE_DIMS_MAX], value;
    enum status s = STATUS_OK;
    *ret->enough = 0;
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
        s = suggest_by_model(&t, point, &value, &inner);
        if (!s) suggestion_say(ret, SUGGESTION_MODEL, "log improvement %.3g", value);
        if (!s) judge_enough(&t, ret);
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
    arena_done(&t.arena);
    return s;
}

enum status search_estimate(struct search *search, const struct search_history *history, double *ret_utility,
                            double *ret_feasible, struct error *err)
{
    if (search->status) return error_set(err, search->status, "%s", search->err.text);
    struct task t = task_begin(search, history, 0);
    encode_history(&t);
    struct model_input in = input_of(&t);
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
    encode_history(&t);
    const struct objective *o = &search->study->objective;
    double point[SURROGATE_DIMS_MAX];
    encode(&search->encoding, config, point);
    struct model_input in = input_of(&t);
    struct prediction_query query = {
        .point = point, .coverage = coverage, .chosen = is_pending(history, config, search->study->space.n)};
    enum status s = model_update(t.model, &in, REGION_NEAR, err);
    for (query.metric = 0; !s && query.metric < o->n_metrics; query.metric++)
        ret[query.metric] = objective_uses(o, query.metric) ? prediction_make(t.model, &in, &query)
                                                            : (struct prediction){NAN, NAN, NAN};
    arena_done(&t.arena);
    return s;
}
