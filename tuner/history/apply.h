/* apply: what an event does to memory. The same for a stored event and for a new one. */
#ifndef TUNER_HISTORY_APPLY_H
#define TUNER_HISTORY_APPLY_H

#include "tuner/history/event.h"

/* Nothing is changed if the event is not legal here: STATUS_INVALID says why. */
enum status apply_event(struct history *s, const struct event *e, struct error *err);

#endif
