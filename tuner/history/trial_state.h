/* trial_state: the states of a trial and the legal ways between them. */
#ifndef TUNER_HISTORY_TRIAL_STATE_H
#define TUNER_HISTORY_TRIAL_STATE_H

#include <stdbool.h>

enum trial_state {
    TRIAL_QUEUED,     /* configuration known, no attempt running */
    TRIAL_LEASED,     /* a slot has it, the program is not up yet */
    TRIAL_RUNNING,    /* the program runs, or a client of advise has it */
    TRIAL_COMPLETE,   /* has its metrics */
    TRIAL_PRUNED,     /* stopped early on purpose; may go on when more is known */
    TRIAL_FAILED,     /* has a reason instead */
    TRIAL_INFEASIBLE, /* the trial itself said that this configuration cannot work */
    TRIAL_CANCELLED,  /* a person took it back */
};

enum { TRIAL_STATES = TRIAL_CANCELLED + 1 };

const char *trial_state_name(enum trial_state s);
bool trial_state_parse(const char *name, enum trial_state *ret);
bool trial_state_may(enum trial_state from, enum trial_state to);
bool trial_state_final(enum trial_state s);
/* Has a trial in this final state no result, so that it can be queued again? */
bool trial_state_may_retry(enum trial_state s);
/* Was a trial in this final state only stopped, so that it can go on? */
bool trial_state_may_resume(enum trial_state s);

#endif
