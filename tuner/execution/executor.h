/* executor: a place where attempts run: this machine, an agent, a client that has asked for the trial. What becomes of
 * an attempt is the same everywhere; what differs between places is a row of functions, and a further place (SSH,
 * Kubernetes) is one file with such a row.
 *
 *     struct execution *x = local_execution(workers, gpus);
 *     x->hooks = &hooks, x->data = mine;
 *     x->at->start(x, &spec, &err);        hooks.started, now or later; then what the program says, and its end
 *     x->at->stop(x, STOP_GENTLY, "why");
 *     x->at->free(x);                      nothing more is heard of it
 */
#ifndef TUNER_EXECUTION_EXECUTOR_H
#define TUNER_EXECUTION_EXECUTOR_H

#include "tuner/execution/launch.h"

#include "tuner/base/holder.h"

/* What an execution says; those that speak for it otherwise (an agent's messages) are heard by the coordinator. After
 * `end` it is freed, and nothing else. */
struct execution_hooks {
    void (*started)(void *data, int64_t pid); /* 0: of another machine */
    struct job_handler program;
};

struct execution {
    const struct executor *at;
    const struct execution_hooks *hooks;
    void *data;
};

/* What a coordinator has, now, to run attempts with. */
struct site {
    const struct study *study;
    size_t slots;            /* attempts that this machine may begin now */
    struct workers *workers; /* of this machine */
    const struct gpus *gpus; /* one of them for each slot; NULL: as the environment has it */
    struct tenant *tenant;   /* of a fleet; NULL: agents cannot run this study */
    void *data;              /* of whoever made the coordinator */
};

struct executor {
    const char *name;
    bool is_here;     /* its failures are this machine's, and it ends with this process */
    bool has_folder;  /* its files come into a folder of ours */
    bool has_an_end;  /* it says when it has ended; otherwise who stops it lets it go at once */
    bool may_disobey; /* it may go on although it was told to stop */
    /* May an attempt begin there now? NULL, as the next: it is not for the coordinator to choose. */
    bool (*has_room)(const struct site *site);
    /* `owner`: whom others name who speak of it. NULL: there was no room. */
    struct execution *(*take)(const struct site *site, void *owner);
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

/* The places that a coordinator chooses from, the first that has room. A further one is a file with such a row, and its
 * name here. */
#define EXECUTORS(X) X(local_executor) X(agent_executor)

#define EXECUTOR_DECLARE(name) extern const struct executor name;
EXECUTORS(EXECUTOR_DECLARE)
#define EXECUTOR_ROW(name) &name,

/* The first of a list that ends with NULL (NULL: of all there are) that has room; NULL: none has. */
const struct executor *executor_with_room(const struct executor *const *list, const struct site *site);

/* The next free slot of this machine. `gpus`: one of them for each slot; NULL: as the environment has it. */
struct execution *local_execution(struct workers *workers, const struct gpus *gpus);

#endif
