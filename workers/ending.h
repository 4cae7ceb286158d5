/* ending: what becomes of an execution, as it comes to light: a verdict, the exit, the last words. */
#ifndef WORKERS_ENDING_H
#define WORKERS_ENDING_H

#include "workers/harvest.h"
#include "workers/workers.h"

struct ending {
    enum job_end verdict; /* decided before the exit; JOB_COMPLETE: undecided */
    char reason[512];
    int64_t exit_code;
    int signal;
    long long memory_kills; /* of this machine when it began (base/host) */
    char last_error[256];   /* last line on stderr */
};

/* Once all has been said. Its texts and numbers are those of `e`, the harvest and the arena. */
struct job_outcome ending_outcome(struct ending *e, struct harvest *harvest, struct arena *arena);

#endif
