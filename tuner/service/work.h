/* work: what takes its time, done beside the loop.
 *
 * Each kind of work has a thread of its own, on which works are done one at a time, so that none waits for one of another
 * kind: what a page or a program waits for is quick, and only reads; what changes something waits for a busy database,
 * and takes as long as studies and files are large; what happens to rollouts waits for neither; what computes for seconds is slow, and its thread has less right to
 * the processor than everything else. Two that change something are never done at once: what belongs to it needs no
 * lock. Works of a kind wait in turn, clients one after the other, so that who wants much waits for himself. A work that
 * finds the database busy gives its thread back and is done again a moment later.
 *
 *     struct work w = {.who = "ada", .kind = WORK_QUICK, .data = x, .run = count, .done = answer};
 *     works_add(works, &w);                     the work's memory is the caller's until `done`
 *
 * All functions are for the loop's thread; only `run` is called on another.
 */
#ifndef TUNER_SERVICE_WORK_H
#define TUNER_SERVICE_WORK_H

#include "store/store.h"

#include <uv.h>

struct works;

enum work_kind {
    WORK_QUICK,    /* reads; a tenth of a second, also of a large study */
    WORK_CHANGING, /* the database, studies (these are opened for it), files */
    WORK_LIVE,     /* changes rollouts: outcomes that clients wait with, orders, what is decided by itself */
    WORK_SLOW,     /* computes for seconds; or nobody waits for it */
    WORK_KINDS,
};

struct work {
    const char *who;     /* whose turn it takes */
    enum work_kind kind; /* whose thread does it */
    void *data;          /* the caller's */
    /* `store`: the thread's own connection. True: the database is busy, again later. */
    bool (*run)(struct work *w, struct store *store);
    void (*done)(struct work *w); /* on the loop; may free it */

    struct work *next; /* of works, like all below */
    uint64_t round;
    int64_t since_ms, again_ms;
    bool last;   /* it has been tried for long enough: what it finds now counts */
    bool unable; /* it has not run, or would have to again: the works are closed */
};

enum status works_create(uv_loop_t *loop, const char *db, struct works **ret, struct error *err);
void works_add(struct works *x, struct work *w);
void works_add_later(struct works *x, struct work *w, int64_t ms); /* not before so many milliseconds are over */
size_t works_of(const struct works *x, const char *who);           /* that wait or are at work; NULL: everybody's */
/* Those that wait are done without having run, those at work when they have; then `closed`, and the works are gone. */
void works_close(struct works *x, void (*closed)(void *data), void *data);

#endif
