/* result_checks: can what was measured be trusted, and is more to be had? The rules, and how often each speaks of a
 * study that is healthy, at one look; over all looks at a study of 60 trials it was measured (tests/bench/README.md,
 * "False alarms"):
 *
 * "baseline". Two of its runs differ by more than a constraint on it speaks of (at least half a point of a proportion):
 * its deviation between seeds is that large with 99 % confidence (χ²), so one look in a hundred at a study whose noise
 * is just so large (3.2 % at some look). Wrong: fresh seeds contradict its first run beyond noise (caution.h, once in a
 * thousand).
 *
 * "metrics". One that the study declares is missing; or one that the objective uses is the same in all of ten trials
 * while others move; or in nine of ten curves it ends on the wrong side of where it began, and if that were as likely
 * as not it would happen once in a hundred studies (sign test, over all metrics).
 *
 * "constraints". Fewer than a tenth of the trials satisfy it, and of all that the search might try surely fewer than a
 * quarter (exact binomial, 97.5 % one-sided; 4.8 % of studies with just a quarter, at some look).
 *
 * "best". Of ten trials or more, the best of a metric lies further from the second than three deviations of all others,
 * and so far from their mean as that of a normal sample does at most once in a thousand studies [Grubbs 1950]: of ten
 * seven deviations, of thirty five. That is at one look: 1.0 in a thousand of 10 trials, 0.9 of 20, 0.1 of 100. Of
 * any other sample it is at least a thing to look at.
 *
 * "stops". More than one audited stop in twenty was wrong, and if one in a hundred were, so many would be in less than
 * one study in twenty (4.5 % at some look).
 *
 * "gain". What the model expected of each of its last ten suggestions beyond the best, which all of them knew, times
 * those that are left, is below the deviation of one measurement of the best on another seed. With weights or an
 * exchange only: of others the model's scale is not that of the utility. An expectation, on the safe side: what is
 * expected falls as the search goes on.
 *
 * "model". What all other trials say of each explains less than a tenth of a metric's spread (leave-one-out R² < 0.1):
 * from twenty complete trials on, and up to 500, of a study that nobody is at, so that no run waits for it. Where half
 * of a metric's variance is noise and two parameters make the rest it speaks of 6.2 % of studies of 40 trials.
 *
 * "numerics". More than one suggestion in twenty was made at random because no model could be asked; healthy studies
 * have none.
 */
#ifndef TUNER_ANALYSIS_RESULT_CHECKS_H
#define TUNER_ANALYSIS_RESULT_CHECKS_H

#include "tuner/analysis/checkup.h"
#include "tuner/analysis/finding.h"

struct finding result_check_baseline(const struct checkup *x);
struct finding result_check_metrics(const struct checkup *x);
struct finding result_check_constraints(const struct checkup *x);
struct finding result_check_best(const struct checkup *x);
struct finding result_check_stops(const struct checkup *x);
struct finding result_check_gain(const struct checkup *x);
struct finding result_check_model(const struct checkup *x);
struct finding result_check_numerics(const struct checkup *x);

#endif
