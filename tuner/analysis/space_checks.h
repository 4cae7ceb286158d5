/* space_checks: does what is searched make a difference, and does the range end before the best does? The rules, and
 * how often each speaks of a study that is healthy, at one look; over all looks at a study of 60 trials it was measured
 * (tests/bench/README.md, "False alarms"):
 *
 * "parameters". Where complete trials differ in some parameters only, and measured the same to the last bit in all that
 * the objective uses, these seem to be ignored: from three such pairs on, over half the range at least, and if no pair
 * that differs in them alone measured anything else. That seeds are no reason has less than one chance in a hundred
 * (ranking_coincidence). Where every seed measures something else nothing can be seen so, and "effect" is all there is.
 *
 * "effect". The spread of the trials is at most twice that of a repetition on another seed, with 95 % confidence (F
 * test, for each metric of the utility): of studies whose spread is just twice the noise, in a single metric, one in
 * twenty is accused (of two metrics it was 0.3 %, 0.9 % at some look), of those with three times next to none. From ten
 * trials on. All the same, from five on: certain.
 *
 * "bounds". Three or more of the ten best lie within 2 % of an end of a range, and utility rises towards that end
 * whatever the other parameters do: its slope over the place of this one beside a parabola of each other, by least
 * squares, one in a hundred over all ends (t test; 2.7 % at some look). From twenty trials on. Ends that are natural
 * are none: 0, 1 of whole numbers, 1 of what goes from 0 to 1.
 */
#ifndef TUNER_ANALYSIS_SPACE_CHECKS_H
#define TUNER_ANALYSIS_SPACE_CHECKS_H

#include "tuner/analysis/checkup.h"
#include "tuner/analysis/finding.h"

struct finding space_check_parameters(const struct checkup *x);
struct finding space_check_effect(const struct checkup *x);
struct finding space_check_bounds(const struct checkup *x);

#endif
