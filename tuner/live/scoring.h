/* scoring: units whose window is closed become counts: each once, by the mean of what it did, in the order of their first
 * exposure. */
#ifndef TUNER_LIVE_SCORING_H
#define TUNER_LIVE_SCORING_H

#include "tuner/live/record.h"

enum { SCORING_UNITS = 2000 }; /* in one transaction */

/* Within a transaction of the record's store, of a whole record. *ret_n: units that were looked at; if that is
 * SCORING_UNITS there may be more. */
enum status scoring_close(struct record *r, int64_t now_ms, size_t *ret_n, struct error *err);

#endif
