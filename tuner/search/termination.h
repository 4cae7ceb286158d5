/* termination: is what is left to gain smaller than the noise?
 *
 *     gap = max_x UCB(x) − max_i LCB(x_i),   UCB, LCB = μ ± √β σ,   β = ⅖ ln(d n² π²/0.6)     [Makarova et al. 2022]
 *
 * over x among many candidates and the measured points x_i. The search has done enough once the gap is below the
 * standard deviation of one measurement, for today's history and also without its last result.
 */
#ifndef TUNER_SEARCH_TERMINATION_H
#define TUNER_SEARCH_TERMINATION_H

#include "tuner/search/model.h"

enum { TERMINATION_FROM = 20 }; /* trials */

struct termination { /* in units of utility */
    double gap;      /* at most to be gained */
    double noise;    /* standard deviation of one measurement at the best point */
};

/* `points`: the n measured ones. Feasible points only, where the model knows constraints. */
bool termination_due(const struct model *m, const struct encoding *e, const double *points, size_t n, uint64_t seed,
                     struct termination *ret);

#endif
