/* evaluation: configurations are run on what is the case now: by the program of a study, or by another command, in a
 * study of their own, so that what the first one has found stays as it was found. Whoever is compared has the same seeds.
 *
 *     struct evaluation e = {.db = db, .base = study, .name = "g2p-watch", .tag = "…", .n = 2, .config = configs, .seeds = 3};
 *     int code = evaluation_run(&e, &arena);       then e.value[0][metric]
 *
 * What was run under this tag is not run again: the same call after a kill -9 does what was left.
 */
#ifndef TUNER_CLI_EVALUATION_H
#define TUNER_CLI_EVALUATION_H

#include "tuner/analysis/analysis.h"
#include "tuner/live/live.h"

struct evaluation {
    const char *db;
    const struct study *base;       /* whose program and space it is */
    const char *name;               /* of the study in which it is run */
    const char *const *command;     /* in the program's place, with {parameter} in it; NULL: that */
    size_t n_command;
    const char *tag;                /* known by it, in the source of the trials */
    size_t n, seeds;
    const double *const *config;    /* n, in the base's space */
    struct measured (*value)[METRICS_MAX]; /* out, in the arena: n; of what failed nothing */
    const double *(*on_seed)[METRICS_MAX]; /* out, in the arena: n; the same by seed, NaN where there is nothing */
    const char *failure;            /* out, in the arena: why one of them has no result; "" */
    /* What the programs said of single items. */
    struct answers *said;           /* out: of the first, by seed; room for `seeds`, or NULL: nobody asks */
    const char **stopped;           /* out, in the arena: n; why it was stopped amid a run; NULL: it was not */
    const char *(*weigh)(void *data, size_t i, size_t seed, const char *id, const double *value);
    void *data;                     /* weigh: why it is to be stopped now, NULL: it goes on; `value`: n_metrics; may be NULL */
};

/* The exit code of run_study; the arena must live as long as what comes out. */
int evaluation_run(struct evaluation *e, struct arena *arena);

/* The same of what was run before a kill -9. False: there is something left to run. */
bool evaluation_recall(struct evaluation *e, struct arena *arena);

/* "g2p-watch": where what is live of a study is run. In the arena. */
const char *evaluation_study(const char *study, struct arena *arena);

#endif
