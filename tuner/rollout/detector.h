/* detector: has a stream begun to run worse (drift)?
 *
 * Shiryaev-Roberts e-detector: it bets on every size of fall of the mean that matters, and begins anew with each outcome:
 * R ← (R + 1)·e(x). R − n is a martingale while the mean is (at least) the baseline, so that the mean number of outcomes to
 * a false alarm (the average run length) is at least the limit itself [Shin, Ramdas & Rinaldo, arXiv:2203.03532; Shiryaev
 * 1963, Roberts 1966, Pollak 1985]. That holds for a baseline that is known; one that was estimated is right on average
 * only, and its careful end (detector_careful) for all but 5 % of baselines, later.
 */
#ifndef TUNER_ROLLOUT_DETECTOR_H
#define TUNER_ROLLOUT_DETECTOR_H

#include <stdbool.h>

enum { DETECTOR_FALLS = 10 };

struct detector {
    double baseline; /* the mean that is given, in (0, 1) */
    double variance; /* of an outcome: baseline (1 − baseline) of exact match, less of others; > 0 */
    double log_wealth[DETECTOR_FALLS]; /* of each size of fall; −INFINITY: no outcome yet */
};

void detector_begin(struct detector *x, double baseline, double variance);
/* In [0, 1], larger is better: of tokens as a share of a cap 1 − that. */
void detector_see(struct detector *x, double outcome);
/* log R; an alarm at the logarithm of the average run length that was promised. */
double detector_statistic(const struct detector *x);

/* What all but 5 % of baselines that are the mean of n outcomes with this variance lie above. */
double detector_careful(double mean, double variance, double n);

#endif
