/* launch: how a trial's program is started: arguments, environment, parameters file. */
#ifndef TUNER_COORDINATOR_LAUNCH_H
#define TUNER_COORDINATOR_LAUNCH_H

#include "tuner/coordinator/session.h"

#include "workers/workers.h"

/* The attempt's folder, in the arena: FILES/STUDY/0012.1 */
char *launch_folder(const char *files, const struct study *study, const struct trial *t, long attempt,
                    struct arena *arena);

/* What an agent needs to start the attempt, besides the study's file: {"study", "trial", "attempt", "lease", "seed",
 * "params", "resume"?: {"trial", "attempt", "name", "bytes", "cost"}}. The caller owns it. */
json_t *launch_assignment(const struct study *study, const struct trial *t, const char *resume, double cost);

/* Starts the attempt that the trial's lease is for, in the next free slot. `gpus`: one of them for each slot; NULL: as
 * the environment has it. What fails here is the machine's doing, not the trial's. */
enum status launch(struct workers *workers, const struct study *study, const struct trial *t, const char *dir,
                   const char *resume, const struct gpus *gpus, const struct job_handler *handler, void *data,
                   struct job **ret, struct error *err);

#endif
