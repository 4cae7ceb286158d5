/* pruner: should a running trial be stopped because it will not become useful?
 *
 * A pruner is a row of the table PRUNERS (study.h), which gives it its name in study files, and a file pruner_<name>.c
 * of its own: what it stops by, its source, and struct pruner_ops. Whatever the pruner, nothing is stopped within the
 * grace, nor where all complete trials have ended.
 */
#ifndef TUNER_SEARCH_PRUNER_H
#define TUNER_SEARCH_PRUNER_H

#include "tuner/search/forecast.h"

struct stop_decision {
    bool stop;
    double chance; /* auto: to become useful; else NaN */
    double target; /* auto: the utility to exceed; NaN: there is none */
    char why[320];
    /* pruner_expect; NaN: unknown */
    double saves; /* cost that it would still have, the median */
    size_t n_nearest;
    long nearest[FORECAST_NEAREST];
    double expected[METRICS_MAX]; /* its result, in the metric's units: the mean on the model's scale (targets.h) */
    double spread[METRICS_MAX];   /* … and the standard deviation there */
};

/* A trial that was stopped and could go on. */
struct stopped_trial {
    size_t at;    /* in the evidence */
    double price; /* of what a trial at its place has still to cost, from 1: with a checkpoint it goes on from there,
                     without one it has the whole way to go again */
};

struct pruner_ops {
    const char *about; /* whom it stops, for people: "stops who …" */

    /* Is there anything to judge since it was judged before? So that reports at which nobody looks cost nothing. */
    bool (*looks)(const struct study *study, const struct running *running);

    /* Does it judge this trial by a forecast? NULL: never. */
    bool (*needs_forecast)(const struct study *study, const struct running *running);

    /* Sets `stop` and, whether it stops or not, what it knows of why, chance and target; `ret` says nothing before. The
     * forecast is NULL if none was made: a pruner that needs one gets it wherever it can be made. Pure. */
    void (*judge)(const struct study *study, const struct evidence *evidence, const struct running *running,
                  const struct forecast *forecast, struct stop_decision *ret);

    /* What each of the n stopped trials is worth, now that more is known: from 1 on it would be let go on, the largest
     * first; NaN: nobody can tell. NULL: what is stopped stays stopped. Pure. */
    void (*reconsider)(const struct study *study, const struct evidence *evidence, const struct stopped_trial *stopped,
                       size_t n, double *ret);
};

#define PRUNER(id, name) extern const struct pruner_ops pruner_##name;
PRUNERS(PRUNER)
#undef PRUNER

/* Clauses for people: whom a pruner stops; and why that one, or which to take instead. */
const char *pruner_about(enum pruner pruner);
const char *pruner_advice(enum pruner pruner);

/* Does the study's pruner judge by this metric? Without it in the reports it stops nobody. */
bool pruner_judges(const struct study *study, size_t metric);

/* Does the study's pruner look at a trial that has reported so far? Pure; needs no evidence. */
bool pruner_looks(const struct study *study, const struct running *running);

/* Is a forecast to be made before the study's pruner judges this trial? */
bool pruner_needs_forecast(const struct study *study, const struct running *running);

/* By the study's pruner. `forecast` may be NULL. */
void pruner_judge(const struct study *study, const struct evidence *evidence, const struct running *running,
                  const struct forecast *forecast, struct stop_decision *ret);

/* By the study's pruner, n numbers: NaN where it has nothing to say. */
void pruner_reconsider(const struct study *study, const struct evidence *evidence, const struct stopped_trial *stopped,
                       size_t n, double *ret);

/* What would have become of a condemned trial: saves, nearest curves, expected metrics. */
void pruner_expect(const struct study *study, const struct evidence *evidence, const struct running *running,
                   const struct forecast *forecast, struct stop_decision *ret);

/* Share of false stops among all stops, from a random sample of `audited` of them: estimate and exact 95 % interval.
 * Without any: NaN, 0 and 1. */
void pruner_false_rate(size_t wrong, size_t audited, double *ret_rate, double *ret_low, double *ret_high);

#endif
