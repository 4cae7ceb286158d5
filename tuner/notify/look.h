/* look: how a study at work stands, as far as only who is at it knows: nobody wrote it into the log. Nothing is owned.
 */
#ifndef TUNER_NOTIFY_LOOK_H
#define TUNER_NOTIFY_LOOK_H

#include <stdbool.h>
#include <stddef.h>

struct look {
    bool news;                                /* something may be in the log that was not there */
    const char *paused;                       /* why nothing starts; "", NULL: it does */
    size_t agents, agents_lost, agents_other; /* as in health_facts */
    const char *agent_lost, *agent_other, *agent_version;
};

#endif
