#include "workers/invocation.h"
#include "workers/workers.h"

#include <errno.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

enum status workers_guard(char *path, struct error *err)
{
    char self[WORKERS_PATH_MAX - 32];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0) return error_set(err, STATUS_FAILED, "/proc/self/exe: %s", strerror(errno));
    self[n] = 0;
    snprintf(path, WORKERS_PATH_MAX, "%s/nocturne-guard", dirname(self));
    if (access(path, X_OK) == 0) return STATUS_OK;
    return error_set(err, STATUS_FAILED, "%s is missing: install it beside nocturne", path);
}

static size_t length(char *const *list)
{
    size_t n = 0;
    while (list[n]) n++;
    return n;
}

static bool is_among(char *const *added, size_t n, const char *variable)
{
    size_t name = strcspn(variable, "=") + 1;
    for (size_t i = 0; i < n; i++)
        if (strncmp(added[i], variable, name) == 0) return true;
    return false;
}

/* This process's environment, and the additions and the mark, which come instead of what had their names. */
char **invocation_env(struct arena *arena, char *const *added, char *mark)
{
    size_t n = length(added), m = length(environ);
    char **env = arena_array(arena, n + m + 2, sizeof *env);
    memcpy(env, added, n * sizeof *env);
    env[n++] = mark;
    const size_t own = n;
    for (size_t i = 0; i < m; i++)
        if (strncmp(environ[i], "NOCTURNE_", 9) != 0 && !is_among(env, own, environ[i])) env[n++] = environ[i];
    return env;
}

char **invocation_argv(struct arena *arena, const char *guard, char *const *argv)
{
    size_t n = length(argv);
    char **all = arena_array(arena, n + 3, sizeof *all);
    all[0] = arena_strdup(arena, guard);
    all[1] = arena_printf(arena, "%ld", (long)getpid());
    memcpy(all + 2, argv, n * sizeof *all);
    return all;
}

/* Too long an argument, a missing folder: it is the study that asks for what cannot be, on any machine and at any time.
 */
enum status invocation_blame(int code, const char *guard, const char *program, struct error *err)
{
    bool guarded = access(guard, X_OK) == 0, own = false;
    static const int faults[] = {UV_E2BIG, UV_ENOENT, UV_EACCES, -ENOEXEC, UV_ENOTDIR, UV_ENAMETOOLONG, UV_ELOOP};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) own |= guarded && code == faults[i];
    return error_set(err, own ? STATUS_INVALID : STATUS_FAILED, "cannot start %.200s: %s%s", program, uv_strerror(code),
                     code == UV_E2BIG
                         ? " (an argument over 128 KiB, or all of them over the system's limit; a program finds its "
                           "parameters in the file $NOCTURNE_PARAMS, too)"
                         : "");
}
