/* launch: how a trial's program is started: arguments, environment, parameters file. */
#ifndef TUNER_EXECUTION_LAUNCH_H
#define TUNER_EXECUTION_LAUNCH_H

#include "tuner/study/study.h"

#include "workers/workers.h"

/* What is run. */
struct attempt_spec {
    long trial, attempt;
    int64_t lease; /* fencing token */
    uint64_t seed;
    const double *config; /* space.n; NaN: does not exist */
};

/* The attempt's folder, in the arena: FILES/STUDY/0012.1 */
char *launch_folder(const char *files, const struct study *study, long trial, long attempt, struct arena *arena);

/* What an agent needs to start the attempt, besides the study's file: {"study", "trial", "attempt", "lease", "seed",
 * "params", "resume"?: {"trial", "attempt", "name", "bytes", "cost"}}. The caller owns it. */
json_t *launch_assignment(const struct study *study, const struct attempt_spec *x, const char *resume, double cost);

/* Starts the attempt in the next free slot. `gpus`: one of them for each slot; NULL: as
 * the environment has it. What fails here is the machine's doing, not the trial's. */
enum status launch(struct workers *workers, const struct study *study, const struct attempt_spec *x, const char *dir,
                   const char *resume, const struct gpus *gpus, const struct job_handler *handler, void *data,
                   struct job **ret, struct error *err);

#endif
