/* Where is the acquisition largest? Mixed spaces, in four steps:
 *
 * 1. score a scrambled Sobol set, and perturbations of the best known points;
 * 2. from the few best, climb: L-BFGS [NLopt] over numeric dimensions, then
 * 3. snap to what exists and try discrete moves (every level of small dimensions, neighbours
 *    of large ones, every category), alternating with 2 until nothing improves;
 * 4. return the best that is not taken. A taken winner gives way to its free neighbours.
 */
#include "surrogate/design.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

enum { SOBOL = 512, AROUND = 384, CLIMBS = 6, ROUNDS = 2, EVALUATIONS = 40, SMALL_GRID = 16, LEVELS_TRIED = 64 };

struct candidate {
    double value;
    double point[SURROGATE_DIMS_MAX];
};

struct search {
    struct acquisition *a;
    const struct maximise_spec *spec;
    struct candidate best; /* the best free point so far; value −HUGE_VAL: none */
};

static bool is_taken(const struct maximise_spec *spec, const double *point)
{
    for (size_t i = 0; i < spec->n_taken; i++) {
        size_t k = 0;
        while (k < spec->d && fabs(spec->taken[i * spec->d + k] - point[k]) < 1e-9) k++;
        if (k == spec->d) return true;
    }
    return false;
}

/* Value at a snapped point; remembers it if it is free and the best. */
static double consider(struct search *s, const double *point)
{
    double value = acquisition_value(s->a, point, NULL);
    if (!(value > -HUGE_VAL)) return -HUGE_VAL; /* NaN as well */
    if (value > s->best.value && !is_taken(s->spec, point)) {
        s->best.value = value;
        memcpy(s->best.point, point, s->spec->d * sizeof *point);
    }
    return value;
}

static void perturb(const struct maximise_spec *spec, struct rng *rng, double *point)
{
    double reach = pow(10, -0.3 - 1.7 * rng_unit(rng)); /* 0.5 … 0.01 */
    for (size_t k = 0; k < spec->d; k++) {
        const struct dimension *dim = &spec->dim[k];
        if (spec->d > 1 && rng_unit(rng) < 0.3) continue;
        if (dim->kind != DIMENSION_CATEGORY)
            point[k] += reach * rng_normal(rng);
        else if (rng_unit(rng) < 0.3)
            point[k] = (double)rng_below(rng, dim->levels);
    }
    dimension_snap(spec->dim, spec->d, point);
}

static int by_value(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->value < y->value) - (x->value > y->value);
}

/* Step 1: `n` candidates, best first. */
static struct candidate *score_all(struct search *s, size_t *ret_n)
{
    const struct maximise_spec *spec = s->spec;
    size_t n = SOBOL + (spec->n_start ? AROUND : 0);
    struct candidate *c = must_alloc(n, sizeof *c);
    struct rng rng = rng_derive(spec->seed, "around", 0);
    double *sobol = must_alloc(SOBOL * spec->d, sizeof *sobol);
    design_sequence(spec->dim, spec->d, spec->seed, 0, SOBOL, sobol);
    for (size_t i = 0; i < n; i++) {
        if (i < SOBOL)
            memcpy(c[i].point, sobol + i * spec->d, spec->d * sizeof *sobol);
        else {
            memcpy(c[i].point, spec->start + (i % spec->n_start) * spec->d, spec->d * sizeof *sobol);
            perturb(spec, &rng, c[i].point);
        }
        c[i].value = consider(s, c[i].point);
    }
    free(sobol);
    qsort(c, n, sizeof *c, by_value);
    *ret_n = n;
    return c;
}

struct climb {
    struct search *search;
    const double *fixed; /* the whole point: categories and small grids stay */
    size_t n, free_dim[SURROGATE_DIMS_MAX];
};

static bool moves_smoothly(const struct dimension *dim)
{
    return dim->kind == DIMENSION_CONTINUOUS || (dim->kind == DIMENSION_GRID && dim->levels > SMALL_GRID);
}

static double climb_value(unsigned n, const double *x, double *grad, void *data)
{
    struct climb *c = data;
    double point[SURROGATE_DIMS_MAX], full[SURROGATE_DIMS_MAX];
    memcpy(point, c->fixed, c->search->spec->d * sizeof *point);
    for (unsigned k = 0; k < n; k++) point[c->free_dim[k]] = x[k];
    double value = acquisition_value(c->search->a, point, grad ? full : NULL);
    for (unsigned k = 0; grad && k < n; k++) grad[k] = full[c->free_dim[k]];
    return value;
}

/* Step 2. */
static void climb_smoothly(struct search *s, struct candidate *c)
{
    struct climb climb = {.search = s, .fixed = c->point};
    double x[SURROGATE_DIMS_MAX], moved[SURROGATE_DIMS_MAX], value;
    for (size_t k = 0; k < s->spec->d; k++)
        if (moves_smoothly(&s->spec->dim[k])) {
            x[climb.n] = c->point[k];
            climb.free_dim[climb.n++] = k;
        }
    if (climb.n == 0) return;
    nlopt_opt opt = nlopt_create(NLOPT_LD_LBFGS, (unsigned)climb.n);
    nlopt_set_lower_bounds1(opt, 0);
    nlopt_set_upper_bounds1(opt, 1);
    nlopt_set_max_objective(opt, climb_value, &climb);
    nlopt_set_maxeval(opt, EVALUATIONS);
    nlopt_set_xtol_abs1(opt, 1e-5);
    nlopt_set_ftol_abs(opt, 1e-6);
    nlopt_optimize(opt, x, &value);
    nlopt_destroy(opt);
    memcpy(moved, c->point, sizeof moved);
    for (size_t k = 0; k < climb.n; k++) moved[climb.free_dim[k]] = x[k];
    dimension_snap(s->spec->dim, s->spec->d, moved);
    value = consider(s, moved);
    if (value > c->value) {
        c->value = value;
        memcpy(c->point, moved, sizeof moved);
    }
}

static void try_coordinate(struct search *s, struct candidate *c, size_t k, double u)
{
    double old = c->point[k];
    if (old == u) return;
    c->point[k] = u;
    double value = consider(s, c->point);
    if (value > c->value)
        c->value = value;
    else
        c->point[k] = old;
}

/* Step 3. */
static void move_discretely(struct search *s, struct candidate *c)
{
    for (size_t k = 0; k < s->spec->d; k++) {
        const struct dimension *dim = &s->spec->dim[k];
        if (dim->kind == DIMENSION_CONTINUOUS) continue;
        if (dim->kind == DIMENSION_CATEGORY) {
            size_t stride = dim->levels / LEVELS_TRIED + 1;
            for (size_t l = 0; l < dim->levels; l += stride) try_coordinate(s, c, k, (double)l);
        } else {
            size_t at = dimension_level(dim, c->point[k]), reach = dim->levels <= SMALL_GRID ? SMALL_GRID : 2;
            size_t from = at > reach ? at - reach : 0, to = at + reach < dim->levels ? at + reach : dim->levels - 1;
            for (size_t l = from; l <= to; l++) try_coordinate(s, c, k, dim->grid[l]);
        }
    }
}

/* Number of points if the space is finite and small enough to list, else 0. */
static size_t count_points(const struct maximise_spec *spec)
{
    size_t n = 1;
    for (size_t k = 0; k < spec->d; k++) {
        if (spec->dim[k].kind == DIMENSION_CONTINUOUS) return 0;
        n *= spec->dim[k].levels;
        if (n > 20000) return 0;
    }
    return n;
}

static void point_at(const struct maximise_spec *spec, size_t index, double *point)
{
    for (size_t k = 0; k < spec->d; index /= spec->dim[k].levels, k++) {
        size_t l = index % spec->dim[k].levels;
        point[k] = spec->dim[k].kind == DIMENSION_CATEGORY ? (double)l : spec->dim[k].grid[l];
    }
}

/* Everything near the optimum was taken: list a small space, or sample a large one. */
static void consider_the_rest(struct search *s)
{
    size_t n = count_points(s->spec);
    double point[SURROGATE_DIMS_MAX];
    for (size_t i = 0; i < (n ? n : 4096) && s->best.value == -HUGE_VAL; i++) {
        if (n)
            point_at(s->spec, i, point);
        else
            design_random(s->spec->dim, s->spec->d, s->spec->seed, i, point);
        consider(s, point);
    }
}

enum status acquisition_maximise(struct acquisition *a, const struct maximise_spec *spec, double *ret_point,
                                 double *ret_value, struct error *err)
{
    struct search s = {.a = a, .spec = spec, .best = {.value = -HUGE_VAL}};
    size_t n;
    struct candidate *c = score_all(&s, &n);
    for (size_t i = 0; i < CLIMBS && i < n; i++)
        for (int r = 0; r < ROUNDS; r++) {
            climb_smoothly(&s, &c[i]);
            move_discretely(&s, &c[i]);
        }
    free(c);
    if (s.best.value == -HUGE_VAL) consider_the_rest(&s);
    if (s.best.value == -HUGE_VAL) {
        if (count_points(spec))
            return error_set(err, STATUS_EXHAUSTED, "every configuration of the space has been tried");
        return error_set(err, STATUS_NUMERIC, "the acquisition has no finite value");
    }
    memcpy(ret_point, s.best.point, spec->d * sizeof *ret_point);
    *ret_value = s.best.value;
    return STATUS_OK;
}
