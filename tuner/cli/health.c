/* What only a command can know of a study's health: is somebody at it, and is there room on the disk. */
#include "tuner/cli/cli.h"

#include "tuner/analysis/analysis.h"
#include "tuner/base/host.h"

void cli_health(const struct memory *s, bool running, struct arena *arena, struct health *ret)
{
    const struct health_facts facts = {.known = true,
                                       .running = running,
                                       .disk_free =
                                           store_in_memory(s->store) ? 0 : host_disk_free(store_path(s->store))};
    *ret = health_of(s, &facts, arena);
}
