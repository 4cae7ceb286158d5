/* model: the history as Gaussian processes, one per metric that matters.
 *
 *     proportion → logistic, count → exp, value → identity      the link from the model's scale (targets.h) to the
 * metric
 *
 * A further GP on ±1 models success when some trials failed, and bounds it at 0. In Pareto mode every output's link is
 * the identity: dominance is the same on any monotone scale.
 */
#ifndef TUNER_SEARCH_MODEL_H
#define TUNER_SEARCH_MODEL_H

#include "tuner/search/encode.h"
#include "tuner/search/cached_gp.h"
#include "tuner/search/region.h"
#include "tuner/search/observations.h"
#include "tuner/search/transfer.h"

enum {
    MODEL_GPS = METRICS_MAX + 1,
    MODEL_OUTPUTS_MAX = MODEL_GPS + 2 * TRANSFER_STUDIES_MAX,
    MODEL_BOUNDS_MAX = CONSTRAINTS_MAX + 1
};

/* What a model is made from. */
struct model_input {
    const struct study *study;
    const struct search_history *history;
    const double *points; /* history->n × d, encoded */
    const struct encoding *encoding;
    uint64_t seed;
};

struct model {
    size_t d, n_outputs, n_bounds, n_complete;
    struct transfer transfer; /* empty: no earlier studies */
    size_t *order; /* places in the history of the complete trials that it has learnt from, as they were told */
    double side;   /* of the box to search around the best; 0: none (region.h) */
    struct cached_gp cached[MODEL_GPS]; /* by metric; the last models success */
    struct acquisition_output output[MODEL_OUTPUTS_MAX];
    struct acquisition_bound bound[MODEL_BOUNDS_MAX];
};

/* Brings the model to this history; what was learnt before is used where it still holds. Needs at least one complete
 * trial. Of a large history, only what `view` shows. model_done releases the model, also after a failure. */
enum status model_update(struct model *m, const struct model_input *in, enum region_view view, struct error *err);
void model_done(struct model *m);

/* Posterior means of every output at n points: n_outputs × n. */
void model_means(const struct model *m, const double *points, size_t n, double *ret_mean);

/* What the model thinks of a point. */
struct estimate {
    double utility, variance; /* of the noise-free utility (up to the constant of the baseline); by the delta method */
    double feasible;          /* probability that every bound holds */
};

/* Of n points; variance is 0 unless asked for, which costs a triangular solve. */
void model_estimate(const struct model *m, const double *points, size_t n, bool with_variance, struct estimate *ret);

/* Standard deviation of one measurement of the utility at a point. */
double model_noise(const struct model *m, const double *point);

/* The chance, 0 … 1, that noise is a good part of what is measured of the utility near a point: by metric, weighted
 * with its part of the utility's variance. 1 where the fit itself says so, otherwise what a second prior says
 * (gp_hyper). */
double model_noisy(const struct model *m, const double *point);

#endif
