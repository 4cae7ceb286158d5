#include "tuner/search/encode.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { GRID_MAX = 4096 };

struct scale {
    double lo, hi; /* transformed ends of the unit interval */
    bool log;
};

static struct scale scale_of(const struct param *p)
{
    double step = p->step > 0 ? p->step : p->type == PARAM_INT ? 1 : 0;
    double last = step > 0 ? p->lo + (param_levels(p) - 1) * step : p->hi, lo = p->lo - step / 2, hi = last + step / 2;
    return p->log ? (struct scale){log(lo), log(hi), true} : (struct scale){lo, hi, false};
}

static double to_unit(const struct param *p, double x)
{
    struct scale s = scale_of(p);
    return ((s.log ? log(x) : x) - s.lo) / (s.hi - s.lo);
}

static double from_unit(const struct param *p, double u)
{
    struct scale s = scale_of(p);
    double t = s.lo + u * (s.hi - s.lo);
    return s.log ? exp(t) : t;
}

static struct dimension grid(struct arena *arena, size_t levels, const struct param *p)
{
    double *at = arena_array(arena, levels, sizeof *at);
    for (size_t i = 0; i < levels; i++)
        at[i] = p->n_values ? ((double)i + 0.5) / (double)levels
                            : to_unit(p, p->lo + (double)i * (p->step > 0 ? p->step : 1));
    return (struct dimension){DIMENSION_GRID, levels, at};
}

static struct dimension dimension_of(const struct param *p, struct arena *arena)
{
    double levels = param_levels(p);
    switch (p->type) {
    case PARAM_INT:
    case PARAM_FLOAT:
        if (levels < 2 || levels > GRID_MAX) return (struct dimension){0};
        return grid(arena, (size_t)levels, p);
    case PARAM_ORDINAL: return grid(arena, p->n_values, p);
    case PARAM_CATEGORICAL:
    case PARAM_BOOL: return (struct dimension){DIMENSION_CATEGORY, p->n_values, NULL};
    }
    return (struct dimension){0};
}

static double neutral_of(const struct dimension *dim)
{
    switch (dim->kind) {
    case DIMENSION_CONTINUOUS: return 0.5;
    case DIMENSION_GRID: return dim->grid[dim->levels / 2];
    case DIMENSION_CATEGORY: return 0;
    }
    return 0;
}

/* Conditions with the same text share a bit. */
static size_t bit_of(struct encoding *e, size_t n_bits, size_t param)
{
    for (size_t i = 0; i < param; i++) {
        const struct param *a = &e->space->param[i], *b = &e->space->param[param];
        if (a->when && strcmp(a->when_text, b->when_text) == 0) return e->bit[i];
    }
    return n_bits;
}

enum status encoding_make(const struct space *space, struct arena *arena, struct encoding *ret, struct error *err)
{
    struct encoding e = {.space = space, .d = space->n, .dim = arena_array(arena, SURROGATE_DIMS_MAX, sizeof *e.dim)};
    e.neutral = arena_array(arena, space->n, sizeof *e.neutral);
    for (size_t i = 0; i < space->n; i++) {
        e.dim[i] = dimension_of(&space->param[i], arena);
        e.neutral[i] = neutral_of(&e.dim[i]);
        e.bit[i] = SIZE_MAX;
        if (!space->param[i].when || condition_is_categorical(space->param[i].when, space)) continue;
        e.bit[i] = bit_of(&e, e.d - space->n, i);
        if (e.bit[i] < e.d - space->n) continue;
        if (e.d == SURROGATE_DIMS_MAX)
            return error_set(err, STATUS_INVALID, "more than %d parameters and conditions together",
                             SURROGATE_DIMS_MAX);
        e.condition[e.bit[i]] = space->param[i].when;
        e.dim[e.d++] = (struct dimension){DIMENSION_CATEGORY, 2, NULL};
    }
    *ret = e;
    return STATUS_OK;
}

static double encode_value(const struct param *p, double value)
{
    switch (p->type) {
    case PARAM_INT:
    case PARAM_FLOAT: return to_unit(p, value);
    case PARAM_ORDINAL: return (value + 0.5) / (double)p->n_values;
    case PARAM_CATEGORICAL:
    case PARAM_BOOL: return value;
    }
    return 0;
}

void encode(const struct encoding *e, const double *config, double *ret_point)
{
    size_t n = e->space->n;
    for (size_t i = 0; i < n; i++)
        ret_point[i] = isnan(config[i]) ? e->neutral[i] : encode_value(&e->space->param[i], config[i]);
    for (size_t g = 0; n + g < e->d; g++) ret_point[n + g] = condition_holds(e->condition[g], config);
}

static double decode_value(const struct param *p, double u)
{
    switch (p->type) {
    case PARAM_INT:
    case PARAM_FLOAT: return param_nearest(p, from_unit(p, u));
    case PARAM_ORDINAL: return fmin(fmax(floor(u * (double)p->n_values), 0), (double)p->n_values - 1);
    case PARAM_CATEGORICAL:
    case PARAM_BOOL: return u;
    }
    return 0;
}

void decode(const struct encoding *e, const double *point, double *ret_config)
{
    for (size_t i = 0; i < e->space->n; i++) ret_config[i] = decode_value(&e->space->param[i], point[i]);
    space_settle(e->space, ret_config);
}

void encoding_settle(void *data, double *point, bool *movable)
{
    const struct encoding *e = data;
    size_t n = e->space->n;
    double config[SPACE_PARAMS_MAX];
    for (size_t i = 0; i < n; i++) {
        const struct param *p = &e->space->param[i];
        bool exists = condition_holds(p->when, config); /* of the parameters above */
        if (e->bit[i] < SIZE_MAX) {
            point[n + e->bit[i]] = exists;
            movable[n + e->bit[i]] = false;
        }
        movable[i] = exists;
        if (!exists) point[i] = e->neutral[i];
        config[i] = !exists ? NAN : param_levels(p) == 0 ? from_unit(p, point[i]) : decode_value(p, point[i]);
    }
}

double encoding_distance(const struct encoding *e, const double *a, const double *b)
{
    double sum = 0;
    for (size_t k = 0; k < e->d; k++)
        sum += e->dim[k].kind == DIMENSION_CATEGORY ? (a[k] != b[k]) : (a[k] - b[k]) * (a[k] - b[k]);
    return sum;
}

bool encoding_is_conditional(const struct encoding *e)
{
    for (size_t i = 0; i < e->space->n; i++)
        if (e->space->param[i].when) return true;
    return false;
}

static void find_existing(const struct encoding *e, const double *point, bool *ret)
{
    double config[SPACE_PARAMS_MAX];
    decode(e, point, config);
    for (size_t i = 0; i < e->space->n; i++) ret[i] = !isnan(config[i]);
}

bool encoding_same_branch(const struct encoding *e, const double *a, const double *b)
{
    bool of_a[SPACE_PARAMS_MAX], of_b[SPACE_PARAMS_MAX];
    find_existing(e, a, of_a);
    find_existing(e, b, of_b);
    return memcmp(of_a, of_b, e->space->n * sizeof *of_a) == 0;
}
