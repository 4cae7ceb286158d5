/* What only a command can know of a study's health: is somebody at it, and is there room on the disk. */
#include "tuner/cli/cli.h"

#include "tuner/analysis/analysis.h"

#include <string.h>
#include <sys/statvfs.h>

/* 0: unknown. */
static double disk_free(const char *path)
{
    struct arena a = {0};
    struct statvfs fs;
    const char *slash = strrchr(path, '/');
    const char *dir = slash ? arena_printf(&a, "%.*s", slash > path ? (int)(slash - path) : 1, path) : ".";
    double left = statvfs(dir, &fs) == 0 ? (double)fs.f_bavail * (double)fs.f_frsize : 0;
    arena_done(&a);
    return left;
}

void cli_health(const struct memory *s, bool running, struct arena *arena, struct health *ret)
{
    const struct health_facts facts = {.known = true,
                                       .running = running,
                                       .disk_free = store_in_memory(s->store) ? 0 : disk_free(store_path(s->store))};
    *ret = health_of(s, &facts, arena);
}
