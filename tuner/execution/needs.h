/* needs: what a run needs of this machine: a command that can be started, GPUs, a folder for its files. */
#ifndef TUNER_EXECUTION_NEEDS_H
#define TUNER_EXECUTION_NEEDS_H

#include "tuner/study/study.h"

#include "workers/workers.h"

enum { NEEDS_PATH_MAX = 4096 };

/* Where exec would find a program of the study; path: NEEDS_PATH_MAX. False: nowhere. */
bool needs_program(const struct study *study, const char *program, char *path);
/* Is the study's command, or that of each of its stages, a program that can be started here? */
enum status needs_command(const struct study *study, struct error *err);
/* GPUs of this machine for the slots of a run. */
struct gpu_grant {
    bool some;        /* false: the environment stays as it is */
    struct gpus gpus; /* some: which */
    const char
        *shown; /* how the slots get them, or why they do not, for people; NULL: the study says nothing of them */
};

/* What the study wants; texts in the arena. STATUS_INVALID: it is not there. */
enum status needs_gpus(const struct study *study, size_t slots, struct gpu_grant *ret, struct arena *arena,
                       struct error *err);
/* Where a database's attempts keep their logs: nocturne.db → /abs/nocturne.files; ret: NEEDS_PATH_MAX */
enum status needs_folder(const char *db, char *ret, struct error *err);

#endif
