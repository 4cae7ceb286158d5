#include "tuner/search/termination.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CANDIDATES = 1024 };

/* Half of them all over the space, half around the best measured point. */
static double *candidates(const struct encoding *e, const double *best, uint64_t seed)
{
    double *point = must_alloc(CANDIDATES * e->d, sizeof *point);
    struct rng rng = rng_derive(seed, "termination", 0);
    bool movable[SURROGATE_DIMS_MAX];
    for (size_t i = 0; i < CANDIDATES; i++) {
        double *p = point + i * e->d;
        design_random(e->dim, e->d, seed, i, p);
        for (size_t k = 0; i % 2 && k < e->d; k++) {
            if (e->dim[k].kind == DIMENSION_CATEGORY)
                p[k] = rng_unit(&rng) < 0.8 ? best[k] : p[k];
            else if (e->dim[k].kind == DIMENSION_CONTINUOUS)
                p[k] = fmin(fmax(best[k] + 0.05 * rng_normal(&rng), 0), 1);
            else if (rng_unit(&rng) < 0.7)
                p[k] = best[k];
        }
        encoding_settle((void *)e, p, movable);
    }
    return point;
}

/* Largest μ + side √β σ among probably feasible points; −HUGE_VAL if none is. */
static double extreme(const struct model *m, const double *points, size_t n, double side, size_t *ret_at)
{
    struct estimate *x = must_alloc(n, sizeof *x);
    double top = -HUGE_VAL;
    model_estimate(m, points, n, true, x);
    for (size_t i = 0; i < n; i++) {
        double v = x[i].utility + side * sqrt(x[i].variance);
        if (x[i].feasible < 0.5 || !(v > top)) continue;
        top = v;
        *ret_at = i;
    }
    free(x);
    return top;
}

bool termination_due(const struct model *m, const struct encoding *e, const double *points, size_t n, uint64_t seed,
                     struct termination *ret)
{
    size_t at = 0, ignored;
    if (n < TERMINATION_FROM) return false;
    double side = sqrt(0.4 * log((double)e->space->n * (double)n * (double)n * M_PI * M_PI / 0.6));
    double lower = extreme(m, points, n, -side, &at);
    if (lower == -HUGE_VAL) return false;
    double *point = candidates(e, points + at * e->d, seed);
    double upper = fmax(extreme(m, point, CANDIDATES, side, &ignored), extreme(m, points, n, side, &ignored));
    free(point);
    *ret = (struct termination){.gap = upper - lower, .noise = model_noise(m, points + at * e->d)};
    return ret->gap < ret->noise;
}
