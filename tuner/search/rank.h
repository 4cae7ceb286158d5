/* rank: how promising trials are, beside each other. */
#ifndef TUNER_SEARCH_RANK_H
#define TUNER_SEARCH_RANK_H

#include <stddef.h>

/* For qsort, best first: what is probably feasible before what is not, then by utility (among the infeasible by
 * feasibility), then by age. */
struct search_rank {
    double utility, feasible;
    size_t at; /* the caller's index */
};
int search_rank_compare(const void *a, const void *b);

#endif
