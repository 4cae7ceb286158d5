#include "tuner/search/forecast.h"

#include "tuner/search/targets.h"
#include "tuner/search/curve_model.h"

#include "tuner/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NODES = 12, STEPS = 256 };

struct forecast {
    const struct objective *objective;
    double now, spacing, horizon; /* costs: of the last report, between evaluations, at the end of the futures */
    size_t n_steps;
    double stride; /* evaluations in a step */
    bool modelled[METRICS_MAX], result_is_best[METRICS_MAX];
    double noise[METRICS_MAX], so_far[METRICS_MAX], last[METRICS_MAX];
    double *path[METRICS_MAX];  /* FORECAST_DRAWS × n_steps: what evaluations will say, in the metric's units */
    double end[FORECAST_DRAWS]; /* cost at which others like it ended */
    size_t n_nearest;
    long nearest[FORECAST_NEAREST];
};

/* ---- futures ---- */

struct forecaster *forecaster_create(const struct study *study, uint64_t seed)
{
    struct forecaster *f = must_alloc(1, sizeof *f);
    f->study = study;
    f->seed = seed;
    f->status = encoding_make(&study->space, &f->arena, &f->encoding, &f->err);
    for (size_t i = 0; i < study->space.n; i++)
        f->inert[i] =
            strcmp(study->space.param[i].name, "patience") == 0 || strcmp(study->space.param[i].name, "threshold") == 0;
    return f;
}

void forecaster_free(struct forecaster *f)
{
    if (!f) return;
    arena_done(&f->arena);
    free(f);
}

/* The value at a cost between nodes that are evenly spaced in its logarithm. */
static double between(const double *node, size_t draw, double position)
{
    size_t i = position >= NODES - 1 ? NODES - 2 : (size_t)position;
    double share = fmin(position - (double)i, 1);
    return (1 - share) * node[i * FORECAST_DRAWS + draw] + share * node[(i + 1) * FORECAST_DRAWS + draw];
}

static double cost_at(const struct forecast *x, size_t step)
{
    return fmin(x->now + (double)(step + 1) * x->stride * x->spacing, x->horizon);
}

static enum status make_paths(struct view *w, struct forecast *x, size_t metric, struct error *err)
{
    const struct metric *m = &w->f->study->objective.metric[metric];
    struct gp *gp = NULL;
    enum status s = curve_model_make(w, metric, &gp, err);
    enum scale scale = w->scale[metric];
    double *nodes = arena_array(&w->arena, NODES * w->d, sizeof *nodes);
    double *node = arena_array(&w->arena, NODES * FORECAST_DRAWS, sizeof *node);
    double ratio = log(x->horizon / x->now);
    for (size_t i = 0; i < NODES; i++)
        curve_model_point(w, w->own, x->now * exp(ratio * (double)i / (NODES - 1)), nodes + i * w->d);
    struct gp_draws draws = {nodes, NODES, FORECAST_DRAWS, w->f->seed + (uint64_t)w->running->number};
    if (!s) s = gp_sample(gp, &draws, node, err);
    if (!s) {
        struct rng rng = rng_derive(w->f->seed, "jitter", (uint64_t)w->running->number * METRICS_MAX + metric);
        double level = between(node, 0, 0), sd = curve_model_jitter(w, metric);
        double own = sqrt(curve_model_excess(w, metric, x->now));
        x->path[metric] = must_alloc(FORECAST_DRAWS * x->n_steps, sizeof(double));
        for (size_t k = 0; k < FORECAST_DRAWS; k++) {
            double deviation = own * rng_normal(&rng);
            for (size_t i = 0; i < x->n_steps; i++) {
                double share = log(cost_at(x, i) / x->now) / ratio;
                double f = between(node, k, share * (NODES - 1)) + share * deviation;
                x->path[metric][k * x->n_steps + i] = curve_model_to_metric(scale, m, f + sd * rng_normal(&rng));
            }
        }
        x->noise[metric] =
            fabs(curve_model_to_metric(scale, m, level + sd / 2) - curve_model_to_metric(scale, m, level - sd / 2));
    }
    gp_free(gp);
    return s;
}

/* ---- what results are ---- */

/* The best evaluation, or the last? As the complete trials had it. */
static bool results_are_best(const struct evidence *e, const struct objective *o, size_t metric)
{
    double best = 0, last = 0;
    for (size_t i = 0; i < e->n; i++) {
        const struct evidence_trial *t = &e->trial[i];
        if (!t->result || !isfinite(t->result[metric])) continue;
        double b = learning_curve_best(t->curve, o, metric), l = learning_curve_last(t->curve, metric);
        if (!isfinite(b) || !isfinite(l)) continue;
        best += fabs(t->result[metric] - b);
        last += fabs(t->result[metric] - l);
    }
    return best <= last;
}

/* Where futures without a known rule end: where complete trials that went further did. */
static void choose_ends(const struct view *w, struct forecast *x)
{
    struct rng rng = rng_derive(w->f->seed, "ends", (uint64_t)w->running->number);
    const struct evidence *e = w->evidence;
    double *end = must_alloc(e->n + 1, sizeof *end);
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++)
        if (e->trial[i].result && learning_curve_cost(e->trial[i].curve) > x->now)
            end[n++] = learning_curve_cost(e->trial[i].curve);
    for (size_t k = 0; k < FORECAST_DRAWS; k++) x->end[k] = n ? end[rng_below(&rng, n)] : x->horizon;
    free(end);
}

/* ---- the nearest curves ---- */

/* A metric's value at a cost, linear between the points, and a little before the first; NaN outside the curve. */
static double value_at(const struct learning_curve *c, size_t metric, double at)
{
    for (size_t i = 0; i < c->n; i++) {
        double v = c->value[i * c->n_metrics + metric];
        if (c->at[i] < at) continue;
        if (i == 0 || c->at[i] == at) return c->at[i] <= 1.2 * at ? v : NAN;
        double before = c->value[(i - 1) * c->n_metrics + metric];
        return before + (v - before) * (at - c->at[i - 1]) / (c->at[i] - c->at[i - 1]);
    }
    return NAN;
}

/* Mean squared difference from the trial's own curve so far, on the model's scale; −1: they share no cost. */
static double curve_distance(const struct view *w, const struct learning_curve *c, size_t metric)
{
    const struct learning_curve *own = w->running->curve;
    const struct metric *m = &w->f->study->objective.metric[metric];
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < own->n; i++) {
        double a = own->value[i * own->n_metrics + metric], b = value_at(c, metric, own->at[i]);
        if (!isfinite(a) || !isfinite(b)) continue;
        sum += pow(targets_transform(m, a) - targets_transform(m, b), 2);
        n++;
    }
    return 2 * n >= own->n && n > 0 ? sum / (double)n : -1;
}

static void find_nearest(const struct view *w, struct forecast *x)
{
    const struct objective *o = &w->f->study->objective;
    const struct evidence *e = w->evidence;
    int tokens = objective_token_metric(o);
    size_t metric = 0;
    for (size_t m = o->n_metrics; m-- > 0;)
        if ((int)m != tokens && objective_uses(o, m)) metric = m;
    struct curve_model_near near[FORECAST_NEAREST];
    for (size_t i = 0; i < e->n; i++) {
        double distance = e->trial[i].number == w->running->number ? -1 : curve_distance(w, e->trial[i].curve, metric);
        if (distance >= 0)
            curve_model_near_keep(near, &x->n_nearest, FORECAST_NEAREST, (struct curve_model_near){distance, i});
    }
    for (size_t i = 0; i < x->n_nearest; i++) x->nearest[i] = e->trial[near[i].at].number;
}

/* ---- making one ---- */

static void frame(const struct view *w, struct forecast *x)
{
    const struct learning_curve *own = w->running->curve;
    x->now = learning_curve_cost(own);
    x->spacing = own->reports > 1 ? (x->now - own->at[0]) / (double)(own->reports - 1) : x->now;
    x->horizon = fmax(exp(w->high), 1.25 * x->now);
    double steps = ceil((x->horizon - x->now) / x->spacing);
    x->stride = fmax(1, ceil(steps / STEPS));
    x->n_steps = (size_t)fmax(1, ceil(steps / x->stride));
}

static size_t count_complete(const struct evidence *e)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++) n += e->trial[i].result != NULL;
    return n;
}

static enum status fill(struct view *w, struct forecast *x, struct error *err)
{
    const struct objective *o = &w->f->study->objective;
    const struct early_stopping *rule = w->running->rule;
    int tokens = objective_token_metric(o);
    enum status s = STATUS_OK;
    view_open(w);
    frame(w, x);
    choose_ends(w, x);
    find_nearest(w, x);
    for (size_t m = 0; !s && m < o->n_metrics; m++) {
        if ((int)m == tokens || !(objective_uses(o, m) || (rule && rule->metric == m))) continue;
        x->modelled[m] = true;
        x->result_is_best[m] = results_are_best(w->evidence, o, m);
        x->so_far[m] = learning_curve_best(w->running->curve, o, m);
        x->last[m] = learning_curve_last(w->running->curve, m);
        s = make_paths(w, x, m, err);
    }
    return s;
}

enum status forecast_make(struct forecaster *f, const struct evidence *evidence, const struct running *running,
                          struct forecast **ret, struct error *err)
{
    if (f->status) return error_set(err, f->status, "%s", f->err.text);
    if (count_complete(evidence) < FORECAST_FROM || running->curve->n == 0)
        return error_set(err, STATUS_NOT_FOUND, "fewer than %d complete trials", FORECAST_FROM);
    struct view w = {.f = f, .evidence = evidence, .running = running};
    struct forecast *x = must_alloc(1, sizeof *x);
    x->objective = &f->study->objective;
    enum status s = fill(&w, x, err);
    arena_done(&w.arena);
    if (s)
        forecast_free(x);
    else
        *ret = x;
    return s;
}

void forecast_free(struct forecast *x)
{
    if (!x) return;
    for (size_t m = 0; m < METRICS_MAX; m++) free(x->path[m]);
    free(x);
}

/* ---- asking ---- */

static double better_of(enum goal goal, double a, double b)
{
    return isnan(a) || goal * b > goal * a ? b : a;
}

static struct forecast_end end_of(const struct forecast *x, size_t draw, const struct early_stopping *given)
{
    struct forecast_end out = {.cost = x->horizon};
    struct early_stopping rule = {0};
    double best[METRICS_MAX], last[METRICS_MAX];
    memcpy(best, x->so_far, sizeof best);
    memcpy(last, x->last, sizeof last);
    if (given) {
        rule = *given;
        rule.patience = ceil(rule.patience / x->stride);
        rule.bad = (long)((double)rule.bad / x->stride);
    }
    for (size_t i = 0; i < x->n_steps; i++) {
        out.cost = cost_at(x, i);
        for (size_t m = 0; m < x->objective->n_metrics; m++) {
            if (!x->modelled[m]) continue;
            last[m] = x->path[m][draw * x->n_steps + i];
            best[m] = better_of(x->objective->metric[m].goal, best[m], last[m]);
        }
        if (given ? early_stopping_update(&rule, last[rule.metric]) : out.cost >= x->end[draw]) break;
    }
    int tokens = objective_token_metric(x->objective);
    for (size_t m = 0; m < METRICS_MAX; m++)
        out.value[m] = (int)m == tokens ? out.cost : !x->modelled[m] ? NAN : x->result_is_best[m] ? best[m] : last[m];
    return out;
}

void forecast_outcomes(const struct forecast *x, const struct early_stopping *rule,
                       struct forecast_end ret[FORECAST_DRAWS])
{
    for (size_t k = 0; k < FORECAST_DRAWS; k++) ret[k] = end_of(x, k, rule);
}

double forecast_noise(const struct forecast *x, size_t metric)
{
    return x->noise[metric];
}

size_t forecast_nearest(const struct forecast *x, long ret[FORECAST_NEAREST])
{
    memcpy(ret, x->nearest, x->n_nearest * sizeof *ret);
    return x->n_nearest;
}
