/* coordinator: runs a study. The only place where store, workers and search meet.
 *
 *     struct coordinator *c = NULL;
 *     coordinator_create(&options, session, loop, &c, &err);
 *     coordinator_start(c, &err);
 *     uv_run(loop, UV_RUN_DEFAULT);        options.ended is called once, from the loop
 *     coordinator_free(c);
 *
 * `nocturne run` has one of them, the service one for each study that is at work, all on one loop.
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
#include "tuner/coordinator/tell.h"

#include <uv.h>

struct coordinator;
struct fleet;
struct asking;
struct gpus;
struct workers;

enum coordinator_end {
    COORDINATOR_DONE,    /* nothing left to do */
    COORDINATOR_STOPPED, /* by request; the same command goes on */
    COORDINATOR_LEFT,    /* the process ends; agents and clients go on meanwhile */
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
    size_t slots;                          /* of this machine */
    struct workers *workers;               /* whose slots they are, shared with others; NULL: its own */
    const struct gpus *gpus;               /* one of them for each slot; NULL: as the environment has it */
    bool (*may_start_here)(void *data);    /* has this machine room for another trial? NULL: it has */
    struct fleet *fleet;                   /* agents; NULL: there are none, and what they once had is queued again */
    const char *(*definition)(void *data); /* names what agents must have of the study; NULL: nothing */
    const char *guard;                     /* path of nocturne-guard */
    const char *files;                     /* absolute folder for the attempts' folders */
    bool only_queued;                      /* run what is queued, search for nothing, confirm nothing */
    bool probe;                            /* a few trials to judge by: the study is not complete after them */
    void (*listen)(void *data, enum coordinator_event event, const struct trial *trial, const char *text);
    /* Once, last: the journal is closed. An error (a damaged database, a failed baseline) has stopped every trial
     * first; what was running is queued again by the next run. The coordinator may be freed when this has returned. */
    void (*ended)(void *data, enum coordinator_end end, enum status status, const struct error *err);
    void *data;
};

enum status coordinator_create(const struct coordinator_options *options, struct session *session, uv_loop_t *loop,
                               struct coordinator **ret, struct error *err);
void coordinator_free(struct coordinator *c);
enum status coordinator_start(struct coordinator *c, struct error *err);

/* First call: start nothing new. Second: kill what runs. */
void coordinator_stop(struct coordinator *c);
/* The process ends: what runs here is ended, what runs elsewhere is not told. */
void coordinator_leave(struct coordinator *c);
/* By a person: nothing new starts until it is resumed, also after a restart; what runs goes on. */
void coordinator_pause(struct coordinator *c, bool paused);

/* How many trials run or are about to on this machine, and in all. */
size_t coordinator_busy_here(const struct coordinator *c);
size_t coordinator_busy(const struct coordinator *c);
/* Attempts that could run now if there were slots for them: for whoever provides slots. */
size_t coordinator_wants(const struct coordinator *c);
const char *coordinator_phase(const struct coordinator *c); /* search, confirm, stopping, ended */
/* Why nothing starts now; "": it does. */
const char *coordinator_pause_reason(const struct coordinator *c);

/* ---- for the service: what people and clients want ----
 *
 * Nothing is durable when these return; coordinator_promise calls back when all that was recorded so far is. */

void coordinator_promise(struct coordinator *c, void (*call)(void *data), void *data);
void coordinator_forget(struct coordinator *c, const void *data);

/* Calls back when no suggestion is being computed: trials may be added then only, or a suggestion would get another
 * number than it was computed for. */
void coordinator_calmly(struct coordinator *c, void (*call)(void *data), void *data);

/* STATUS_INVALID: not a configuration of this study. Calmly. */
enum status coordinator_enqueue(struct coordinator *c, const json_t *params, struct trial **ret, struct error *err);
/* STATUS_CONFLICT: it is over already. */
enum status coordinator_cancel(struct coordinator *c, struct trial *t, const char *why, struct error *err);

/* A failed one is tried again (retry.h). STATUS_CONFLICT: it has not failed. */
enum status coordinator_retry(struct coordinator *c, struct trial *t, struct error *err);

enum { ASK_WAIT_MS = 25000 };

/* Asks for `want` trials that the caller will run; `token`: who holds them then (its id lives until `done` or unask).
 * `done` is called once, now or later, with those that are leased, durably; `why`: there are no more. */
struct asking *coordinator_ask(struct coordinator *c, size_t want, const char *token, int64_t ttl_ms,
                               void (*done)(void *data, size_t n, struct trial *const *trial, const char *why),
                               void *data);
/* Whoever asked is not there any more: its trials are queued again. */
void coordinator_unask(struct coordinator *c, struct asking *a);
/* What the holder of a lease says (tell.h). A report is answered with what the trial is told: {"stop": …, …}. */
enum status coordinator_tell(struct coordinator *c, struct trial *t, const struct lease_claim *claim,
                             const struct tale *tale, struct error *err);
enum status coordinator_report(struct coordinator *c, struct trial *t, const struct lease_claim *claim,
                               const struct told_report *report, json_t **ret, struct error *err);
enum status coordinator_renew(struct coordinator *c, struct trial *t, const struct lease_claim *claim, int64_t ttl_ms,
                              struct error *err);
/* A trial that was run elsewhere. Calmly. */
enum status coordinator_add(struct coordinator *c, const json_t *params, const struct tale *tale, struct trial **ret,
                            struct error *err);

#endif
