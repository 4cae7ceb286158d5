/* background: a suggestion, or a judgement, computed on libuv's thread pool from a snapshot of the history. */
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

/* Calls `done` on the loop's thread; thought NULL: cancelled. One at a time: `search` is its until then. */
void background_suggest(uv_loop_t *loop, struct history *history, struct search *search,
                        void (*done)(void *data, const struct thought *thought), void *data);

/* The same for the judgement of a running trial (monitor_think); `forecaster` is its until then. */
void background_judge(uv_loop_t *loop, struct forecaster *forecaster, struct question *question,
                      void (*done)(void *data, struct question *question), void *data);

/* The same for another look at what was stopped (second_look_think); not while one judges. */
void background_look(uv_loop_t *loop, struct forecaster *forecaster, struct second_look *look,
                     void (*done)(void *data, struct second_look *look), void *data);

#endif
