/* fold: what an event does to a session's memory. The same for a stored event and for a new one. */
#ifndef TUNER_HISTORY_APPLY_H
#define TUNER_HISTORY_APPLY_H

#include "tuner/history/event.h"

/* Nothing is changed if the event is not legal here: STATUS_INVALID says why. */
enum status apply_event(struct history *s, const struct event *c, struct error *err);

/* Metrics of the study out of a JSON object; NaN where there is none. ret: n_metrics. */
void apply_values(const struct history *s, const json_t *metrics, double *ret);

/* The history without those that were cancelled. */
void apply_close_holes(struct history *s);

#endif
