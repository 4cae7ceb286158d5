/* coordinator: runs a study: what to do now. The only room where history, policy and execution meet; its one public
 * header.
 *
 *     struct coordinator *c = NULL;
 *     coordinator_create(&options, history, loop, &c, &err);
 *     coordinator_start(c, &err);
 *     uv_run(loop, UV_RUN_DEFAULT);        options.ended is called once, from the loop
 *     coordinator_free(c);
 *
 * `nocturne run` has one of them, the service one for each study that is at work, all on one loop.
 *
 * Phases: SEARCH until the budget refuses or the space is exhausted, then CONFIRM, then ENDED;
 * a first stop request lets running trials finish (DRAIN), a second ends them gently, a third at
 * once (KILL); they are queued again for the next run. Trial states: trial_state.c.
 *
 * Once per turn of the loop the coordinator takes what has happened, decides, and submits its events to the journal,
 * whose writer makes them durable on a thread of its own; fits run on libuv's thread pool with a snapshot. A program
 * is started only when its lease is durable, and a result is announced only when it is.
 *
 * When the disk refuses or no program can be started, the study is paused: nothing new starts, what runs goes on, and
 * the coordinator tries again by itself until the cause is gone.
 */
#ifndef TUNER_COORDINATOR_COORDINATOR_H
#define TUNER_COORDINATOR_COORDINATOR_H

#include "tuner/coordinator/active.h"
#include "tuner/coordinator/adviser.h"
#include "tuner/coordinator/ending.h"
#include "tuner/coordinator/loop.h"
#include "tuner/coordinator/placement.h"
#include "tuner/coordinator/requests.h"

#endif
