#include "tuner/coordinator/attempt.h"

#include "tuner/coordinator/monitor.h"

#include "tuner/base/beneath.h"

#include "tuner/history/history.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- ends ---- */

static enum status complete(struct history *s, struct trial *t, const json_t *metrics, struct error *err)
{
    enum status st = history_finish(s, t, TRIAL_COMPLETE, metrics, NULL, OUTCOME_NONE, err);
    return st == STATUS_INVALID ? history_finish(s, t, TRIAL_FAILED, NULL, err->text, OUTCOME_NONE, err) : st;
}

/* Has it been stopped where its course ends? */
static bool is_through(const struct history *s, const struct trial *t, const json_t *metrics)
{
    struct arena a = {0};
    if (t->trajectory.until <= 0 || !metrics) return false;
    double cost = memory_cost(s, event_values(&s->study->objective, metrics, &a), t->step);
    arena_done(&a);
    return cost >= t->trajectory.until;
}

enum status attempt_conclude(struct history *s, struct trial *t, const struct job_outcome *outcome, bool out_of_memory,
                             struct error *err)
{
    switch (outcome->end) {
    case JOB_COMPLETE: return complete(s, t, outcome->metrics, err);
    case JOB_INFEASIBLE: return history_finish(s, t, TRIAL_INFEASIBLE, NULL, outcome->reason, OUTCOME_NONE, err);
    case JOB_FAILED: return history_finish(s, t, TRIAL_FAILED, NULL, outcome->reason, OUTCOME_FAILED, err);
    case JOB_TIMED_OUT: return history_finish(s, t, TRIAL_FAILED, NULL, outcome->reason, OUTCOME_TIMED_OUT, err);
    case JOB_CRASHED:
        if (out_of_memory)
            return lease_crashed(s, t, OUTCOME_CRASHED_THE_MACHINE,
                                 "killed by the kernel: the machine was out of memory", err);
        return lease_crashed(s, t, OUTCOME_CRASHED, outcome->reason, err);
    case JOB_STOPPED:
        if (t->stop_state == STOP_PRUNE) return monitor_prune(s, t, outcome->metrics, err);
        if (is_through(s, t, outcome->metrics)) return complete(s, t, outcome->metrics, err);
        return history_return(s, t, OUTCOME_STOPPED, outcome->reason, 0, err);
    case JOB_NOT_STARTED: return history_return(s, t, OUTCOME_NOT_STARTED, outcome->reason, 0, err);
    }
    return STATUS_OK;
}
