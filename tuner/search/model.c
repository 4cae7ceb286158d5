#include "tuner/search/model.h"

#include "tuner/base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    case OBJECTIVE_WEIGHTS: /* a baseline of 0 leaves the other metrics no say; it must not overflow */
        out.weight = o->weight[i] * m->goal / fmax(fabs(baseline[i]), 1e-100);
        break;
    case OBJECTIVE_EXCHANGE:
        out.weight = i == o->gain ? 100 : -o->exchange / M_LN2;
        if (i == o->cost) out.link = LINK_IDENTITY; /* linear in log T */
        break;
    case OBJECTIVE_SINGLE:
        out.weight = m->goal;
        out.link = LINK_IDENTITY; /* any monotone scale will do */
        break;
    case OBJECTIVE_PARETO:
        out.weight = m->goal;
        out.link = LINK_IDENTITY;
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

enum { WARP_FROM = 10, SURPRISES = 19 };

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A few terrible values must not flatten the good half: those below the median (of goal · y) get
 * median + σ Φ⁻¹(rank), with σ the spread of the good half [Vizier's half-rank warp]. */
static void warp_bad_half(double *y, size_t n, const void *data)
{
    enum goal goal = *(const enum goal *)data;
    if (n < WARP_FROM) return;
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

/* Trials with an outcome to learn from, in the order in which they were told. */
static int by_told(const void *a, const void *b)
{
    const long *x = a, *y = b;
    return (x[0] > y[0]) - (x[0] < y[0]);
}

static size_t *told_order(const struct search_history *h, bool failed_too, size_t *ret_n)
{
    long *key = must_alloc(2 * (h->n + 1), sizeof *key);
    size_t *order = must_alloc(h->n + 1, sizeof *order), n = 0;
    for (size_t i = 0; i < h->n; i++) {
        enum search_outcome o = h->trial[i].outcome;
        if (o != SEARCH_COMPLETE && !(failed_too && o == SEARCH_FAILED)) continue;
        key[2 * n] = h->trial[i].told;
        key[2 * n++ + 1] = (long)i;
    }
    qsort(key, n, 2 * sizeof *key, by_told);
    for (size_t i = 0; i < n; i++) order[i] = (size_t)key[2 * i + 1];
    free(key);
    *ret_n = n;
    return order;
}

static struct rows rows_alloc(size_t n, size_t d, bool noisy)
{
    return (struct rows){.d = d,
                         .x = must_alloc(n * d + 1, sizeof(double)),
                         .y = must_alloc(n + 1, sizeof(double)),
                         .noise = noisy ? must_alloc(n + 1, sizeof(double)) : NULL};
}

static void rows_done(struct rows *r)
{
    free(r->x);
    free(r->y);
    free(r->noise);
}

static struct rows rows_of_metric(const struct model *m, const struct metric *metric, size_t index,
                                  const struct search_history *h, const double *points)
{
    bool noisy = metric->kind == METRIC_PROPORTION && metric->of > 0;
    struct rows r = rows_alloc(m->n_complete, m->d, noisy);
    for (size_t k = 0; k < m->n_complete; k++) {
        size_t i = m->order[k];
        double v = h->trial[i].metrics[index];
        if (!isfinite(v)) continue;
        memcpy(r.x + r.n * m->d, points + i * m->d, m->d * sizeof *r.x);
        if (noisy) r.noise[r.n] = known_noise(metric, v);
        r.y[r.n++] = transform(metric, v);
    }
    return r;
}

/* The complete trials that the model has, and the failed ones; of very many, the last. */
static struct rows rows_of_success(const struct model *m, const struct search_history *h, const double *points)
{
    size_t n, *order = told_order(h, true, &n), next = 0, failed = 0, skipped = 0;
    struct rows r = rows_alloc(n, m->d, false);
    for (size_t k = 0; k < n; k++) failed += h->trial[order[k]].outcome == SEARCH_FAILED;
    size_t to_skip = failed > REGION_ROWS ? (failed - REGION_ROWS) / REGION_BLOCK * REGION_BLOCK : 0;
    for (size_t k = 0; k < n; k++) {
        size_t i = order[k];
        bool complete = h->trial[i].outcome == SEARCH_COMPLETE;
        if (complete && (next == m->n_complete || m->order[next] != i)) continue;
        if (!complete && skipped++ < to_skip) continue;
        next += complete;
        memcpy(r.x + r.n * m->d, points + i * m->d, m->d * sizeof *r.x);
        r.y[r.n++] = complete ? 1 : -1;
    }
    free(order);
    return r;
}

/* Squares of values near the ends of a double's range are no numbers. Such a metric is modelled in another unit, a
 * power of two that brings the rows of the last fit near 1. */
static double unit_of(const struct rows *r)
{
    double largest = 0;
    size_t n = learner_fit_point(r->y, r->n);
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(r->y[i]));
    if (largest == 0 || (largest > 1e-100 && largest < 1e100)) return 1;
    return ldexp(1, ilogb(largest));
}

static void add_output(struct model *m, const struct learner *l, struct acquisition_output out)
{
    out.gp = l->gp;
    m->output[m->n_outputs++] = out;
}

static void add_bounds(struct model *m, const struct objective *o, size_t metric, const double *baseline, double unit)
{
    for (size_t c = 0; c < o->n_constraints; c++) {
        const struct constraint *in = &o->constraint[c];
        if (in->metric != metric) continue;
        m->bound[m->n_bounds++] =
            (struct acquisition_bound){.output = m->n_outputs - 1,
                                       .bound = transform(&o->metric[metric], constraint_bound(in, baseline)) / unit,
                                       .at_least = in->sense == AT_LEAST};
    }
}

/* Is this metric modelled by warp_bad_half? */
static bool is_warped(const struct objective *o, size_t metric)
{
    return o->form == OBJECTIVE_SINGLE && o->metric[metric].kind == METRIC_VALUE && !is_bounded(o, metric);
}

static enum status add_metric(struct model *m, const struct study *study, const struct search_history *h,
                              const double *points, const struct dimension *dim, size_t index, const double *baseline,
                              uint64_t seed, struct error *err)
{
    const struct objective *o = &study->objective;
    const struct metric *metric = &o->metric[index];
    struct learner *l = &m->learner[index];
    struct rows r = rows_of_metric(m, metric, index, h, points);
    double unit = r.n ? unit_of(&r) : 1;
    for (size_t i = 0; unit != 1 && i < r.n; i++) r.y[i] /= unit;
    enum status s =
        r.n ? learner_update(l, &r, dim, is_warped(o, index) ? warp_bad_half : NULL, &metric->goal, seed, err)
            : error_set(err, STATUS_NUMERIC, "no trial has reported it");
    rows_done(&r);
    if (s) return error_context(err, "metric %s", metric->name);
    struct acquisition_output out = contribution(o, index, baseline);
    if (o->form == OBJECTIVE_WEIGHTS) out.weight *= unit; /* the others need no common unit */
    add_output(m, l, out);
    add_bounds(m, o, index, baseline, unit);
    return STATUS_OK;
}

static enum status add_success(struct model *m, const struct search_history *h, const double *points,
                               const struct dimension *dim, uint64_t seed, struct error *err)
{
    struct learner *l = &m->learner[METRICS_MAX];
    struct rows r = rows_of_success(m, h, points);
    enum status s = STATUS_OK;
    if (r.n > m->n_complete) {
        s = learner_update(l, &r, dim, NULL, NULL, seed, err);
        if (!s) add_output(m, l, (struct acquisition_output){.link = LINK_IDENTITY});
        if (!s) m->bound[m->n_bounds++] = (struct acquisition_bound){m->n_outputs - 1, 0, true};
    }
    rows_done(&r);
    return s;
}

/* ---- earlier studies ---- */

/* Mean and variance of each trial's utility from all the others, by the delta method. */
static void leave_one_out(const struct model *m, double *ret_mean, double *ret_variance)
{
    size_t n = m->n_complete;
    double *mean = must_alloc(n, sizeof *mean), *variance = must_alloc(n, sizeof *variance);
    for (size_t i = 0; i < n; i++) ret_mean[i] = ret_variance[i] = 0;
    for (size_t g = 0; g < m->n_outputs; g++) {
        const struct acquisition_output *o = &m->output[g];
        if (o->weight == 0) continue;
        gp_leave_one_out(o->gp, mean, variance);
        for (size_t i = 0; i < n; i++) {
            ret_mean[i] += o->weight * link_value(o->link, mean[i]);
            ret_variance[i] += pow(o->weight * link_slope(o->link, mean[i]), 2) * variance[i];
        }
    }
    free(mean);
    free(variance);
}

static double spread(const double *u, size_t n)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < n; i++) mean += u[i] / (double)n;
    for (size_t i = 0; i < n; i++) square += (u[i] - mean) * (u[i] - mean) / (double)n;
    return sqrt(square);
}

/* Scales the outputs of the utility by the model's own weight and appends the earlier studies. */
static void add_transfer(struct model *m, const struct study *study, const struct search_history *h,
                         const double *points, const double *baseline, uint64_t seed)
{
    const struct objective *o = &study->objective;
    size_t n = m->n_complete;
    double *x = must_alloc(n * m->d, sizeof *x), *u = must_alloc(n, sizeof *u), *mean = must_alloc(n, sizeof *mean),
           *variance = must_alloc(n, sizeof *variance), weight[TRANSFER_STUDIES_MAX], own;
    for (size_t i = 0; i < n; i++) {
        memcpy(x + i * m->d, points + m->order[i] * m->d, m->d * sizeof *x);
        u[i] = objective_utility(o, h->trial[m->order[i]].metrics, baseline);
    }
    leave_one_out(m, mean, variance);
    struct transfer_target target = {n, m->d, x, u, mean, variance};
    transfer_weigh(&m->transfer, &target, seed, weight, &own);
    for (size_t g = 0; g < m->n_outputs; g++) m->output[g].weight *= own;
    for (size_t i = 0; i < m->transfer.n; i++) {
        double scale = n > 1 && spread(u, n) > 0 ? spread(u, n) : m->transfer.sd[i];
        if (weight[i] > 0)
            m->output[m->n_outputs++] =
                (struct acquisition_output){m->transfer.gp[i], weight[i] * scale / m->transfer.sd[i], LINK_IDENTITY};
    }
    free(x);
    free(u);
    free(mean);
    free(variance);
}

/* What utilities are relative to until the baseline is known: the mean size of each metric so far (1 where that is 0).
 */
static const double *provisional_baseline(const struct model *m, const struct search_history *h, size_t n_metrics,
                                          double *room)
{
    if (h->baseline) return h->baseline;
    for (size_t i = 0; i < n_metrics; i++) {
        double sum = 0;
        for (size_t k = 0; k < m->n_complete; k++) {
            double v = h->trial[m->order[k]].metrics[i];
            if (isfinite(v)) sum += fabs(v) / (double)m->n_complete;
        }
        room[i] = sum > 0 ? sum : 1;
    }
    return room;
}

/* Of a large history: which trials to learn from, and how far to look. */
static void choose_region(struct model *m, const struct study *study, const struct search_history *h,
                          const double *points, const struct encoding *e, enum region_view view, const double *baseline)
{
    const struct objective *o = &study->objective;
    size_t n = m->n_complete;
    m->side = 0;
    if (n <= REGION_FROM) return;
    double *utility = must_alloc(n, sizeof *utility);
    for (size_t i = 0; i < n; i++) {
        const double *metrics = h->trial[m->order[i]].metrics;
        utility[i] = objective_feasible(o, metrics, baseline) ? objective_utility(o, metrics, baseline) : -HUGE_VAL;
    }
    if (view == REGION_NEAR) m->side = region_side(utility, n, e->space->n);
    m->n_complete = region_choose(view, e, points, m->order, utility, n);
    free(utility);
}

enum status model_update(struct model *m, const struct study *study, const struct search_history *history,
                         const double *points, const struct encoding *e, enum region_view view, uint64_t seed,
                         struct error *err)
{
    free(m->order);
    m->order = told_order(history, false, &m->n_complete);
    m->d = e->d;
    m->n_outputs = m->n_bounds = 0;
    if (m->n_complete == 0) return error_set(err, STATUS_NUMERIC, "no complete trial to learn from");
    double room[METRICS_MAX];
    const double *baseline = provisional_baseline(m, history, study->objective.n_metrics, room);
    choose_region(m, study, history, points, e, view, baseline);
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < study->objective.n_metrics; i++)
        if (objective_uses(&study->objective, i))
            s = add_metric(m, study, history, points, e->dim, i, baseline, seed, err);
    if (!s) s = add_success(m, history, points, e->dim, seed, err);
    if (!s && m->transfer.n > 0 && m->n_complete < TRANSFER_UNTIL)
        add_transfer(m, study, history, points, baseline, seed);
    return s;
}

void model_done(struct model *m)
{
    transfer_done(&m->transfer);
    for (size_t g = 0; g < MODEL_LEARNERS; g++) learner_done(&m->learner[g]);
    free(m->order);
    *m = (struct model){0};
}

void model_means(const struct model *m, const double *points, size_t n, double *ret_mean)
{
    for (size_t g = 0; g < m->n_outputs; g++) gp_predict_all(m->output[g].gp, points, n, ret_mean + g * n, NULL);
}

void model_estimate(const struct model *m, const double *points, size_t n, bool with_variance, struct estimate *ret)
{
    double *mean = must_alloc(n + 1, sizeof *mean), *variance = must_alloc(n + 1, sizeof *variance);
    for (size_t i = 0; i < n; i++) ret[i] = (struct estimate){0, 0, 0};
    for (size_t g = 0; g < m->n_outputs; g++) {
        const struct acquisition_output *o = &m->output[g];
        bool bounded = false;
        for (size_t c = 0; c < m->n_bounds; c++) bounded |= m->bound[c].output == g;
        gp_predict_all(o->gp, points, n, mean, bounded || with_variance ? variance : NULL);
        for (size_t i = 0; o->weight != 0 && i < n; i++) {
            ret[i].utility += o->weight * link_value(o->link, mean[i]);
            if (with_variance) ret[i].variance += pow(o->weight * link_slope(o->link, mean[i]), 2) * variance[i];
        }
        for (size_t c = 0; c < m->n_bounds; c++) {
            const struct acquisition_bound *b = &m->bound[c];
            if (b->output != g) continue;
            for (size_t i = 0; i < n; i++) {
                double z = (mean[i] - b->bound) / sqrt(variance[i]);
                ret[i].feasible += normal_log_cdf(b->at_least ? z : -z);
            }
        }
    }
    for (size_t i = 0; i < n; i++) ret[i].feasible = exp(ret[i].feasible);
    free(mean);
    free(variance);
}

static double mean_known_noise(const struct learner *l)
{
    double sum = 0;
    for (size_t i = 0; l->noise && i < l->n; i++) sum += l->noise[i] / (double)l->n;
    return sum;
}

double model_noise(const struct model *m, const double *point)
{
    double sum = 0;
    for (size_t k = 0; k < MODEL_LEARNERS; k++)
        for (size_t g = 0; g < m->n_outputs; g++) {
            const struct acquisition_output *o = &m->output[g];
            double mean;
            if (!m->learner[k].gp || o->gp != m->learner[k].gp || o->weight == 0) continue;
            gp_predict_all(o->gp, point, 1, &mean, NULL);
            sum += pow(o->weight * link_slope(o->link, mean), 2) * (gp_noise(o->gp) + mean_known_noise(&m->learner[k]));
        }
    return sqrt(sum);
}

/* ---- predictions ---- */

struct level {
    double raw, warped; /* both times the goal: larger is better */
};

static int by_raw(const void *a, const void *b)
{
    const struct level *x = a, *y = b;
    return (x->raw > y->raw) - (x->raw < y->raw);
}

/* Where a warped value lies on the metric's own scale; −∞ below the worst seen. Above the median nothing was warped. */
static double unwarp(const struct level *l, size_t n, double v)
{
    if (n < WARP_FROM || v >= l[n / 2].warped) return v;
    if (v < l[0].warped) return -HUGE_VAL;
    size_t i = 0;
    while (i + 1 < n && l[i + 1].warped <= v) i++;
    double span = l[i + 1].warped - l[i].warped;
    return l[i].raw + (span > 0 ? (v - l[i].warped) / span : 0) * (l[i + 1].raw - l[i].raw);
}

static double back(const struct metric *m, double v)
{
    switch (m->kind) {
    case METRIC_VALUE: return v;
    case METRIC_PROPORTION: return link_value(LINK_LOGISTIC, v);
    case METRIC_COUNT: return link_value(LINK_EXP, v);
    }
    return v;
}

/* The quantile of m distances that holds a share `coverage` of a next one [conformal prediction, Vovk et al. 2005], but
 * no less than a normal distribution's. */
static double conformal_quantile(double *z, size_t m, double coverage)
{
    size_t at = (size_t)ceil(coverage * (double)(m + 1));
    qsort(z, m, sizeof *z, ascending);
    double normal = normal_quantile(0.5 + coverage / 2);
    return m ? fmax(z[at > m ? m - 1 : at - 1], normal) : normal;
}

/* Anywhere: how far each of the later half of the rows lies from what all the others say. */
static double usual_distance(const struct gp *gp, const double *y, double coverage)
{
    size_t n = gp_rows(gp), from = n / 2;
    double *mean = must_alloc(n, sizeof *mean), *variance = must_alloc(n, sizeof *variance);
    gp_leave_one_out(gp, mean, variance);
    for (size_t i = from; i < n; i++) mean[i - from] = fabs(y[i] - mean[i]) / sqrt(variance[i]);
    double z = conformal_quantile(mean, n - from, coverage);
    free(mean);
    free(variance);
    return z;
}

/* At a point that the search itself has chosen: it chooses where the model is hopeful and is surprised more often than
 * anywhere. So: how far the last results lay from what the model, as it was then, said of them. */
static double chosen_distance(const struct rows *r, const struct dimension *dim, warp_fn *warp, const enum goal *goal,
                              uint64_t seed, double coverage)
{
    struct learner past = {0};
    double *y = must_alloc(r->n, sizeof *y), z[SURPRISES];
    size_t from = r->n > SURPRISES + 4 ? r->n - SURPRISES : 4, m = 0;
    for (size_t i = from; i < r->n; i++) {
        struct rows before = *r;
        double mean, variance;
        before.n = i;
        if (learner_update(&past, &before, dim, warp, goal, seed, NULL)) break;
        memcpy(y, r->y, (i + 1) * sizeof *y);
        if (warp) warp(y, i + 1, goal);
        gp_predict(past.gp, r->x + i * r->d, &mean, &variance);
        z[m++] = fabs(y[i] - mean) / sqrt(variance + gp_noise(past.gp) + (r->noise ? r->noise[i] : 0));
    }
    learner_done(&past);
    free(y);
    return conformal_quantile(z, m, coverage);
}

struct prediction model_predict(const struct model *m, const struct study *study, const struct search_history *history,
                                const double *points, const struct encoding *e, size_t metric, const double *point,
                                bool chosen, double coverage, uint64_t seed)
{
    const struct objective *o = &study->objective;
    const struct metric *of = &o->metric[metric];
    struct rows r = rows_of_metric(m, of, metric, history, points);
    double unit = unit_of(&r), mean, variance, q[3];
    gp_predict(m->learner[metric].gp, point, &mean, &variance);
    struct level *l = must_alloc(r.n, sizeof *l);
    warp_fn *warp = is_warped(o, metric) ? warp_bad_half : NULL;
    for (size_t i = 0; i < r.n; i++) l[i].raw = of->goal * (r.y[i] /= unit);
    double z = chosen ? chosen_distance(&r, e->dim, warp, &of->goal, seed, coverage) : 0;
    if (warp) warp(r.y, r.n, &of->goal);
    if (!chosen) z = usual_distance(m->learner[metric].gp, r.y, coverage);
    double sd = sqrt(variance + gp_noise(m->learner[metric].gp) + known_noise(of, back(of, mean)));
    for (int i = 0; i < 3; i++) q[i] = mean + (i - 1) * z * sd;
    if (is_warped(o, metric)) {
        for (size_t i = 0; i < r.n; i++) l[i].warped = of->goal * r.y[i];
        qsort(l, r.n, sizeof *l, by_raw);
        for (int i = 0; i < 3; i++) q[i] = of->goal * unwarp(l, r.n, of->goal * q[i]);
    }
    free(l);
    rows_done(&r);
    for (int i = 0; i < 3; i++) q[i] = back(of, q[i]) * (of->kind == METRIC_VALUE ? unit : 1);
    return (struct prediction){.low = q[0], .median = q[1], .high = q[2]};
}
