/* transfer: what earlier studies know, for the first trials of this one.
 *
 * A rank-weighted ensemble [Feurer et al. 2018, RGPE]: of each earlier study a member, made from a GP on its utilities,
 * and this study's own model, each weighted by how often it ranks this study's trials best among all, over draws of
 * their predictions by leave-one-out. An earlier study that ranks worse than the 95th percentile of our own model is
 * dropped.
 *
 * Where the world has changed somewhat since, the earlier study's GP f is wrong in a way that is easier to learn than
 * all of it: from TRANSFER_CORRECT_FROM trials on the member is not f but a f + b + δ, with a and b by least squares
 * and a GP δ on what is left [Kennedy & O'Hagan 2000; stacking, Golovin et al. 2017]. Where a is not above 0 it is
 * dropped.
 *
 * The ensemble is a sum of independent GPs, so it enters the acquisition as further outputs. Off from 50 trials on.
 */
#ifndef TUNER_SEARCH_TRANSFER_H
#define TUNER_SEARCH_TRANSFER_H

#include "tuner/search/encode.h"
#include "tuner/search/observations.h"

enum { TRANSFER_STUDIES_MAX = 5, TRANSFER_POINTS_MAX = 100, TRANSFER_UNTIL = 50, TRANSFER_CORRECT_FROM = 5 };

struct transfer {
    size_t n;
    struct gp *gp[TRANSFER_STUDIES_MAX];
    double sd[TRANSFER_STUDIES_MAX];    /* of its utilities */
    double *best[TRANSFER_STUDIES_MAX]; /* its best configuration */
    const char *name[TRANSFER_STUDIES_MAX];
    struct gp *correction[TRANSFER_STUDIES_MAX]; /* δ, of the target's trials so far; NULL: none */
    double slope[TRANSFER_STUDIES_MAX], offset[TRANSFER_STUDIES_MAX]; /* a, b; slope 0: it teaches nothing */
};

/* What the target's own model says of its trials: n × 2, mean and variance of the utility by leave-one-out. */
struct transfer_target {
    size_t n, d;
    const double *points;        /* n × d */
    const struct dimension *dim; /* d */
    const double *utility;       /* n, as measured */
    const double *mean, *variance;
};

/* An earlier study of which no GP can be made is left out. */
void transfer_make(struct transfer *t, const struct search_prior *prior, size_t n, const struct encoding *e,
                   uint64_t seed);
void transfer_done(struct transfer *t);

/* Makes the members anew from the target's trials. Of fewer than TRANSFER_CORRECT_FROM it is f, in their spread. */
void transfer_correct(struct transfer *t, const struct transfer_target *target, uint64_t seed);

/* Of the target's own model and of each earlier study's member; they sum to 1. */
struct transfer_weights {
    double own, earlier[TRANSFER_STUDIES_MAX];
};
void transfer_weigh(const struct transfer *t, const struct transfer_target *target, uint64_t seed,
                    struct transfer_weights *ret);

#endif
