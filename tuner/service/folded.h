/* folded: studies as their logs have them, for reading beside the loop, at work or not.
 *
 * Whatever somebody was told is durable, so a fold of the log knows it. A fold is kept, and caught up with what has
 * happened since when it is taken again; those that were not read for the longest time go when all are more than
 * FOLDED_BYTES. What was fitted to a study's results is kept with it, for the studies that were asked last, FITTED_BYTES
 * in all, or for the last one. One thread at a time has it, and reads one study at a time: each kind of work has one of
 * its own, so that nobody waits for another's reading.
 */
#ifndef TUNER_SERVICE_FOLDED_H
#define TUNER_SERVICE_FOLDED_H

#include "tuner/service/fitted.h"

#include "tuner/analysis/analysis.h"

enum { FOLDED_BYTES = 64 << 20, FITTED_BYTES = 64 << 20 };

struct folded;

struct folded_study {
    const struct study *study;
    const struct memory *history;
    struct fitted *fitted; /* to it */
};

struct folded *folded_create(const struct clock *clock);
void folded_free(struct folded *f);

/* With everything that is durable now. STATUS_NOT_FOUND: there is no such study. `store` is the caller's. */
enum status folded_take(struct folded *f, struct store *store, const char *name, struct folded_study **ret,
                        struct error *err);
void folded_give(struct folded *f, struct folded_study *x); /* NULL is fine */
/* What the log does not tell of one that was taken: what running trials have reported, and how long the run is. */
enum status folded_look(struct folded_study *x, struct store *store, struct error *err);

/* Where a study stands, as document_show has it, the caller's: what is kept if that is as new as the log or another
 * process keeps it, else by the fold. If neither this version's study file nor its log can be read, what is kept comes
 * with "problem", which says why. */
enum status folded_state(struct folded *f, struct store *store, const char *name, const struct document_host *host,
                         json_t **ret, struct error *err);

#endif
