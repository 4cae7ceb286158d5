/* region: of a large history, the part to learn from, and the box to search.
 *
 * From REGION_FROM complete trials on, one GP of everything is too slow. Then most suggestions come from a GP of the
 * REGION_ROWS trials nearest to the best one, inside a box around it that grows after successes and shrinks after
 * failures (TuRBO-1 [Eriksson et al. 2019]: 0.8 at first, from 2⁻⁷ to 1.6, doubled after 3 successes, halved after
 * max(4, d) failures, and 0.8 again below the smallest); every REGION_WIDE-th comes from a GP of trials spread over the
 * whole history, and no box. The choice is made anew only every REGION_BLOCK trials, so that models can be appended to
 * in between; it is a function of the history alone.
 */
#ifndef TUNER_SEARCH_REGION_H
#define TUNER_SEARCH_REGION_H

#include "tuner/search/encode.h"

enum { REGION_FROM = 1024, REGION_ROWS = 512, REGION_BLOCK = 64, REGION_WIDE = 4 };

enum region_view { REGION_ALL, REGION_NEAR, REGION_SPREAD };

/* `order`: places of trials in `points` (rows of d), as they were told; utility[i] of order[i], −HUGE_VAL where the
 * trial is infeasible. Keeps in `order` those to learn from, in the same order, and returns how many. */
size_t region_choose(enum region_view view, const struct encoding *e, const double *points, size_t *order,
                     const double *utility, size_t n);

/* Side of the box, after the results from the REGION_FROM-th on. */
double region_side(const double *utility, size_t n, size_t d);

#endif
