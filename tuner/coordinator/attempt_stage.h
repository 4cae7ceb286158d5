/* attempt_stage: an attempt that runs one stage of its trial: what its program is given, and what becomes of what it
 * leaves. */
#ifndef TUNER_COORDINATOR_ATTEMPT_STAGE_H
#define TUNER_COORDINATOR_ATTEMPT_STAGE_H

#include "tuner/coordinator/attempt.h"

/* PROMISED → CHECKS → CHECKED; or the trial goes back, for a checkpoint that it takes is not what it was. At once
 * CHECKED, if it takes none. */
void attempt_stage_check(struct active_attempt *a);

/* What its program is given, in the arena; NULL: it runs the whole of the trial. `dir`: its folder */
const struct stage_run *attempt_stage_run(const struct active_attempt *a, const char *dir, struct arena *arena);

/* RUNS → KEEPS → OVER: the program has ended well. `metrics`: what it said; may be NULL. */
void attempt_stage_keep(struct active_attempt *a, const json_t *metrics);

/* Checkpoints that the log does not know go; at the start. */
void attempt_stage_sweep(const struct attempt_home *home);

/* "stage 'train': why", in the arena; just why, if it runs the whole of the trial. */
const char *attempt_stage_why(const struct active_attempt *a, const char *why, struct arena *arena);

#endif
