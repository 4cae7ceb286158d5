/* prediction: what one more measurement would say, with an interval that holds what it promises.
 *
 * The Gaussian process is too sure of itself where the search has been hopeful, so its deviations are widened to what
 * was seen: of all rows by leave-one-out; at a point that the search itself has chosen, by how far the last results lay
 * from what the model, as it was then, said of them (conformal prediction, Vovk et al. 2005).
 */
#ifndef TUNER_SEARCH_PREDICTION_H
#define TUNER_SEARCH_PREDICTION_H

#include "tuner/search/model.h"

/* What one more measurement of a metric (index into the objective's, used by it) would say at a point: median and
 * central interval of that coverage. `chosen`: the search has proposed this point, where it is surprised more often.
 * `history` and `points` are those of the last update. */
struct prediction model_predict(const struct model *m, const struct study *study, const struct search_history *history,
                                const double *points, const struct encoding *e, size_t metric, const double *point,
                                bool chosen, double coverage, uint64_t seed);

#endif
