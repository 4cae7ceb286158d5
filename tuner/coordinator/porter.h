/* porter: what of a stage takes as long as the disk does, on the pool: looking whether the checkpoints that it takes
 * are still what they were, and keeping what it has left. One at a time for each attempt. */
#ifndef TUNER_COORDINATOR_PORTER_H
#define TUNER_COORDINATOR_PORTER_H

#include "tuner/execution/execution.h"

#include <uv.h>

/* Calls back on the loop's thread; `bad`: the first of the digests that the depot does not have as it was; NULL: all
 * are there. `depot` and the digests must live until then. */
struct porter_check {
    const char *depot;
    size_t n;
    const char *digest[STAGES_MAX];
    const char *bad;
    struct error err; /* what is wrong with it */
    void (*done)(void *data);
    void *data;
};

void porter_check(uv_loop_t *loop, struct porter_check *x);

/* Moves what lies at `path` into the depot. */
struct porter_keep {
    const char *depot, *path;
    enum status status; /* of depot_keep */
    struct deposit left;
    struct error err;
    void (*done)(void *data);
    void *data;
};

void porter_keep(uv_loop_t *loop, struct porter_keep *x);

/* Takes copies, and calls nobody. */
void porter_remove(uv_loop_t *loop, const char *depot, const char *digest);

#endif
