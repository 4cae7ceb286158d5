/* What only a command can know of a study's health: is somebody at it, and is there room on the disk. */
#include "tuner/cli/cli.h"

#include "tuner/analysis/analysis.h"
#include "tuner/base/host.h"

/* Of the machine that the database is on. */
static double disk_of(const struct store *store)
{
    const struct store_elsewhere *elsewhere = store_elsewhere(store);
    if (elsewhere) return elsewhere->disk_free;
    return store_in_memory(store) ? 0 : host_disk_free(store_path(store));
}

void cli_health(const struct memory *s, bool running, struct arena *arena, struct health *ret)
{
    const struct health_facts facts = {.known = true, .running = running, .disk_free = disk_of(s->store)};
    *ret = health_of(s, &facts, arena);
}
