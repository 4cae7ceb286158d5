/* gp: what the rest of this folder sees of a Gaussian process. */
#ifndef SURROGATE_GP_H
#define SURROGATE_GP_H

#include "surrogate/kernel.h"

/* f ~ GP(0, k) on y standardised by (shift, scale). A conditioned GP (gp_condition) has the base points appended to
 * its rows and one column of A per draw. */
struct gp {
    size_t n, S;
    double shift, scale; /* y = shift + scale · standardised y */
    struct gp_hyper hyper;
    struct kernel kernel;
    gsl_matrix *X; /* n × d */
    gsl_matrix *L; /* n × n, lower; K + noise = LLᵀ */
    gsl_matrix *W; /* n × S; L⁻¹ y */
    gsl_matrix *A; /* n × S; (K + noise)⁻¹ y */
};

/* One prediction and what its gradient needs. The vectors are the caller's workspace: n, n, S. */
struct gp_query {
    gsl_vector *k, *v; /* covariances with the rows; L⁻¹k */
    gsl_vector *mean;  /* S, units of y */
    double variance;   /* units of y² */
};

struct gp_query gp_query_alloc(const struct gp *gp);
void gp_query_done(struct gp_query *q);

void gp_ask(const struct gp *gp, const double *point, struct gp_query *q);

/* grad += Σ_s a_s ∂mean_s/∂x + b ∂variance/∂x, after gp_ask at the same point; q->v is overwritten. */
void gp_add_gradient(const struct gp *gp, const double *point, struct gp_query *q, const gsl_vector *a, double b,
                     double *grad);

/* Adds m noise-free observations per draw: the posterior's own samples at the base points, made from the standard
 * normals `eps` (m × S). `ret_f` (m × S, may be NULL) receives the samples in units of y. */
enum status gp_condition(const struct gp *gp, const gsl_matrix *base, const gsl_matrix *eps, gsl_matrix *ret_f,
                         struct gp **ret, struct error *err);

/* Standardised copy of the data and the empty shell; fit.c and gp.c only. */
struct gp_frame {
    gsl_matrix *X;
    gsl_vector *y, *noise; /* standardised */
    double shift, scale;
    struct kernel kernel; /* category flags and d set */
};

struct gp_frame gp_frame_make(const struct gp_data *data);
void gp_frame_done(struct gp_frame *f);

/* K + noise for given hyperparameters. */
void gp_frame_covariance(const struct gp_frame *f, const struct gp_hyper *h, struct kernel *ret_kernel, gsl_matrix *K);

#endif
