#include "tuner/history/outcome.h"

#include <stddef.h>
#include <string.h>

static const char *const names[] = {
    [OUTCOME_CRASHED] = "crashed",
    [OUTCOME_EXPIRED] = "expired",
    [OUTCOME_CRASHED_THE_MACHINE] = "crashed the machine",
    [OUTCOME_LOST] = "lost",
    [OUTCOME_LATE] = "late",
    [OUTCOME_STOPPED] = "stopped",
    [OUTCOME_NOT_STARTED] = "not started",
    [OUTCOME_PRUNED] = "pruned",
    [OUTCOME_FAILED] = "failed",
    [OUTCOME_TIMED_OUT] = "timed out",
    [OUTCOME_OTHER] = NULL,
};

const char *outcome_name(enum outcome o)
{
    return names[o];
}

enum outcome outcome_parse(const char *name)
{
    if (!name) return OUTCOME_NONE;
    for (int o = OUTCOME_CRASHED; o < OUTCOME_OTHER; o++)
        if (strcmp(names[o], name) == 0) return (enum outcome)o;
    return OUTCOME_OTHER;
}

bool outcome_is_crash(enum outcome o)
{
    return o == OUTCOME_CRASHED || o == OUTCOME_EXPIRED || o == OUTCOME_CRASHED_THE_MACHINE;
}
