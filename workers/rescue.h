/* rescue: ends an execution from outside, when its guard was killed or does not do its work: the cgroup, the guard, all
 * that is below it, and all that has the execution's mark. In the pool, since it takes as long as it takes. */
#ifndef WORKERS_RESCUE_H
#define WORKERS_RESCUE_H

#include "workers/descendants.h"

#include <uv.h>

struct rescue {
    uv_work_t work;
    char mark[64]; /* NOCTURNE_JOB=NAME */
    struct lineage of;
    void (*done)(void *data);
    void *data;
};

void rescue_init(struct rescue *r);               /* draws a name that nobody else has */
void rescue_watch(struct rescue *r, pid_t guard); /* once it was started, before the loop can have reaped it */

/* `done` is called once, from the loop; `r` must live until then. */
void rescue_start(struct rescue *r, uv_loop_t *loop, void (*done)(void *data), void *data);

#endif
