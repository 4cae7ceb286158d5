/* heats: an evaluation one seed after the other: whoever is worse than the first for sure, in pairs, is stopped, and run on no
 * further seeds. The first is run on all.
 *
 * Where its program tells single answers that can be compared, the pairs are items (tuner/live/duel.h), else seeds
 * (tuner/live/contest.h).
 */
#ifndef TUNER_CLI_HEATS_H
#define TUNER_CLI_HEATS_H

#include "tuner/cli/evaluation.h"

/* How far one of them was run. */
struct evaluated {
    size_t seeds;     /* the last one perhaps in part */
    const char *gone; /* why it was run no further; NULL: it was run on all */
};

/* As evaluation_run; ret: n, in the arena. */
int heats_run(struct evaluation *e, struct evaluated **ret, struct arena *arena);

#endif
