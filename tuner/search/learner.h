/* learner: one metric's Gaussian process, kept between suggestions and yet a pure function of its rows.
 *
 * Rows come in the order in which they were told. Hyperparameters are fitted, from cold starts, only at certain numbers
 * of rows (rows_fit_point: every row at first, then every sixteenth part, and at once after an outlier); later rows are
 * appended to the factor of the last fit. A learner that has been there all along and one that is new do the same
 * arithmetic in the same order, so a restart changes no bit.
 */
#ifndef TUNER_SEARCH_LEARNER_H
#define TUNER_SEARCH_LEARNER_H

#include "tuner/search/rows.h"

#include "surrogate/surrogate.h"

/* Replaces y by what the GP sees; ranks are of the rows given. NULL: nothing. */
typedef void warp_fn(double *y, size_t n, const void *data);

struct learner {
    struct gp *gp; /* NULL: nothing learnt yet */
    size_t n_fit, n, d;
    double *x, *noise; /* the rows the gp has, to see whether it still fits */
};

enum status learner_update(struct learner *l, const struct rows *rows, const struct dimension *dim, warp_fn *warp,
                           const void *warp_data, uint64_t seed, struct error *err);
void learner_done(struct learner *l);

#endif
