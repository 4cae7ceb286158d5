/* duty: what a watch has to do now, and the doing of it: one piece of work, whose result is in the database when it
 * returns. The same again after a kill -9 does what was left.
 */
#ifndef TUNER_CLI_DUTY_H
#define TUNER_CLI_DUTY_H

#include "tuner/live/live.h"

enum { DUTY_LATER_MS = 60000 };

enum duty_end {
    DUTY_NONE,  /* there is nothing to do */
    DUTY_DONE,  /* look again: something else may follow */
    DUTY_LATER, /* it cannot be done now: somebody holds the study, or the machine is short of something */
};

struct duty_place {
    const char *db;
    struct store *store;
    const char *notify; /* of the study that is tuned anew; as for run */
    bool quiet, json;
    bool (*stopping)(void *data); /* has somebody asked this process to end? */
    void *data;
};

struct duty {
    struct duty_place at;
    struct arena *arena;
    const json_t *status; /* live_watch_status; must live as long */
    const char *rollout, *study, *tuned; /* tuned: the study that was tuned last; "" */
    struct watch_plan plan;
    enum watch_phase phase;
    enum watch_work watch_work;
    int64_t since_ms, evaluated_ms;
    double gather; /* units that are waited for */
    bool open, tried; /* an experiment is; one has begun in this phase */
};

enum status duty_read(struct duty *d, const struct duty_place *at, const json_t *status, struct arena *arena,
                      struct error *err);
/* Errors are said on stderr, and are in the rollout's log where they end something. */
enum duty_end duty_do(const struct duty *d);

#endif
