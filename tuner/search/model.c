#include "tuner/search/model.h"

#include "tuner/search/targets.h"

#include "tuner/base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* More of a metric's variance being noise than this makes it a noisy one. */
static const double NOISY_SHARE = 0.03;

/* Weight and link with which a metric enters the utility. */
static struct acquisition_output contribution(const struct objective *o, size_t i, const double *baseline)
{
    static const enum link links[] = {LINK_IDENTITY, LINK_LOGISTIC, LINK_EXP}; /* by metric kind */
    const struct metric *m = &o->metric[i];
    struct acquisition_output out = {.link = links[m->kind]};
    if (!objective_in_utility(o, i)) return out;
    switch (o->form) {
    case OBJECTIVE_WEIGHTS:
        out.weight = o->weight[i] * m->goal / fmax(objective_unit(o, i, baseline), 1e-100); /* must not overflow */
        break;
    case OBJECTIVE_EXCHANGE:
        out.weight = i == o->gain ? 100 : -o->exchange / M_LN2;
        if (i == o->cost) out.link = LINK_IDENTITY; /* linear in log T */
        break;
    case OBJECTIVE_SINGLE:
    case OBJECTIVE_PARETO:
        out.weight = m->goal;
        out.link = LINK_IDENTITY; /* any monotone scale will do */
        break;
    }
    return out;
}

static void add_output(struct model *m, const struct cached_gp *cached, struct acquisition_output out)
{
    out.gp = cached->gp;
    m->output[m->n_outputs++] = out;
}

static void add_bounds(struct model *m, const struct objective *o, size_t metric, const double *baseline, double unit)
{
    for (size_t c = 0; c < o->n_constraints; c++) {
        const struct constraint *in = &o->constraint[c];
        if (in->metric != metric) continue;
        m->bound[m->n_bounds++] = (struct acquisition_bound){
            .output = m->n_outputs - 1,
            .bound = targets_transform(&o->metric[metric], constraint_bound(in, baseline)) / unit,
            .at_least = in->sense == AT_LEAST};
    }
}

static enum status add_metric(struct model *m, const struct model_input *in, size_t index, const double *baseline,
                              struct error *err)
{
    const struct objective *o = &in->study->objective;
    const struct metric *metric = &o->metric[index];
    struct cached_gp *cached = &m->cached[index];
    const struct targets_source source = {in->history, in->points, m->order, m->n_complete, m->d};
    struct targets r = targets_of_metric(&source, metric, index);
    double unit = r.n ? targets_unit(&r) : 1;
    for (size_t i = 0; unit != 1 && i < r.n; i++) r.y[i] /= unit;
    enum status s = r.n ? cached_gp_update(cached, &r, in->encoding->dim,
                                           targets_are_warped(o, index) ? &metric->goal : NULL, in->seed, err)
                        : error_set(err, STATUS_NUMERIC, "no trial has reported it");
    targets_done(&r);
    if (s) return error_context(err, "metric %s", metric->name);
    struct acquisition_output out = contribution(o, index, baseline);
    if (o->form == OBJECTIVE_WEIGHTS) out.weight *= unit; /* the others need no common unit */
    add_output(m, cached, out);
    add_bounds(m, o, index, baseline, unit);
    return STATUS_OK;
}

static enum status add_success(struct model *m, const struct model_input *in, struct error *err)
{
    struct cached_gp *cached = &m->cached[METRICS_MAX];
    const struct targets_source source = {in->history, in->points, m->order, m->n_complete, m->d};
    struct targets r = targets_of_success(&source);
    enum status s = STATUS_OK;
    if (r.n > m->n_complete) {
        s = cached_gp_update(cached, &r, in->encoding->dim, NULL, in->seed, err);
        if (!s) add_output(m, cached, (struct acquisition_output){.link = LINK_IDENTITY});
        if (!s) m->bound[m->n_bounds++] = (struct acquisition_bound){m->n_outputs - 1, 0, true};
    }
    targets_done(&r);
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

static void add_earlier(struct model *m, size_t i, double weight)
{
    const struct transfer *t = &m->transfer;
    if (weight == 0) return;
    m->output[m->n_outputs++] = (struct acquisition_output){t->gp[i], weight * t->slope[i], LINK_IDENTITY};
    if (t->correction[i])
        m->output[m->n_outputs++] = (struct acquisition_output){t->correction[i], weight, LINK_IDENTITY};
}

/* Scales the outputs of the utility by the model's own weight and appends the earlier studies. */
static void add_transfer(struct model *m, const struct model_input *in, const double *baseline)
{
    const struct objective *o = &in->study->objective;
    size_t n = m->n_complete;
    double *x = must_alloc(n * m->d, sizeof *x), *u = must_alloc(n, sizeof *u), *mean = must_alloc(n, sizeof *mean),
           *variance = must_alloc(n, sizeof *variance);
    struct transfer_weights weights;
    for (size_t i = 0; i < n; i++) {
        memcpy(x + i * m->d, in->points + m->order[i] * m->d, m->d * sizeof *x);
        u[i] = objective_utility(o, in->history->trial[m->order[i]].metrics, baseline);
    }
    leave_one_out(m, mean, variance);
    const struct transfer_target target = {n, m->d, x, in->encoding->dim, u, mean, variance};
    transfer_correct(&m->transfer, &target, in->seed);
    transfer_weigh(&m->transfer, &target, in->seed, &weights);
    for (size_t g = 0; g < m->n_outputs; g++) m->output[g].weight *= weights.own;
    for (size_t i = 0; i < m->transfer.n; i++) add_earlier(m, i, weights.earlier[i]);
    free(x);
    free(u);
    free(mean);
    free(variance);
}

/* What utilities are relative to until the baseline is known: the mean size of each metric so far (1 where that is 0).
 */
static const double *provisional_baseline(const struct model *m, const struct search_history *h, size_t n_metrics,
                                          double *capacity)
{
    if (h->baseline) return h->baseline;
    for (size_t i = 0; i < n_metrics; i++) {
        double sum = 0;
        for (size_t k = 0; k < m->n_complete; k++) {
            double v = h->trial[m->order[k]].metrics[i];
            if (isfinite(v)) sum += fabs(v) / (double)m->n_complete;
        }
        capacity[i] = sum > 0 ? sum : 1;
    }
    return capacity;
}

/* Of a large history: which trials to learn from, and how far to look. */
static void choose_region(struct model *m, const struct model_input *in, enum region_view view, const double *baseline)
{
    const struct objective *o = &in->study->objective;
    size_t n = m->n_complete;
    m->side = 0;
    if (n <= REGION_FROM) return;
    double *utility = must_alloc(n, sizeof *utility);
    for (size_t i = 0; i < n; i++) {
        const double *metrics = in->history->trial[m->order[i]].metrics;
        utility[i] = objective_feasible(o, metrics, baseline) ? objective_utility(o, metrics, baseline) : -HUGE_VAL;
    }
    if (view == REGION_NEAR) m->side = region_side(utility, n, in->study->space.n);
    m->n_complete = region_choose(view, in->encoding, in->points, m->order, utility, n);
    free(utility);
}

enum status model_update(struct model *m, const struct model_input *in, enum region_view view, struct error *err)
{
    const struct objective *o = &in->study->objective;
    free(m->order);
    m->order = targets_told_order(in->history, false, &m->n_complete);
    m->d = in->encoding->d;
    m->n_outputs = m->n_bounds = 0;
    if (m->n_complete == 0) return error_set(err, STATUS_NUMERIC, "no complete trial to learn from");
    double capacity[METRICS_MAX];
    const double *baseline = provisional_baseline(m, in->history, o->n_metrics, capacity);
    choose_region(m, in, view, baseline);
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < o->n_metrics; i++)
        if (objective_uses(o, i)) s = add_metric(m, in, i, baseline, err);
    if (!s) s = add_success(m, in, err);
    if (!s && m->transfer.n > 0 && m->n_complete < TRANSFER_UNTIL) add_transfer(m, in, baseline);
    return s;
}

void model_done(struct model *m)
{
    transfer_done(&m->transfer);
    for (size_t g = 0; g < MODEL_GPS; g++) cached_gp_done(&m->cached[g]);
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

/* ---- noise ---- */

enum { NOT_OWN = MODEL_GPS };

/* Which of the model's own GPs an output is; NOT_OWN: an earlier study's. */
static size_t own_gp(const struct model *m, const struct acquisition_output *o)
{
    size_t k = 0;
    while (k < MODEL_GPS && m->cached[k].gp != o->gp) k++;
    return k;
}

static double known_noise(const struct cached_gp *cached)
{
    double sum = 0;
    for (size_t i = 0; cached->noise && i < cached->n; i++) sum += cached->noise[i] / (double)cached->n;
    return sum;
}

/* What one deviation of an output is to the utility near a point, squared. */
static double leverage(const struct acquisition_output *o, const double *point)
{
    double mean;
    gp_predict_all(o->gp, point, 1, &mean, NULL);
    return pow(o->weight * link_slope(o->link, mean), 2);
}

double model_noise(const struct model *m, const double *point)
{
    double sum = 0;
    for (size_t g = 0; g < m->n_outputs; g++) {
        const struct acquisition_output *o = &m->output[g];
        size_t k = own_gp(m, o);
        if (k != NOT_OWN && o->weight != 0) sum += leverage(o, point) * (gp_noise(o->gp) + known_noise(&m->cached[k]));
    }
    return sqrt(sum);
}

double model_noisy(const struct model *m, const double *point)
{
    double sum = 0, all = 0;
    for (size_t g = 0; g < m->n_outputs; g++) {
        const struct acquisition_output *o = &m->output[g];
        size_t k = own_gp(m, o);
        if (k == NOT_OWN || o->weight == 0) continue;
        double noise = gp_noise(o->gp) + known_noise(&m->cached[k]), total = noise + gp_signal(o->gp),
               part = leverage(o, point) * total;
        sum += part * (noise > NOISY_SHARE * total ? 1 : gp_hyper(o->gp)->noisy);
        all += part;
    }
    return all > 0 ? sum / all : 0;
}
