/* sight: does the pruner see what it judges by?
 *
 * A pruner that never gets one of the numbers it judges by stops nobody and says nothing. So the reports of the last
 * SIGHT_TRIALS complete trials are read, and what none of them said while it ran is named. Nothing is said of fewer
 * than SIGHT_FROM, of a study in which something was stopped, or where the reports are elsewhere (a mirror without
 * them).
 */
#ifndef TUNER_ANALYSIS_SIGHT_H
#define TUNER_ANALYSIS_SIGHT_H

#include "tuner/history/history.h"

enum { SIGHT_FROM = 3, SIGHT_TRIALS = 5 };

/* Why nothing can be stopped, a clause, and what to do about it; in the arena. NULL: it sees enough, the study stops
 * nobody, or too little is known. A study that cannot be read says nothing. */
const char *sight_lacking(const struct memory *s, struct arena *arena, const char **ret_action);

#endif
