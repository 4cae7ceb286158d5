/* multistart: many local ascents of an acquisition in lockstep, so that every step is one batch.
 *
 * Projected L-BFGS [Nocedal & Wright 2006, algorithm 7.4, §16.7] with backtracking: each round proposes one point per
 * climber, the batch is evaluated with gradients (level-3 BLAS over all climbers at once), and each climber accepts its
 * point or shortens its step.
 */
#ifndef SURROGATE_MULTISTART_H
#define SURROGATE_MULTISTART_H

#include "surrogate/surrogate.h"

enum { MULTISTART_CLIMBERS_MAX = 16 };

struct climber {
    double point[SURROGATE_DIMS_MAX], value;
    bool movable[SURROGATE_DIMS_MAX]; /* the others stay */
};

struct multistart {
    struct acquisition *acquisition;
    size_t d;
    const double *lo, *hi; /* d: the box */
    size_t rounds;         /* batches at most */
};

/* Improves every climber; n ≤ MULTISTART_CLIMBERS_MAX. */
void multistart_climb(const struct multistart *m, struct climber *c, size_t n);

#endif
