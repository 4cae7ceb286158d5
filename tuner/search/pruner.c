#include "tuner/search/pruner.h"

#include "tuner/search/targets.h"

#include "tuner/base/arena.h"
#include "tuner/base/words.h"

#include "surrogate/surrogate.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ETA = 3, MEDIAN_FROM = 5 };

static const double FLOOR = 0.05;

/* ---- auto ---- */

static bool is_useful(const struct objective *o, const struct evidence *e, const double *value)
{
    if (!objective_feasible(o, value, e->baseline)) return false;
    if (o->form != OBJECTIVE_PARETO) return objective_utility(o, value, e->baseline) > e->target;
    for (size_t i = 0; i < e->n_front; i++)
        if (objective_dominates(o, e->front + i * o->n_metrics, value)) return false;
    return true;
}

static double median(double *v, size_t n)
{
    gsl_sort(v, 1, n);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void judge_future(const struct study *study, const struct evidence *e, const struct running *r,
                         const struct forecast *x, struct stop_decision *ret)
{
    const struct objective *o = &study->objective;
    struct forecast_end out[FORECAST_DRAWS];
    size_t useful = 0;
    forecast_outcomes(x, r->rule, out);
    for (size_t k = 0; k < FORECAST_DRAWS; k++) useful += is_useful(o, e, out[k].value);
    ret->chance = ((double)useful + 0.5) / (FORECAST_DRAWS + 1);
    ret->target = e->target > -HUGE_VAL ? e->target : NAN;
    ret->stop = ret->chance < study->stopping.chance;
    snprintf(ret->why, sizeof ret->why, "%.2g %% chance to %s", 100 * ret->chance,
             o->form == OBJECTIVE_PARETO   ? "reach the front"
             : isnan(ret->target)          ? "satisfy the constraints"
             : e->target < e->best_utility ? "be among the 2 best so far"
                                           : "beat the best so far");
}

/* ---- ranks ---- */

/* Utility of the report with this number (from 1); NaN: the curve has none. */
static double utility_at(const struct study *study, const struct evidence *e, const struct learning_curve *c,
                         long report)
{
    const struct objective *o = &study->objective;
    size_t i = (size_t)((report - 1) / (c->every ? c->every : 1));
    if (report > c->reports || i >= c->n) return NAN;
    for (size_t m = 0; m < o->n_metrics; m++)
        if (objective_in_utility(o, m) && !isfinite(c->value[i * c->n_metrics + m])) return NAN;
    if (objective_needs_baseline(o) && !e->baseline) return NAN;
    return objective_utility(o, c->value + i * c->n_metrics, e->baseline);
}

static void judge_rung(const struct study *study, const struct evidence *e, const struct running *r,
                       struct stop_decision *ret)
{
    long rung = study->stopping.grace, reports = r->curve->reports;
    size_t better = 0, n = 1, eta = ETA;
    while (rung <= reports / ETA) rung *= ETA;
    double own = utility_at(study, e, r->curve, rung);
    if (rung > reports || rung <= r->judged || isnan(own)) return; /* several reports may have come at once */
    for (size_t i = 0; i < e->n; i++) {
        double other = e->trial[i].number == r->number ? NAN : utility_at(study, e, e->trial[i].curve, rung);
        n += isnan(other) ? 0 : 1;
        better += other > own ? 1 : 0;
    }
    ret->stop = n >= eta && better >= (n + eta - 1) / eta;
    snprintf(ret->why, sizeof ret->why, "asha: %zu of %zu were better after %ld report%s", better, n - 1, rung,
             words_s((size_t)rung));
}

static void judge_median(const struct study *study, const struct evidence *e, const struct running *r,
                         struct stop_decision *ret)
{
    long reports = r->curve->reports;
    double *mean = must_alloc(e->n + 1, sizeof *mean), own = -HUGE_VAL;
    size_t n = 0;
    for (long k = 1; k <= reports; k++) own = fmax(own, utility_at(study, e, r->curve, k));
    for (size_t i = 0; i < e->n; i++) {
        double sum = 0;
        if (e->trial[i].number == r->number || e->trial[i].curve->reports < reports) continue;
        for (long k = 1; k <= reports; k++) sum += utility_at(study, e, e->trial[i].curve, k) / (double)reports;
        if (isfinite(sum)) mean[n++] = sum;
    }
    if (n >= MEDIAN_FROM && reports > study->stopping.grace) {
        double middle = median(mean, n);
        ret->stop = own < middle;
        snprintf(ret->why, sizeof ret->why, "median: %.4g is below %.4g, the median of %zu other%s after %ld report%s",
                 own, middle, n, words_s(n), reports, words_s((size_t)reports));
    }
    free(mean);
}

enum { ENDS_FROM = 2 };

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
    double own = utility_at(study, e, r->curve, r->curve->reports);
    return n >= ENDS_FROM && (study->objective.form == OBJECTIVE_PARETO || own >= e->target);
}

void pruner_judge(const struct study *study, const struct evidence *evidence, const struct running *running,
                  const struct forecast *forecast, struct stop_decision *ret)
{
    *ret = (struct stop_decision){.chance = NAN, .target = NAN, .saves = NAN};
    for (size_t m = 0; m < METRICS_MAX; m++) ret->expected[m] = ret->spread[m] = NAN;
    if (running->curve->reports < study->stopping.grace || is_won(study, evidence, running)) return;
    switch (study->stopping.pruner) {
    case PRUNER_NONE: break;
    case PRUNER_AUTO:
        if (forecast && (evidence->baseline || !objective_needs_baseline(&study->objective)))
            judge_future(study, evidence, running, forecast, ret);
        break;
    case PRUNER_ASHA: judge_rung(study, evidence, running, ret); break;
    case PRUNER_MEDIAN: judge_median(study, evidence, running, ret); break;
    }
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

void pruner_expect(const struct study *study, const struct evidence *e, const struct running *r,
                   const struct forecast *x, struct stop_decision *ret)
{
    struct forecast_end out[FORECAST_DRAWS];
    double left[FORECAST_DRAWS];
    forecast_outcomes(x, r->rule, out);
    for (size_t k = 0; k < FORECAST_DRAWS; k++) left[k] = out[k].cost - learning_curve_cost(r->curve);
    ret->saves = median(left, FORECAST_DRAWS);
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
