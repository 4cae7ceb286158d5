/* record: a rollout and its experiment, as the store has them: read, changed, written again with an event that says what
 * changed. All of it within one transaction of the store (store_live), so that any process may do it at any time. */
#ifndef TUNER_LIVE_RECORD_H
#define TUNER_LIVE_RECORD_H

#include "tuner/live/experiment.h"
#include "tuner/live/findings.h"

#include "store/store.h"

struct record {
    struct store *store;
    struct arena arena;
    struct store_rollout rollout;
    struct store_experiment row; /* id 0: there has been no experiment */
    struct live_plan plan;
    struct experiment experiment;
    struct findings findings;
    size_t n_hashes; /* configurations: the champion's when it began, the challengers' */
    unsigned char hash[LIVE_ARMS_MAX][STORE_HASH_BYTES];
    bool changed; /* the findings */
};

enum record_part {
    RECORD_STATE, /* without findings, which are much to read */
    RECORD_WHOLE,
};

/* STATUS_NOT_FOUND: there is no such rollout. record_done in any case. `number`: of the experiment; 0: the last. */
enum status record_open(struct record *r, struct store *store, const char *name, enum record_part part,
                        struct error *err);
enum status record_open_number(struct record *r, struct store *store, const char *name, long number, struct error *err);
void record_done(struct record *r);

/* Is there an experiment that has not ended? */
bool record_is_open(const struct record *r);

/* Adds an event; `body` is taken. */
enum status record_say(struct record *r, const char *kind, json_t *body, int64_t at_ms, struct error *err);
/* Writes the rollout, the experiment's state and, if they changed, the findings. */
enum status record_keep(struct record *r, struct error *err);

/* {"killed": why} of the rollout, "" for not. In the arena. */
const char *record_killed(struct record *r);

#endif
