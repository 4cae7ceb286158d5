/* objective: metrics, and how they become one utility (larger is better).
 *
 * With baseline metrics M₀ and goals g = +1 (maximize) or −1 (minimize):
 *   weights   U = Σ wᵢ gᵢ (Mᵢ − Mᵢ₀)/uᵢ             Σ wᵢ = 1; uᵢ: the metric's `unit`, else |Mᵢ₀|, of 0: 1
 *   exchange  U = 100 (EM − EM₀) − r log₂(T/T₀)      r: EM points given up for halving T
 *   single    U = g M
 *   pareto    U = Σ ½ gᵢ (Mᵢ − Mᵢ₀)/uᵢ over its two metrics, only to rank one above the other; the search looks for
 *             the whole front. Without a baseline the first complete trial stands in for it.
 * A configuration is feasible if every constraint holds.
 */
#ifndef TUNER_STUDY_OBJECTIVE_H
#define TUNER_STUDY_OBJECTIVE_H

#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>

enum { METRICS_MAX = 16, CONSTRAINTS_MAX = 8 };

enum goal { GOAL_MINIMIZE = -1, GOAL_MAXIMIZE = 1 };

enum metric_kind {
    METRIC_VALUE,      /* any number; noise unknown */
    METRIC_PROPORTION, /* k of n in [0, 1]: binomial noise is known when `of` is */
    METRIC_COUNT,      /* a positive amount: modelled on a log scale */
};

struct metric {
    const char *name;
    enum goal goal;
    enum metric_kind kind;
    double of;         /* proportion: n; 0 = unknown */
    double unit;       /* the difference that weighs as much as all of the baseline does otherwise; 0 = that */
    const char *match; /* the pattern that finds it in what the program prints; NULL: the program says it itself */
    const char *file;  /* in the trial's folder, in which it is found instead; NULL: in the output */
    bool reported;     /* the pattern finds a step beside it: each match is a report */
};

enum objective_form { OBJECTIVE_WEIGHTS, OBJECTIVE_EXCHANGE, OBJECTIVE_SINGLE, OBJECTIVE_PARETO };

enum bound_sense { AT_LEAST, AT_MOST };

/* metric ≥ or ≤ factor · baseline + offset; factor 0: an absolute bound */
struct constraint {
    size_t metric;
    enum bound_sense sense;
    double factor, offset;
    const char *text;
};

struct objective {
    enum objective_form form;
    double weight[METRICS_MAX]; /* weights: wᵢ ≥ 0 */
    double exchange;            /* exchange: r > 0 */
    size_t gain, cost;          /* exchange: the metrics EM and T; single: gain is the metric; pareto: both */
    size_t n_metrics;
    struct metric metric[METRICS_MAX];
    size_t n_constraints;
    struct constraint constraint[CONSTRAINTS_MAX];
};

/* As the study file has them, by number. */
const char *const *metric_kind_names(size_t *ret_n);
const char *metric_kind_name(enum metric_kind kind);
const char *objective_form_name(enum objective_form form);

/* A value of it as people write it: a proportion with four digits, a count short, of any other number five digits and
 * from 100,000 on as a count: "1.18M"; "-" for what is no number. */
const char *metric_show(const struct metric *m, double v, char *buf, size_t size);

int objective_find_metric(const struct objective *o, const char *name);

/* The metric that counts tokens: the one called so, else the first minimized count; −1 if there is none. */
int objective_token_metric(const struct objective *o);

/* Its own name, for people: "tokens", "samples"; "steps" where there is none. */
const char *objective_cost_name(const struct objective *o);

/* Does this metric enter the utility or a constraint? */
bool objective_uses(const struct objective *o, size_t metric);
bool objective_in_utility(const struct objective *o, size_t metric);
bool objective_is_bound(const struct objective *o); /* a constraint's bound is the baseline's */
bool objective_needs_baseline(const struct objective *o);
bool objective_is_weighed(const struct objective *o); /* by weights or an exchange: gains of the utility are sums */

/* `values` and `baseline` hold n_metrics numbers each; `baseline` may be NULL if none is needed. */
double objective_utility(const struct objective *o, const double *values, const double *baseline);
/* The same; NaN where there is none: a metric of it was not measured, or a baseline that it or a constraint needs is
 * not known (a pareto objective's score always does). */
double objective_known_utility(const struct objective *o, const double *values, const double *baseline);
/* A baseline below this part of what others have is none to be relative to. */
#define OBJECTIVE_TINY 1e-6
/* By how much a metric is better than the baseline's, in units of it: what it adds to the utility, but for its weight.
 */
double objective_gain(const struct objective *o, size_t metric, const double *values, const double *baseline);
/* What differences of a metric are counted in (see above); > 0. */
double objective_unit(const struct objective *o, size_t metric, const double *baseline);
/* `baseline`: n_metrics numbers; may be NULL for an absolute bound. */
double constraint_bound(const struct constraint *c, const double *baseline);
/* Do both order configurations by the same? Constraints and metrics aside. */
bool objective_asks_same(const struct objective *a, const struct objective *b);
/* Is `a` as good as `b` in both metrics of a pareto objective, and better in one? */
bool objective_dominates(const struct objective *o, const double *a, const double *b);

/* Is the value one that this metric can have? STATUS_INVALID: a proportion that is not from 0 to 1, a count
 * below 0. */
enum status objective_check(const struct objective *o, size_t metric, double value, struct error *err);

bool constraint_allows(const struct constraint *c, double bound, double value);
bool objective_feasible(const struct objective *o, const double *values, const double *baseline);

/* Parses "em=0.9,tokens=0.1" (or em:0.9,tokens:0.1) into a weights objective over the same metrics; "em=7,tokens=3" are
 * shares. */
enum status objective_parse_weights(struct objective *o, const char *text, struct error *err);

/* Turns the objective into an exchange; fails unless one proportion is maximized and one count minimized. */
enum status objective_set_exchange(struct objective *o, double rate, struct error *err);

#endif
