/* learning_curve: what a running trial has reported, by what it had cost.
 *
 * Points are in order of cost: the metric that counts tokens, or the step (from 1) in a study without one. Long curves
 * are thinned: when LEARNING_CURVE_POINTS are kept, every second one goes, and of later reports only every 2nd, 4th, …
 * is kept; the first and the last stay.
 */
#ifndef TUNER_SEARCH_LEARNING_CURVE_H
#define TUNER_SEARCH_LEARNING_CURVE_H

#include "tuner/study/study.h"

#include "tuner/base/arena.h"

#include <stdbool.h>
#include <stddef.h>

enum { LEARNING_CURVE_POINTS = 128 };

struct learning_curve { /* zero: empty */
    size_t n, n_metrics;
    int stage;     /* whose training it is; −1: the trial has none */
    double from;   /* cost at which its training began: that of the stages before it */
    long reports;  /* in order, heard so far */
    long every;    /* of so many one is kept */
    double *at;    /* n: cost */
    double *value; /* n × n_metrics; NaN: not reported */
};

/* False: the report is not after the last one in cost (repeated, out of order) or has none; nothing has changed.
 * `value`: one number for each metric of the objective. */
bool learning_curve_add(struct learning_curve *c, const struct objective *o, long step, const double *value);
/* Forgets what was reported at or after this cost: training goes on from before it. Of a thinned curve reports in
 * between that are not kept are forgotten, too. */
void learning_curve_cut(struct learning_curve *c, double cost);
/* What a report costs by: tokens, or its step from 1; NaN: it does not say. */
double learning_curve_place(const struct objective *o, long step, const double *value);
void learning_curve_done(struct learning_curve *c);
/* In the arena: never add to it. */
struct learning_curve *learning_curve_copy(const struct learning_curve *c, struct arena *arena);

/* Cost of the last point; 0: none. */
double learning_curve_cost(const struct learning_curve *c);

/* The best value of a metric so far, by its goal; NaN: never reported. */
double learning_curve_best(const struct learning_curve *c, const struct objective *o, size_t metric);

/* The last value that was reported; NaN: never. */
double learning_curve_last(const struct learning_curve *c, size_t metric);

/* ---- early stopping, as the SDKs do it ---- */

/* Training ends once `patience` evaluations in a row have not improved the best by more than `threshold`. */
struct early_stopping {
    double patience, threshold;
    size_t metric;
    enum goal mode;
    double best; /* NaN: none yet */
    long bad;    /* evaluations in a row without improvement */
};

/* True: it ends here. */
bool early_stopping_update(struct early_stopping *e, double value);

/* Patience that, from the start and never changed, would have let a run of these evaluations end where it did; if none
 * could, because it was more patient earlier, the least that would not have ended it before. */
long early_stopping_equivalent(const struct learning_curve *c, const struct early_stopping *e);

#endif
