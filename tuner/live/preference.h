/* preference: of several challengers, how the next units are shared so that the best is found soon (`prefer: finding`).
 *
 * Top-two Thompson sampling (tuner/rollout/allocation.h) of the champion and those that are left. What is better: the
 * mean, over the tracks that prove something, of the difference from the champion in units of the effect that is looked
 * for, so that an effect of exact match is worth as much as one of tokens; bills are left out, since they follow. The
 * difference is that of sequence.h: neither a ramp nor a base rate that moves makes an arm look better than it is.
 *
 * The ramp's step stays the most that challengers have together, and the champion has a quarter at least, without which
 * nothing could be proven against it. Pure.
 */
#ifndef TUNER_LIVE_PREFERENCE_H
#define TUNER_LIVE_PREFERENCE_H

#include "tuner/live/experiment.h"
#include "tuner/live/findings.h"

enum { PREFERENCE_WINDOWS = 4 }; /* that a period lasts at least: a unit whose window a change lies in is lost */

struct preferred {
    double weight[LIVE_CHALLENGERS_MAX]; /* of sum 1; 0 of one that is dropped */
    double part;                         /* of the challengers together */
};

/* Every ALLOCATION_UNITS scored units, of many a fifth of those that there were: there are then as many periods as the
 * logarithm of the units has room for, and what is known has changed enough. */
bool preference_is_due(const struct experiment *x, int64_t now_ms);
/* False: fewer than two are left. */
bool preference_weigh(const struct experiment *x, const struct findings *f, struct preferred *ret);

#endif
