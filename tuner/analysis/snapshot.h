/* snapshot: a study in one JSON object: the view of its log that `status` shows.
 *
 * Kept beside the log, so that nobody has to read the whole of it; "seq" is the last event it knows. `doctor --rebuild`
 * compares it with what the log says.
 */
#ifndef TUNER_ANALYSIS_SNAPSHOT_H
#define TUNER_ANALYSIS_SNAPSHOT_H

#include "tuner/analysis/ranking.h"

/* The caller owns it. */
json_t *snapshot_json(const struct memory *s);

/* Puts the state of now into the open batch of the history's journal. */
void snapshot_keep(struct history *s);

/* The stored state of a study if it is as new as the log (or if somebody runs the study, who refreshes it four times a
 * second), else what the log says. The caller owns both. */
enum status snapshot_load(struct store *store, const char *name, const struct clock *clock, struct study **ret_study,
                          json_t **ret_state, struct error *err);

/* Does the stored state say what the log says? *ret_difference (the caller's) is NULL if so; otherwise the first key
 * that differs, and the right state has been stored instead. One that is only behind is stored unless somebody runs the
 * study. Not to be called while a statement of the store is being read: STATUS_BUSY if others write meanwhile. */
enum status snapshot_rebuild(struct store *store, const char *name, const struct clock *clock, char **ret_difference,
                             struct error *err);

#endif
