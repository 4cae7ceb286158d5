#include "tuner/study/objective.h"

#include "tuner/base/arena.h"
#include "tuner/base/bounded.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *metric_show(const struct metric *m, double v, char *buf, size_t size)
{
    double a = fabs(v);
    if (!isfinite(v))
        snprintf(buf, size, "-");
    else if (m->kind == METRIC_PROPORTION && a < 1e6)
        snprintf(buf, size, "%.4f", v);
    else if (m->kind == METRIC_COUNT || (m->kind == METRIC_VALUE && a >= 99999.5))
        words_show_count(v, buf, size);
    else
        snprintf(buf, size, "%.5g", v);
    return buf;
}

int objective_find_metric(const struct objective *o, const char *name)
{
    for (size_t i = 0; i < o->n_metrics; i++)
        if (strcmp(o->metric[i].name, name) == 0) return (int)i;
    return -1;
}

bool objective_in_utility(const struct objective *o, size_t metric)
{
    switch (o->form) {
    case OBJECTIVE_WEIGHTS: return o->weight[metric] > 0;
    case OBJECTIVE_EXCHANGE:
    case OBJECTIVE_PARETO: return metric == o->gain || metric == o->cost;
    case OBJECTIVE_SINGLE: return metric == o->gain;
    }
    return false;
}

int objective_token_metric(const struct objective *o)
{
    int named = objective_find_metric(o, "tokens");
    if (named >= 0) return named;
    for (size_t i = 0; i < o->n_metrics; i++)
        if (o->metric[i].kind == METRIC_COUNT && o->metric[i].goal == GOAL_MINIMIZE) return (int)i;
    return -1;
}

static const char *const kinds[] = {
    [METRIC_VALUE] = "value", [METRIC_PROPORTION] = "proportion", [METRIC_COUNT] = "count"};

const char *const *metric_kind_names(size_t *ret_n)
{
    *ret_n = sizeof kinds / sizeof *kinds;
    return kinds;
}

const char *metric_kind_name(enum metric_kind kind)
{
    return kinds[kind];
}

const char *objective_form_name(enum objective_form form)
{
    switch (form) {
    case OBJECTIVE_WEIGHTS: return "weights";
    case OBJECTIVE_EXCHANGE: return "exchange";
    case OBJECTIVE_SINGLE: return "single";
    case OBJECTIVE_PARETO: return "pareto";
    }
    return "";
}

const char *objective_cost_name(const struct objective *o)
{
    int metric = objective_token_metric(o);
    return metric >= 0 ? o->metric[metric].name : "steps";
}

bool objective_uses(const struct objective *o, size_t metric)
{
    for (size_t i = 0; i < o->n_constraints; i++)
        if (o->constraint[i].metric == metric) return true;
    return objective_in_utility(o, metric);
}

bool objective_is_bound(const struct objective *o)
{
    for (size_t i = 0; i < o->n_constraints; i++)
        if (o->constraint[i].factor != 0) return true;
    return false;
}

bool objective_needs_baseline(const struct objective *o)
{
    return objective_is_bound(o) || objective_is_weighed(o);
}

bool objective_is_weighed(const struct objective *o)
{
    switch (o->form) {
    case OBJECTIVE_WEIGHTS:
    case OBJECTIVE_EXCHANGE: return true;
    case OBJECTIVE_SINGLE:
    case OBJECTIVE_PARETO: break;
    }
    return false;
}

double objective_unit(const struct objective *o, size_t metric, const double *baseline)
{
    double size = fabs(baseline[metric]);
    return o->metric[metric].unit > 0 ? o->metric[metric].unit : size > 0 ? size : 1;
}

double objective_gain(const struct objective *o, size_t i, const double *values, const double *baseline)
{
    double unit = objective_unit(o, i, baseline), apart = values[i] - baseline[i];
    return bounded(o->metric[i].goal * (isfinite(apart) ? apart / unit : values[i] / unit - baseline[i] / unit));
}

double objective_utility(const struct objective *o, const double *values, const double *baseline)
{
    double u = 0;
    switch (o->form) {
    case OBJECTIVE_WEIGHTS:
        for (size_t i = 0; i < o->n_metrics; i++)
            if (o->weight[i] > 0) u = bounded_sum(u, o->weight[i] * objective_gain(o, i, values, baseline));
        return u;
    case OBJECTIVE_EXCHANGE:
        return bounded(100 * (values[o->gain] - baseline[o->gain]) -
                       o->exchange * (log2(fmax(values[o->cost], 1e-300)) - log2(fmax(baseline[o->cost], 1e-300))));
    case OBJECTIVE_SINGLE: return o->metric[o->gain].goal * values[o->gain];
    case OBJECTIVE_PARETO:
        return baseline ? 0.5 * objective_gain(o, o->gain, values, baseline) +
                              0.5 * objective_gain(o, o->cost, values, baseline)
                        : 0;
    }
    return u;
}

double objective_known_utility(const struct objective *o, const double *values, const double *baseline)
{
    if (!baseline && (objective_needs_baseline(o) || o->form == OBJECTIVE_PARETO)) return NAN;
    for (size_t i = 0; i < o->n_metrics; i++)
        if (objective_in_utility(o, i) && !isfinite(values[i])) return NAN;
    return objective_utility(o, values, baseline);
}

/* Weights that were given as shares differ from those of the file by rounding. */
bool objective_asks_same(const struct objective *a, const struct objective *b)
{
    if (a->form != b->form) return false;
    switch (a->form) {
    case OBJECTIVE_WEIGHTS:
        for (size_t i = 0; i < a->n_metrics; i++)
            if (fabs(a->weight[i] - b->weight[i]) > 1e-6) return false;
        return true;
    case OBJECTIVE_EXCHANGE: return a->exchange == b->exchange;
    case OBJECTIVE_SINGLE:
    case OBJECTIVE_PARETO: return a->gain == b->gain && a->cost == b->cost;
    }
    return false;
}

bool objective_dominates(const struct objective *o, const double *a, const double *b)
{
    double first = o->metric[o->gain].goal * (a[o->gain] - b[o->gain]),
           second = o->metric[o->cost].goal * (a[o->cost] - b[o->cost]);
    return first >= 0 && second >= 0 && first + second > 0;
}

double constraint_bound(const struct constraint *c, const double *baseline)
{
    return bounded((c->factor != 0 ? c->factor * baseline[c->metric] : 0) + c->offset);
}

bool constraint_allows(const struct constraint *c, double bound, double value)
{
    return !(c->sense == AT_LEAST ? value < bound : value > bound);
}

enum status objective_check(const struct objective *o, size_t metric, double value, struct error *err)
{
    const struct metric *m = &o->metric[metric];
    if (m->kind == METRIC_COUNT && value < 0)
        return error_set(err, STATUS_INVALID,
                         "the count '%s' is %.6g, below 0; leave 'kind: count' out for what may be negative", m->name,
                         value);
    if (m->kind != METRIC_PROPORTION || (value >= 0 && value <= 1)) return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "the proportion '%s' is %.6g, not from 0 to 1; leave 'kind: proportion' out for per cent", m->name,
                     value);
}

bool objective_feasible(const struct objective *o, const double *values, const double *baseline)
{
    for (size_t i = 0; i < o->n_constraints; i++) {
        const struct constraint *c = &o->constraint[i];
        if (!constraint_allows(c, constraint_bound(c, baseline), values[c->metric])) return false;
    }
    return true;
}

/* "…; there are em, tokens" */
static enum status unknown(const struct objective *o, const char *name, struct error *err)
{
    const char *names[METRICS_MAX], *all = "";
    struct arena a = {0};
    for (size_t i = 0; i < o->n_metrics; i++) {
        names[i] = o->metric[i].name;
        all = arena_printf(&a, "%s%s%s", all, i ? ", " : "", names[i]);
    }
    const char *near = words_nearest(name, names, o->n_metrics);
    error_set(err, STATUS_INVALID, "weights: '%s' is not a metric of this study%s%s%s; there are %.300s", name,
              near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "", all);
    arena_done(&a);
    return STATUS_INVALID;
}

enum status objective_parse_weights(struct objective *o, const char *text, struct error *err)
{
    double weight[METRICS_MAX] = {0}, sum = 0;
    size_t counting = 0;
    uint32_t named = 0; /* a bit each */
    const char *twice = NULL;
    while (*text) {
        char name[64], number[64];
        size_t n = strcspn(text, "=:,"), k = text[n] && text[n] != ',' ? strcspn(text + n + 1, ",") : 0;
        if (n == 0 || n >= sizeof name || k == 0 || k >= sizeof number)
            return error_set(err, STATUS_INVALID, "weights look like em=0.7,tokens=0.3; got '%.80s'", text);
        snprintf(name, sizeof name, "%.*s", (int)n, text);
        snprintf(number, sizeof number, "%.*s", (int)k, text + n + 1);
        int m = objective_find_metric(o, name);
        double w;
        if (m < 0) return unknown(o, name, err);
        if (!words_decimal(number, &w) || w < 0)
            return error_set(err, STATUS_INVALID, "weights: '%s' is not a number of 0 or more", number);
        if (named & 1u << m) twice = o->metric[m].name;
        named |= 1u << m;
        weight[m] = w;
        text += n + 1 + k;
        if (*text == ',') text++;
    }
    for (size_t i = 0; i < o->n_metrics; i++) {
        counting += weight[i] > 0;
        sum += weight[i];
    }
    bool shares = counting > 1 && isfinite(sum); /* one alone that is not 1 has forgotten the others */
    if (fabs(sum - 1) > 1e-6 && !shares)
        return error_set(err, STATUS_INVALID, "weights must sum to 1; these sum to %.6g", sum);
    if (twice) return error_set(err, STATUS_INVALID, "weights: '%s' is given twice", twice);
    o->form = OBJECTIVE_WEIGHTS;
    for (size_t i = 0; i < o->n_metrics; i++) o->weight[i] = weight[i] / sum;
    return STATUS_OK;
}

enum status objective_set_exchange(struct objective *o, double rate, struct error *err)
{
    if (!(rate > 0 && isfinite(rate))) return error_set(err, STATUS_INVALID, "exchange must be a number above 0");
    int gain = -1, cost = -1;
    for (size_t i = o->n_metrics; i-- > 0;) { /* the first declared of each sort wins */
        const struct metric *m = &o->metric[i];
        if (m->kind == METRIC_PROPORTION && m->goal == GOAL_MAXIMIZE) gain = (int)i;
        if (m->kind == METRIC_COUNT && m->goal == GOAL_MINIMIZE) cost = (int)i;
    }
    if (gain < 0 || cost < 0)
        return error_set(
            err, STATUS_INVALID,
            "exchange needs a metric {goal: maximize, kind: proportion} and one {goal: minimize, kind: count}");
    o->form = OBJECTIVE_EXCHANGE;
    o->exchange = rate;
    o->gain = (size_t)gain;
    o->cost = (size_t)cost;
    return STATUS_OK;
}
