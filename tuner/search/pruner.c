#include "tuner/search/pruner.h"

#include "tuner/search/targets.h"

#include "tuner/base/arena.h"

#include "surrogate/surrogate.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

enum { ENDS_FROM = 2 };

static const double FLOOR = 0.05;

/* PRUNER_NONE has no row: NULL. */
#define PRUNER(id, name) [PRUNER_##id] = &pruner_##name,
static const struct pruner_ops *const all[] = {[PRUNER_NONE] = NULL, PRUNERS(PRUNER)};
#undef PRUNER

const char *pruner_about(enum pruner pruner)
{
    return all[pruner] ? all[pruner]->about : "every trial runs to its own end";
}

/* As measured: tests/bench/README.md, "At equal cost". */
const char *pruner_advice(enum pruner pruner)
{
    return pruner == PRUNER_AUTO ? "of all pruners here its winners are the best for equal cost"
           : pruner == PRUNER_NONE
               ? "'stopping: {pruner: auto}' saves most of the cost, if the program reports while it runs"
               : "the winners of 'auto' are better for equal cost";
}

bool pruner_judges(const struct study *study, size_t metric)
{
    switch (study->stopping.pruner) {
    case PRUNER_AUTO: return objective_uses(&study->objective, metric);
    case PRUNER_ASHA:
    case PRUNER_MEDIAN: return objective_in_utility(&study->objective, metric);
    case PRUNER_NONE: break;
    }
    return false;
}

bool pruner_looks(const struct study *study, const struct running *running)
{
    const struct pruner_ops *ops = all[study->stopping.pruner];
    return ops && running->curve->reports >= study->stopping.grace && ops->looks(study, running);
}

bool pruner_needs_forecast(const struct study *study, const struct running *running)
{
    const struct pruner_ops *ops = all[study->stopping.pruner];
    return ops && ops->needs_forecast && ops->needs_forecast(study, running);
}

/* Where all complete trials have ended, this one ends as well: stopping it now would save nothing, and lose a result
 * that is as good as what is to be beaten. */
static bool is_won(const struct study *study, const struct evidence *e, const struct running *r)
{
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++) {
        if (!e->trial[i].result) continue;
        if (e->trial[i].curve->reports != r->curve->reports) return false;
        n++;
    }
    double own = evidence_utility(e, study, r->curve, r->curve->reports);
    return n >= ENDS_FROM && (study->objective.form == OBJECTIVE_PARETO || own >= e->target);
}

void pruner_judge(const struct study *study, const struct evidence *evidence, const struct running *running,
                  const struct forecast *forecast, struct stop_decision *ret)
{
    const struct pruner_ops *ops = all[study->stopping.pruner];
    *ret = (struct stop_decision){.chance = NAN, .target = NAN, .saves = NAN};
    for (size_t m = 0; m < METRICS_MAX; m++) ret->expected[m] = ret->spread[m] = NAN;
    if (!ops || running->curve->reports < study->stopping.grace || is_won(study, evidence, running)) return;
    ops->judge(study, evidence, running, forecast, ret);
}

void pruner_reconsider(const struct study *study, const struct evidence *evidence, const struct stopped_trial *stopped,
                       size_t n, double *ret)
{
    const struct pruner_ops *ops = all[study->stopping.pruner];
    for (size_t i = 0; i < n; i++) ret[i] = NAN;
    if (ops && ops->reconsider) ops->reconsider(study, evidence, stopped, n, ret);
}

/* ---- what is told of the condemned ---- */

/* How far the results of complete trials lie apart, on the model's scale. */
static double usual_spread(const struct metric *of, const struct evidence *e, size_t metric)
{
    double mean = 0, square = 0, n = 0;
    for (size_t i = 0; i < e->n; i++) {
        if (!e->trial[i].result || !isfinite(e->trial[i].result[metric])) continue;
        double v = targets_transform(of, e->trial[i].result[metric]), off = v - mean;
        mean += off / ++n;
        square += off * (v - mean);
    }
    return n > 1 ? sqrt(square / n) : 0;
}

/* Backtested on whole curves the draws' standard deviation holds two thirds of the errors, as it should, but a few are
 * far larger (tests/bench): hence a floor. */
static void expect_metrics(const struct objective *o, const struct evidence *e, const struct forecast_end *out,
                           struct stop_decision *ret)
{
    for (size_t m = 0; m < o->n_metrics; m++) {
        const struct metric *of = &o->metric[m];
        double mean = 0, square = 0;
        for (size_t k = 0; k < FORECAST_DRAWS; k++) mean += targets_transform(of, out[k].value[m]) / FORECAST_DRAWS;
        for (size_t k = 0; k < FORECAST_DRAWS; k++)
            square += pow(targets_transform(of, out[k].value[m]) - mean, 2) / FORECAST_DRAWS;
        if (!isfinite(mean) || isnan(out[0].value[m])) continue;
        ret->expected[m] = targets_transform_back(of, mean);
        ret->spread[m] = hypot(sqrt(square), FLOOR * usual_spread(of, e, m));
    }
}

/* By its own rule, as its futures end. */
static double left_by_rule(const struct running *r, const struct forecast_end *out)
{
    double left[FORECAST_DRAWS];
    for (size_t k = 0; k < FORECAST_DRAWS; k++) left[k] = out[k].cost - learning_curve_cost(r->curve);
    gsl_sort(left, 1, FORECAST_DRAWS);
    return gsl_stats_median_from_sorted_data(left, 1, FORECAST_DRAWS);
}

/* As many reports as complete trials made, each as dear as its own so far: where a report of one trial costs a hundred
 * times that of another, what others cost in all says nothing. NaN: none went further. */
static double left_by_reports(const struct evidence *e, const struct running *r)
{
    double *more = must_alloc(e->n + 1, sizeof *more), left = NAN;
    size_t n = 0;
    for (size_t i = 0; i < e->n; i++)
        if (e->trial[i].result && e->trial[i].curve->reports > r->curve->reports)
            more[n++] = (double)(e->trial[i].curve->reports - r->curve->reports);
    gsl_sort(more, 1, n);
    if (n)
        left = gsl_stats_median_from_sorted_data(more, 1, n) * (learning_curve_cost(r->curve) - r->curve->from) /
               (double)r->curve->reports;
    free(more);
    return left;
}

void pruner_expect(const struct study *study, const struct evidence *e, const struct running *r,
                   const struct forecast *x, struct stop_decision *ret)
{
    struct forecast_end out[FORECAST_DRAWS];
    forecast_outcomes(x, r->rule, out);
    ret->saves = r->rule ? left_by_rule(r, out) : left_by_reports(e, r);
    ret->n_nearest = forecast_nearest(x, ret->nearest);
    expect_metrics(&study->objective, e, out, ret);
}

void pruner_false_rate(size_t wrong, size_t audited, double *ret_rate, double *ret_low, double *ret_high)
{
    *ret_rate = audited ? (double)wrong / (double)audited : NAN;
    *ret_low = 0;
    *ret_high = 1;
    if (audited) binomial_interval(wrong, audited, 0.95, ret_low, ret_high);
}
