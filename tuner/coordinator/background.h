/* background: what is thought about on libuv's thread pool; a suggestion, from a snapshot of the history. */
#ifndef TUNER_COORDINATOR_BACKGROUND_H
#define TUNER_COORDINATOR_BACKGROUND_H

#include "tuner/history/history.h"
#include "tuner/policy/policy.h"

#include <uv.h>

struct thought {
    struct suggestion suggestion;
    int64_t known; /* seq of the last event in the snapshot */
    double tokens; /* that the trial may need, upper end of a 90 % interval; NaN: the model does not say */
    enum status status;
    struct error err;
};

/* Thinks on the pool, then calls `done` on the loop's thread. */
void background_think(uv_loop_t *loop, void (*think)(void *data), void (*done)(void *data), void *data);

/* Calls `done` on the loop's thread. One at a time: `search` is its until then. */
void background_suggest(uv_loop_t *loop, struct history *history, struct search *search,
                        void (*done)(void *data, const struct thought *thought), void *data);

#endif
