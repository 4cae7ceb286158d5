#include "tuner/search/sensitivity.h"

#include "tuner/search/encode.h"
#include "tuner/search/quantile.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 4096, ROWS_MAX = 1024, ROWS_LEAST = 64, DRAWS = LANDSCAPE_DRAWS, COLUMNS = DRAWS + 1 };

/* Blocks of `rows` points: A, B, and for each parameter A with that one of B. */
struct plan {
    size_t rows, n, d;
    double *point;    /* (2 + n) · rows × d, encoded */
    size_t *resample; /* DRAWS × rows */
};

static size_t rows_for(size_t blocks)
{
    size_t rows = ROWS_MAX;
    while (rows > ROWS_LEAST && rows * blocks > POINTS) rows /= 2;
    return rows;
}

static void settle(const struct encoding *e, const double *raw, double *ret_point)
{
    bool movable[SURROGATE_DIMS_MAX];
    memcpy(ret_point, raw, e->space->n * sizeof *raw);
    encoding_settle((void *)e, ret_point, movable);
}

static void lay_out(struct plan *p, const struct encoding *e, uint64_t seed)
{
    struct dimension both[2 * SPACE_PARAMS_MAX];
    double raw[2 * SPACE_PARAMS_MAX];
    size_t n = p->n;
    memcpy(both, e->dim, n * sizeof *both);
    memcpy(both + n, e->dim, n * sizeof *both);
    struct design *design = design_create(both, 2 * n, seed);
    for (size_t r = 0; r < p->rows; r++) {
        design_next(design, r, raw);
        settle(e, raw, p->point + r * p->d);
        settle(e, raw + n, p->point + (p->rows + r) * p->d);
        for (size_t i = 0; i < n; i++) {
            double keep = raw[i];
            raw[i] = raw[n + i];
            settle(e, raw, p->point + ((2 + i) * p->rows + r) * p->d);
            raw[i] = keep;
        }
    }
    design_free(design);
}

static struct plan make_plan(const struct landscape *l, const struct space *space, struct arena *a)
{
    const struct encoding *e = landscape_encoding(l);
    struct plan p = {.n = space->n, .d = e->d};
    p.rows = rows_for(2 + p.n);
    p.point = arena_array(a, (2 + p.n) * p.rows * p.d, sizeof *p.point);
    p.resample = arena_array(a, DRAWS * p.rows, sizeof *p.resample);
    lay_out(&p, e, 1);
    struct rng rng = rng_derive(1, "resample", 0);
    for (size_t i = 0; i < DRAWS * p.rows; i++) p.resample[i] = rng_below(&rng, p.rows);
    return p;
}

/* ---- indices of one function ---- */

struct index {
    double total, alone;
};

static double square(double x)
{
    return x * x;
}

/* f: one column of the blocks, rows of COLUMNS numbers; `at`: which rows, NULL: each once. Block 0 is A, 1 is B. */
static double variance(const struct plan *p, const double *f, const size_t *at)
{
    double mean = 0, sum = 0, n = 2 * (double)p->rows, first = f[0];
    for (size_t b = 0; b < 2; b++)
        for (size_t r = 0; r < p->rows; r++) mean += (f[(b * p->rows + (at ? at[r] : r)) * COLUMNS] - first) / n;
    for (size_t b = 0; b < 2; b++)
        for (size_t r = 0; r < p->rows; r++)
            sum += square(f[(b * p->rows + (at ? at[r] : r)) * COLUMNS] - first - mean) / n;
    return sum;
}

static struct index indices(const struct plan *p, const double *f, const size_t *at, size_t param, double var)
{
    double total = 0, alone = 0;
    for (size_t k = 0; k < p->rows; k++) {
        size_t r = at ? at[k] : k;
        double a = f[r * COLUMNS], b = f[(p->rows + r) * COLUMNS], mixed = f[((2 + param) * p->rows + r) * COLUMNS];
        total += square(a - mixed);
        alone += square(b - mixed);
    }
    double half = 2 * var * (double)p->rows;
    return (struct index){fmin(total / half, 1), fmin(fmax(1 - alone / half, 0), 1)};
}

/* ---- shares ---- */

/* Of each draw once as it is, and once with its rows drawn again. */
static struct share share_of(double *plain, double *again, double mean)
{
    double out = (1 - LANDSCAPE_COVERAGE) / 2;
    gsl_sort(plain, 1, DRAWS);
    gsl_sort(again, 1, DRAWS);
    struct share s = {quantile_between(plain, DRAWS, 0.5), quantile_between(again, DRAWS, out),
                      quantile_between(again, DRAWS, 1 - out)};
    s.low = fmin(s.low, fmin(mean, s.middle));
    s.high = fmax(s.high, fmax(mean, s.middle));
    return s;
}

static void set_all(struct sensitivity *ret, size_t n, double v)
{
    for (size_t i = 0; i < n; i++) ret[i] = (struct sensitivity){{v, v, v}, {v, v, v}};
}

/* f: all blocks, points × COLUMNS. */
static void judge(const struct plan *p, const double *f, struct sensitivity *ret)
{
    double var[COLUMNS], var_again[DRAWS], total[2][DRAWS], alone[2][DRAWS];
    for (size_t s = 0; s < COLUMNS; s++) var[s] = variance(p, f + s, NULL);
    for (size_t s = 0; s < DRAWS; s++) var_again[s] = variance(p, f + s, p->resample + s * p->rows);
    bool varies = true;
    for (size_t s = 0; s < DRAWS; s++) varies &= var[s] > 0 && var_again[s] > 0;
    set_all(ret, p->n, varies ? 0 : NAN);
    for (size_t i = 0; varies && i < p->n; i++) {
        for (size_t s = 0; s < DRAWS; s++) {
            struct index x = indices(p, f + s, NULL, i, var[s]),
                         y = indices(p, f + s, p->resample + s * p->rows, i, var_again[s]);
            total[0][s] = x.total;
            alone[0][s] = x.alone;
            total[1][s] = y.total;
            alone[1][s] = y.alone;
        }
        struct index mean = {total[0][0], alone[0][0]};
        if (var[DRAWS] > 0) mean = indices(p, f + DRAWS, NULL, i, var[DRAWS]);
        ret[i] =
            (struct sensitivity){share_of(total[0], total[1], mean.total), share_of(alone[0], alone[1], mean.alone)};
    }
}

static void tame(const struct landscape *l, size_t metric, double *f, size_t size)
{
    for (size_t i = 0; i < size; i++) f[i] = landscape_tame(l, metric, f[i]);
}

void sensitivity_of(const struct landscape *l, const struct study *study, size_t only, struct sensitivity *ret)
{
    const struct objective *o = &study->objective;
    struct arena a = {0};
    struct plan p = make_plan(l, &study->space, &a);
    size_t n_points = (2 + p.n) * p.rows, size = n_points * COLUMNS, m = o->n_metrics;
    bool utility = landscape_has_utility(l) && (only == SIZE_MAX || only == m);
    double *f[METRICS_MAX] = {NULL}, *joined = must_alloc(size + 1, sizeof *joined);
    set_all(ret, (m + 1) * p.n, NAN);
    for (size_t i = 0; i < m; i++) {
        bool own = only == SIZE_MAX || only == i, part = utility && objective_in_utility(o, i);
        if (!own && !part) continue;
        f[i] = must_alloc(size + 1, sizeof **f);
        if (!landscape_draw(l, i, p.point, n_points, f[i]) || landscape_is_constant(l, i)) own = false;
        memcpy(joined, f[i], size * sizeof *joined);
        tame(l, i, joined, size);
        if (own) judge(&p, joined, ret + i * p.n);
        if (part) continue;
        free(f[i]);
        f[i] = NULL;
    }
    if (utility) {
        landscape_join(l, f, size, joined);
        judge(&p, joined, ret + m * p.n);
    }
    for (size_t i = 0; i < m; i++) free(f[i]);
    free(joined);
    arena_done(&a);
}
