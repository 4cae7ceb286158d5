/* attempt: what the end of one execution means for its trial. */
#ifndef TUNER_COORDINATOR_ATTEMPT_H
#define TUNER_COORDINATOR_ATTEMPT_H

#include "tuner/coordinator/session.h"

#include "workers/workers.h"

/* `out_of_memory`: the kernel killed it for want of memory. */
enum status attempt_conclude(struct session *s, struct trial *t, const struct job_outcome *outcome, bool out_of_memory,
                             struct error *err);

/* The trial's program has left a checkpoint: an event, if it is a file of this attempt's own folder `dir`; otherwise
 * the error says why nothing can go on from it. */
enum status attempt_checkpoint(struct session *s, struct trial *t, const char *dir, long step, const char *path,
                               struct error *err);

/* The checkpoint from which the trial's next attempt can go on, its own or its parent's, in the arena, and what
 * training had cost until then. NULL: there is none (err->status is OK), or the error says what has become of it. */
const char *attempt_resume(const struct session *s, const struct trial *t, struct arena *arena, double *ret_cost,
                           struct error *err);

#endif
