/* desk: where two threads leave things for each other: the caller's says how studies stand and what is to be tried, the
 * teller's says what came of it. Nobody waits there for longer than a copy takes.
 */
#ifndef TUNER_NOTIFY_DESK_H
#define TUNER_NOTIFY_DESK_H

#include "tuner/notify/look.h"

#include "tuner/base/arena.h"
#include "tuner/base/json.h"

#include <stdint.h>

struct desk;

struct desk *desk_create(void);
void desk_free(struct desk *d);

/* ---- the caller leaves ---- */

void desk_begin(struct desk *d, const char *study);
void desk_look(struct desk *d, const char *study, const struct look *look);
void desk_over(struct desk *d, const char *study, const char *failure, bool left);
void desk_alive(struct desk *d);
void desk_try(struct desk *d, const char *channel, uint64_t ticket);
/* Something was put into the postbox of this study, by another connection to the database. */
void desk_collect(struct desk *d, const char *study);
void desk_close(struct desk *d);

/* ---- the teller takes ---- */

struct desk_study { /* as it stands; texts in the arena of the taker */
    const char *name;
    bool begun;      /* since it was taken last */
    bool over, left; /* it is not at work any more: it is not on the desk after this */
    const char *failure;
    struct look look;
};

struct desk_trial {
    const char *channel; /* NULL: all */
    uint64_t ticket;
};

struct desk_orders {
    size_t n_studies, n_trials, n_posts;
    const struct desk_study *study; /* in the order in which they began */
    const struct desk_trial *trial;
    const char *const *post; /* studies whose postbox has more */
    uint64_t alive; /* how often the caller's loop has said so */
    bool closing;
};

struct desk_orders desk_take(struct desk *d, struct arena *a);

/* ---- the teller leaves, the caller takes ---- */

struct desk_saying {
    struct desk_saying *next;
    uint64_t ticket;
    json_t *results; /* of a trial; NULL: a line */
    char *study, *text;
};

void desk_say(struct desk *d, const char *study, const char *text);
void desk_tried(struct desk *d, uint64_t ticket, json_t *results);
/* All, in order; each is freed with desk_saying_free. */
struct desk_saying *desk_sayings(struct desk *d);
void desk_saying_free(struct desk_saying *x);

#endif
