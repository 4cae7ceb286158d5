/* health_facts: what only the caller can know of a study's health: is somebody at it, room on the disk, agents, the
 * service. What it does not know it leaves 0 or NULL, and nothing is said of it. Nothing is owned.
 */
#ifndef TUNER_ANALYSIS_HEALTH_FACTS_H
#define TUNER_ANALYSIS_HEALTH_FACTS_H

#include <stdbool.h>
#include <stddef.h>

struct health_facts {
    bool known;                          /* `running` says something */
    bool running;                        /* a process is at the study */
    const char *paused;                  /* why the machine lets it rest: a full disk, say; NULL: it does not */
    const char *service_lost;            /* why the service does not answer; NULL: it does, or there is none */
    double disk_free;                    /* bytes, where the database and the folders of trials lie; 0: unknown */
    size_t agents;                       /* that the service knows for this study */
    size_t agents_lost;                  /* those that have not been heard of for longer than they should */
    const char *agent_lost;              /* name of one */
    size_t agents_other;                 /* those of another version */
    const char *agent_other;             /* name of one */
    const char *agent_version, *version; /* its version, and the service's */
};

#endif
