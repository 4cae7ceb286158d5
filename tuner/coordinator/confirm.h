/* confirm: re-runs the winners, the baseline and the references on fresh seeds. */
#ifndef TUNER_COORDINATOR_CONFIRM_H
#define TUNER_COORDINATOR_CONFIRM_H

#include "tuner/coordinator/session.h"

/* How many trials a full confirmation runs; 0 if it is switched off. */
size_t confirm_count(const struct session *s);

/* Adds the next round of confirmation trials and returns how many: the top `confirm: top` by the model's posterior mean
 * (a single noisy measurement flatters its winner), each on the same `confirm: seeds` fresh seeds, like the baseline
 * and the references. Nothing is added if a configuration of the search has been confirmed since it ended, or after
 * three rounds. A further round is for the case that fresh seeds show every winner to break a constraint. */
size_t confirm_enqueue(struct session *s);

#endif
