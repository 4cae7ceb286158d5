#include "tuner/search/rank.h"

#include <stdbool.h>

int search_rank_compare(const void *a, const void *b)
{
    const struct search_rank *x = a, *y = b;
    bool fx = x->feasible >= 0.5, fy = y->feasible >= 0.5;
    if (fx != fy) return fx ? -1 : 1;
    double u = fx ? x->utility : x->feasible, v = fy ? y->utility : y->feasible;
    if (u != v) return u > v ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}
