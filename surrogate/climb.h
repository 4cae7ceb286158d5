/* climb: many local ascents of an acquisition in lockstep, so that every step is one batch.
 *
 * Projected L-BFGS [Nocedal & Wright 2006, algorithm 7.4, §16.7] with backtracking: each round proposes one point per
 * climber, the batch is evaluated with gradients (level-3 BLAS over all climbers at once), and each climber accepts its
 * point or shortens its step.
 */
#ifndef SURROGATE_CLIMB_H
#define SURROGATE_CLIMB_H

#include "surrogate/surrogate.h"

enum { CLIMBERS_MAX = 16 };

struct climber {
    double point[SURROGATE_DIMS_MAX], value;
    bool movable[SURROGATE_DIMS_MAX]; /* the others stay */
};

/* Improves every climber within [lo, hi] (d each) in at most `rounds` batches. */
void climb(struct acquisition *a, size_t d, const double *lo, const double *hi, size_t rounds, struct climber *c,
           size_t n);

#endif
