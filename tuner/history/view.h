/* view: the history as the search sees it. */
#ifndef TUNER_HISTORY_VIEW_H
#define TUNER_HISTORY_VIEW_H

#include "tuner/history/memory.h"

/* For the search, valid until the next change. */
struct search_history history_view(struct history *s);
/* A snapshot in the arena, independent of later changes. Curves are lent (lending.h) until lending_end. */
struct search_history history_snapshot(struct history *s, struct arena *arena);

#endif
