/* acquisition: its inside, for the two files that make it up: acquisition.c makes and asks one, value.c knows what one
 * draw says of one point. */
#ifndef SURROGATE_ACQUISITION_H
#define SURROGATE_ACQUISITION_H

#include "surrogate/gp.h"

enum { OUTPUTS_MAX = 24, BOUNDS_MAX = 24, NODES = 16 };

struct output {
    struct gp *gp; /* conditioned, S columns and their mean; owned */
    struct gp_query query;
    double weight;
    enum link link;
    gsl_matrix *d_mean; /* GP_BATCH × (S + 1): ∂a/∂μ */
    double d_variance[GP_BATCH];
};

/* The front of one draw: strips of the first output, from[i] … from[i+1] (the last is open), above level[i]. */
struct front {
    size_t n;
    double *from, *level;
};

struct acquisition {
    size_t d, S, n_outputs, n_bounds;
    enum acquisition_form form;
    size_t objective[2]; /* hypervolume: the outputs */
    int joint;           /* index of the bound that is integrated jointly with the utility; −1: none */
    double node[NODES], log_weight[NODES]; /* on [0, REACH] */
    struct output output[OUTPUTS_MAX];
    struct acquisition_bound bound[BOUNDS_MAX];
    double *best;        /* S + 1: U*_s, the last of the mean draw; −HUGE_VAL: nothing feasible */
    struct front *front; /* S + 1 */
    double *value;       /* S: workspace */
    struct slope *slope; /* S × n_outputs: workspace */
};

struct moment {
    double mean, variance;
};

struct slope {
    double mean, variance; /* ∂value/∂mean, ∂value/∂variance */
};

/* The width of the joint integral, in deviations of the bounded output. */
#define ACQUISITION_REACH 12.0

/* Value of draw s (n_draws: their mean) at a point where output g has the moments m[g]. d: n_outputs, zeroed, receives
 * the slopes; may be NULL. */
double acquisition_draw_value(const struct acquisition *a, size_t s, const struct moment *m, struct slope *d);

#endif
