/* exposure: how many units an experiment needs, and whether those that it may have can decide it at all. */
#ifndef TUNER_ROLLOUT_EXPOSURE_H
#define TUNER_ROLLOUT_EXPOSURE_H

#include <stdbool.h>

/* Units of both arms that a test of fixed size needs to find `effect` with 80 % power at 5 % (both sides):
 * (1.96 + 0.84)² V/effect², V = variance/(share (1 − share)). */
double exposure_fixed(double variance, double share, double effect);
/* … that the sequence needs for the same: three tenths more, so that one may look. To be planned with. */
double exposure_needed(double variance, double share, double effect);
/* Can Σ 1/V of the units it may have decide it, even at a fixed size? False: refuse. */
bool exposure_can_decide(double information, double effect);

#endif
