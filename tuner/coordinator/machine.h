/* machine: a coordinator's insides, shared by its loop, its steps, its requests and its placement; nobody else includes
 * it.
 */
#ifndef TUNER_COORDINATOR_MACHINE_H
#define TUNER_COORDINATOR_MACHINE_H

#include "tuner/coordinator/ask_queue.h"
#include "tuner/coordinator/attempts.h"
#include "tuner/coordinator/failure.h"
#include "tuner/coordinator/options.h"
#include "tuner/coordinator/pause.h"

#include "tuner/execution/execution.h"

#include "tuner/base/calls.h"

enum phase { PHASE_SEARCH, PHASE_CONFIRM, PHASE_DRAIN, PHASE_KILL, PHASE_LEAVE, PHASE_ENDED };

/* What is thought about on the pool: one suggestion, and one judgement or second look, at a time. */
struct mind {
    struct search *search;
    struct forecaster *forecaster;
    size_t judge_next;         /* attempt */
    struct question *question; /* by which a running trial is being judged; NULL: none is */
    struct second_look *look;  /* at those that were stopped; NULL: none */
    int64_t looked;            /* seq of the last event when they were looked at last */
    bool thinking;             /* a suggestion is being computed */
};

/* How far the search has come. */
struct progress {
    bool exhausted;        /* nothing is left to try, to afford, or worth the trouble */
    char enough[400];      /* … why */
    size_t waiting;        /* queued trials that wait for what others run */
    size_t confirmed_seen; /* confirmations that had ended when it was last asked what to confirm next */
    size_t searched_on;    /* trials when the search last went on after a confirmation; 0: never */
};

struct handles {
    int open;
    uv_timer_t tick;
    uv_prepare_t turn;
    uv_async_t wake; /* by the journal's writer */
};

/* The state that was kept last, and when. */
struct kept {
    int64_t seq, ms;
};

/* How the run ends. */
struct result {
    char failure[sizeof(struct error)]; /* why the study cannot go on; "": it can */
    enum coordinator_end end;
    enum status status; /* the first error; ends the run */
    struct error err;
};

struct coordinator {
    struct coordinator_options options;
    struct history *history;
    const struct memory *memory; /* of it */
    struct journal *journal;
    uv_loop_t *loop;
    struct workers *workers;
    enum phase phase;
    enum study_phase found; /* where the study stood before */
    bool paused_by_person;
    struct pause pause;
    struct attempt_home home;
    struct attempts attempts;
    struct tenant *tenant; /* of the fleet; NULL: there is none */
    struct ask_queue asks;
    struct mind mind;
    struct progress progress;
    struct alike failures; /* of this run, while nothing has completed */
    uint32_t lacking;      /* declared metrics that are known to be missing (remark.h) */
    struct calls later;    /* that wait until no suggestion is being computed */
    struct handles handles;
    struct kept kept;
    struct result result;
};

bool machine_runs_trials(const struct coordinator *c);
void machine_say_now(struct coordinator *c, enum news event, const struct trial *t, const char *text);
/* Said once what has been recorded so far is durable. */
void machine_say(struct coordinator *c, enum news event, const struct trial *t, const char *text);

#endif
