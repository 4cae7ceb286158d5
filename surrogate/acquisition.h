/* acquisition: its inside, for the files of this room. acquisition.c makes and asks one; what it wants is a row of the
 * table ACQUISITIONS (surrogate.h) and a file of its own: formula, source, valid range, and struct acquisition_ops.
 *
 * For S joint posterior draws s of every output at the base points (the pending ones and the best observed), condition
 * on the draw as noise-free data [Letham 2019]; a(x) = log mean_s exp(value_s(x)). What value_s is, the ops say.
 */
#ifndef SURROGATE_ACQUISITION_H
#define SURROGATE_ACQUISITION_H

#include "surrogate/gp.h"

enum { OUTPUTS_MAX = 24, BOUNDS_MAX = 24 };

struct output {
    struct gp *gp; /* conditioned, S columns and their mean; owned */
    struct gp_query query;
    double weight;
    enum link link;
    gsl_matrix *d_mean; /* GP_BATCH × (S + 1): ∂a/∂μ */
    double d_variance[GP_BATCH];
};

struct acquisition {
    const struct acquisition_ops *ops;
    void *state; /* of the ops */
    size_t d, S, n_outputs, n_bounds;
    struct output output[OUTPUTS_MAX];
    struct acquisition_bound bound[BOUNDS_MAX];
    double *value;       /* S: workspace */
    struct slope *slope; /* S × n_outputs: workspace */
};

struct moment {
    double mean, variance;
};

struct slope {
    double mean, variance; /* ∂value/∂mean, ∂value/∂variance */
};

/* One acquisition function. All of it is pure but for the state that it makes and releases itself. */
struct acquisition_ops {
    const char *name;
    size_t objectives; /* 1: the utility, a weighted sum of outputs; 2: two outputs against each other */

    /* What must be beaten, from the draws f[g] (n_base × S, in units of g's y). */
    void *(*prepare)(const struct acquisition *a, const struct acquisition_spec *spec, gsl_matrix *const *f);

    /* Value of draw s (S: their mean) at a point where output g has the moments m[g]. d: n_outputs, zeroed, receives
     * the slopes; may be NULL. */
    double (*value)(const struct acquisition *a, size_t s, const struct moment *m, struct slope *d);

    void (*done)(void *state); /* as prepare has made it */
};

#define ACQUISITION(id, name) extern const struct acquisition_ops acquisition_##name;
ACQUISITIONS(ACQUISITION)
#undef ACQUISITION

#endif
