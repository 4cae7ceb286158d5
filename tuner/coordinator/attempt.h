/* attempt: one execution of a trial: who it is for, where it runs, what its program says and is told, and its end. It
 * lives as long as this process at most (active_attempt); what of it the log knows, and a restart has again, is
 * history's struct attempt, a part of the trial.
 *
 *   PROMISED ──its lease is durable: start──▶ RUNS ──end──▶ OVER
 *       └──────────── taken back, or no program can be started ──▲
 *
 * A stage looks at the checkpoints that it takes, and keeps what it leaves (load.h):
 *
 *   PROMISED ──▶ CHECKS ──▶ CHECKED ──▶ RUNS ──▶ KEEPS ──▶ OVER
 *
 * Where it runs is an executor's business; for the coordinator all places are the same.
 */
#ifndef TUNER_COORDINATOR_ATTEMPT_H
#define TUNER_COORDINATOR_ATTEMPT_H

#include "tuner/coordinator/load.h"
#include "tuner/coordinator/options.h"
#include "tuner/coordinator/pause.h"

#include "tuner/execution/execution.h"
#include "tuner/history/history.h"
#include "tuner/policy/policy.h"

struct ask;

/* What all attempts of a coordinator share. */
struct attempt_home {
    struct history *history;
    const struct memory *memory; /* of it */
    const char *files;           /* folder for the attempts' folders */
    struct load_home depot;      /* of the checkpoints of stages */
    struct pause *pause;
    const struct coordinator_options *options; /* what attempts ask of whoever made the coordinator */
    /* To be announced once what has been recorded is durable. */
    void (*say)(void *data, enum news news, const struct trial *trial, const char *text);
    /* An attempt is over; `crash`: why, if it crashed. */
    void (*ended)(void *data, const struct trial *trial, const char *crash);
    void (*fail)(void *data, enum status status, const struct error *err); /* the run cannot go on */
    void *data;
};

enum attempt_state {
    ATTEMPT_PROMISED,
    ATTEMPT_CHECKS,  /* it is looked whether what its stage takes is there */
    ATTEMPT_CHECKED, /* … and it is */
    ATTEMPT_RUNS,
    ATTEMPT_KEEPS, /* its program has ended; what it left is being put away */
    ATTEMPT_OVER
};

struct active_attempt {
    const struct attempt_home *home;
    enum attempt_state state;
    struct execution *at; /* where; NULL: it is over */
    const struct trial *trial;
    int64_t lease;
    uint64_t batch;      /* promised: the lease is durable with this batch of the journal */
    int64_t stopping_ms; /* since when it is to stop: that is in the log, or its trajectory is over; 0: it is not */
    size_t refused;      /* items of its program that could not be kept */
    size_t settings;     /* steps of the trajectory that it has been told */
    double resumed_cost; /* tokens until the checkpoint that it goes on from */
    struct ask *ask;     /* of the client that waits for it; NULL: it has it */
    struct load *load;   /* what is carried for it: it stays until then; NULL: nothing */
    json_t *said;        /* keeps: what the stage's program said; NULL: nothing */
};

/* RUNS: what the monitor wants. */
void attempt_obey(struct active_attempt *a, const struct monitor_order *order);
/* RUNS: it is stopped, to be run again another time. Of a client that polls the lease ends at once, as does, if it is
 * to be now, that of an agent which nobody hears of. */
void attempt_stop(struct active_attempt *a, enum stop_mode mode, const char *why);
/* RUNS: an agent that was told to end it and does not has lost it. */
void attempt_check_obedience(struct active_attempt *a);
/* RUNS: a person does not want it any more. */
void attempt_cancel(struct active_attempt *a, const char *why);
/* RUNS: a late result of another attempt has made this one superfluous. */
void attempt_stop_late(struct active_attempt *a, const char *why);
/* PROMISED or RUNS, at an agent: its seat is no more. */
void attempt_lost(struct active_attempt *a, enum seat_loss loss, const char *why);

/* RUNS: what its program says. */
void attempt_hears_start(struct active_attempt *a, int64_t pid, double resumed_cost);
void attempt_hears_report(struct active_attempt *a, long step, const json_t *metrics);
void attempt_hears_item(struct active_attempt *a, const char *id, const json_t *metrics);
void attempt_hears_policy(struct active_attempt *a, const json_t *policy);
void attempt_hears_checkpoint(struct active_attempt *a, long step, const char *path);
void attempt_hears_end(struct active_attempt *a, const struct job_outcome *outcome);
/* Nothing is left to do: a client has told the result, or its lease is over. */
void attempt_clear(struct active_attempt *a);

/* Is its trial over? A cancelled one is already: what its program still says is not for it. */
bool attempt_is_over(const struct active_attempt *a);
/* The trial is queued again, without blame. */
void attempt_give_up(struct active_attempt *a, enum outcome outcome, const char *why);
/* What its end means has been recorded, with this status; `crash`: why, if it crashed. */
void attempt_end(struct active_attempt *a, enum status s, const struct error *err, const char *crash);
void attempt_fail(struct active_attempt *a, enum status status, const struct error *err);
/* For people, and for the log. */
void attempt_say(struct active_attempt *a, const char *text);

/* Its folder; in the arena. */
char *attempt_folder(const struct active_attempt *a, struct arena *arena);

#endif
