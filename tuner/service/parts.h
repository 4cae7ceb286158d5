/* parts: what the service is made of, as this folder sees it. */
#ifndef TUNER_SERVICE_PARTS_H
#define TUNER_SERVICE_PARTS_H

#include "tuner/service/auth.h"
#include "tuner/service/options.h"
#include "tuner/service/work.h"

#include "tuner/coordinator/coordinator.h"
#include "tuner/execution/execution.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* A busy database is waited for so long on the loop; what has to wait longer is a work's. */
enum { SERVICE_BUSY_MS = 50 };
enum { SERVICE_STATUSES = 600 };

/* Requests that wait for something other than a study. */
struct queues {
    struct request *polling; /* long polls of agents */
    struct request *saying;  /* messages of agents that wait to be durable */
    struct request *working; /* worked on beside the loop */
    struct request *tailing; /* for more of a file */
};

/* Event streams outlive the runs of their studies. */
struct streams {
    struct stream_entry *all;
    struct shelf *shelf; /* of their pages */
    struct all_events *together;
};

/* Studies that the last process left at work. */
struct left {
    bool looking;            /* for them */
    struct waking *first;    /* it is on its way; the others wait */
    struct request *waiting; /* for one of them */
};

/* To people: see tuner/notify. */
struct telling {
    struct notifier *notifier; /* NULL: nobody is told */
    struct request *trying;    /* tests whose answers are on their way */
    uint64_t ticket;           /* of the last of them */
};

/* Rollouts, and experiments on them. */
struct live_parts {
    struct rules *rules;
    struct keeper *keeper;
    struct tracing *tracing;
    struct gathering *gathering; /* of each rollout to which outcomes are on their way */
    struct request *waiting;     /* with outcomes, until they are on the disk */
    size_t bytes;                /* of their bodies */
};

/* Of what deleted studies have left. */
struct sweeping {
    struct work work;
    bool more; /* than it took */
    enum { SWEEP_IDLE, SWEEP_AT_WORK, SWEEP_AND_AGAIN } state;
};

struct beat {
    uv_timer_t tick;
    uv_prepare_t turn;
    int64_t pulsed_ms, forgot_ms; /* when streams had a pulse, and what is old was swept up */
};

/* Since it began. */
struct counts {
    int64_t since_ms;
    unsigned long long answers[SERVICE_STATUSES]; /* by HTTP status */
    unsigned long long trials_finished;
};

struct service {
    struct service_options options;
    uv_loop_t *loop;
    struct clock *clock; /* a steady one: what has expired stays so */
    struct store *store; /* for what belongs to no run: tokens, reading, creating */
    struct auth *auth;
    struct http *http;
    struct fleet *fleet;
    struct provisioner *provisioner;
    char agents_token[PROVISIONERS][TOKEN_ID_MAX]; /* of those that are started here; "": there is none yet */
    struct workers *workers;                       /* the slots of this machine, for all studies */
    struct active_study *active;                   /* all of them */
    struct streams streams;
    struct queues queues;
    struct works *works;
    struct folded *folded[WORK_KINDS]; /* for the works of each kind */
    struct left left;
    struct sweeping sweeping;
    struct telling telling;
    struct live_parts live;
    char guard[WORKERS_PATH_MAX], files[NEEDS_PATH_MAX];
    struct beat beat;
    struct counts counts;
    bool closing;
};

/* A line for the log, without secrets; `study` may be NULL. */
void service_say(struct service *s, const char *study, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
bool service_owns(const struct service *s, const char *path); /* in the folder of the attempts' files */
/* A file without a name in that folder; −1: it cannot be made. Of any thread. */
int service_spool(const struct service *s);

#endif
