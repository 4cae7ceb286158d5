/* coordinator: runs a study. The only place where store, workers and search meet.
 *
 *     struct coordinator *c = NULL;
 *     coordinator_create(&options, session, loop, &c, &err);
 *     enum coordinator_end end;
 *     coordinator_run(c, &end, &err);
 *     coordinator_free(c);
 *
 * Phases: SEARCH until the budget refuses or the space is exhausted, then CONFIRM, then DONE;
 * a first stop request lets running trials finish (DRAIN), a second kills them (KILL); they
 * are queued again for the next run. Trial states: trial_state.c.
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

#include "tuner/coordinator/ledger.h"
#include "tuner/coordinator/session.h"
#include "tuner/coordinator/standing.h"

#include <uv.h>

struct coordinator;

enum coordinator_end {
    COORDINATOR_DONE,    /* nothing left to do */
    COORDINATOR_STOPPED, /* by request; the same command goes on */
};

enum coordinator_event {
    EVENT_STARTED,  /* trial: an attempt runs */
    EVENT_FINISHED, /* trial: reached a final state, durably */
    EVENT_RETRY,    /* trial: crashed and is queued again; text: why */
    EVENT_CONFIRM,  /* the confirmation begins */
    EVENT_STOPPING, /* text: what happens now */
    EVENT_NOTE,     /* text: something a person should know */
    EVENT_PAUSED,   /* text: why nothing starts now */
    EVENT_RESUMED,  /* the cause is gone */
    EVENT_TICK,     /* four times a second */
};

struct coordinator_options {
    size_t slots;
    const char *guard; /* path of nocturne-guard */
    const char *files; /* absolute folder for the attempts' folders */
    bool only_queued;  /* run what is queued, search for nothing, confirm nothing */
    bool probe;        /* a few trials to judge by: the study is not complete after them */
    void (*listen)(void *data, enum coordinator_event event, const struct trial *trial, const char *text);
    void *data;
};

enum status coordinator_create(const struct coordinator_options *options, struct session *session, uv_loop_t *loop,
                               struct coordinator **ret, struct error *err);
void coordinator_free(struct coordinator *c);

/* Runs the loop until the study is done or stopped. An error (a damaged database, a failed baseline) stops every trial
 * first; what was running is queued again by the next run. */
enum status coordinator_run(struct coordinator *c, enum coordinator_end *ret_end, struct error *err);

/* First call: start nothing new. Second: kill what runs. */
void coordinator_stop(struct coordinator *c);

#endif
