/* assignment: a trial that this agent is to run: the other side of the coordinator's attempt.
 *
 *   PREPARES ──study, files and checkpoints are here──▶ READY ──a slot is free: start──▶ RUNS ──end──▶ (said)
 *       └─────────── cannot be had, or stopped ────────────┴──────────────────────────────┬──────────────▲
 *                                                          a stage ends well: PACKS ──────┘──────────────┘
 *
 * What it has to say goes into the outbox. One that is fenced off (its lease is over) is ended, and says nothing more.
 */
#ifndef TUNER_AGENT_ASSIGNMENT_H
#define TUNER_AGENT_ASSIGNMENT_H

#include "tuner/agent/cache.h"
#include "tuner/agent/inputs.h"
#include "tuner/agent/outbox.h"
#include "tuner/agent/tail.h"

#include "tuner/execution/execution.h"

struct assignment;

/* What all assignments of an agent share. */
struct assignment_home {
    const char *dir; /* the agent's */
    uv_loop_t *loop;
    struct client *client;
    struct cache *cache;
    struct outbox *outbox;
    struct workers *workers;
    const struct gpus *gpus;
    void (*note)(void *data, const char *text); /* for people */
    void (*said)(void *data);                   /* there is something in the outbox */
    void (*thinned)(void *data);                /* what was said of reports became fewer: assignment_recount */
    void (*ready)(void *data);                  /* it waits for a slot */
    /* It has said its last word, and is freed by whoever hears this. */
    void (*ended)(void *data, struct assignment *as, enum job_end how);
    void *data;
};

enum assignment_state {
    ASSIGNMENT_PREPARES,
    ASSIGNMENT_READY,
    ASSIGNMENT_RUNS,
    ASSIGNMENT_PACKS /* what its stage left is made ready to be sent */
};

struct packing;

/* The stage that it runs. */
struct stage_part {
    json_t *wish;          /* {"name", "inputs"}, as the service has it; NULL: the whole of the trial */
    struct inputs *inputs; /* NULL: not asked for yet */
    struct arena arena;
    struct stage_run run;    /* what its program is given */
    struct packing *packing; /* packs; NULL: it does not */
};

/* The checkpoint that it goes on from. */
struct resume_fetch {
    json_t *wish;            /* {"trial", "attempt", "name", "cost"}, as the service has it; NULL: it begins anew */
    struct inquiry *inquiry; /* it is on its way */
    char *path;              /* here; NULL: it is not */
    int fd;                  /* −1: closed */
};

struct assignment {
    struct assignment *next;
    const struct assignment_home *home;
    enum assignment_state state;
    bool fenced;
    char *study, *definition, *dir;
    json_t *params;
    double config[SPACE_PARAMS_MAX];
    struct attempt_spec spec; /* its study is NULL until it is here */
    struct resume_fetch resume;
    struct stage_part stage;
    int64_t again_ms;     /* prepares: the study is asked for again then; 0: it is not */
    struct execution *at; /* NULL: it has not begun */
    long reports, items, uploads;
    struct tail tail[2]; /* of stdout and stderr */
};

/* NULL: the service's words make no sense. */
struct assignment *assignment_create(const struct assignment_home *home, const json_t *words);
void assignment_free(struct assignment *as); /* one that runs must have ended */

bool assignment_is(const struct assignment *as, const char *study, int64_t lease);

/* PREPARES: gets what it needs. May end it. */
void assignment_prepare(struct assignment *as);
/* READY: a slot is free. False: the program did not start; the assignment has ended. */
bool assignment_start(struct assignment *as);
/* RUNS: {"set": …} or {"policy": …} for its program. */
void assignment_send(struct assignment *as, const json_t *message);
/* It ends; at once, if it has not begun. */
void assignment_stop(struct assignment *as, enum stop_mode mode, const char *why);

/* The ends of its logs are said. */
void assignment_flush(struct assignment *as);
/* Reports were thinned: its next one has a smaller number. */
void assignment_recount(struct assignment *as);

#endif
