/* sensitivity: which parameters make the difference in what a landscape says.
 *
 *     total  T_i = E[Var(f | all but i)] / Var(f)    what is left if everything but i is known
 *     alone  S_i = Var(E[f | i]) / Var(f)            what is gone if i is known [Sobol 2001]
 *
 * over configurations drawn evenly from the space (numbers on their scale, choices alike; a parameter that does not
 * exist says nothing, so one with a condition counts for as often as the condition holds). T_i − S_i is what a
 * parameter does together with others; Σ S_i ≤ 1 ≤ Σ T_i. Estimated by Jansen's formulas [1999] on a Sobol design, for
 * each of LANDSCAPE_DRAWS functions that the results leave possible: what the results do not tell is the spread of
 * these, and the rows of the design are drawn again for each of them, so that its error is in the intervals, too [Le
 * Gratiet 2014]. After landscape_vary the draws know, too, that the lengths of the model are not known.
 */
#ifndef TUNER_SEARCH_SENSITIVITY_H
#define TUNER_SEARCH_SENSITIVITY_H

#include "tuner/search/landscape.h"

/* Of one parameter, from 0 to 1: median over the draws, and central LANDSCAPE_COVERAGE; as wide as the mean of the
 * model says, if that is outside. NaN: nothing is known, or nothing varies. */
struct share {
    double middle, low, high;
};

struct sensitivity {
    struct share total, alone;
};

/* Of every metric and of the utility, (n_metrics + 1) × space.n, the utility last; `only`: of this one (n_metrics: the
 * utility), SIZE_MAX: of all. */
void sensitivity_of(const struct landscape *l, const struct study *study, size_t only, struct sensitivity *ret);

#endif
