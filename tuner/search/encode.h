/* encode: configurations ↔ points of the surrogate.
 *
 *     u = (t(x) − t(lo − step/2)) / (t(hi + step/2) − t(lo − step/2)),  t = log on a log scale, step = 1 for int,
 *                                                                             0 for a float without steps
 *
 * Integers and stepped floats up to 4096 values and ordinals are grids, categoricals and bools categories. A parameter
 * that does not exist lies at 0.5 (its first value, if categorical). Two configurations that differ in what exists must
 * be apart: where a condition depends on more than categories (which are apart already; a bit beside them was worse,
 * tests/bench), one more category for each distinct condition, 0 or 1, says whether it holds. The kernel stays positive
 * definite.
 */
#ifndef TUNER_SEARCH_ENCODE_H
#define TUNER_SEARCH_ENCODE_H

#include "tuner/study/study.h"

#include "surrogate/surrogate.h"

struct encoding {
    const struct space *space;
    size_t d; /* space->n, and one for each bit */
    struct dimension *dim;
    const struct condition *condition[SPACE_PARAMS_MAX]; /* of dimension space->n + i */
    size_t bit[SPACE_PARAMS_MAX];                        /* parameter → index of its bit; SIZE_MAX: none */
    double *neutral;                                     /* space->n: where a parameter lies that does not exist */
};

/* In the arena. STATUS_INVALID if parameters and conditions together are more than SURROGATE_DIMS_MAX. */
enum status encoding_make(const struct space *space, struct arena *arena, struct encoding *ret, struct error *err);

void encode(const struct encoding *e, const double *config, double *ret_point);

/* Numbers come back as param_nearest has them. */
void decode(const struct encoding *e, const double *point, double *ret_config);

/* Squared distance of two points; categories are 0 or 1 apart. */
double encoding_distance(const struct encoding *e, const double *a, const double *b);

/* Has any parameter a condition? Do the same parameters exist at two points? */
bool encoding_is_conditional(const struct encoding *e);
bool encoding_same_branch(const struct encoding *e, const double *a, const double *b);

/* Makes a point consistent: bits follow from the values, what does not exist becomes neutral. `data` is a struct
 * encoding; the signature is maximise_spec's. */
void encoding_settle(void *data, double *point, bool *movable);

#endif
