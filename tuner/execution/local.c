/* This machine as an executor: a job of `workers`. */
#include "tuner/execution/executor.h"

#include <stdlib.h>

struct local {
    struct execution x;
    struct workers *workers;
    const struct gpus *gpus;
    struct job *job; /* NULL: it has not begun, or has ended */
};

static void on_report(void *data, long step, const json_t *metrics)
{
    struct local *l = data;
    l->x.hooks->report(l->x.data, step, metrics);
}

static void on_policy(void *data, const json_t *policy)
{
    struct local *l = data;
    l->x.hooks->policy(l->x.data, policy);
}

static void on_checkpoint(void *data, long step, const char *path)
{
    struct local *l = data;
    l->x.hooks->checkpoint(l->x.data, step, path);
}

static void on_end(void *data, const struct job_outcome *outcome)
{
    struct local *l = data;
    l->job = NULL;
    l->x.hooks->end(l->x.data, outcome);
}

static void on_artefact(void *data, const char *path)
{
    struct local *l = data;
    if (l->x.hooks->artefact) l->x.hooks->artefact(l->x.data, path);
}

static void on_output(void *data, bool err, const char *bytes, size_t n)
{
    struct local *l = data;
    if (l->x.hooks->output) l->x.hooks->output(l->x.data, err, bytes, n);
}

static const struct job_handler handler = {.report = on_report,
                                           .checkpoint = on_checkpoint,
                                           .policy = on_policy,
                                           .end = on_end,
                                           .artefact = on_artefact,
                                           .output = on_output};

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
    l->job = launch(l->workers, l->gpus, spec, &handler, l, err);
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
