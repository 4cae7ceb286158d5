/* design: points that fill the space, and the rounding of points to what exists. */
#ifndef SURROGATE_DESIGN_H
#define SURROGATE_DESIGN_H

#include "surrogate/surrogate.h"

/* Points first … first+n−1 of the sequence; ret_points is n × d. */
void design_sequence(const struct dimension *dim, size_t d, uint64_t seed, size_t first, size_t n, double *ret_points);

/* Clamps to [0, 1] and rounds grid dimensions to their nearest level. */
void dimension_snap(const struct dimension *dim, size_t d, double *point);

/* Index of the level nearest to u. */
size_t dimension_level(const struct dimension *dim, double u);

#endif
