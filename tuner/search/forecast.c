#include "tuner/search/forecast.h"

#include "tuner/search/encode.h"
#include "tuner/search/rows.h"

#include "tuner/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CURVES = 40,
    ROWS = 320,
    PER_CURVE_MIN = 4,
    PER_CURVE_MAX = 8,
    OWN = 12,
    NODES = 12,
    STEPS = 256,
    CUTS = 4,
    BACKTESTS = 10
};

static const double PRIOR_SHARE = 0.3, PRIOR_WEIGHT = 4;

/* Scale of a surface. A proportion as it is: on the logit scale the first evaluations, with hardly a hit, would be all
 * that the model is about. A count, and a positive value that spans decades (a loss), as its logarithm. */
enum scale { SCALE_LINEAR, SCALE_LOG };

static const double DECADES = 10; /* largest to smallest, from which on a value is taken as spanning them */

static double to_surface(enum scale scale, double v)
{
    return scale == SCALE_LOG ? log(fmax(v, 1e-300)) : v;
}

static double from_surface(enum scale scale, const struct metric *m, double f)
{
    if (m->kind == METRIC_PROPORTION) return fmin(fmax(f, 0), 1);
    return scale == SCALE_LOG ? exp(fmin(f, 700)) : f;
}

/* Fitted hyperparameters of one metric's surface. */
struct surface {
    bool fitted;
    struct gp_hyper hyper;
    double excess[CUTS]; /* variance of the ends of trials beyond what the surface says, seen from each cut */
};

struct forecaster {
    const struct study *study;
    uint64_t seed;
    struct arena arena; /* of the encoding */
    struct encoding encoding;
    enum status status;
    struct error err;
    bool inert[SPACE_PARAMS_MAX]; /* patience and threshold: they end a curve and do not bend it */
    size_t fitted_at;             /* complete trials at the last fit */
    bool fitted_inert;
    struct surface surface[METRICS_MAX];
};

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

/* ---- which curves ---- */

/* Scratch of one forecast. */
struct work {
    struct arena arena;
    struct forecaster *f;
    const struct evidence *evidence;
    const struct running *running;
    size_t d;         /* of a point: the encoding's, and the cost */
    size_t n;         /* curves chosen */
    size_t *chosen;   /* their places in the evidence, nearest configuration first */
    double *point;    /* evidence->n × (d − 1) */
    double *own;      /* d − 1 */
    double low, high; /* logs of the costs at the ends of the axis */
    enum scale scale[METRICS_MAX];
};

static void encode_inert(const struct work *w, const double *config, double *ret)
{
    encode(&w->f->encoding, config, ret);
    for (size_t k = 0; w->running->rule && k < w->f->study->space.n; k++)
        if (w->f->inert[k]) ret[k] = 0;
}

struct near {
    double distance;
    size_t at;
};

static int by_distance(const void *a, const void *b)
{
    const struct near *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static double squared_distance(const struct dimension *dim, const double *a, const double *b, size_t d)
{
    double sum = 0;
    for (size_t k = 0; k < d; k++)
        sum += dim[k].kind == DIMENSION_CATEGORY ? (a[k] != b[k]) : (a[k] - b[k]) * (a[k] - b[k]);
    return sum;
}

static void choose_curves(struct work *w)
{
    const struct evidence *e = w->evidence;
    size_t d = w->d - 1, n = 0;
    struct near *x = arena_array(&w->arena, e->n + 1, sizeof *x);
    w->point = arena_array(&w->arena, e->n * d + 1, sizeof *w->point);
    w->own = arena_array(&w->arena, d, sizeof *w->own);
    w->chosen = arena_array(&w->arena, CURVES, sizeof *w->chosen);
    encode_inert(w, w->running->config, w->own);
    for (size_t i = 0; i < e->n; i++) {
        if (e->trial[i].number == w->running->number) continue;
        encode_inert(w, e->trial[i].config, w->point + i * d);
        x[n++] = (struct near){squared_distance(w->f->encoding.dim, w->point + i * d, w->own, d), i};
    }
    qsort(x, n, sizeof *x, by_distance);
    w->n = n < CURVES ? n : CURVES;
    for (size_t i = 0; i < w->n; i++) w->chosen[i] = x[i].at;
}

static void choose_axis(struct work *w)
{
    const struct learning_curve *own = w->running->curve;
    w->low = log(own->at[0]);
    w->high = log(learning_curve_cost(own));
    for (size_t i = 0; i < w->n; i++) {
        const struct learning_curve *c = w->evidence->trial[w->chosen[i]].curve;
        w->low = fmin(w->low, log(c->at[0]));
        w->high = fmax(w->high, log(learning_curve_cost(c)));
    }
    if (w->high - w->low < 1e-3) w->high = w->low + 1e-3;
}

/* ---- rows ---- */

struct surface_rows {
    size_t n;
    double *x, *y;
};

static void put_point(const struct work *w, const double *config, double at, double *ret)
{
    memcpy(ret, config, (w->d - 1) * sizeof *ret);
    ret[w->d - 1] = (log(at) - w->low) / (w->high - w->low);
}

static void put_row(const struct work *w, size_t metric, const double *config, double at, double v,
                    struct surface_rows *r)
{
    if (!isfinite(v)) return;
    put_point(w, config, at, r->x + r->n * w->d);
    r->y[r->n++] = to_surface(w->scale[metric], v);
}

/* `most` points of a curve, evenly in the logarithm of the cost, the first and the last among them; then the last
 * `tail` before it. */
static void put_curve(const struct work *w, const struct learning_curve *c, size_t metric, const double *config,
                      size_t most, size_t tail, struct surface_rows *r)
{
    double from = log(c->at[0]), step = (log(learning_curve_cost(c)) - from) / (double)(most > 1 ? most - 1 : 1);
    size_t next = 0;
    for (size_t i = 0; i < c->n; i++) {
        bool wanted = i + 1 == c->n || i + tail + 1 >= c->n || log(c->at[i]) >= from + step * (double)next - 1e-9;
        if (!wanted) continue;
        while (next < most && from + step * (double)next <= log(c->at[i]) + 1e-9) next++;
        put_row(w, metric, config, c->at[i], c->value[i * c->n_metrics + metric], r);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A diverged loss must not flatten all others: beyond ten times the spread of the middle half a value counts as there.
 */
static void clip(struct work *w, struct surface_rows *r)
{
    double *sorted = arena_array(&w->arena, r->n, sizeof *sorted);
    memcpy(sorted, r->y, r->n * sizeof *sorted);
    qsort(sorted, r->n, sizeof *sorted, by_value);
    double middle = sorted[r->n / 2], reach = 10 * (sorted[3 * r->n / 4] - sorted[r->n / 4]);
    for (size_t i = 0; reach > 0 && i < r->n; i++) r->y[i] = fmin(fmax(r->y[i], middle - reach), middle + reach);
}

static void stretch(const struct learning_curve *c, size_t metric, double *low, double *high)
{
    for (size_t i = 0; i < c->n; i++) {
        double v = c->value[i * c->n_metrics + metric];
        if (!isfinite(v)) continue;
        *low = fmin(*low, v);
        *high = fmax(*high, v);
    }
}

static enum scale scale_of(const struct work *w, size_t metric)
{
    enum metric_kind kind = w->f->study->objective.metric[metric].kind;
    double low = HUGE_VAL, high = -HUGE_VAL;
    if (kind != METRIC_VALUE) return kind == METRIC_COUNT ? SCALE_LOG : SCALE_LINEAR;
    stretch(w->running->curve, metric, &low, &high);
    for (size_t i = 0; i < w->n; i++) stretch(w->evidence->trial[w->chosen[i]].curve, metric, &low, &high);
    return low > 0 && high >= DECADES * low ? SCALE_LOG : SCALE_LINEAR;
}

/* `cut`: a place in the evidence whose curve ends at `cost`; SIZE_MAX: none. */
static struct surface_rows make_rows(struct work *w, size_t metric, size_t cut, double cost)
{
    size_t each = w->n ? ROWS / w->n : 0;
    each = each < PER_CURVE_MIN ? PER_CURVE_MIN : each > PER_CURVE_MAX ? PER_CURVE_MAX : each;
    size_t room = CURVES * (PER_CURVE_MAX + 1) + 2 * OWN + 2;
    struct surface_rows r = {0, arena_array(&w->arena, room * w->d, sizeof *r.x),
                             arena_array(&w->arena, room, sizeof *r.y)};
    for (size_t i = 0; i < w->n; i++) {
        struct learning_curve c = *w->evidence->trial[w->chosen[i]].curve;
        while (w->chosen[i] == cut && c.n > 1 && c.at[c.n - 1] > cost) c.n--;
        put_curve(w, &c, metric, w->point + w->chosen[i] * (w->d - 1), each, 0, &r);
    }
    put_curve(w, w->running->curve, metric, w->own, OWN, OWN / 2, &r);
    if (r.n) clip(w, &r);
    return r;
}

/* ---- the surface ---- */

static bool is_due(const struct forecaster *f, size_t complete, bool inert)
{
    return f->fitted_at == 0 || inert != f->fitted_inert || complete > f->fitted_at + f->fitted_at / 4;
}

static enum status make_surface(struct work *w, size_t metric, const struct surface_rows *r, struct gp **ret,
                                struct error *err)
{
    struct surface *s = &w->f->surface[metric];
    struct dimension *dim = arena_array(&w->arena, w->d, sizeof *dim);
    memcpy(dim, w->f->encoding.dim, (w->d - 1) * sizeof *dim);
    for (size_t k = 0; w->running->rule && k < w->f->study->space.n; k++)
        if (w->f->inert[k]) dim[k] = (struct dimension){.kind = DIMENSION_CONTINUOUS};
    struct gp_data data = {.n = r->n, .d = w->d, .x = r->x, .y = r->y, .dim = dim};
    if (!s->fitted) gp_fit_hyper(&data, w->f->seed, &s->hyper);
    s->fitted = true;
    return gp_with(&data, &s->hyper, ret, err);
}

/* ---- futures ---- */

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

/* ---- the noise of one evaluation ---- */

/* What the second half of a curve deviates from straight lines through its neighbours: their standard deviation, if
 * neighbours are close; NaN: too few points. */
static double roughness(const struct learning_curve *c, enum scale scale, size_t metric)
{
    double sum = 0;
    size_t n = 0;
    for (size_t i = c->n / 2 > 0 ? c->n / 2 : 1; i + 1 < c->n; i++) {
        double a = c->value[(i - 1) * c->n_metrics + metric], b = c->value[i * c->n_metrics + metric],
               e = c->value[(i + 1) * c->n_metrics + metric];
        double share = (c->at[i] - c->at[i - 1]) / (c->at[i + 1] - c->at[i - 1]);
        if (!isfinite(a) || !isfinite(b) || !isfinite(e)) continue;
        sum += pow(to_surface(scale, b) - (1 - share) * to_surface(scale, a) - share * to_surface(scale, e), 2) /
               (1 + share * share + (1 - share) * (1 - share));
        n++;
    }
    return n >= 3 ? sqrt(sum / (double)n) : NAN;
}

/* Standard deviation of one evaluation around its smooth curve: the trial's own, if it is long enough to say, else the
 * median of the others'. */
static double jitter(struct work *w, size_t metric)
{
    enum scale scale = w->scale[metric];
    double own = roughness(w->running->curve, scale, metric), *all = arena_array(&w->arena, w->n + 1, sizeof *all);
    size_t n = 0;
    if (w->running->curve->n >= 12 && isfinite(own)) return own;
    for (size_t i = 0; i < w->n; i++) {
        double v = roughness(w->evidence->trial[w->chosen[i]].curve, scale, metric);
        if (isfinite(v)) all[n++] = v;
    }
    if (n == 0) return isfinite(own) ? own : 0;
    qsort(all, n, sizeof *all, by_value);
    return all[n / 2];
}

static double final_value(const struct learning_curve *c, size_t metric)
{
    for (size_t i = c->n; i-- > 0;)
        if (isfinite(c->value[i * c->n_metrics + metric])) return c->value[i * c->n_metrics + metric];
    return NAN;
}

/* ---- calibration ---- */

/* A trial ends where others like it do only up to a deviation of its own (its seed, for one), which a smooth surface
 * does not know. So: complete trials are cut short, their ends predicted, and what the errors exceed the prediction's
 * variance by is added to futures seen from such a distance. */
static double cut_cost(const struct work *w, size_t cut)
{
    return exp(w->low + (w->high - w->low) * (double)cut / CUTS) * 1.001;
}

static bool backtest(struct work *w, size_t metric, size_t at, double cost, double noise, double *ret)
{
    const struct learning_curve *c = w->evidence->trial[at].curve;
    double point[SURROGATE_DIMS_MAX], mean, variance, end = c->value[(c->n - 1) * c->n_metrics + metric];
    struct gp *gp = NULL;
    if (c->n < 3 || !isfinite(end) || c->at[0] > cost || c->at[c->n - 1] < 1.3 * cost) return false;
    struct surface_rows r = make_rows(w, metric, at, cost);
    if (make_surface(w, metric, &r, &gp, NULL)) return false;
    put_point(w, w->point + at * (w->d - 1), c->at[c->n - 1], point);
    gp_predict(gp, point, &mean, &variance);
    *ret = pow(to_surface(w->scale[metric], end) - mean, 2) - variance - noise * noise;
    gp_free(gp);
    return true;
}

/* Spread of the ends of complete trials. */
static double spread_of_ends(const struct work *w, size_t metric)
{
    double mean = 0, square = 0, n = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct evidence_trial *t = &w->evidence->trial[w->chosen[i]];
        double v = final_value(t->curve, metric);
        if (!t->result || !isfinite(v)) continue;
        double off = to_surface(w->scale[metric], v) - mean;
        mean += off / ++n;
        square += off * (to_surface(w->scale[metric], v) - mean);
    }
    return n > 1 ? square / n : 0;
}

static void calibrate(struct work *w, size_t metric)
{
    double prior = PRIOR_SHARE * spread_of_ends(w, metric), noise = jitter(w, metric);
    for (size_t cut = 0; cut < CUTS; cut++) {
        double sum = 0, n = 0, v;
        for (size_t i = 0; i < w->n && n < BACKTESTS; i++)
            if (w->evidence->trial[w->chosen[i]].result &&
                backtest(w, metric, w->chosen[i], cut_cost(w, cut), noise, &v))
                sum += v, n++;
        w->f->surface[metric].excess[cut] = (fmax(sum, 0) + PRIOR_WEIGHT * prior) / (n + PRIOR_WEIGHT);
    }
}

/* Variance to be added to ends that are seen from a cost. */
static double excess_at(const struct work *w, size_t metric, double cost)
{
    const double *excess = w->f->surface[metric].excess;
    double at = (log(cost) - w->low) / (w->high - w->low) * CUTS;
    if (at <= 0) return excess[0];
    if (at >= CUTS) return 0;
    size_t i = (size_t)at;
    double next = i + 1 < CUTS ? excess[i + 1] : 0;
    return excess[i] + (at - (double)i) * (next - excess[i]);
}

static enum status make_paths(struct work *w, struct forecast *x, size_t metric, struct error *err)
{
    const struct metric *m = &w->f->study->objective.metric[metric];
    enum scale scale = w->scale[metric] = scale_of(w, metric);
    struct surface_rows r = make_rows(w, metric, SIZE_MAX, 0);
    struct gp *gp = NULL;
    bool fresh = !w->f->surface[metric].fitted;
    if (r.n < 3) return error_set(err, STATUS_NOT_FOUND, "the metric '%s' is not in the reports", m->name);
    enum status s = make_surface(w, metric, &r, &gp, err);
    if (!s && fresh) calibrate(w, metric);
    double *nodes = arena_array(&w->arena, NODES * w->d, sizeof *nodes);
    double *node = arena_array(&w->arena, NODES * FORECAST_DRAWS, sizeof *node);
    double ratio = log(x->horizon / x->now);
    for (size_t i = 0; i < NODES; i++)
        put_point(w, w->own, x->now * exp(ratio * (double)i / (NODES - 1)), nodes + i * w->d);
    if (!s) s = gp_sample(gp, nodes, NODES, FORECAST_DRAWS, w->f->seed + (uint64_t)w->running->number, node, err);
    if (!s) {
        struct rng rng = rng_derive(w->f->seed, "jitter", (uint64_t)w->running->number * METRICS_MAX + metric);
        double level = between(node, 0, 0), sd = jitter(w, metric);
        double own = sqrt(excess_at(w, metric, x->now));
        x->path[metric] = must_alloc(FORECAST_DRAWS * x->n_steps, sizeof(double));
        for (size_t k = 0; k < FORECAST_DRAWS; k++) {
            double deviation = own * rng_normal(&rng);
            for (size_t i = 0; i < x->n_steps; i++) {
                double share = log(cost_at(x, i) / x->now) / ratio;
                double f = between(node, k, share * (NODES - 1)) + share * deviation;
                x->path[metric][k * x->n_steps + i] = from_surface(scale, m, f + sd * rng_normal(&rng));
            }
        }
        x->noise[metric] = fabs(from_surface(scale, m, level + sd / 2) - from_surface(scale, m, level - sd / 2));
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
        double b = learning_curve_best(t->curve, o, metric), l = final_value(t->curve, metric);
        if (!isfinite(b) || !isfinite(l)) continue;
        best += fabs(t->result[metric] - b);
        last += fabs(t->result[metric] - l);
    }
    return best <= last;
}

/* Where futures without a known rule end: where complete trials that went further did. */
static void choose_ends(const struct work *w, struct forecast *x)
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

static void find_nearest(const struct work *w, struct forecast *x);

static void frame(const struct work *w, struct forecast *x)
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

static enum status fill(struct work *w, struct forecast *x, struct error *err)
{
    const struct objective *o = &w->f->study->objective;
    const struct early_stopping *rule = w->running->rule;
    int tokens = objective_token_metric(o);
    size_t complete = count_complete(w->evidence);
    enum status s = STATUS_OK;
    choose_curves(w);
    choose_axis(w);
    frame(w, x);
    choose_ends(w, x);
    find_nearest(w, x);
    if (is_due(w->f, complete, rule != NULL)) {
        for (size_t m = 0; m < o->n_metrics; m++) w->f->surface[m].fitted = false;
        w->f->fitted_at = complete;
        w->f->fitted_inert = rule != NULL;
    }
    for (size_t m = 0; !s && m < o->n_metrics; m++) {
        if ((int)m == tokens || !(objective_uses(o, m) || (rule && rule->metric == m))) continue;
        x->modelled[m] = true;
        x->result_is_best[m] = results_are_best(w->evidence, o, m);
        x->so_far[m] = learning_curve_best(w->running->curve, o, m);
        x->last[m] = final_value(w->running->curve, m);
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
    struct work w = {.f = f, .evidence = evidence, .running = running, .d = f->encoding.d + 1};
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

static struct outcome end_of(const struct forecast *x, size_t draw, const struct early_stopping *given)
{
    struct outcome out = {.cost = x->horizon};
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

void forecast_outcomes(const struct forecast *x, const struct early_stopping *rule, struct outcome ret[FORECAST_DRAWS])
{
    for (size_t k = 0; k < FORECAST_DRAWS; k++) ret[k] = end_of(x, k, rule);
}

double forecast_noise(const struct forecast *x, size_t metric)
{
    return x->noise[metric];
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
static double curve_distance(const struct work *w, const struct learning_curve *c, size_t metric)
{
    const struct learning_curve *own = w->running->curve;
    const struct metric *m = &w->f->study->objective.metric[metric];
    double sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < own->n; i++) {
        double a = own->value[i * own->n_metrics + metric], b = value_at(c, metric, own->at[i]);
        if (!isfinite(a) || !isfinite(b)) continue;
        sum += pow(rows_transform(m, a) - rows_transform(m, b), 2);
        n++;
    }
    return 2 * n >= own->n && n > 0 ? sum / (double)n : -1;
}

static void find_nearest(const struct work *w, struct forecast *x)
{
    const struct objective *o = &w->f->study->objective;
    const struct evidence *e = w->evidence;
    int tokens = objective_token_metric(o);
    size_t n = 0, metric = 0;
    for (size_t m = o->n_metrics; m-- > 0;)
        if ((int)m != tokens && objective_uses(o, m)) metric = m;
    struct near *all = must_alloc(e->n + 1, sizeof *all);
    for (size_t i = 0; i < e->n; i++) {
        double distance = e->trial[i].number == w->running->number ? -1 : curve_distance(w, e->trial[i].curve, metric);
        if (distance >= 0) all[n++] = (struct near){distance, i};
    }
    qsort(all, n, sizeof *all, by_distance);
    for (x->n_nearest = 0; x->n_nearest < n && x->n_nearest < FORECAST_NEAREST; x->n_nearest++)
        x->nearest[x->n_nearest] = e->trial[all[x->n_nearest].at].number;
    free(all);
}

size_t forecast_nearest(const struct forecast *x, long ret[FORECAST_NEAREST])
{
    memcpy(ret, x->nearest, x->n_nearest * sizeof *ret);
    return x->n_nearest;
}
