/* keep: which trials' folders must stay, and why. What is needed is never offered for removal (`nocturne gc`). */
#ifndef TUNER_ANALYSIS_KEEP_H
#define TUNER_ANALYSIS_KEEP_H

#include "tuner/history/history.h"

enum keep {
    KEEP_NOT,        /* nothing needs it */
    KEEP_OPEN,       /* it is queued or runs, or may still be ending */
    KEEP_BEST,       /* the winner, the incumbent, or on the front; and what confirms them */
    KEEP_CONFIRMED,  /* the other configurations that were confirmed, with their confirmations */
    KEEP_BASELINE,   /* the baseline, a reference, and their confirmations */
    KEEP_CHECKPOINT, /* another trial goes on, or may go on, from its checkpoint */
};

enum { KEEPS = KEEP_CHECKPOINT + 1 };

/* One for each trial of the history, in the arena. `at_work`: a coordinator runs the study. */
enum keep *keep_look(const struct memory *s, bool at_work, struct arena *arena);

/* "best", "running", … */
const char *keep_name(enum keep k);

#endif
