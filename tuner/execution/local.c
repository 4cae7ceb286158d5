/* This machine as an executor: a job of `workers`. */
#include "tuner/execution/executor.h"

#include <stdlib.h>

struct local {
    struct execution x;
    struct workers *workers;
    const struct gpus *gpus;
    struct job *job; /* NULL: it has not begun */
};

static bool has_room(const struct site *site)
{
    return site->slots > 0 && workers_next_slot(site->workers) < workers_slots(site->workers);
}

static struct execution *take(const struct site *site, void *owner)
{
    (void)owner;
    return local_execution(site->workers, site->gpus);
}

static enum status start(struct execution *x, const struct attempt_spec *spec, struct error *err)
{
    struct local *l = (struct local *)x;
    l->job = launch(l->workers, l->gpus, spec, &x->hooks->program, x->data, err);
    if (!l->job) return err->status;
    x->hooks->started(x->data, job_pid(l->job));
    return STATUS_OK;
}

static void tell(struct execution *x, const json_t *message)
{
    struct local *l = (struct local *)x;
    if (l->job) job_send(l->job, message);
}

static void stop(struct execution *x, enum stop_mode mode, const char *why)
{
    struct local *l = (struct local *)x;
    if (l->job) job_stop(l->job, mode, why);
}

static void throttle(struct execution *x, bool held)
{
    struct local *l = (struct local *)x;
    if (l->job) job_throttle(l->job, held);
}

static void release(struct execution *x)
{
    free(x);
}

const struct executor local_executor = {.name = "here",
                                        .is_here = true,
                                        .has_folder = true,
                                        .has_an_end = true,
                                        .has_room = has_room,
                                        .take = take,
                                        .start = start,
                                        .send = tell,
                                        .stop = stop,
                                        .throttle = throttle,
                                        .free = release};

struct execution *local_execution(struct workers *workers, const struct gpus *gpus)
{
    struct local *l = must_alloc(1, sizeof *l);
    *l = (struct local){.x = {.at = &local_executor}, .workers = workers, .gpus = gpus};
    return &l->x;
}
