/* job: one execution of a trial program, a state machine on the loop.
 *
 *     RUNNING ──stop, timeout, too much output, bad report──▶ STOPPING ──grace over: SIGKILL──▶ STOPPING
 *        │ exit                                                   │ exit
 *        └───────────────▶ DRAINING ◀─────────────────────────────┘
 *                             │ all pipes at their end, or a second has passed
 *                             ▼
 *                           CLOSED: `end` is called, handles close, memory goes with the last one
 */
#ifndef WORKERS_JOB_H
#define WORKERS_JOB_H

#include "workers/workers.h"

struct job *job_start(uv_loop_t *loop, const char *guard, const struct job_spec *spec,
                      const struct job_handler *handler, void *data, void (*gone)(void *), void *owner,
                      struct error *err);

#endif
