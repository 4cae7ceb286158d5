/* lineage: the trials from whose checkpoints a trial came, as one schedule that can be run again. */
#ifndef TUNER_HISTORY_LINEAGE_H
#define TUNER_HISTORY_LINEAGE_H

#include "tuner/history/memory.h"

/* The schedule that led to a trial, from its first ancestor on, to be run again as a whole: its own settings are in
 * *ret_config, in the arena. */
struct trajectory lineage_of(const struct memory *s, const struct trial *t, struct arena *arena,
                             const double **ret_config);

/* The same as JSON: {"until", "steps": [{"from", "trial", "params"}]}, the first step from 0; the caller owns it. */
json_t *lineage_json(const struct memory *s, const struct trial *t);

/* Reads that, or an object that has it under "schedule". Both in the arena. */
enum status lineage_parse(const struct memory *s, const json_t *object, struct arena *arena, const double **ret_config,
                          struct trajectory *ret, struct error *err);

#endif
