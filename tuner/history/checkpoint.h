/* checkpoint: what a trial left to go on from: taken, and found again. */
#ifndef TUNER_HISTORY_CHECKPOINT_H
#define TUNER_HISTORY_CHECKPOINT_H

#include "tuner/history/memory.h"

/* The trial's program has left a checkpoint: an event, if it is a file of this attempt's own folder `dir`; otherwise
 * the error says why nothing can go on from it. */
enum status checkpoint_take(struct history *s, const struct trial *t, const char *dir, long step, const char *path,
                            struct error *err);

/* The checkpoint from which the trial's next attempt can go on, its own or its parent's, in the arena, and what
 * training had cost until then. NULL: there is none (err->status is OK), or the error says what has become of it. */
const char *checkpoint_find(const struct memory *s, const struct trial *t, struct arena *arena, double *ret_cost,
                            struct error *err);

#endif
