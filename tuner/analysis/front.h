/* front: which of many configurations a pareto objective leaves to choose from, and which it names when one is asked
 * for.
 *
 * On the front is what no other dominates (of twins the older). Of these the knee is named: each metric is scaled from
 * 0 (the worst of the front) to 1 (the best; a count by its logarithm), and the greatest sum wins, the oldest among
 * equals. The ends of the front have 1; where giving a little of one metric buys much of the other, there is more [Das
 * 1999, normal boundary].
 */
#ifndef TUNER_ANALYSIS_FRONT_H
#define TUNER_ANALYSIS_FRONT_H

#include "tuner/study/study.h"

/* `value[i]`: n_metrics numbers of configuration i; `sure[i]`: they are means over seeds (NULL: none are): what was
 * measured once dominates no mean. ret_score[i]: NaN if it is not on the front, else its sum from 0 to 2, scaled over
 * the sure ones of the front if there are any. */
void front_score(const struct objective *o, size_t n, const double *const *value, const bool *sure, double *ret_score);

#endif
