/* slot: room for one attempt at a time, and the trial in it.
 *
 *   FREE ──promise──▶ PROMISED ──its lease is durable: start──▶ RUNS ──exit──▶ FREE
 *     ▲                  │ taken back, or no program can be started
 *     └──────────────────┘
 */
#ifndef TUNER_COORDINATOR_SLOT_H
#define TUNER_COORDINATOR_SLOT_H

#include "tuner/coordinator/coordinator.h"
#include "tuner/coordinator/overseer.h"
#include "tuner/coordinator/pause.h"

#include "workers/workers.h"

/* What all slots of a coordinator share. */
struct slot_home {
    struct session *session;
    struct workers *workers;
    const char *files; /* folder for the attempts' folders */
    struct pause *pause;
    /* To be announced once what has been recorded is durable. */
    void (*say)(void *data, enum coordinator_event event, const struct trial *trial, const char *text);
    /* An attempt is over; `crash`: why, if it crashed. The slot is free. */
    void (*ended)(void *data, const struct trial *trial, const char *crash);
    void (*fail)(void *data, enum status status, const struct error *err); /* the run cannot go on */
    void *data;
};

enum slot_state { SLOT_FREE, SLOT_PROMISED, SLOT_RUNS };

struct slot {
    const struct slot_home *home;
    enum slot_state state;
    struct trial *trial;
    struct job *job;
    uint64_t batch;   /* promised: the lease is durable with this batch of the journal */
    bool condemned;   /* the decision to stop it is in the log, or its course is over */
    long long killed; /* out-of-memory kills of this machine when it began */
};

/* FREE: the trial is leased. */
void slot_promise(struct slot *slot, struct trial *t);
/* PROMISED: the program is started; or the trial goes back, and nothing is tried for a while. */
void slot_start(struct slot *slot);
void slot_take_back(struct slot *slot);

/* RUNS: what the overseer wants. */
void slot_obey(struct slot *slot, const struct order *order);
/* RUNS: it is stopped, to be run again another time; a second time: killed. */
void slot_condemn(struct slot *slot, const char *why);

#endif
