/* snapshot: the document of a study as it is kept: the view of its log that `status` shows.
 *
 * Kept beside the log, so that nobody has to read the whole of it; "seq" is the last event it knows. `doctor --rebuild`
 * compares it with what the log says.
 */
#ifndef TUNER_ANALYSIS_SNAPSHOT_H
#define TUNER_ANALYSIS_SNAPSHOT_H

#include "tuner/analysis/document.h"

struct snapshot { /* zero: empty */
    struct study *study;
    struct document document; /* of it */
    struct arena arena;
};

/* Puts the state of now into the open batch of the history's journal. */
void snapshot_keep(struct history *s);

/* The stored state of a study if it is as new as the log (or if somebody runs the study, who refreshes it four times a
 * second; or if there is no log here, but a state of it: the row of a mirror), else what the log says. After a failure
 * *ret is empty. */
enum status snapshot_load(struct store *store, const char *name, const struct clock *clock, struct snapshot *ret,
                          struct error *err);
void snapshot_done(struct snapshot *x);

/* The same for machines, as document_show has it. What is kept is passed on: it needs no study file that this version
 * can read. The caller owns it. */
enum status snapshot_json(struct store *store, const char *name, const struct clock *clock, json_t **ret,
                          struct error *err);

/* The stored state of a row of the store, the caller's; NULL: there is none. False: it is older than the last event and
 * not `trusted`; then the log says more. */
bool snapshot_kept_json(const struct store_study *row, int64_t last_event, bool trusted, json_t **ret);

/* Does the stored state say what the log says? *ret_difference (the caller's) is NULL if so; otherwise the first key
 * that differs, and the right state has been stored instead. One that is only behind is stored unless somebody runs the
 * study. Not to be called while a statement of the store is being read: STATUS_BUSY if others write meanwhile. */
enum status snapshot_rebuild(struct store *store, const char *name, const struct clock *clock, char **ret_difference,
                             struct error *err);

#endif
