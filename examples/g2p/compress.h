/* compress: takes hidden units out of a model, and makes small integers of its weights.
 *
 * Whole units go, not single weights: what is left is a smaller dense model, of which every loop is shorter. (Single
 * zeros would have to be skipped one by one, which costs more than the multiply-adds that it saves.) Those units go
 * that matter least, and what is left makes up for them (fit.h), as far as words are there to look at; without, the
 * smallest.
 *
 * Integers: one scale for each column, that is for each unit or class, so that a sum over rows is one of integers. */
#ifndef G2P_COMPRESS_H
#define G2P_COMPRESS_H

#include "model.h"

/* What becomes the largest integer: the largest weight of the column, one that a hundredth of them exceed, or what
 * makes the sum of squared errors smallest. */
enum calibration { CALIBRATION_MAX, CALIBRATION_PERCENTILE, CALIBRATION_MSE };

struct compression {
    int bits;        /* 32, 8 or 4 */
    double sparsity; /* share of the units of each layer that go */
    enum calibration calibration;
    const struct words *words; /* aligned ones; NULL: none to look at */
};

/* *m, a model of floats, becomes another one, with memory of its own. */
void compress(struct model *m, const struct compression *c);

#endif
