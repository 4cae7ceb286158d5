/* open: a study's memory begins: new, as another process left it, or for looking only; and ends. */
#ifndef TUNER_HISTORY_OPEN_H
#define TUNER_HISTORY_OPEN_H

#include "tuner/history/memory.h"

struct opening {
    const char *token;           /* id of the token that wants it; NULL: nobody over HTTP */
    uint64_t seed;               /* of a new study; a stored one keeps its own */
    const struct budget *budget; /* of this run; NULL: nobody runs trials here */
    bool probe;                  /* a few trials to judge by: nobody is told later that its limits have lapsed */
    size_t slots;
    const char *const *print; /* fingerprints of the study's stages; NULL: nobody runs them here */
    bool goes_on;             /* nobody has asked anew: the process before ended, not the run */
    struct store_hold *hold;  /* for active_open, which takes it: the right to run it, taken already; NULL: it is not */
};

/* Opens the study under its name, creating it if it is new. An existing one must have the same identity (space and
 * metrics) but for what may change (study_identity_compare); trials that are then outside the space are set aside. Adds
 * the baseline and the references that are not there yet; the baseline cannot change. Durable when it returns. */
enum status history_open(struct store *store, const struct study *study, const struct opening *opening,
                         const struct clock *clock, struct history **ret, struct error *err);

/* Opens a stored study as it was last run: its file text is parsed again into *ret_study, which the caller frees. */
enum status history_load(struct store *store, const char *name, const struct clock *clock, struct study **ret_study,
                         struct history **ret, struct error *err);
void history_free(struct history *s);
/* A loaded one: applies what has been logged since; by any connection to the same database. The running trials'
 * reports, and how long the run is, are not looked at again before history_load_reports. */
enum status history_catch_up(struct history *s, struct store *store, struct error *err);
enum status history_load_reports(struct history *s, struct store *store, struct error *err);
size_t history_bytes(const struct history *s); /* of memory, about */

/* The trials that the database has of this study, by its file as it is now; none if it does not know the study. For
 * looking only: nothing is written. A file with which history_open would not go on is refused in the same words. */
enum status history_peek(struct store *store, const struct study *study, const struct clock *clock,
                         struct history **ret, struct error *err);

/* As if a run with this budget began now: for looking only, and nothing is written. */
void history_suppose(struct history *s, const struct budget *budget, size_t slots);

/* One with no event applied yet, for whoever applies the log himself; `until`: nothing after this event is loaded.
 */
struct history *history_bare(struct store *store, const struct study *study, int64_t id, uint64_t seed,
                             const struct clock *clock);
enum status history_load_until(struct history *s, int64_t until, struct error *err);

/* Where it is written. */
struct journal *history_journal(const struct history *s);
/* Everything appended so far becomes durable, on this thread: for callers without a writer. */
enum status history_flush(struct history *s, struct error *err);

#endif
