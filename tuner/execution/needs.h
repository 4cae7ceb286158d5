/* needs: what a run needs of this machine: the guard, a command that can be started, GPUs, a folder for its files. */
#ifndef TUNER_EXECUTION_NEEDS_H
#define TUNER_EXECUTION_NEEDS_H

#include "tuner/study/study.h"

#include "workers/workers.h"

enum { NEEDS_PATH_MAX = 4096 };

/* Is the study's command a program that can be started here? */
enum status needs_command(const struct study *study, struct error *err);
/* The GPUs that the study wants of this machine, and how its slots get them, in the arena: NULL: it says nothing of
 * them. STATUS_INVALID: they are not there. *ret_some: false: the environment stays as it is. */
enum status needs_gpus(const struct study *study, size_t slots, struct gpus *ret, bool *ret_some, const char **ret_said,
                       struct arena *arena, struct error *err);
/* nocturne-guard, beside this program; path: NEEDS_PATH_MAX */
enum status needs_guard(char *path, struct error *err);
/* Where a database's attempts keep their logs: nocturne.db → /abs/nocturne.files; ret: NEEDS_PATH_MAX */
enum status needs_folder(const char *db, char *ret, struct error *err);

#endif
