/* targets: what a Gaussian process is trained on: of the history one row a trial, on a scale where the metric is nearly
 * Gaussian.
 *
 *     proportion  logit((k + ½)/(n + 1)), noise variance 1/(n p (1 − p)) known
 *     count       log
 *     value       as it is; alone in the objective and unbounded, its bad half by ranks
 */
#ifndef TUNER_SEARCH_TARGETS_H
#define TUNER_SEARCH_TARGETS_H

#include "tuner/search/observations.h"

struct targets {
    size_t n, d;
    double *x;     /* n × d */
    double *y;     /* n, on the model's scale */
    double *noise; /* n known variances, or NULL */
};

/* Places in the history of the trials with a result, as they were told; n of them to *ret_n. The caller frees it. */
size_t *targets_told_order(const struct search_history *history, bool failed_too, size_t *ret_n);

/* Where rows come from: n complete trials, in the order of the rows. */
struct targets_source {
    const struct search_history *history;
    const double *points; /* history->n × d, encoded */
    const size_t *order;  /* n places in the history */
    size_t n, d;
};

struct targets targets_of_metric(const struct targets_source *source, const struct metric *metric, size_t index);

/* +1 for the complete trials of the source, −1 for failed ones; of very many failures, the last. */
struct targets targets_of_success(const struct targets_source *source);

void targets_done(struct targets *r);

/* ---- scales ---- */

double targets_transform(const struct metric *m, double v);
double targets_transform_back(const struct metric *m, double v);
double targets_known_noise(const struct metric *m, double v);

/* The number of rows at which the last fit for n ≥ 1 rows took place: every row at first, then every sixteenth part,
 * and at once after an outlier. */
size_t targets_fit_point(const double *y, size_t n);

/* The number of rows from which on another fit is due, after one at `fit`; outliers apart. */
size_t targets_next_fit(size_t fit);

/* Squares of values near the ends of a double's range are no numbers. Such a metric is modelled in another unit, a
 * power of two that brings the rows of the last fit near 1; else 1. */
double targets_unit(const struct targets *r);

/* Is this metric's bad half replaced, unless it is noisy for sure (cached_gp.h)? A few terrible values must not flatten
 * the good half: those below the median (of goal · y) get median + σ Φ⁻¹(rank), with σ the spread of the good half
 * [Vizier's half-rank warp]; from ten rows on.
 */
bool targets_are_warped(const struct objective *o, size_t metric);
void targets_warp(double *y, size_t n, enum goal goal);

/* The way back: a row before and after, both times the goal, so that larger is better. `l` ascends by raw. −∞ below the
 * worst seen; above the median nothing was warped. */
struct targets_level {
    double raw, warped;
};
int targets_level_compare(const void *a, const void *b);
double targets_unwarp(const struct targets_level *l, size_t n, double v);

#endif
