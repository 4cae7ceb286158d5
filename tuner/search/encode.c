#include "tuner/search/encode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { GRID_MAX = 4096 };

struct scale {
    double lo, hi; /* transformed ends of the unit interval */
    bool log;
};

static struct scale scale_of(const struct param *p)
{
    double half = p->type == PARAM_INT ? 0.5 : 0, lo = p->lo - half, hi = p->hi + half;
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
        at[i] = p->type == PARAM_INT ? to_unit(p, p->lo + (double)i) : ((double)i + 0.5) / (double)levels;
    return (struct dimension){DIMENSION_GRID, levels, at};
}

struct dimension *encode_dimensions(const struct space *space, struct arena *arena)
{
    struct dimension *dim = arena_array(arena, space->n, sizeof *dim);
    for (size_t i = 0; i < space->n; i++) {
        const struct param *p = &space->param[i];
        switch (p->type) {
        case PARAM_INT:
            if (param_levels(p) <= GRID_MAX) dim[i] = grid(arena, (size_t)param_levels(p), p);
            break;
        case PARAM_ORDINAL: dim[i] = grid(arena, p->n_values, p); break;
        case PARAM_CATEGORICAL:
        case PARAM_BOOL: dim[i] = (struct dimension){DIMENSION_CATEGORY, p->n_values, NULL}; break;
        case PARAM_FLOAT: break;
        }
    }
    return dim;
}

void encode(const struct space *space, const double *config, double *ret_point)
{
    for (size_t i = 0; i < space->n; i++) {
        const struct param *p = &space->param[i];
        switch (p->type) {
        case PARAM_INT:
        case PARAM_FLOAT: ret_point[i] = to_unit(p, config[i]); break;
        case PARAM_ORDINAL: ret_point[i] = (config[i] + 0.5) / (double)p->n_values; break;
        case PARAM_CATEGORICAL:
        case PARAM_BOOL: ret_point[i] = config[i]; break;
        }
    }
}

static double six_digits(double v)
{
    char buf[40];
    snprintf(buf, sizeof buf, "%.6g", v);
    return strtod(buf, NULL);
}

void decode(const struct space *space, const double *point, double *ret_config)
{
    for (size_t i = 0; i < space->n; i++) {
        const struct param *p = &space->param[i];
        double u = point[i];
        switch (p->type) {
        case PARAM_INT: ret_config[i] = fmin(fmax(round(from_unit(p, u)), p->lo), p->hi); break;
        case PARAM_FLOAT: ret_config[i] = fmin(fmax(six_digits(from_unit(p, u)), p->lo), p->hi); break;
        case PARAM_ORDINAL:
            ret_config[i] = fmin(fmax(floor(u * (double)p->n_values), 0), (double)p->n_values - 1);
            break;
        case PARAM_CATEGORICAL:
        case PARAM_BOOL: ret_config[i] = u; break;
        }
    }
}
