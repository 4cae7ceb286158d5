/* invocation: what a trial's program is started with, and why it could not be. */
#ifndef WORKERS_INVOCATION_H
#define WORKERS_INVOCATION_H

#include "tuner/base/arena.h"
#include "tuner/base/error.h"

/* This process's environment without variables of ours, and `added` and `mark`, which come instead of what had their
 * names. All lists end with NULL. */
char **invocation_env(struct arena *arena, char *const *added, char *mark);
char **invocation_argv(struct arena *arena, const char *guard, char *const *argv);

/* STATUS_INVALID: it is the study's fault; `code`: uv_spawn's. */
enum status invocation_blame(int code, const char *guard, const char *program, struct error *err);

#endif
