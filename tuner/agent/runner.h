/* runner: the trials that an agent has, from their assignment to their last word in the outbox. */
#ifndef TUNER_AGENT_RUNNER_H
#define TUNER_AGENT_RUNNER_H

#include "tuner/agent/assignment.h"

struct runner_options {
    const char *dir, *guard;
    size_t slots;
    const struct gpus *gpus;
    struct client *client;
    uv_loop_t *loop;
    void (*say)(void *data, const char *text);
    void (*changed)(void *data); /* there is something in the outbox, or room */
    void *data;
};

struct runner {
    struct runner_options options;
    struct outbox *outbox;
    struct assignment_home home;
    struct assignment *assignment;
    json_t *ended;              /* {"study", "lease", "dir"?} of what has ended, until the outbox is empty */
    int64_t retry_ms, again_ms; /* no program could be started: nothing is taken before; 0: none failed */
    bool stopping;
};

enum status runner_open(struct runner *r, const struct runner_options *options, struct error *err);
void runner_done(struct runner *r); /* nothing runs any more */

size_t runner_capacity(const struct runner *r); /* 0: for now it takes nothing */
bool runner_is_idle(const struct runner *r);
json_t *
runner_held(const struct runner *r); /* [{"study", "lease"}]: what runs, and what has ended but is not said yet */

void runner_take(struct runner *r, const json_t *assignment);
/* {"stop", "now"?}, {"set"} or {"policy"} for the lease that `about` names. */
void runner_order(struct runner *r, const json_t *about, const json_t *order);
void runner_fence(struct runner *r, const json_t *gone);
/* All that runs is ended, and nothing more begins. */
void runner_stop(struct runner *r, enum stop_mode mode, const char *why);
/* The first line of the outbox was an upload, and it is done. */
void runner_uploaded(struct runner *r);
/* `online`: the ends of logs may be said. True: a pause is over, and there is room again. */
bool runner_tick(struct runner *r, bool online);

#endif
