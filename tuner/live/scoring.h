/* scoring: units whose window is closed are told: each once, by the mean of what it did, in the order of their first
 * exposure. */
#ifndef TUNER_LIVE_SCORING_H
#define TUNER_LIVE_SCORING_H

#include "tuner/live/findings.h"
#include "tuner/live/lane.h"

enum { SCORING_UNITS = 2000 }; /* in one transaction */

/* Of a unit whose shares were the same for its whole window; others are counted, and told to nobody. */
typedef void scored_fn(void *data, const struct scored_unit *unit);

/* Within a transaction of the lane's store. *ret_n: units that were looked at; if that is SCORING_UNITS there may be
 * more. */
enum status scoring_close(const struct lane *lane, int64_t now_ms, scored_fn *fn, void *data, size_t *ret_n,
                          struct error *err);

#endif
