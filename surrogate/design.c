/* Space-filling points: Sobol [Joe & Kuo via GSL] with a random digital shift, which keeps the
 * balance of the net and makes studies differ; dimensions past GSL's 40 are plain random. */
#include "surrogate/design.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <gsl/gsl_qrng.h>
#include <math.h>
#include <stdlib.h>

enum { SOBOL_DIMS = 40 };

static const double MOVED = 0.7, CHANGED = 0.3; /* shares of coordinates near a point; of categories among the moved */

void dimension_snap(const struct dimension *dim, size_t d, double *point)
{
    for (size_t k = 0; k < d; k++) {
        if (dim[k].kind == DIMENSION_CATEGORY) continue;
        point[k] = fmin(fmax(point[k], 0), 1);
        if (dim[k].kind == DIMENSION_GRID) point[k] = dim[k].grid[dimension_level(&dim[k], point[k])];
    }
}

size_t dimension_level(const struct dimension *dim, double u)
{
    size_t lo = 0, hi = dim->levels - 1;
    while (lo < hi) { /* first level that is not nearer from below */
        size_t mid = (lo + hi) / 2;
        if (0.5 * (dim->grid[mid] + dim->grid[mid + 1]) < u)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Unit coordinates become category indices and grid coordinates. */
static void from_unit(const struct dimension *dim, size_t d, double *point)
{
    for (size_t k = 0; k < d; k++)
        if (dim[k].kind == DIMENSION_CATEGORY)
            point[k] = fmin(floor(point[k] * (double)dim[k].levels), (double)dim[k].levels - 1);
    dimension_snap(dim, d, point);
}

void design_random(const struct dimension *dim, size_t d, uint64_t seed, size_t index, double *ret_point)
{
    struct rng rng = rng_derive(seed, "random", index);
    for (size_t k = 0; k < d; k++) ret_point[k] = rng_unit(&rng);
    from_unit(dim, d, ret_point);
}

/* A normal step that stays within [0, 1]: drawn again beyond it, or the edges would hold what lies beyond them. */
static double step_within(struct rng *rng, double from, double reach)
{
    double to;
    do to = from + reach * rng_normal(rng);
    while (to < 0 || to > 1);
    return to;
}

void design_near(const struct dimension *dim, size_t d, double reach, uint64_t seed, size_t index, double *point)
{
    struct rng rng = rng_derive(seed, "near", index);
    for (size_t k = 0; k < d; k++) {
        if (d > 1 && rng_unit(&rng) >= MOVED) continue;
        if (dim[k].kind != DIMENSION_CATEGORY)
            point[k] = step_within(&rng, point[k], reach);
        else if (rng_unit(&rng) < CHANGED)
            point[k] = (double)rng_below(&rng, dim[k].levels);
    }
    dimension_snap(dim, d, point);
}

struct design {
    const struct dimension *dim;
    size_t d, sobol_d;
    uint64_t seed, shift[SOBOL_DIMS];
    gsl_qrng *q;
    size_t next; /* index of the point that q gives next */
};

struct design *design_create(const struct dimension *dim, size_t d, uint64_t seed)
{
    struct design *x = must_alloc(1, sizeof *x);
    struct rng rng = rng_derive(seed, "shift", 0);
    x->dim = dim;
    x->d = d;
    x->sobol_d = d < SOBOL_DIMS ? d : SOBOL_DIMS;
    x->seed = seed;
    for (size_t k = 0; k < x->sobol_d; k++) x->shift[k] = rng_bits(&rng) >> 34; /* 30 bits, as many as GSL's have */
    x->q = gsl_qrng_alloc(gsl_qrng_sobol, (unsigned)x->sobol_d);
    return x;
}

void design_free(struct design *x)
{
    if (!x) return;
    gsl_qrng_free(x->q);
    free(x);
}

void design_next(struct design *x, size_t index, double *ret_point)
{
    double raw[SOBOL_DIMS];
    if (index < x->next) {
        gsl_qrng_init(x->q);
        x->next = 0;
    }
    for (; x->next <= index; x->next++) gsl_qrng_get(x->q, raw);
    struct rng rng = rng_derive(x->seed, "past sobol", index);
    for (size_t k = 0; k < x->d; k++)
        ret_point[k] =
            k < x->sobol_d ? ((double)((uint64_t)ldexp(raw[k], 30) ^ x->shift[k]) + 0.5) * 0x1p-30 : rng_unit(&rng);
    from_unit(x->dim, x->d, ret_point);
}

void design_sequence(const struct dimension *dim, size_t d, uint64_t seed, size_t first, size_t n, double *ret_points)
{
    struct design *x = design_create(dim, d, seed);
    for (size_t i = 0; i < n; i++) design_next(x, first + i, ret_points + i * d);
    design_free(x);
}
