/* prediction: what one more measurement would say, with an interval that holds what it promises.
 *
 * The Gaussian process is too sure of itself where the search has been hopeful, so its deviations are widened to what
 * was seen: by leave-one-out, of the later half of all rows, or, where there are branches, of the point's own (of few
 * rows with Student's t, their scale being hardly known); at a point that the search itself has chosen, by how far the
 * last results lay from what the model, as it was then, said of them (conformal prediction, Vovk et al. 2005).
 */
#ifndef TUNER_SEARCH_PREDICTION_H
#define TUNER_SEARCH_PREDICTION_H

#include "tuner/search/model.h"

struct prediction_query {
    const double *point; /* encoded */
    size_t metric;       /* index into the objective's, used by it */
    double coverage;     /* of the central interval, 0 to 1 */
    bool chosen;         /* the search has proposed this point, where it is surprised more often */
};

/* What one more measurement would say: median and central interval. `in`: of the model's last update. */
struct prediction prediction_make(const struct model *m, const struct model_input *in,
                                  const struct prediction_query *query);

#endif
