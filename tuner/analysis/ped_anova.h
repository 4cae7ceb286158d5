/* ped_anova: how much each parameter has to do with being among the best, from the trials alone, without a model.
 *
 *     V_i = Σ_x (best(x)/all(x) − 1)² all(x)      PED-ANOVA [Watanabe, Bansal & Hutter 2023, IJCAI]
 *
 * over the values x of parameter i, on a grid of 50 where they are many; best(x) and all(x) are densities of the best
 * tenth (five trials at least) and of all (kernels with Scott's width; counts of choices; one part of an even density).
 * What a parameter that exists only sometimes says is weighted by how often it exists among the best and among all
 * [Kakimoto et al. 2026]. Shares of the sum over parameters. Intervals from BOOTSTRAP resamples of the trials, as wide
 * as the estimate itself if that is outside: with few trials they are wide, and so they should be.
 */
#ifndef TUNER_ANALYSIS_PED_ANOVA_H
#define TUNER_ANALYSIS_PED_ANOVA_H

#include "tuner/search/search.h"
#include "tuner/study/study.h"

#include "tuner/base/arena.h"

struct ped_trials {
    size_t n;
    const double **config; /* n pointers to space.n numbers */
    const double *good;    /* n: larger is better; what is not feasible −HUGE_VAL */
};

/* Of each parameter, space->n; NaN: nothing can be said (all are the same). A pure function of trials and seed. */
void ped_anova(const struct space *space, const struct ped_trials *trials, uint64_t seed, struct share *ret);

#endif
