/* cached_gp: one metric's Gaussian process, kept between suggestions and yet a pure function of its rows.
 *
 * Rows come in the order in which they were told. Hyperparameters are fitted, from cold starts, only at certain numbers
 * of rows (targets_fit_point: every row at first, then every sixteenth part, and at once after an outlier); later rows
 * are appended to the factor of the last fit. One that has been there all along and one that is new do the same
 * arithmetic in the same order, so a restart changes no bit.
 */
#ifndef TUNER_SEARCH_CACHED_GP_H
#define TUNER_SEARCH_CACHED_GP_H

#include "tuner/search/targets.h"

#include "surrogate/surrogate.h"

struct cached_gp {
    struct gp *gp; /* NULL: nothing learnt yet */
    size_t n_fit, n, d;
    bool warped;       /* it sees y with its bad half replaced */
    double *x, *noise; /* the rows the gp has, to see whether it still fits */
};

/* `warped`: the goal, if the bad half is to be replaced (targets_warp) unless y is noisy for sure, which is fitted
 * twice then; NULL: the GP sees y as it is.
 */
enum status cached_gp_update(struct cached_gp *c, const struct targets *rows, const struct dimension *dim,
                             const enum goal *warped, uint64_t seed, struct error *err);
void cached_gp_done(struct cached_gp *c);

#endif
