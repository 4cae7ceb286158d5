#include "workers/ending.h"

#include "workers/guard.h"

#include "tuner/base/host.h"
#include "tuner/base/plain.h"

#include <stdio.h>
#include <string.h>

const char *job_end_name(enum job_end end)
{
    static const char *const name[] = {"complete",  "infeasible", "failed",     "crashed",
                                       "timed out", "stopped",    "not started"};
    return name[end];
}

static enum job_end end_of_exit(struct ending *e, struct harvest *harvest)
{
    const char *sep = *e->last_error ? ": " : "";
    if (e->signal) {
        snprintf(e->reason, sizeof e->reason, "killed by signal %d (%s)%s%.250s", e->signal, strsignal(e->signal), sep,
                 e->last_error);
        return JOB_CRASHED;
    }
    if (e->exit_code == GUARD_CANNOT_FORK_CODE &&
        strncmp(e->last_error, GUARD_CANNOT_FORK, strlen(GUARD_CANNOT_FORK)) == 0) {
        snprintf(e->reason, sizeof e->reason, "cannot start: %.250s", e->last_error + strlen(GUARD_CANNOT_FORK));
        return JOB_NOT_STARTED;
    }
    if (e->exit_code) {
        snprintf(e->reason, sizeof e->reason, "exit code %lld%s%.250s", (long long)e->exit_code, sep, e->last_error);
        return JOB_CRASHED;
    }
    return harvest_is_whole(harvest, e->reason, sizeof e->reason) ? JOB_COMPLETE : JOB_FAILED;
}

struct job_outcome ending_outcome(struct ending *e, struct harvest *harvest, struct arena *arena)
{
    enum job_end end = e->verdict == JOB_COMPLETE ? end_of_exit(e, harvest) : e->verdict;
    if (end == JOB_COMPLETE) return (struct job_outcome){.end = end, .metrics = harvest_metrics(harvest), .reason = ""};
    return (struct job_outcome){.end = end,
                                .metrics = end == JOB_STOPPED ? harvest_metrics(harvest) : NULL,
                                .reason = plain_bounded(arena, e->reason, sizeof e->reason - 1),
                                .signal = e->signal,
                                .out_of_memory = host_killed_for_memory(e->signal, e->memory_kills)};
}
