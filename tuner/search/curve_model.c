#include "tuner/search/curve_model.h"

#include "tuner/search/targets.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CURVES = 40, ROWS = 320, PER_CURVE_MIN = 4, PER_CURVE_MAX = 8, OWN = 12, LEAST_ROWS = 3, BACKTESTS = 10 };

static const double PRIOR_SHARE = 0.3, PRIOR_WEIGHT = 4;
static const double DECADES = 10; /* largest to smallest, from which on a value is taken as spanning them */

static double from_metric(enum scale scale, double v)
{
    return scale == SCALE_LOG ? log(fmax(v, 1e-300)) : v;
}

double curve_model_to_metric(enum scale scale, const struct metric *m, double f)
{
    if (m->kind == METRIC_PROPORTION) return fmin(fmax(f, 0), 1);
    return scale == SCALE_LOG ? exp(fmin(f, 700)) : f;
}

/* ---- which curves ---- */

static void encode_inert(const struct view *w, const double *config, double *ret)
{
    encode(&w->f->encoding, config, ret);
    for (size_t k = 0; w->running->rule && k < w->f->study->space.n; k++)
        if (w->f->inert[k]) ret[k] = 0;
}

static bool is_nearer(const struct curve_model_near *a, const struct curve_model_near *b)
{
    return a->distance != b->distance ? a->distance < b->distance : a->at < b->at;
}

void curve_model_near_keep(struct curve_model_near *near, size_t *n, size_t most, struct curve_model_near one)
{
    size_t i = *n;
    if (i == most && !is_nearer(&one, &near[i - 1])) return;
    if (i < most) ++*n;
    for (i = *n - 1; i > 0 && is_nearer(&one, &near[i - 1]); i--) near[i] = near[i - 1];
    near[i] = one;
}

static void choose_curves(struct view *w)
{
    const struct evidence *e = w->evidence;
    size_t d = w->d - 1;
    struct curve_model_near near[CURVES];
    w->point = arena_array(&w->arena, e->n * d + 1, sizeof *w->point);
    w->own = arena_array(&w->arena, d, sizeof *w->own);
    w->chosen = arena_array(&w->arena, CURVES, sizeof *w->chosen);
    encode_inert(w, w->running->config, w->own);
    for (size_t i = 0; i < e->n; i++) {
        if (e->trial[i].number == w->running->number) continue;
        encode_inert(w, e->trial[i].config, w->point + i * d);
        double distance = encoding_distance(&w->f->encoding, w->point + i * d, w->own);
        curve_model_near_keep(near, &w->n, CURVES, (struct curve_model_near){distance, i});
    }
    for (size_t i = 0; i < w->n; i++) w->chosen[i] = near[i].at;
}

static void choose_axis(struct view *w)
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

struct curve_rows {
    size_t metric, n;
    double *x, *y;
};

void curve_model_point(const struct view *w, const double *config, double at, double *ret)
{
    memcpy(ret, config, (w->d - 1) * sizeof *ret);
    ret[w->d - 1] = (log(at) - w->low) / (w->high - w->low);
}

static void put_row(const struct view *w, const double *config, double at, double v, struct curve_rows *r)
{
    if (!isfinite(v)) return;
    curve_model_point(w, config, at, r->x + r->n * w->d);
    r->y[r->n++] = from_metric(w->scale[r->metric], v);
}

/* `most` points of a curve, evenly in the logarithm of the cost, the first and the last among them; then the last
 * `tail` before it. */
static void put_curve(const struct view *w, const struct learning_curve *c, const double *config, size_t most,
                      size_t tail, struct curve_rows *r)
{
    double from = log(c->at[0]), step = (log(learning_curve_cost(c)) - from) / (double)(most > 1 ? most - 1 : 1);
    size_t next = 0;
    for (size_t i = 0; i < c->n; i++) {
        bool wanted = i + 1 == c->n || i + tail + 1 >= c->n || log(c->at[i]) >= from + step * (double)next - 1e-9;
        if (!wanted) continue;
        while (next < most && from + step * (double)next <= log(c->at[i]) + 1e-9) next++;
        put_row(w, config, c->at[i], c->value[i * c->n_metrics + r->metric], r);
    }
}

/* A diverged loss must not flatten all others: beyond ten times the spread of the middle half a value counts as there.
 */
static void clip(struct view *w, struct curve_rows *r)
{
    double *sorted = arena_array(&w->arena, r->n, sizeof *sorted);
    memcpy(sorted, r->y, r->n * sizeof *sorted);
    gsl_sort(sorted, 1, r->n);
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

static enum scale scale_of(const struct view *w, size_t metric)
{
    enum metric_kind kind = w->f->study->objective.metric[metric].kind;
    double low = HUGE_VAL, high = -HUGE_VAL;
    if (kind != METRIC_VALUE) return kind == METRIC_COUNT ? SCALE_LOG : SCALE_LINEAR;
    stretch(w->running->curve, metric, &low, &high);
    for (size_t i = 0; i < w->n; i++) stretch(w->evidence->trial[w->chosen[i]].curve, metric, &low, &high);
    return low > 0 && high >= DECADES * low ? SCALE_LOG : SCALE_LINEAR;
}

/* `cut`: a place in the evidence whose curve ends at `cost`; SIZE_MAX: none. */
static struct curve_rows make_rows(struct view *w, size_t metric, size_t cut, double cost)
{
    size_t each = w->n ? ROWS / w->n : 0;
    each = each < PER_CURVE_MIN ? PER_CURVE_MIN : each > PER_CURVE_MAX ? PER_CURVE_MAX : each;
    size_t capacity = CURVES * (PER_CURVE_MAX + 1) + 2 * OWN + 2;
    struct curve_rows r = {metric, 0, arena_array(&w->arena, capacity * w->d, sizeof *r.x),
                           arena_array(&w->arena, capacity, sizeof *r.y)};
    for (size_t i = 0; i < w->n; i++) {
        struct learning_curve c = *w->evidence->trial[w->chosen[i]].curve;
        while (w->chosen[i] == cut && c.n > 1 && c.at[c.n - 1] > cost) c.n--;
        put_curve(w, &c, w->point + w->chosen[i] * (w->d - 1), each, 0, &r);
    }
    put_curve(w, w->running->curve, w->own, OWN, OWN / 2, &r);
    if (r.n) clip(w, &r);
    return r;
}

/* ---- the surface ---- */

static enum status make_model(struct view *w, const struct curve_rows *r, struct gp **ret, struct error *err)
{
    struct curve_model *s = &w->f->model[r->metric];
    struct dimension *dim = arena_array(&w->arena, w->d, sizeof *dim);
    memcpy(dim, w->f->encoding.dim, (w->d - 1) * sizeof *dim);
    for (size_t k = 0; w->running->rule && k < w->f->study->space.n; k++)
        if (w->f->inert[k]) dim[k] = (struct dimension){.kind = DIMENSION_CONTINUOUS};
    struct gp_data data = {.n = r->n, .d = w->d, .x = r->x, .y = r->y, .dim = dim};
    if (!s->fitted) gp_fit_hyper(&data, w->f->seed, &s->hyper);
    s->fitted = true;
    return gp_with(&data, &s->hyper, ret, err);
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
        sum += pow(from_metric(scale, b) - (1 - share) * from_metric(scale, a) - share * from_metric(scale, e), 2) /
               (1 + share * share + (1 - share) * (1 - share));
        n++;
    }
    return n >= 3 ? sqrt(sum / (double)n) : NAN;
}

/* Standard deviation of one evaluation around its smooth curve: the trial's own, if it is long enough to say, else the
 * median of the others'. */
double curve_model_jitter(struct view *w, size_t metric)
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
    gsl_sort(all, 1, n);
    return all[n / 2];
}

/* ---- calibration ---- */

/* A trial ends where others like it do only up to a deviation of its own (its seed, for one), which a smooth surface
 * does not know. So: complete trials are cut short, their ends predicted, and what the errors exceed the prediction's
 * variance by is added to futures seen from such a distance. */
static double cut_cost(const struct view *w, size_t cut)
{
    return exp(w->low + (w->high - w->low) * (double)cut / CURVE_MODEL_CUTS) * 1.001;
}

static bool backtest(struct view *w, size_t metric, size_t at, double cost, double noise, double *ret)
{
    const struct learning_curve *c = w->evidence->trial[at].curve;
    double point[SURROGATE_DIMS_MAX], mean, variance, end = c->value[(c->n - 1) * c->n_metrics + metric];
    struct gp *gp = NULL;
    if (c->n < 3 || !isfinite(end) || c->at[0] > cost || c->at[c->n - 1] < 1.3 * cost) return false;
    struct curve_rows r = make_rows(w, metric, at, cost);
    if (make_model(w, &r, &gp, NULL)) return false;
    curve_model_point(w, w->point + at * (w->d - 1), c->at[c->n - 1], point);
    gp_predict(gp, point, &mean, &variance);
    *ret = pow(from_metric(w->scale[metric], end) - mean, 2) - variance - noise * noise;
    gp_free(gp);
    return true;
}

/* Spread of the ends of complete trials. */
static double spread_of_ends(const struct view *w, size_t metric)
{
    double mean = 0, square = 0, n = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct evidence_trial *t = &w->evidence->trial[w->chosen[i]];
        double v = learning_curve_last(t->curve, metric);
        if (!t->result || !isfinite(v)) continue;
        double off = from_metric(w->scale[metric], v) - mean;
        mean += off / ++n;
        square += off * (from_metric(w->scale[metric], v) - mean);
    }
    return n > 1 ? square / n : 0;
}

static void calibrate(struct view *w, size_t metric)
{
    double prior = PRIOR_SHARE * spread_of_ends(w, metric), noise = curve_model_jitter(w, metric);
    for (size_t cut = 0; cut < CURVE_MODEL_CUTS; cut++) {
        double sum = 0, n = 0, v;
        for (size_t i = 0; i < w->n && n < BACKTESTS; i++)
            if (w->evidence->trial[w->chosen[i]].result &&
                backtest(w, metric, w->chosen[i], cut_cost(w, cut), noise, &v))
                sum += v, n++;
        w->f->model[metric].excess[cut] = (fmax(sum, 0) + PRIOR_WEIGHT * prior) / (n + PRIOR_WEIGHT);
    }
}

/* Variance to be added to ends that are seen from a cost. */
double curve_model_excess(const struct view *w, size_t metric, double cost)
{
    const double *excess = w->f->model[metric].excess;
    double at = (log(cost) - w->low) / (w->high - w->low) * CURVE_MODEL_CUTS;
    if (at <= 0) return excess[0];
    if (at >= CURVE_MODEL_CUTS) return 0;
    size_t i = (size_t)at;
    double next = i + 1 < CURVE_MODEL_CUTS ? excess[i + 1] : 0;
    return excess[i] + (at - (double)i) * (next - excess[i]);
}

/* ---- opening a view ---- */

static bool is_stale(const struct forecaster *f, size_t complete, bool inert)
{
    return f->fitted_at == 0 || inert != f->fitted_inert || complete > f->fitted_at + f->fitted_at / 4;
}

void view_open(struct view *v)
{
    size_t complete = 0;
    bool inert = v->running->rule != NULL;
    for (size_t i = 0; i < v->evidence->n; i++) complete += v->evidence->trial[i].result != NULL;
    v->d = v->f->encoding.d + 1;
    choose_curves(v);
    choose_axis(v);
    if (!is_stale(v->f, complete, inert)) return;
    for (size_t m = 0; m < METRICS_MAX; m++) v->f->model[m].fitted = false;
    v->f->fitted_at = complete;
    v->f->fitted_inert = inert;
}

enum status curve_model_make(struct view *v, size_t metric, struct gp **ret, struct error *err)
{
    bool fresh = !v->f->model[metric].fitted;
    v->scale[metric] = scale_of(v, metric);
    struct curve_rows r = make_rows(v, metric, SIZE_MAX, 0);
    if (r.n < LEAST_ROWS)
        return error_set(err, STATUS_NOT_FOUND, "the metric '%s' is not in the reports",
                         v->f->study->objective.metric[metric].name);
    enum status s = make_model(v, &r, ret, err);
    if (!s && fresh) calibrate(v, metric);
    return s;
}
