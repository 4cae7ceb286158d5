/* work: the trials that an agent has, from their assignment to their last word in the outbox.
 *
 *   PREPARES ──study, files and checkpoint are here, a slot is free──▶ RUNS ──end──▶ (said)
 *       └──cannot be had, or stopped──▶ (said)
 *
 * A work that is fenced off (its lease is over) is ended, and says nothing more.
 */
#ifndef TUNER_AGENT_WORK_H
#define TUNER_AGENT_WORK_H

#include "tuner/agent/depot.h"
#include "tuner/agent/outbox.h"

#include "workers/workers.h"

struct work;

struct crew_options {
    const char *dir, *guard;
    size_t slots;
    const struct gpus *gpus;
    struct client *client;
    uv_loop_t *loop;
    void (*say)(void *data, const char *text);
    void *say_data;
    void (*changed)(void *data); /* there is something in the outbox, or room */
    void *data;
};

struct crew {
    struct crew_options options;
    struct outbox *outbox;
    struct workers *workers;
    struct depot *depot;
    struct work *work;
    json_t *ended;              /* {"study", "lease", "dir"?} of what has ended, until the outbox is empty */
    int64_t retry_ms, again_ms; /* no program could be started: nothing is taken before; 0: none failed */
    bool stopping;
};

enum status crew_open(struct crew *c, const struct crew_options *options, struct error *err);
void crew_done(struct crew *c); /* nothing runs any more */

size_t crew_capacity(const struct crew *c); /* 0: for now it takes nothing */
bool crew_is_idle(const struct crew *c);
json_t *crew_held(const struct crew *c); /* [{"study", "lease"}]: what runs, and what has ended but is not said yet */

void crew_take(struct crew *c, const json_t *assignment);
/* {"stop"}, {"set"} or {"policy"} for the lease that `about` names. */
void crew_order(struct crew *c, const json_t *about, const json_t *order);
void crew_fence(struct crew *c, const json_t *gone);
/* All that runs is ended; a second time: killed. */
void crew_stop(struct crew *c, const char *why);
/* The first line of the outbox was an upload, and it is done. */
void crew_uploaded(struct crew *c);
/* `online`: the ends of logs may be said. True: a pause is over, and there is room again. */
bool crew_tick(struct crew *c, bool online);

#endif
