/* caution: why what was confirmed of one configuration should not be believed as it stands: a sentence. */
#ifndef TUNER_ANALYSIS_CAUTION_H
#define TUNER_ANALYSIS_CAUTION_H

#include "tuner/analysis/ranking.h"

/* In the arena; NULL: nothing speaks against it.
 *
 * Either it failed on fresh seeds, or they contradict its first measurement: with the deviation s of one measurement,
 * pooled over all that was confirmed (Σ(k − 1) degrees of freedom), |first − mean| / (s √(1 + 1/k)) lies beyond
 * what a t distribution has once in a thousand studies, the best of so many trials being as lucky as they allow
 * [Bonferroni]. Then more than the seed differs: the program, its data or its machine have changed meanwhile. */
const char *caution_of(const struct memory *s, const struct ranking *all, const struct ranked *x, struct arena *arena);

#endif
