/* encode: configurations ↔ points of the surrogate.
 *
 *     u = (t(x) − t(lo − step/2)) / (t(hi + step/2) − t(lo − step/2)),  t = log on a log scale, step = 1 for int
 *
 * Integers up to 4096 values and ordinals are grids, categoricals and bools categories.
 */
#ifndef TUNER_SEARCH_ENCODE_H
#define TUNER_SEARCH_ENCODE_H

#include "tuner/study/study.h"

#include "surrogate/surrogate.h"

/* space->n dimensions, in the arena. */
struct dimension *encode_dimensions(const struct space *space, struct arena *arena);

void encode(const struct space *space, const double *config, double *ret_point);

/* Floats come back with 6 significant digits, inside their range. */
void decode(const struct space *space, const double *point, double *ret_config);

#endif
