/* feasibility: the probability that the bounds of an acquisition hold, as every acquisition has it as a factor.
 *
 *     log P = Σ_c log Φ(t_c),   t_c = ±(μ_c − bound_c)/√v_c,   + for at least, − for at most      [Gardner 2014]
 *
 * The bounds count as independent of each other; log Φ is finite for any t.
 */
#ifndef SURROGATE_FEASIBILITY_H
#define SURROGATE_FEASIBILITY_H

#include "surrogate/acquisition.h"

/* t of one bound. */
double feasibility_z(const struct acquisition_bound *b, const struct moment *m);

/* log P of all bounds but that with the index `but` (−1: of all); its slopes are added to d (n_outputs), which may be
 * NULL. */
double feasibility_log(const struct acquisition *a, const struct moment *m, int but, struct slope *d);

/* Does base point i satisfy all bounds in draw s? f: draws of each output, n_base × S. */
bool feasibility_in_draw(const struct acquisition *a, gsl_matrix *const *f, size_t i, size_t s);

#endif
