/* agent: runs trials of a service on this machine, under the same contract as its own slots.
 *
 *     struct agent_options o = {.url = "https://host:8470", .token = token, .dir = dir, .guard = guard, .slots = 2};
 *     struct local_agent *self = NULL;
 *     local_agent_create(&o, loop, &self, &err);
 *     uv_run(loop, UV_RUN_DEFAULT);                 until local_agent_drain has done its work, or nothing came for long
 *
 *     AWAY ──registered──▶ THERE ──the service does not know us, or cannot be reached──▶ AWAY
 *
 * Trials go on whether the service is there or not; what they say waits in the outbox.
 */
#ifndef TUNER_AGENT_AGENT_H
#define TUNER_AGENT_AGENT_H

#include "tuner/remote/remote.h"

#include "workers/workers.h"

struct local_agent;

struct agent_options {
    const char *url, *token, *ca;
    const char *dir;   /* absolute: outbox, cache, attempts' folders; one process at a time */
    const char *name;  /* the agent's, unique at the service */
    const char *guard; /* path of nocturne-guard */
    const char *job;   /* that runs this, of Slurm for instance; NULL: none */
    const char *study; /* the only one to work for; NULL: all */
    size_t slots;
    const struct gpus *gpus; /* one for each slot, which take them in turn; NULL: as the environment has it */
    int64_t idle_ms;         /* without work: leave; 0: never */
    void (*say)(void *data, const char *text);
    void (*ended)(void *data, const struct error *err); /* err NULL: as it should be */
    void *data;
};

/* STATUS_BUSY: another process has the folder. */
enum status local_agent_create(const struct agent_options *options, uv_loop_t *loop, struct local_agent **ret,
                               struct error *err);
/* Takes nothing more, and leaves when what runs has ended. */
void local_agent_drain(struct local_agent *self);
/* The same, and what runs is ended. */
void local_agent_stop(struct local_agent *self, enum stop_mode mode);

#endif
