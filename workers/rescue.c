#include "workers/rescue.h"

#include "workers/cgroup.h"
#include "workers/guard.h"

#include <stdio.h>
#include <string.h>

enum { QUIET_ROUNDS = 2, WAIT_MIN_MS = 5, WAIT_MAX_MS = 200, PATIENCE_MS = 20000 };

void rescue_init(struct rescue *r)
{
    uint64_t name[2] = {uv_hrtime(), (uint64_t)uv_os_getpid()}; /* if there are no random numbers */
    uv_random(NULL, NULL, name, sizeof name, 0, NULL);
    snprintf(r->mark, sizeof r->mark, GUARD_JOB "=%016llx%016llx", (unsigned long long)name[0],
             (unsigned long long)name[1]);
}

void rescue_watch(struct rescue *r, pid_t guard)
{
    r->of = (struct lineage){.root = guard, .born = descendants_born(guard), .mark = r->mark};
}

/* Whoever cannot die (a broken driver) does not keep the slot for ever. */
static void work(uv_work_t *req)
{
    struct rescue *r = req->data;
    const char *name = r->mark + strlen(GUARD_JOB "=");
    int quiet = 0;
    unsigned waited = 0, ms = WAIT_MIN_MS;
    cgroup_kill(name);
    while (waited < PATIENCE_MS) {
        quiet = descendants_kill(&r->of) == 0 ? quiet + 1 : 0;
        if (quiet == QUIET_ROUNDS) break;
        uv_sleep(ms);
        waited += ms;
        ms = 2 * ms < WAIT_MAX_MS ? 2 * ms : WAIT_MAX_MS;
    }
    cgroup_remove(name);
}

static void on_worked(uv_work_t *req, int status)
{
    struct rescue *r = req->data;
    (void)status;
    r->done(r->data);
}

void rescue_start(struct rescue *r, uv_loop_t *loop, void (*done)(void *data), void *data)
{
    r->done = done;
    r->data = data;
    r->work.data = r;
    uv_queue_work(loop, &r->work, work, on_worked);
}
