#include "workers/cgroup.h"
#include "workers/job.h"

#include "tuner/base/arena.h"

#include <stdlib.h>

struct workers {
    uv_loop_t *loop;
    char *guard;
    size_t n_slots, running;
};

struct workers *workers_create(uv_loop_t *loop, const char *guard, size_t n_slots)
{
    struct workers *w = must_alloc(1, sizeof *w);
    w->loop = loop;
    w->guard = must_strdup(guard);
    w->n_slots = n_slots;
    if (n_slots) cgroup_sweep();
    return w;
}

void workers_free(struct workers *w)
{
    if (!w) return;
    free(w->guard);
    free(w);
}

size_t workers_free_slots(const struct workers *w)
{
    return w->n_slots - w->running;
}

size_t workers_running(const struct workers *w)
{
    return w->running;
}

static void on_gone(void *owner)
{
    struct workers *w = owner;
    w->running--;
}

enum status workers_start(struct workers *w, const struct job_spec *spec, const struct job_handler *handler, void *data,
                          struct job **ret, struct error *err)
{
    if (w->running == w->n_slots) return error_set(err, STATUS_FAILED, "no free slot");
    struct job *job = job_start(w->loop, w->guard, spec, handler, data, on_gone, w, err);
    if (!job) return err->status;
    w->running++;
    *ret = job;
    return STATUS_OK;
}
