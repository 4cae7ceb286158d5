/* levels: a tally's counts in JSON: [[level, units], …] of the levels that have any (tuner/rollout/tally.h). */
#ifndef TUNER_LIVE_LEVELS_H
#define TUNER_LIVE_LEVELS_H

#include "tuner/base/json.h"
#include "tuner/rollout/rollout.h"

json_t *levels_json(const double *units);
/* Added to `units`, TALLY_LEVELS. False: no such list, a level that is none, a count that is not whole or below 0. */
bool levels_read(const json_t *in, double *units);
/* A whole number of at least 0, as a count that a double keeps exactly. */
bool levels_count(const json_t *in, double *ret);

#endif
