/* executor: a place where attempts run: this machine, an agent, a client that has asked for the trial. What becomes of
 * an attempt is the same everywhere; what differs between places is a row of functions, and a further place (SSH,
 * Kubernetes) is one file with such a row.
 *
 *     struct execution *x = local_execution(workers, gpus);
 *     x->hooks = &hooks, x->data = mine;
 *     x->at->start(x, &spec, &err);        hooks.started, now or later; then hooks.report … hooks.end, once
 *     x->at->stop(x, STOP_GENTLY, "why");
 *     x->at->free(x);                      nothing more is heard of it
 */
#ifndef TUNER_EXECUTION_EXECUTOR_H
#define TUNER_EXECUTION_EXECUTOR_H

#include "tuner/execution/launch.h"

#include "tuner/base/holder.h"

/* What an execution says; those that speak for it otherwise (an agent's messages) are heard by the coordinator. */
struct execution_hooks {
    void (*started)(void *data, int64_t pid); /* 0: of another machine */
    void (*report)(void *data, long step, const json_t *metrics);
    void (*policy)(void *data, const json_t *policy);
    void (*checkpoint)(void *data, long step, const char *path);
    void (*end)(void *data, const struct job_outcome *outcome);
    void (*artefact)(void *data, const char *path); /* a file to be kept; NULL, as the next: not wanted */
    void (*output)(void *data, bool err, const char *bytes, size_t n);
};

struct execution {
    const struct executor *at;
    const struct execution_hooks *hooks;
    void *data;
};

struct executor {
    const char *name;
    bool is_here;     /* its failures are this machine's, and it ends with this process */
    bool has_folder;  /* its files come into a folder of ours */
    bool has_an_end;  /* it says when it has ended; otherwise who stops it lets it go at once */
    bool may_disobey; /* it may go on although it was told to stop */
    /* Who holds the lease; NULL: this process. Lives as long as the execution. */
    struct holder (*holder)(const struct execution *x);
    /* STATUS_INVALID: what the study asks for cannot be started; other errors are the machine's and may pass. */
    enum status (*start)(struct execution *x, const struct attempt_spec *spec, struct error *err);
    void (*send)(struct execution *x, const json_t *message);                /* {"set": …}, {"policy": …} */
    void (*stop)(struct execution *x, enum stop_mode mode, const char *why); /* gently, again: nothing more */
    bool (*is_silent)(const struct execution *x);     /* nobody knows whether it still runs; NULL: never */
    void (*throttle)(struct execution *x, bool held); /* what it says is left in its pipes; NULL: it cannot be */
    json_t *(*mail)(
        struct execution *x); /* what was sent and waits to be fetched: the caller owns it; NULL: it is told */
    void (*free)(struct execution *x);
};

/* The next free slot of this machine. `gpus`: one of them for each slot; NULL: as the environment has it. */
struct execution *local_execution(struct workers *workers, const struct gpus *gpus);

#endif
