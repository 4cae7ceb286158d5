/* proposal: something new to try, the maximum of an acquisition for what the model has learnt.
 *
 *     calm                                 expected improvement on noise-free draws at the best points
 *     noisy (model_noisy, as a chance)     one draw of the utility: the best of points near the best (surrogate/thompson.c)
 *     two objectives                       expected improvement of the hypervolume
 */
#ifndef TUNER_SEARCH_PROPOSAL_H
#define TUNER_SEARCH_PROPOSAL_H

#include "tuner/search/suggestion.h"
#include "tuner/search/task.h"

/* After model_update; sets kind and source of *ret. */
enum status proposal_make(struct task *t, double *ret_point, struct suggestion *ret, struct error *err);

#endif
