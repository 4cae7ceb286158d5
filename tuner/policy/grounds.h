/* grounds: what a trial is judged by, as the study knows it now. */
#ifndef TUNER_POLICY_GROUNDS_H
#define TUNER_POLICY_GROUNDS_H

#include "tuner/history/history.h"
#include "tuner/search/search.h"

/* For a training in this stage: curves of others say nothing of it; −1: there are none. In the arena, with curves that
 * are lent until lending_end: any thread may read them. */
void grounds_take(struct history *h, int stage, struct arena *arena, struct evidence *ret);

#endif
