/* confirm: re-runs the winners, the baseline and the references on fresh seeds. */
#ifndef TUNER_COORDINATOR_CONFIRM_H
#define TUNER_COORDINATOR_CONFIRM_H

#include "tuner/coordinator/session.h"

/* How many trials a full confirmation runs; 0 if it is switched off. */
size_t confirm_count(const struct session *s);

/* Adds the confirmation trials that are missing, in one transaction: top `confirm: top` by the model's posterior mean
 * (a single noisy measurement flatters its winner), each on the same `confirm: seeds` fresh seeds. Nothing is added if
 * the last search is confirmed already. */
enum status confirm_enqueue(struct session *s, size_t *ret_added, struct error *err);

#endif
