/* partial: the history with what is to be expected of its trials that were stopped, told by all curves.
 *
 * Expectations are made anew as more becomes known, but not at every question: the ladder (ladder.h) is fitted to the
 * first trials in the order of their results, a sixteenth more each time, so that the models' rows stay what they are
 * in between. A pure function of the history.
 */
#ifndef TUNER_SEARCH_PARTIAL_H
#define TUNER_SEARCH_PARTIAL_H

#include "tuner/search/observations.h"

#include "tuner/base/arena.h"

/* A copy, in the arena, whose SEARCH_STOPPED trials of which something can be expected are SEARCH_COMPLETE with a
 * spread. */
struct search_history partial_expect(const struct study *study, const struct search_history *h, struct arena *arena);

#endif
