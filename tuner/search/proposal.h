/* proposal: something new to try, by what the model has learnt.
 *
 *     calm                                 expected improvement on noise-free draws at the best points
 *     noisy (model_noisy, as a chance)     the best place of one draw of the utility (draw.h)
 *     two objectives                       expected improvement of the hypervolume
 */
#ifndef TUNER_SEARCH_PROPOSAL_H
#define TUNER_SEARCH_PROPOSAL_H

#include "tuner/search/suggestion.h"
#include "tuner/search/task.h"

/* After model_update; sets kind and source of *ret. */
enum status proposal_make(struct task *t, double *ret_point, struct suggestion *ret, struct error *err);

#endif
