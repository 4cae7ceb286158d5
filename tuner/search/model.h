/* model: the history as Gaussian processes, one per metric that matters.
 *
 *     proportion  logit((k + ½)/(n + 1)), noise variance 1/(n p (1 − p)) known     link: logistic
 *     count       log                                                            link: exp
 *     value       as it is; alone in the objective, its bad half by ranks        link: identity
 *
 * A further GP on ±1 models success when some trials failed, and bounds it at 0.
 */
#ifndef TUNER_SEARCH_MODEL_H
#define TUNER_SEARCH_MODEL_H

#include "tuner/search/search.h"

#include "surrogate/surrogate.h"

enum { MODEL_OUTPUTS_MAX = METRICS_MAX + 1, MODEL_BOUNDS_MAX = CONSTRAINTS_MAX + 1 };

struct model {
    size_t d, n_outputs, n_bounds, n_complete;
    struct gp *gp[MODEL_OUTPUTS_MAX]; /* owned */
    struct acquisition_output output[MODEL_OUTPUTS_MAX];
    struct acquisition_bound bound[MODEL_BOUNDS_MAX];
};

/* Needs at least one complete trial. `points`: history->n × d, encoded. model_done releases it, also after a failure.
 */
enum status model_fit(struct model *m, const struct study *study, const struct search_history *history,
                      const double *points, const struct dimension *dim, uint64_t seed, struct error *err);
void model_done(struct model *m);

/* Posterior mean of the utility (up to the constant of the baseline) and probability of feasibility at a point. */
void model_estimate(const struct model *m, const double *point, double *ret_utility, double *ret_feasible);

#endif
