/* terrain: one metric of a landscape (landscape.h): its results on the scale where they are nearly Gaussian, the model
 * that was fitted to them, and how far its word reaches.
 *
 * Before terrain_fit it has its metric and its index, all else is zero; after it terrain_done ends it. With fewer than
 * `least` measured results there is no model (`gp` NULL), and nothing is asked of it. "Scale of the model": of the
 * transformed values (targets.h) in units of `unit`, and by ranks in the bad half if that reaches out too far.
 */
#ifndef TUNER_SEARCH_TERRAIN_H
#define TUNER_SEARCH_TERRAIN_H

#include "surrogate/surrogate.h"
#include "tuner/search/targets.h"

enum { TERRAIN_VARIANTS = 8 };

/* What all metrics of a landscape have in common. */
struct terrain_ground {
    const struct search_trial *trial; /* with what is expected of the stopped */
    const bool *repeated;             /* of each trial: its configuration was measured more than once */
    size_t d;                         /* dimensions of an encoded point */
    const struct dimension *dim;
    uint64_t seed;
    size_t least;    /* results that a model needs */
    double coverage; /* of intervals, nominally */
};

struct terrain {
    const struct metric *metric;
    size_t index;                /* of the metric; draws of each are its own */
    struct gp *gp;               /* NULL: too few results */
    struct targets rows;         /* on the model's scale, in units of `unit`, not warped */
    size_t *trial;               /* of each row, its place in the history */
    struct targets_level *level; /* rows.n, NULL: not warped */
    double unit;
    size_t measured; /* rows that are results */
    bool constant;
    double *y;        /* rows.n: what the model was fitted to */
    double *left_out; /* rows.n: what all the others say of it */
    size_t n_variants;
    struct gp *variant[TERRAIN_VARIANTS]; /* the same rows, other lengths (terrain_vary) */
    double widen;                         /* of deviations, ≥ 1 */
    double r2;
};

enum status terrain_fit(struct terrain *t, const struct terrain_ground *g, const struct targets_source *source,
                        struct error *err);
void terrain_done(struct terrain *t);

/* ---- scales: from that of the model ---- */

double terrain_own_unit(const struct terrain *t, double f);
double terrain_tame(const struct terrain *t, double f); /* as landscape_tame */

/* ---- asking ---- */

struct terrain_moments { /* at n points, on the scale of the model */
    double *mean, *sd;
};

/* Of n encoded points; `noisy`: of one more measurement. */
void terrain_ask(const struct terrain *t, const double *points, size_t n, bool noisy, struct terrain_moments *ret);

/* ---- draws ---- */

/* From now on they come from up to TERRAIN_VARIANTS models, whose lengths were fitted to parts of the rows. */
void terrain_vary(struct terrain *t, const struct terrain_ground *g);
/* all->n_points × (all->n_draws + 1), the last column the mean. False: there is no model. */
bool terrain_draw(const struct terrain *t, const struct terrain_ground *g, const struct gp_draws *all, double *ret);

/* Of n values and what was said of them: R²; NaN of values that are all the same. */
double terrain_r_squared(const double *y, const double *said, size_t n);

#endif
