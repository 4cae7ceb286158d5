/* lineage: the trials from whose checkpoints a trial came, as one schedule that can be run again. */
#ifndef TUNER_HISTORY_LINEAGE_H
#define TUNER_HISTORY_LINEAGE_H

#include "tuner/history/memory.h"

/* The schedule that led to a trial, from its first ancestor on, to be run again as a whole: its own settings are in
 * *ret_config, in the arena. */
struct trajectory lineage_of(const struct memory *s, const struct trial *t, struct arena *arena,
                             const double **ret_config);

/* The same with its own settings as the first step, from 0; in the arena. */
const struct trajectory *lineage_whole(const struct memory *s, const struct trial *t, struct arena *arena);

/* Reads such a one as trajectory_json writes it, or an object that has it under "schedule". Both in the arena. */
enum status lineage_parse(const struct memory *s, const json_t *object, struct arena *arena, const double **ret_config,
                          struct trajectory *ret, struct error *err);

#endif
