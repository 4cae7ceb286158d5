/* active: a study that is being run: its connection to the database, the right to run it, its history and coordinator.
 *
 *     struct active *r = NULL;
 *     active_open(store, study, &opening, clock, &r, &err);       nothing runs yet
 *     active_start(r, &options, loop, &err);                      options.ended is called once
 *     active_close(r);
 */
#ifndef TUNER_COORDINATOR_ACTIVE_H
#define TUNER_COORDINATOR_ACTIVE_H

#include "tuner/coordinator/loop.h"

#include "workers/workers.h"

struct active { /* for reading */
    struct store *store;
    struct store_hold *hold;
    const struct study *study;
    struct history *history;
    const struct memory *memory;     /* of it */
    struct coordinator *coordinator; /* NULL before active_start */
    char again[160];                 /* what failed last time and is tried again; "": nothing */
    size_t n_again;                  /* how many trials that are */
};

/* Takes the store, which stays the caller's if this fails, and opening->hold in any case; borrows the study.
 * STATUS_BUSY: another process runs it, or has the database locked. */
enum status active_open(struct store *store, const struct study *study, const struct opening *opening,
                        const struct clock *clock, struct active **ret, struct error *err);
/* `options`: slots, guard and files are filled in here if they are 0 and NULL. */
enum status active_start(struct active *r, const struct coordinator_options *options, uv_loop_t *loop,
                         struct error *err);
void active_close(struct active *r); /* NULL is fine */

/* Was somebody running the study when its log ended (it is neither stopped nor complete), and with which budget? Of a
 * few events, however many trials it has. */
enum status active_was_open(struct store *store, int64_t study, bool *ret, struct budget *ret_budget,
                            struct error *err);

/* The budget of the study file with what is given (not zero, not −1) instead. */
struct budget active_budget(const struct study *study, const struct budget *given);

#endif
