/* importance: what matters, for each metric and for the utility, over the space that was searched.
 *
 * Two views of it, since they answer two questions. By the model (search/sensitivity.h): which parameter makes the
 * difference anywhere in the space; `share` is Sobol's total index, `alone` his first-order one. By the trials
 * (ped_anova.h): which parameter has to do with being among the best tenth. Both with intervals of nominally 90 %; how
 * often they hold was measured (tests/bench/README.md). Shares of one view are no shares of the other. Differences are
 * those of people: points of a proportion, ratios of counts.
 *
 * Trials that were stopped are no results: the trials' view does not know them, the model has what is to be expected of
 * them, as uncertain as that is. Confirmations are measurements to the model and no trials of their own to the other.
 * A parameter with a condition counts for as often as it exists. Importance is about the range that was searched: a
 * parameter with a narrow range matters little.
 */
#ifndef TUNER_ANALYSIS_IMPORTANCE_H
#define TUNER_ANALYSIS_IMPORTANCE_H

#include "tuner/analysis/flat.h"

enum { IMPORTANCE_LEAST = 10 }; /* complete trials */

struct importance_row { /* one parameter */
    size_t param;
    struct share share, alone, best; /* NaN: not known */
};

struct importance_target {
    size_t target;                    /* a metric; n_metrics: the utility */
    size_t trials;                    /* complete ones with a result of it, confirmations apart */
    double r2;                        /* of trials left out (landscape_quality); NaN: unknown */
    const char *note;                 /* why nothing, or little, can be said; NULL: it can */
    const struct importance_row *row; /* space.n, the largest share first */
};

struct importance {
    const struct surface *surface;
    size_t trials; /* complete, confirmations apart */
    size_t n;      /* targets */
    const struct importance_target *target;
    const struct flat *flat; /* space.n; NULL: the utility is not known */
    double margin;           /* of these, in units of the utility */
};

/* Draws of the surface's landscape vary from now on (landscape_vary). `only`: of this target alone, SIZE_MAX: of all.
 * In the arena. STATUS_EXHAUSTED: fewer than IMPORTANCE_LEAST complete trials; the error says how many there are. About
 * a second for a thousand trials and three metrics. */
enum status importance_make(struct surface *f, size_t only, struct arena *arena, struct importance *ret,
                            struct error *err);

/* Says whether a study has enough trials, without a model: STATUS_EXHAUSTED and a sentence if not. */
enum status importance_ready(const struct memory *s, struct error *err);

/* {"metrics": {name: [{"parameter", "share", "low", "high", "alone": {…}, "best": {…}, "range", "log"}]}, "method",
 * "trials", "flat", "margin", "quality": {name: {"r2"}}, "notes": {name: sentence}} */
json_t *importance_json(const struct importance *x);

#endif
