/* job: one execution of a trial program, a state machine on the loop.
 *
 *     RUNNING ──stop, timeout, too much output, bad report──▶ STOPPING ──now, or grace over: guard kills all──▶ KILLING
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

/* Where it runs. */
struct job_seat {
    uv_loop_t *loop;
    const char *guard;         /* path of nocturne-guard */
    int lock;                  /* a descriptor that the guard keeps open as long as it lives; −1: none */
    void (*gone)(void *owner); /* the slot is free again */
    void *owner;
};

/* NULL: `err` says why, and nobody is called. `seat` is copied. */
struct job *job_start(const struct job_seat *seat, const struct job_spec *spec, const struct job_handler *handler,
                      void *data, struct error *err);

#endif
