/* Where is the acquisition largest? Mixed, conditional spaces, in five steps:
 *
 * 1. candidates: a scrambled Sobol set and perturbations of the best known points, or all that is free of a small
 * space;
 * 2. the cheap screen ranks them, the acquisition itself the best of these;
 * 3. from the best that are far enough apart, climb in lockstep over the dimensions that move smoothly;
 * 4. snap to what exists and try discrete moves (every level of small dimensions, neighbours of large ones, every
 *    category), steepest first, until nothing improves; climb once more from the winner;
 * 5. return the best that is not taken, nor as good as taken (NEAR in every numeric dimension).
 */
#include "surrogate/design.h"
#include "surrogate/multistart.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SOBOL = 512,
    AROUND = 512,
    WHOLE = 4096,
    EXACT = 96,
    CLIMBERS = 8,
    FINALISTS = 3,
    ROUNDS = 24,
    SMALL_GRID = 16,
    LEVELS_TRIED = 64,
    MOVES_MAX = 12
};

static const double NEAR = 1e-4, APART = 0.1;

struct search {
    struct acquisition *a;
    const struct maximise_spec *spec;
    double lo[SURROGATE_DIMS_MAX], hi[SURROGATE_DIMS_MAX];
    struct climber best; /* the best free point so far; value −HUGE_VAL: none */
};

static bool is_numeric(const struct dimension *dim)
{
    return dim->kind != DIMENSION_CATEGORY;
}

static bool moves_smoothly(const struct dimension *dim)
{
    return dim->kind == DIMENSION_CONTINUOUS || (dim->kind == DIMENSION_GRID && dim->levels > SMALL_GRID);
}

/* Are two points the same but for less than `reach` in continuous dimensions? */
static bool is_close(const struct maximise_spec *spec, const double *a, const double *b, double reach)
{
    for (size_t k = 0; k < spec->d; k++) {
        double limit = spec->dim[k].kind == DIMENSION_CONTINUOUS ? reach : 1e-9;
        if (fabs(a[k] - b[k]) > limit) return false;
    }
    return true;
}

static bool is_taken(const struct maximise_spec *spec, const double *point)
{
    for (size_t i = 0; i < spec->n_taken; i++)
        if (is_close(spec, spec->taken + i * spec->d, point, NEAR)) return true;
    return false;
}

/* Makes a point exist: bounds, grids, and what its own values switch off. */
static void settle(const struct search *s, double *point, bool *ret_movable)
{
    const struct maximise_spec *spec = s->spec;
    bool movable[SURROGATE_DIMS_MAX];
    for (size_t k = 0; k < spec->d; k++) {
        movable[k] = true;
        if (is_numeric(&spec->dim[k])) point[k] = fmin(fmax(point[k], s->lo[k]), s->hi[k]);
    }
    dimension_snap(spec->dim, spec->d, point);
    if (spec->settle) spec->settle(spec->settle_data, point, movable);
    if (ret_movable) memcpy(ret_movable, movable, spec->d * sizeof *movable);
}

static void consider(struct search *s, const double *point, double value)
{
    if (!(value > s->best.value) || is_taken(s->spec, point)) return; /* NaN as well */
    s->best.value = value;
    memcpy(s->best.point, point, s->spec->d * sizeof *point);
}

/* ---- step 1 ---- */

/* Number of points if the space is finite and has at most `limit`, else 0. */
static size_t count_points(const struct maximise_spec *spec, size_t limit)
{
    size_t n = 1;
    for (size_t k = 0; k < spec->d; k++) {
        if (spec->dim[k].kind == DIMENSION_CONTINUOUS) return 0;
        n *= spec->dim[k].levels;
        if (n > limit) return 0;
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

static void perturb(const struct maximise_spec *spec, struct rng *rng, double *point)
{
    double reach = pow(10, -0.3 - 1.7 * rng_unit(rng)); /* 0.5 … 0.01 */
    for (size_t k = 0; k < spec->d; k++) {
        const struct dimension *dim = &spec->dim[k];
        if (spec->d > 1 && rng_unit(rng) < 0.3) continue;
        if (is_numeric(dim))
            point[k] += reach * rng_normal(rng);
        else if (rng_unit(rng) < 0.3)
            point[k] = (double)rng_below(rng, dim->levels);
    }
}

static double *candidates(const struct search *s, size_t *ret_n)
{
    const struct maximise_spec *spec = s->spec;
    size_t d = spec->d, whole = count_points(spec, WHOLE), n = whole ? whole : SOBOL + (spec->n_start ? AROUND : 0);
    double *point = must_alloc((n + 1) * d, sizeof *point);
    struct rng rng = rng_derive(spec->seed, "around", 0);
    if (!whole) design_sequence(spec->dim, d, spec->seed, 0, SOBOL, point);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        double *p = point + kept * d;
        if (whole)
            point_at(spec, i, p);
        else if (i < SOBOL)
            for (size_t k = 0; k < d; k++)
                p[k] = is_numeric(&spec->dim[k]) ? s->lo[k] + p[k] * (s->hi[k] - s->lo[k]) : p[k];
        else {
            memcpy(p, spec->start + (i % spec->n_start) * d, d * sizeof *p);
            perturb(spec, &rng, p);
        }
        settle(s, p, NULL);
        kept += !whole || !is_taken(spec, p);
    }
    *ret_n = kept;
    return point;
}

/* ---- step 2 ---- */

struct scored {
    double value;
    size_t at;
};

static int by_value(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? 1 : -1;
    return x->at < y->at ? -1 : x->at > y->at;
}

static void rank(const double *value, size_t n, struct scored *ret)
{
    for (size_t i = 0; i < n; i++) ret[i] = (struct scored){isnan(value[i]) ? -HUGE_VAL : value[i], i};
    qsort(ret, n, sizeof *ret, by_value);
}

/* The best of the candidates by the acquisition itself, best first; returns how many. */
static size_t choose(struct search *s, double *point, size_t n, double *ret_point, double *ret_value)
{
    size_t d = s->spec->d, m = n < EXACT ? n : EXACT;
    double *value = must_alloc(n + 1, sizeof *value), *chosen = must_alloc(m * d + 1, sizeof *chosen);
    struct scored *order = must_alloc(n + 1, sizeof *order);
    acquisition_screen(s->a, point, n, value);
    rank(value, n, order);
    for (size_t i = 0; i < m; i++) memcpy(chosen + i * d, point + order[i].at * d, d * sizeof *chosen);
    acquisition_values(s->a, chosen, m, value, NULL);
    rank(value, m, order);
    for (size_t i = 0; i < m; i++) {
        memcpy(ret_point + i * d, chosen + order[i].at * d, d * sizeof *chosen);
        ret_value[i] = order[i].value;
        consider(s, ret_point + i * d, ret_value[i]);
    }
    free(value);
    free(chosen);
    free(order);
    return m;
}

/* ---- step 3 ---- */

static bool is_apart(const struct maximise_spec *spec, const struct climber *c, size_t n, const double *point)
{
    for (size_t i = 0; i < n; i++)
        if (is_close(spec, c[i].point, point, APART)) return false;
    return true;
}

static size_t choose_climbers(struct search *s, const double *point, const double *value, size_t n, struct climber *c)
{
    size_t d = s->spec->d, m = 0;
    for (size_t i = 0; i < n && m < CLIMBERS; i++)
        if (value[i] > -HUGE_VAL && is_apart(s->spec, c, m, point + i * d)) {
            memcpy(c[m].point, point + i * d, d * sizeof *point);
            c[m++].value = value[i];
        }
    return m;
}

static void climb_smoothly(struct search *s, struct climber *c, size_t n)
{
    const struct maximise_spec *spec = s->spec;
    struct climber moved[CLIMBERS];
    double point[CLIMBERS * SURROGATE_DIMS_MAX], value[CLIMBERS];
    bool any = false;
    memcpy(moved, c, n * sizeof *c);
    for (size_t i = 0; i < n; i++) {
        settle(s, moved[i].point, moved[i].movable);
        for (size_t k = 0; k < spec->d; k++) any |= moved[i].movable[k] &= moves_smoothly(&spec->dim[k]);
    }
    if (!any) return;
    struct multistart ascents = {.acquisition = s->a, .d = spec->d, .lo = s->lo, .hi = s->hi, .rounds = ROUNDS};
    multistart_climb(&ascents, moved, n);
    for (size_t i = 0; i < n; i++) {
        settle(s, moved[i].point, NULL);
        memcpy(point + i * spec->d, moved[i].point, spec->d * sizeof *point);
    }
    acquisition_values(s->a, point, n, value, NULL); /* of the snapped point */
    for (size_t i = 0; i < n; i++) {
        consider(s, moved[i].point, value[i]);
        if (!(value[i] > c[i].value)) continue;
        moved[i].value = value[i];
        c[i] = moved[i];
    }
}

/* ---- step 4 ---- */

static size_t add_move(const struct search *s, const struct climber *c, size_t k, double u, double *list, size_t n)
{
    double *p = list + n * s->spec->d;
    if (c->point[k] == u) return n;
    memcpy(p, c->point, s->spec->d * sizeof *p);
    p[k] = u;
    settle(s, p, NULL);
    return n + 1;
}

/* All points that differ from c in one discrete dimension; returns how many. `list` has room for LEVELS_TRIED · d. */
static size_t list_moves(const struct search *s, const struct climber *c, double *list)
{
    double copy[SURROGATE_DIMS_MAX];
    bool movable[SURROGATE_DIMS_MAX];
    size_t n = 0;
    memcpy(copy, c->point, s->spec->d * sizeof *copy);
    settle(s, copy, movable);
    for (size_t k = 0; k < s->spec->d; k++) {
        const struct dimension *dim = &s->spec->dim[k];
        if (dim->kind == DIMENSION_CONTINUOUS || !movable[k]) continue;
        if (dim->kind == DIMENSION_CATEGORY) {
            size_t stride = dim->levels / LEVELS_TRIED + 1;
            for (size_t l = 0; l < dim->levels; l += stride) n = add_move(s, c, k, (double)l, list, n);
        } else {
            size_t at = dimension_level(dim, c->point[k]), reach = dim->levels <= SMALL_GRID ? SMALL_GRID : 2;
            size_t from = at > reach ? at - reach : 0, to = at + reach < dim->levels ? at + reach : dim->levels - 1;
            for (size_t l = from; l <= to; l++) n = add_move(s, c, k, dim->grid[l], list, n);
        }
    }
    return n;
}

/* Steepest moves until none improves; did any? */
static bool move_discretely(struct search *s, struct climber *c)
{
    size_t d = s->spec->d, moves = 0;
    double *list = must_alloc((size_t)(LEVELS_TRIED + 1) * d * d, sizeof *list);
    double *value = must_alloc((size_t)(LEVELS_TRIED + 1) * d, sizeof *value);
    for (bool better = true; better && moves < MOVES_MAX; moves += better) {
        size_t n = list_moves(s, c, list), top = 0;
        acquisition_values(s->a, list, n, value, NULL);
        for (size_t i = 0; i < n; i++) {
            consider(s, list + i * d, value[i]);
            if (value[i] > value[top]) top = i;
        }
        better = n > 0 && value[top] > c->value + 1e-9;
        if (!better) break;
        c->value = value[top];
        memcpy(c->point, list + top * d, d * sizeof *list);
    }
    free(list);
    free(value);
    return moves > 0;
}

static int by_climbed_value(const void *a, const void *b)
{
    const struct climber *x = a, *y = b;
    return (x->value < y->value) - (x->value > y->value);
}

static void improve(struct search *s, struct climber *c, size_t n)
{
    climb_smoothly(s, c, n);
    qsort(c, n, sizeof *c, by_climbed_value);
    for (size_t i = 0; i < n && i < FINALISTS; i++)
        if (move_discretely(s, &c[i])) climb_smoothly(s, &c[i], 1);
}

/* ---- step 5 ---- */

/* Everything near the optimum was taken: list a small space, or sample a large one, without the box. Is a point free at
 * all? */
static bool consider_the_rest(struct search *s)
{
    size_t n = count_points(s->spec, 20000);
    double point[SURROGATE_DIMS_MAX];
    bool any_free = n == 0;
    for (size_t k = 0; k < s->spec->d; k++) s->lo[k] = 0, s->hi[k] = 1;
    for (size_t i = 0; i < (n ? n : 4096) && s->best.value == -HUGE_VAL; i++) {
        if (n)
            point_at(s->spec, i, point);
        else
            design_random(s->spec->dim, s->spec->d, s->spec->seed, i, point);
        settle(s, point, NULL);
        if (is_taken(s->spec, point)) continue;
        any_free = true;
        consider(s, point, acquisition_value(s->a, point, NULL));
    }
    return any_free;
}

enum status acquisition_maximise(struct acquisition *a, const struct maximise_spec *spec, double *ret_point,
                                 double *ret_value, struct error *err)
{
    struct search s = {.a = a, .spec = spec, .best = {.value = -HUGE_VAL}};
    struct climber c[CLIMBERS];
    size_t n, m;
    for (size_t k = 0; k < spec->d; k++) {
        s.lo[k] = spec->lo ? spec->lo[k] : 0;
        s.hi[k] = spec->hi ? spec->hi[k] : 1;
    }
    double *point = candidates(&s, &n), *best = must_alloc(EXACT * spec->d, sizeof *best), value[EXACT];
    m = choose(&s, point, n, best, value);
    m = choose_climbers(&s, best, value, m, c);
    improve(&s, c, m);
    free(point);
    free(best);
    bool any_free = s.best.value > -HUGE_VAL || consider_the_rest(&s);
    if (!any_free) return error_set(err, STATUS_EXHAUSTED, "every configuration of the space has been tried");
    if (s.best.value == -HUGE_VAL) return error_set(err, STATUS_NUMERIC, "the acquisition has no finite value");
    memcpy(ret_point, s.best.point, spec->d * sizeof *ret_point);
    *ret_value = s.best.value;
    return STATUS_OK;
}
