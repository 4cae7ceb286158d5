/* draw: Thompson sampling, for a utility that is measured with strong noise [Thompson 1933; of Gaussian processes:
 * Kandasamy 2018].
 *
 * One joint draw of every output at 300 points near the model's five best, and of these the one whose utility is
 * largest; where there are bounds, among those that the draw allows, or else the one that it forbids least [SCBO,
 * Eriksson 2021]. It leaves a place as soon as another may be better, and no sooner. A draw is not climbed: noisy
 * trials leave the model wide at the edges of the space, and a climb ends there (tests/bench).
 */
#ifndef TUNER_SEARCH_DRAW_H
#define TUNER_SEARCH_DRAW_H

#include "tuner/search/task.h"

/* n points, all different, best first by one draw; `at` is a point's index, `feasible` 1 or below 0. STATUS_NUMERIC if
 * their covariance cannot be factored. */
enum status draw_rank(const struct model *m, const struct gp_draws *draws, struct search_rank *ret, struct error *err);

/* The best by one draw of what is near the n_best points and was not tried; false: all was. After model_update. Pending
 * trials need no notice: each suggestion has a draw of its own. */
enum status draw_propose(struct task *t, const double *best, size_t n_best, double *ret_point, bool *ret_found,
                         struct error *err);

#endif
