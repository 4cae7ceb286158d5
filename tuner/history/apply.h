/* fold: what an event does to a session's memory. The same for a stored event and for a new one. */
#ifndef TUNER_HISTORY_APPLY_H
#define TUNER_HISTORY_APPLY_H

#include "tuner/history/event.h"

/* Nothing is changed if the event is not legal here: STATUS_INVALID says why. */
enum status fold_apply(struct session *s, const struct change *c, struct error *err);

/* Metrics of the study out of a JSON object; NaN where there is none. ret: n_metrics. */
void fold_values(const struct session *s, const json_t *metrics, double *ret);

/* The history without those that were cancelled. */
void fold_close_holes(struct session *s);

#endif
