#include "tuner/search/model.h"

#include <math.h>
#include <stdlib.h>

/* Rows of the history that one GP sees. */
struct rows {
    size_t n;
    double *x, *y, *noise;
};

static double clip_proportion(double p, double of)
{
    if (of > 0) return (p * of + 0.5) / (of + 1);
    return fmin(fmax(p, 1e-4), 1 - 1e-4);
}

static double transform(const struct metric *m, double v)
{
    switch (m->kind) {
    case METRIC_VALUE: return v;
    case METRIC_PROPORTION: {
        double p = fmin(fmax(clip_proportion(v, m->of), 1e-9), 1 - 1e-9);
        return log(p / (1 - p));
    }
    case METRIC_COUNT: return log(fmax(v, 0.5));
    }
    return v;
}

static double known_noise(const struct metric *m, double v)
{
    if (m->kind != METRIC_PROPORTION || m->of <= 0) return 0;
    double p = fmin(fmax(clip_proportion(v, m->of), 1e-9), 1 - 1e-9);
    return 1 / (m->of * p * (1 - p));
}

/* Weight and link with which a metric enters the utility. */
static struct acquisition_output contribution(const struct objective *o, size_t i, const double *baseline)
{
    static const enum link links[] = {LINK_IDENTITY, LINK_LOGISTIC, LINK_EXP}; /* by metric kind */
    const struct metric *m = &o->metric[i];
    struct acquisition_output out = {.link = links[m->kind]};
    if (!objective_in_utility(o, i)) return out;
    switch (o->form) {
    case OBJECTIVE_WEIGHTS: out.weight = o->weight[i] * m->goal / fmax(fabs(baseline[i]), 1e-300); break;
    case OBJECTIVE_EXCHANGE:
        out.weight = i == o->gain ? 100 : -o->exchange / M_LN2;
        if (i == o->cost) out.link = LINK_IDENTITY; /* linear in log T */
        break;
    case OBJECTIVE_SINGLE:
        out.weight = m->goal;
        out.link = LINK_IDENTITY; /* any monotone scale will do */
        break;
    }
    return out;
}

static bool is_bounded(const struct objective *o, size_t metric)
{
    for (size_t c = 0; c < o->n_constraints; c++)
        if (o->constraint[c].metric == metric) return true;
    return false;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A few terrible values must not flatten the good half: those below the median (of goal · y) get
 * median + σ Φ⁻¹(rank), with σ the spread of the good half [Vizier's half-rank warp]. */
static void warp_bad_half(double *y, size_t n, enum goal goal)
{
    double *sorted = must_alloc(n, sizeof *sorted), good = 0;
    for (size_t i = 0; i < n; i++) sorted[i] = goal * y[i];
    qsort(sorted, n, sizeof *sorted, ascending);
    double median = sorted[n / 2];
    size_t n_good = n - n / 2;
    for (size_t i = n / 2; i < n; i++) good += pow(sorted[i] - median, 2) / (double)n_good;
    for (size_t i = 0; i < n && good > 0; i++) {
        double v = goal * y[i];
        size_t below = 0;
        if (v >= median) continue;
        while (sorted[below] < v) below++;
        y[i] = goal * (median + sqrt(good) * normal_quantile(((double)below + 0.5) / (double)n));
    }
    free(sorted);
}

enum { WARP_FROM = 10 };

static struct rows rows_of_metric(const struct study *study, const struct search_history *h, const double *points,
                                  size_t d, size_t metric)
{
    const struct objective *o = &study->objective;
    const struct metric *m = &o->metric[metric];
    struct rows r = {0, must_alloc(h->n * d, sizeof(double)), must_alloc(h->n, sizeof(double)),
                     must_alloc(h->n, sizeof(double))};
    for (size_t i = 0; i < h->n; i++) {
        if (h->trial[i].outcome != SEARCH_COMPLETE || !isfinite(h->trial[i].metrics[metric])) continue;
        for (size_t k = 0; k < d; k++) r.x[r.n * d + k] = points[i * d + k];
        r.y[r.n] = transform(m, h->trial[i].metrics[metric]);
        r.noise[r.n++] = known_noise(m, h->trial[i].metrics[metric]);
    }
    if (o->form == OBJECTIVE_SINGLE && m->kind == METRIC_VALUE && r.n >= WARP_FROM && !is_bounded(o, metric))
        warp_bad_half(r.y, r.n, m->goal);
    return r;
}

static struct rows rows_of_success(const struct search_history *h, const double *points, size_t d)
{
    struct rows r = {0, must_alloc(h->n * d, sizeof(double)), must_alloc(h->n, sizeof(double)), NULL};
    for (size_t i = 0; i < h->n; i++) {
        if (h->trial[i].outcome == SEARCH_PENDING) continue;
        for (size_t k = 0; k < d; k++) r.x[r.n * d + k] = points[i * d + k];
        r.y[r.n++] = h->trial[i].outcome == SEARCH_COMPLETE ? 1 : -1;
    }
    return r;
}

static void rows_done(struct rows *r)
{
    free(r->x);
    free(r->y);
    free(r->noise);
}

static enum status add_output(struct model *m, const struct rows *r, const struct dimension *dim, uint64_t seed,
                              struct acquisition_output out, struct error *err)
{
    struct gp_data data = {.n = r->n, .d = m->d, .x = r->x, .y = r->y, .noise = r->noise, .dim = dim};
    enum status s = gp_fit(&data, seed, &m->gp[m->n_outputs], err);
    if (s) return s;
    out.gp = m->gp[m->n_outputs];
    m->output[m->n_outputs++] = out;
    return STATUS_OK;
}

static void add_bounds(struct model *m, const struct objective *o, size_t metric, const double *baseline)
{
    for (size_t c = 0; c < o->n_constraints; c++) {
        const struct constraint *in = &o->constraint[c];
        if (in->metric != metric) continue;
        m->bound[m->n_bounds++] =
            (struct acquisition_bound){.output = m->n_outputs - 1,
                                       .bound = transform(&o->metric[metric], constraint_bound(in, baseline)),
                                       .at_least = in->sense == AT_LEAST};
    }
}

static enum status add_metric(struct model *m, const struct study *study, const struct search_history *h,
                              const double *points, const struct dimension *dim, size_t metric, const double *baseline,
                              uint64_t seed, struct error *err)
{
    struct rows r = rows_of_metric(study, h, points, m->d, metric);
    enum status s = add_output(m, &r, dim, seed, contribution(&study->objective, metric, baseline), err);
    if (!s) add_bounds(m, &study->objective, metric, baseline);
    rows_done(&r);
    return s ? error_context(err, "metric %s", study->objective.metric[metric].name) : s;
}

static enum status add_success(struct model *m, const struct search_history *h, const double *points,
                               const struct dimension *dim, uint64_t seed, struct error *err)
{
    struct rows r = rows_of_success(h, points, m->d);
    enum status s = STATUS_OK;
    if (r.n > m->n_complete) {
        s = add_output(m, &r, dim, seed, (struct acquisition_output){.link = LINK_IDENTITY}, err);
        if (!s) m->bound[m->n_bounds++] = (struct acquisition_bound){m->n_outputs - 1, 0, true};
    }
    rows_done(&r);
    return s;
}

/* What utilities are relative to until the baseline is known: the first complete trial. */
static const double *provisional_baseline(const struct search_history *h)
{
    if (h->baseline) return h->baseline;
    for (size_t i = 0; i < h->n; i++)
        if (h->trial[i].outcome == SEARCH_COMPLETE) return h->trial[i].metrics;
    return NULL;
}

enum status model_fit(struct model *m, const struct study *study, const struct search_history *history,
                      const double *points, const struct dimension *dim, uint64_t seed, struct error *err)
{
    *m = (struct model){.d = study->space.n};
    const double *baseline = provisional_baseline(history);
    for (size_t i = 0; i < history->n; i++) m->n_complete += history->trial[i].outcome == SEARCH_COMPLETE;
    if (!baseline) return error_set(err, STATUS_NUMERIC, "no complete trial to learn from");
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < study->objective.n_metrics; i++)
        if (objective_uses(&study->objective, i))
            s = add_metric(m, study, history, points, dim, i, baseline, seed, err);
    return s ? s : add_success(m, history, points, dim, seed, err);
}

void model_done(struct model *m)
{
    for (size_t g = 0; g < m->n_outputs; g++) gp_free(m->gp[g]);
}

void model_estimate(const struct model *m, const double *point, double *ret_utility, double *ret_feasible)
{
    double mean[MODEL_OUTPUTS_MAX], variance[MODEL_OUTPUTS_MAX], utility = 0, log_feasible = 0;
    for (size_t g = 0; g < m->n_outputs; g++) {
        gp_predict(m->gp[g], point, &mean[g], &variance[g]);
        if (m->output[g].weight != 0) utility += m->output[g].weight * link_value(m->output[g].link, mean[g]);
    }
    for (size_t c = 0; c < m->n_bounds; c++) {
        const struct acquisition_bound *b = &m->bound[c];
        double z = (mean[b->output] - b->bound) / sqrt(variance[b->output]);
        log_feasible += normal_log_cdf(b->at_least ? z : -z);
    }
    *ret_utility = utility;
    *ret_feasible = exp(log_feasible);
}
