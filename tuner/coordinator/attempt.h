/* attempt: what the end of one execution means for its trial. */
#ifndef TUNER_COORDINATOR_ATTEMPT_H
#define TUNER_COORDINATOR_ATTEMPT_H

#include "tuner/history/history.h"

#include "workers/workers.h"

/* `out_of_memory`: the kernel killed it for want of memory. */
enum status attempt_conclude(struct history *s, struct trial *t, const struct job_outcome *outcome, bool out_of_memory,
                             struct error *err);

#endif
