/* launch: how a trial's program is started: arguments, environment, parameters file. */
#ifndef TUNER_EXECUTION_LAUNCH_H
#define TUNER_EXECUTION_LAUNCH_H

#include "tuner/study/study.h"

#include "workers/workers.h"

/* The checkpoint that an attempt goes on from. */
struct resume {
    const char *path;    /* on this machine; NULL: it begins */
    long trial, attempt; /* for others: whose it is … */
    const char *name;    /* … and its name there */
    double cost;         /* tokens until then */
};

/* What is run. */
struct attempt_spec {
    const struct study *study;
    long trial, attempt;
    int64_t lease; /* fencing token */
    uint64_t seed;
    const double *config; /* space.n; NaN: does not exist */
    const char *dir;      /* its folder */
    struct resume resume;
    const struct stage_run *stage; /* NULL: it is the whole of the trial */
    const char *definition;        /* names what an agent must have of the study; NULL: nothing */
};

/* The attempt's folder, in the arena: FILES/STUDY/0012.1 */
char *launch_folder(const char *files, const struct study *study, long trial, long attempt, struct arena *arena);

/* What an agent sends of a stage's checkpoint, as artefacts of these names and a number (parcel.h). */
#define LAUNCH_PARCEL "output.parcel"
enum { LAUNCH_PARCEL_PART = 128 << 20 }; /* bytes */

/* The folder of a study's checkpoints (depot.h), FILES/STUDY/checkpoints; in the arena. */
#define LAUNCH_DEPOT "checkpoints"
char *launch_depot(const char *files, const struct study *study, struct arena *arena);
/* Where a stage's program leaves its checkpoint: in its folder; in the arena. */
char *launch_output(const char *dir, struct arena *arena);

/* What an agent needs to start the attempt, besides the study's file: {"study", "trial", "attempt", "lease", "seed",
 * "params", "definition"?, "resume"?: {"trial", "attempt", "name", "cost"}, "stage"?: {"name", "inputs": [{"stage",
 * "sha256"?}, …]}}. The caller owns it. */
json_t *launch_assignment(const struct attempt_spec *x);

/* Starts the attempt in the next free slot. `gpus`: one of them for each slot; NULL: as the environment has it. NULL:
 * STATUS_INVALID: what the study asks for cannot be started; other errors are the machine's doing, not the trial's. */
struct job *launch(struct workers *workers, const struct gpus *gpus, const struct attempt_spec *x,
                   const struct job_handler *handler, void *data, struct error *err);

#endif
