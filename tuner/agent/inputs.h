/* inputs: the checkpoints that the program of a stage is given: those that are in this agent's depot, and those that
 * the service sends. DIR/checkpoints is the depot, kept from run to run: above INPUTS_BYTES_MAX the longest unused go.
 * inputs_get calls back once, not before it returns; after inputs_free nobody is called any more.
 */
#ifndef TUNER_AGENT_INPUTS_H
#define TUNER_AGENT_INPUTS_H

#include "tuner/remote/remote.h"

#include "tuner/execution/execution.h"

struct inputs;

#define INPUTS_BYTES_MAX 20e9

struct inputs_wish {
    uv_loop_t *loop;
    struct client *client;
    const char *dir;    /* the agent's */
    const char *folder; /* the attempt's: what is sent comes there first */
    const char *study;
    long trial;
    int64_t lease;
    const json_t *list; /* [{"stage", "sha256"?}, …] as launch_assignment has it */
};

/* STATUS_OK: all are there; STATUS_BUSY: to be tried again; others: they cannot be had. */
typedef void inputs_ready_fn(void *data, enum status s, const char *why);

/* Never NULL; the texts of the wish must live as long. */
struct inputs *inputs_get(const struct inputs_wish *wish, inputs_ready_fn *ready, void *data);
void inputs_free(struct inputs *x);

/* Names and paths, for the program; they live as long as `x`. */
void inputs_fill(const struct inputs *x, struct stage_run *ret);

/* DIR/checkpoints, in the arena. */
char *inputs_depot(const char *dir, struct arena *arena);
/* Room for what comes: at the start, when nothing is in use. */
void inputs_make_room(const char *dir);

#endif
