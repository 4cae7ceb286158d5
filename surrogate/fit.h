/* fit: the negative log posterior of the hyperparameters, open to its finite-difference test. */
#ifndef SURROGATE_FIT_H
#define SURROGATE_FIT_H

#include "surrogate/gp.h"

struct likelihood {
    const struct gp_frame *frame;
    gsl_matrix *K;              /* n × n workspace: covariance, then L, then K⁻¹ */
    gsl_matrix *value;          /* n × n, lower: covariances without noise */
    gsl_matrix *slope;          /* n × n, lower */
    gsl_vector *alpha, *weight; /* n */
    bool noisy;                 /* the prior of the noise is that of a y which is noise in good part */
};

void likelihood_init(struct likelihood *l, const struct gp_frame *frame);
void likelihood_done(struct likelihood *l);

/* Value and gradient (may be NULL) at θ (d + 2 numbers); `data` is a struct likelihood. The signature is NLopt's. */
double likelihood_value(unsigned n_theta, const double *theta, double *grad, void *data);

#endif
