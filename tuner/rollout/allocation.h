/* allocation: how the next units are shared among the arms, so that the best is found soon.
 *
 * Top-two Thompson sampling [Russo 2020, Operations Research 68]: of draws from what is known of each arm (Beta
 * posteriors) half go to the best and half to the second, so that the two that are hard to tell apart are looked at.
 * Every arm has a floor, and the champion its own, without which it starves where something must be proven against it.
 * Shares that are recorded before the units are assigned leave every e-process what it is: they begin a new step.
 */
#ifndef TUNER_ROLLOUT_ALLOCATION_H
#define TUNER_ROLLOUT_ALLOCATION_H

#include "tuner/base/rng.h"

#include <stdbool.h>

enum { ALLOCATION_ARMS_MAX = 65, ALLOCATION_UNITS = 200 }; /* units that the shares are for; then they are made anew */

struct allocation_arm {
    double units, sum; /* of outcomes in [0, 1] so far; larger is better */
};

/* Arm 0 is the champion; n ≥ 2. `floor` of every challenger: 0.25/n looks; `champion`, of the champion: 0.25 where
 * proof is wanted. ret_shares: n, of sum 1. False: too many arms, floors of more than 1, a sum that cannot be; nothing
 * is changed. */
struct allocation_floors {
    double champion, challenger;
};
bool allocation_share(const struct allocation_arm *arms, size_t n, const struct allocation_floors *floors,
                      struct rng *r, double *ret_shares);

#endif
