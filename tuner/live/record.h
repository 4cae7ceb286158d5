/* record: a rollout and its experiment, as the store has them: read, changed, written again with an event that says
 * what changed. All within one transaction of the store (store_live), so that any process may do it at any time. */
#ifndef TUNER_LIVE_RECORD_H
#define TUNER_LIVE_RECORD_H

#include "tuner/live/findings.h"
#include "tuner/live/lane.h"
#include "tuner/live/watch.h"

#include "store/store.h"

/* What is live is watched. */
struct watching {
    const char *text; /* its plan, as it was given */
    struct watch_plan plan;
    struct watch watch;
    struct live_plan intake; /* the same metrics, for what comes in while no experiment runs … */
    struct experiment units; /* … as one without challengers */
};

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
    bool changed;              /* the findings */
    const char *killed;        /* why the champion alone is served; "": it is not so */
    struct watching *watching; /* NULL: nobody watches */
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

/* The time to go by: of a clock that was set back that of the last change, so that no period ends before it began. */
int64_t record_time(const struct record *r, int64_t now_ms);

/* Is there an experiment that has not ended? */
bool record_is_open(const struct record *r);

/* Adds an event; `body` is taken. */
enum status record_say(struct record *r, const char *kind, json_t *body, int64_t at_ms, struct error *err);
/* Writes the rollout, the experiment's state and, if they changed, the findings. */
enum status record_keep(struct record *r, struct error *err);

/* Another champion, from now on. Of whoever is watched what is usual is learnt anew; what watching has set in motion
 * ends with its experiment (tick). */
void record_serve(struct record *r, const unsigned char hash[STORE_HASH_BYTES], int64_t now_ms);

/* Begins to watch by this plan, from now on; what was watched before is forgotten. */
enum status record_watch(struct record *r, const char *plan_name, const char *plan, int64_t now_ms, struct error *err);

/* The watch for people and programs: watch_json, with "rules": its plan, all of it. */
json_t *record_watch_json(const struct record *r);

/* STATUS_INVALID: no rollout may be called so. */
enum status record_check_name(const char *name, struct error *err);

/* Where outcomes of now belong: the open experiment's units, else those of who watches. False: nobody's. */
bool record_lane(struct record *r, struct lane *ret);
/* False: nobody watches. */
bool record_watch_lane(struct record *r, struct lane *ret);

#endif
