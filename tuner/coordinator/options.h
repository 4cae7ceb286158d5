/* options: what a coordinator is given, and how it ends. */
#ifndef TUNER_COORDINATOR_OPTIONS_H
#define TUNER_COORDINATOR_OPTIONS_H

#include "tuner/coordinator/news.h"

#include "tuner/history/history.h"

struct executor;
struct fleet;
struct gpus;
struct workers;

enum coordinator_end {
    COORDINATOR_DONE,    /* nothing left to do */
    COORDINATOR_STOPPED, /* by request; the same command goes on */
    COORDINATOR_LEFT,    /* the process ends; agents and clients go on meanwhile */
};

struct coordinator_options {
    size_t slots;                            /* of this machine */
    struct workers *workers;                 /* whose slots they are, shared with others; NULL: its own */
    const struct gpus *gpus;                 /* one of them for each slot; NULL: as the environment has it */
    const struct executor *const *executors; /* where trials may run, NULL-terminated; NULL: wherever they can */
    bool (*may_start_here)(void *data);      /* has this machine room for another trial? NULL: it has */
    struct fleet *fleet;                     /* agents; NULL: there are none, and what they once had is queued again */
    const char *(*definition)(void *data);   /* names what agents must have of the study; NULL: nothing */
    const char *guard;                       /* path of nocturne-guard */
    const char *files;                       /* absolute folder for the attempts' folders */
    bool only_queued;                        /* run what is queued, search for nothing, confirm nothing */
    bool probe;                              /* a few trials to judge by: the study is not complete after them */
    /* What a trial's program says of one of its items. Why the trial is to be stopped for it, valid until the next call;
     * NULL: it goes on. May be NULL. */
    const char *(*weigh)(void *data, const struct trial *trial, const char *id, const json_t *metrics);
    void (*listen)(void *data, enum news event, const struct trial *trial, const char *text);
    /* Once, last: the journal is closed. An error (a damaged database, a failed baseline) has stopped every trial
     * first; what was running is queued again by the next run. The coordinator may be freed when this has returned. */
    void (*ended)(void *data, enum coordinator_end end, enum status status, const struct error *err);
    void *data;
};

#endif
