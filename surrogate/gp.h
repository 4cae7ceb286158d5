/* gp: what the rest of this folder sees of a Gaussian process. */
#ifndef SURROGATE_GP_H
#define SURROGATE_GP_H

#include "surrogate/kernel.h"

/* f ~ GP(0, k) on y standardised by (shift, scale). A conditioned GP (gp_condition) has the base points appended to
 * its rows and one column of A per draw, and in column S their mean. The matrices have a capacity for more rows. */
struct gp {
    size_t n, capacity, S;
    double shift, scale; /* y = shift + scale · standardised y */
    struct gp_hyper hyper;
    double nugget; /* what cholesky_factor had to add to the diagonal */
    struct kernel kernel;
    gsl_matrix *Xt; /* d × capacity */
    gsl_matrix *L;  /* capacity × capacity, lower; K + noise = LLᵀ */
    gsl_matrix *W;  /* capacity × (1 or S + 1); L⁻¹ y */
    gsl_matrix *A;  /* capacity × (1 or S + 1); (K + noise)⁻¹ y */
};

enum { GP_BATCH = 64 };

/* Predictions at up to GP_BATCH points, and what their gradients need. Workspace of one GP. */
struct gp_query {
    size_t n_points;
    const double *point;       /* n_points × d; the caller's */
    gsl_matrix *Kt;            /* GP_BATCH × capacity; covariances of each point with the rows */
    gsl_matrix *V;             /* capacity × GP_BATCH; L⁻¹K */
    gsl_matrix *slope;         /* GP_BATCH × capacity */
    gsl_matrix *mean;          /* GP_BATCH × columns of A; units of y */
    double variance[GP_BATCH]; /* units of y² */
};

void gp_query_init(struct gp_query *q, const struct gp *gp);
void gp_query_done(struct gp_query *q);

enum gp_wanted {
    GP_MOMENTS, /* every column's mean, and variances */
    GP_MEANS,   /* every column's mean; needs no triangular solve */
    GP_SCREEN,  /* the mean of the columns, and an upper bound of the variances: what the nearest row alone leaves */
};

/* `with_slope`: gp_query_gradient follows. */
void gp_query_ask(const struct gp *gp, const double *points, size_t n_points, enum gp_wanted wanted, bool with_slope,
                  struct gp_query *q);

/* grad_j += Σ_s a_js ∂mean_js/∂x + b_j ∂variance_j/∂x, after gp_query_ask of the same points; q->V is overwritten.
 * a: n_points × columns of A; grad: n_points × d. */
void gp_query_gradient(const struct gp *gp, struct gp_query *q, const gsl_matrix *a, const double *b, double *grad);

/* Standard normals for draws, antithetic in pairs. */
void gp_normals(gsl_matrix *eps, uint64_t seed, size_t stream);

struct gp_base {
    const double *point; /* m × d */
    size_t m;
    const gsl_matrix *eps; /* m × S standard normals */
};

/* Adds m noise-free observations per draw: the posterior's own samples at the base points. `ret_f` (m × S, may be NULL)
 * receives the samples in units of y. */
enum status gp_condition(const struct gp *gp, const struct gp_base *base, gsl_matrix *ret_f, struct gp **ret,
                         struct error *err);

/* Standardised copy of the data; fit.c and gp.c only. */
struct gp_frame {
    gsl_matrix *Xt;        /* d × n */
    gsl_vector *y, *noise; /* standardised */
    double shift, scale;
    struct kernel kernel; /* category flags and d set */
};

struct gp_frame gp_frame_make(const struct gp_data *data);
void gp_frame_done(struct gp_frame *f);
void gp_kernel(struct kernel *k, const struct gp_hyper *h);

/* Lower half of K + noise, and of the slopes (may be NULL): n × n. */
void gp_frame_covariance(const struct gp_frame *f, const struct kernel *kernel, double noise, gsl_matrix *K,
                         gsl_matrix *slope);

#endif
