/* seen: the list of trials that the search sees: all but those outside the space and cancelled ones, by number. */
#ifndef TUNER_HISTORY_SEEN_H
#define TUNER_HISTORY_SEEN_H

#include "tuner/history/memory.h"

#include "tuner/search/search.h"

void seen_add(struct history *s, struct trial *t);
/* It is final. */
void seen_finish(struct history *s, struct trial *t);
/* What its reports were, once it is final; NULL: not kept. */
void seen_curve(struct history *s, const struct trial *t, const struct learning_curve *curve);
/* It was final, and is queued again. */
void seen_reopen(struct history *s, struct trial *t);
/* The list without the holes that cancelled trials left. */
void seen_close_holes(struct history *s);

#endif
