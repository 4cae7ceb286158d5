/* detector: has a stream begun to run worse (drift)?
 *
 * Shiryaev-Roberts e-detector: it bets on every size of fall of the mean that matters, and begins anew with each
 * outcome: R ← (R + 1)·e(x). R − n is a martingale while the mean is the baseline, and falls short of one while it is
 * above, so that the mean number of outcomes to a false alarm (the average run length) is at least the limit itself
 * [Shin, Ramdas & Rinaldo, arXiv:2203.03532; Shiryaev 1963, Roberts 1966, Pollak 1985]. That holds for a baseline that
 * is known. One that was estimated keeps it on average only; with its careful end (detector_careful) it is kept for all
 * but 5 % of baselines, and a fall is found later: below ten thousand outcomes in the baseline three points cannot be
 * watched.
 *
 * Several streams (coordinates of a summary of the inputs, both directions): the mean of their R is watched, which is
 * evidence_sum less the logarithm of their number, with the same promise.
 */
#ifndef TUNER_ROLLOUT_DETECTOR_H
#define TUNER_ROLLOUT_DETECTOR_H

#include <stdbool.h>

enum { DETECTOR_FALLS = 10 };

struct detector {
    double baseline; /* the mean that is given, in (0, 1] */
    double variance; /* of an outcome, > 0: of exact match baseline (1 − baseline), of others less */
    double log_wealth[DETECTOR_FALLS]; /* of each size of fall; −INFINITY: no outcome yet */
};

/* False: NaN, or a baseline or variance outside of (0, 1] and [0, 1/4]; nothing is changed. */
bool detector_begin(struct detector *x, double baseline, double variance);
/* In [0, 1], larger is better: of tokens as a share of a cap 1 − that. False: not in there; nothing is changed. */
bool detector_see(struct detector *x, double outcome);
/* So many outcomes at once, of which `right` were 1 and the others 0: an evaluation on n items. A drift is taken to
 * have begun before them or after them. False: counts that cannot be. */
bool detector_see_counts(struct detector *x, double right, double n);
/* log R; an alarm at the logarithm of the average run length that was promised. */
double detector_statistic(const struct detector *x);

/* What all but 5 % of true means lie above, of n outcomes in [0, 1] with that mean and sample variance: of exact match
 * (variance = mean (1 − mean)) by Clopper and Pearson or, of many, Wilson; of others by the normal distribution. 0: of
 * no outcome. */
double detector_careful(double mean, double variance, double n);

#endif
