/* quantile: of few numbers, where a share of them ends. */
#ifndef TUNER_SEARCH_QUANTILE_H
#define TUNER_SEARCH_QUANTILE_H

#include <stddef.h>

/* Between the order statistics; n ≥ 1 sorted numbers, `share` 0 to 1. */
double quantile_between(const double *sorted, size_t n, double share);

/* The one of n distances that holds a share `coverage` of a next one [conformal prediction, Vovk et al. 2005], but no
 * less than a normal distribution's. Sorts them; of none it is the normal one. */
double quantile_conformal(double *z, size_t n, double coverage);

#endif
