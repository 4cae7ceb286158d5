/* encode: configurations ↔ points of the surrogate.
 *
 *     u = (t(x) − t(lo − step/2)) / (t(hi + step/2) − t(lo − step/2)),  t = log on a log scale, step = 1 for int
 *
 * Integers up to 4096 values and ordinals are grids, categoricals and bools categories. A parameter that does not exist
 * lies at 0.5 (its first value, if categorical), and for each distinct condition one more category, 0 or 1, says
 * whether it holds: two configurations that differ in what exists are apart, and the kernel stays positive definite.
 */
#ifndef TUNER_SEARCH_ENCODE_H
#define TUNER_SEARCH_ENCODE_H

#include "tuner/study/study.h"

#include "surrogate/surrogate.h"

struct encoding {
    const struct space *space;
    size_t d; /* space->n, and one for each distinct condition */
    struct dimension *dim;
    const struct condition *condition[SPACE_PARAMS_MAX]; /* of dimension space->n + i */
    size_t group[SPACE_PARAMS_MAX];                      /* parameter → its condition's index; SIZE_MAX: none */
    double *neutral;                                     /* space->n: where a parameter lies that does not exist */
};

/* In the arena. STATUS_INVALID if parameters and conditions together are more than SURROGATE_DIMS_MAX. */
enum status encoding_make(const struct space *space, struct arena *arena, struct encoding *ret, struct error *err);

void encode(const struct encoding *e, const double *config, double *ret_point);

/* Floats come back with 6 significant digits, inside their range. */
void decode(const struct encoding *e, const double *point, double *ret_config);

/* Makes a point consistent: bits follow from the values, what does not exist becomes neutral. `data` is a struct
 * encoding; the signature is maximise_spec's. */
void encoding_settle(void *data, double *point, bool *movable);

#endif
