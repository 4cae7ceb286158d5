/* view: the history as the search sees it. */
#ifndef TUNER_HISTORY_VIEW_H
#define TUNER_HISTORY_VIEW_H

#include "tuner/history/memory.h"

/* For the search, valid until the next change. */
struct search_history session_view(struct session *s);
/* A snapshot in the arena, independent of later changes. */
struct search_history session_history(struct session *s, struct arena *arena);

#endif
