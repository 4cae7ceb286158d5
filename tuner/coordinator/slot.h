/* slot: room for one attempt at a time, and the trial in it. Its program runs here, at an agent, or at a client who
 * asked for the trial; for the coordinator that makes no difference.
 *
 *   FREE ──promise──▶ PROMISED ──its lease is durable: start──▶ RUNS ──end──▶ FREE
 *     ▲                  │ taken back, or no program can be started
 *     └──────────────────┘
 *
 * Slots of this machine are there from the beginning; those at an agent or a client come with a trial and go with it.
 */
#ifndef TUNER_COORDINATOR_SLOT_H
#define TUNER_COORDINATOR_SLOT_H

#include "tuner/coordinator/monitor.h"
#include "tuner/coordinator/news.h"
#include "tuner/coordinator/pause.h"

#include "tuner/execution/execution.h"

#include "workers/workers.h"

/* What all slots of a coordinator share. */
struct slot_home {
    struct history *history;
    struct workers *workers;
    const char *files;       /* folder for the attempts' folders */
    const struct gpus *gpus; /* of coordinator_options */
    struct pause *pause;
    const char *(*definition)(void *data); /* of coordinator_options, with its data */
    void *definition_data;
    /* To be announced once what has been recorded is durable. */
    void (*say)(void *data, enum news event, const struct trial *trial, const char *text);
    /* An attempt is over; `crash`: why, if it crashed. The slot is free. */
    void (*ended)(void *data, const struct trial *trial, const char *crash);
    void (*fail)(void *data, enum status status, const struct error *err); /* the run cannot go on */
    void *data;
};

enum slot_state { SLOT_FREE, SLOT_PROMISED, SLOT_RUNS };
enum slot_place { PLACE_HERE, PLACE_AGENT, PLACE_CLIENT };

struct slot {
    const struct slot_home *home;
    enum slot_state state;
    enum slot_place place;
    struct trial *trial;
    struct job *job;   /* here */
    struct seat *seat; /* at an agent */
    json_t *mail;      /* for a client, with the answer to its next report; NULL: nothing */
    struct ask *ask;   /* of the client that waits for it; NULL: it has it */
    int64_t lease;
    uint64_t batch;      /* promised: the lease is durable with this batch of the journal */
    int64_t stopping_ms; /* since when it is to stop: that is in the log, or its course is over; 0: it is not */
    long long killed;    /* out-of-memory kills of this machine when it began */
};

/* FREE: the trial is leased. False: it could not be; the run fails. */
bool slot_promise(struct slot *slot, struct trial *t);
/* PROMISED: the program is started; or the trial goes back, and nothing is tried for a while. A client's runs already.
 */
void slot_start(struct slot *slot);
void slot_take_back(struct slot *slot);
/* FREE: a lease of an earlier process that lives on at its agent or client. */
void slot_adopt(struct slot *slot, struct trial *t);

/* RUNS: what the overseer wants. */
void slot_obey(struct slot *slot, const struct monitor_order *order);
/* RUNS: it is stopped, to be run again another time; a second time: killed. A client's lease ends at once. */
void slot_stop(struct slot *slot, const char *why);
/* RUNS: an agent that was told to end it and does not has lost it. */
void slot_check_obedience(struct slot *slot);
/* RUNS: a person does not want it any more. */
void slot_cancel(struct slot *slot, const char *why);
/* RUNS: a late result of another attempt has made this one superfluous. */
void slot_stop_late(struct slot *slot, const char *why);
/* PROMISED or RUNS, at an agent: its seat is no more. */
void slot_lost(struct slot *slot, enum seat_loss loss, const char *why);

/* RUNS: what its program says. */
void slot_hears_report(struct slot *slot, long step, const json_t *metrics);
void slot_hears_policy(struct slot *slot, const json_t *policy);
void slot_hears_checkpoint(struct slot *slot, long step, const char *path);
void slot_hears_end(struct slot *slot, const struct job_outcome *outcome, bool out_of_memory);
/* Nothing is left to do here: a client has told the result, or its lease is over. */
void slot_clear(struct slot *slot);

/* The folder of this attempt; in the arena. */
char *slot_folder(const struct slot *slot, struct arena *arena);

#endif
