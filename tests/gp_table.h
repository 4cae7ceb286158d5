/* gp_table: rows that reference/gp_reference.py makes, too. */
#ifndef TESTS_GP_TABLE_H
#define TESTS_GP_TABLE_H

#include "surrogate/surrogate.h"

#include <stdint.h>

static inline double gp_table_unit(uint64_t *s, uint64_t *bits)
{
    uint64_t z = (*s += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    *bits = z ^ (z >> 31);
    return (double)(*bits >> 11) * 0x1p-53;
}

struct gp_table {
    size_t n, d;
    double x[210 * 4], y[210], noise[210];
};

static inline void gp_table_make(struct gp_table *t, size_t n, size_t d, uint64_t seed)
{
    uint64_t bits;
    t->n = n;
    t->d = d;
    for (size_t i = 0; i < n + 3; i++) {
        for (size_t k = 0; k < d; k++) {
            double u = gp_table_unit(&seed, &bits);
            t->x[i * d + k] = k < d - 1 || d == 1 ? u : (double)(bits % 3);
        }
        t->y[i] = 5 + 3 * gp_table_unit(&seed, &bits) + 2 * t->x[i * d];
        t->noise[i] = 0.01 + 0.05 * t->x[i * d];
    }
}

static const struct dimension gp_table_dimensions[4][4] = {
    {{DIMENSION_CONTINUOUS, 0, NULL}},
    {{DIMENSION_CONTINUOUS, 0, NULL}, {DIMENSION_CATEGORY, 3, NULL}},
    {{DIMENSION_CONTINUOUS, 0, NULL}, {DIMENSION_CONTINUOUS, 0, NULL}, {DIMENSION_CATEGORY, 3, NULL}},
    {{DIMENSION_CONTINUOUS, 0, NULL},
     {DIMENSION_CONTINUOUS, 0, NULL},
     {DIMENSION_CONTINUOUS, 0, NULL},
     {DIMENSION_CATEGORY, 3, NULL}},
};

static inline struct gp_data gp_table_data(const struct gp_table *t)
{
    return (struct gp_data){
        .n = t->n, .d = t->d, .x = t->x, .y = t->y, .noise = t->noise, .dim = gp_table_dimensions[t->d - 1]};
}

#endif
