/*
 *              ┌── returned: crash with retries left, lost worker, expired lease ──┐
 *              ▼                                                                   │
 *   ───▶ queued ───▶ leased ───▶ running ───▶ complete | pruned | failed | infeasible
 *              │       │  │          │
 *              │       │  └─ cannot start, retries spent ─▶ failed
 *              ├───────┴─ late result of an expired lease ─▶ complete
 *              ├─ all of its stages taken over, or done ─▶ complete, or failed: they had no result
 *              └───────┴─────────────┴─▶ cancelled
 *
 *   final states have no way out by themselves; a person may have what is failed, infeasible or cancelled queued again,
 *   and the pruner what it has stopped.
 */
#include "tuner/history/trial_state.h"

#include <string.h>

#define TO(s) (1u << TRIAL_##s)

static const unsigned legal[TRIAL_STATES] = {
    [TRIAL_QUEUED] = TO(LEASED) | TO(COMPLETE) | TO(FAILED) | TO(CANCELLED),
    [TRIAL_LEASED] = TO(RUNNING) | TO(QUEUED) | TO(COMPLETE) | TO(FAILED) | TO(CANCELLED),
    [TRIAL_RUNNING] = TO(COMPLETE) | TO(PRUNED) | TO(FAILED) | TO(INFEASIBLE) | TO(QUEUED) | TO(CANCELLED),
};

static const char *const names[TRIAL_STATES] = {"queued", "leased", "running",    "complete",
                                                "pruned", "failed", "infeasible", "cancelled"};

const char *trial_state_name(enum trial_state s)
{
    return names[s];
}

bool trial_state_parse(const char *name, enum trial_state *ret)
{
    for (int s = 0; s < TRIAL_STATES; s++)
        if (strcmp(name, names[s]) == 0) {
            *ret = (enum trial_state)s;
            return true;
        }
    return false;
}

bool trial_state_may(enum trial_state from, enum trial_state to)
{
    return legal[from] >> to & 1;
}

bool trial_state_final(enum trial_state s)
{
    return legal[s] == 0;
}

bool trial_state_may_retry(enum trial_state s)
{
    return (TO(FAILED) | TO(INFEASIBLE) | TO(CANCELLED)) >> s & 1;
}

bool trial_state_may_resume(enum trial_state s)
{
    return s == TRIAL_PRUNED;
}
