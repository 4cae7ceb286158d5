/* run: a study that is being run: its connection to the database, the right to run it, its session and coordinator.
 *
 *     struct active *r = NULL;
 *     active_open(&options, store, study, &opening, clock, &r, &err);       nothing runs yet
 *     active_start(r, loop, &err);                                          options.coordinator.ended is called once
 *     active_close(r);
 */
#ifndef TUNER_COORDINATOR_ACTIVE_H
#define TUNER_COORDINATOR_ACTIVE_H

#include "tuner/coordinator/loop.h"

#include "workers/workers.h"

enum { NEEDS_PATH_MAX = 4096 };

struct active { /* for reading */
    struct store *store;
    struct store_hold *hold;
    const struct study *study;
    struct history *history;
    struct coordinator *coordinator; /* NULL before active_start */
    const char *again;               /* what failed last time and is tried again; NULL: nothing */
    size_t n_again;                  /* how many trials that are */
};

/* Takes the store (also if it fails, except with STATUS_BUSY) and opening->hold, and borrows the study. STATUS_BUSY:
 * another process runs it, or has the database locked. */
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

/* Is the study's command a program that can be started here? */
enum status needs_command(const struct study *study, struct error *err);
/* The GPUs that the study wants of this machine, and how its slots get them, in the arena: NULL: it says nothing of
 * them. STATUS_INVALID: they are not there. *ret_some: false: the environment stays as it is. */
enum status needs_gpus(const struct study *study, size_t slots, struct gpus *ret, bool *ret_some, const char **ret_said,
                       struct arena *arena, struct error *err);
/* nocturne-guard, beside this program; path: NEEDS_PATH_MAX */
enum status needs_guard(char *path, struct error *err);
/* Where a database's attempts keep their logs: nocturne.db → /abs/nocturne.files; ret: NEEDS_PATH_MAX */
enum status needs_folder(const char *db, char *ret, struct error *err);

#endif
