/* job: one execution of a trial program, a state machine on the loop.
 *
 *     RUNNING ──stop, timeout, too much output, bad report──▶ STOPPING ──grace over: the guard kills all──▶ KILLING
 *        │ exit                                                   │ exit                                      │ exit
 *        └───────────────▶ DRAINING ◀─────────────────────────────┴───────────────────────────────────────────┘
 *                             │ all pipes at their end, or a second has passed; no rescue is at work
 *                             ▼
 *                          (READING: what it has written into files is matched, in the pool)
 *                             ▼
 *                           CLOSED: `end` is called, handles close, memory goes with the last one
 *
 * A guard that is not gone a second after it was told to kill, and one that may have been killed, is helped from
 * outside (rescue.h).
 */
#ifndef WORKERS_JOB_H
#define WORKERS_JOB_H

#include "workers/workers.h"

/* `lock`: a descriptor that the guard keeps open as long as it lives; −1: none. */
struct job *job_start(uv_loop_t *loop, const char *guard, const struct job_spec *spec, int lock,
                      const struct job_handler *handler, void *data, void (*gone)(void *), void *owner,
                      struct error *err);

#endif
