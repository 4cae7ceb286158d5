#include "tuner/search/region.h"

#include "tuner/base/arena.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESSES = 3 };

static const double FIRST = 0.8, SMALLEST = 0x1p-7, LARGEST = 1.6, BETTER = 1e-3;

static size_t best_of(const double *utility, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (utility[i] > utility[best]) best = i;
    return best;
}

double region_side(const double *utility, size_t n, size_t d)
{
    double side = FIRST, best = utility[best_of(utility, REGION_FROM < n ? REGION_FROM : n)];
    size_t successes = 0, failures = 0, patience = d > 4 ? d : 4;
    for (size_t i = REGION_FROM; i < n; i++) {
        bool success = utility[i] > best + BETTER * fabs(best);
        best = fmax(best, utility[i]);
        successes = success ? successes + 1 : 0;
        failures = success ? 0 : failures + 1;
        if (successes == SUCCESSES) side = fmin(2 * side, LARGEST), successes = 0;
        if (failures == patience) side = side / 2, failures = 0;
        if (side < SMALLEST) side = FIRST;
    }
    return side;
}

struct near {
    double distance;
    size_t at; /* index into order */
};

static int by_distance(const void *a, const void *b)
{
    const struct near *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int by_place(const void *a, const void *b)
{
    size_t x = ((const struct near *)a)->at, y = ((const struct near *)b)->at;
    return x < y ? -1 : x > y;
}

static void keep_nearest(const struct encoding *e, const double *points, size_t *order, size_t centre, size_t n)
{
    struct near *x = must_alloc(n, sizeof *x);
    size_t kept[REGION_ROWS];
    for (size_t i = 0; i < n; i++)
        x[i] = (struct near){encoding_distance(e, points + order[i] * e->d, points + order[centre] * e->d), i};
    qsort(x, n, sizeof *x, by_distance);
    qsort(x, REGION_ROWS, sizeof *x, by_place);
    for (size_t i = 0; i < REGION_ROWS; i++) kept[i] = order[x[i].at];
    memcpy(order, kept, sizeof kept);
    free(x);
}

size_t region_choose(enum region_view view, const struct encoding *e, const double *points, size_t *order,
                     const double *utility, size_t n)
{
    size_t old = n / REGION_BLOCK * REGION_BLOCK; /* those after it are all kept */
    if (view == REGION_ALL || n <= REGION_FROM) return n;
    if (view == REGION_NEAR)
        keep_nearest(e, points, order, best_of(utility, old), old);
    else
        for (size_t i = 0; i < REGION_ROWS; i++) order[i] = order[i * (old - 1) / (REGION_ROWS - 1)];
    memmove(order + REGION_ROWS, order + old, (n - old) * sizeof *order);
    return REGION_ROWS + n - old;
}
