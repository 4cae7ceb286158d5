/* mixture: bets on effects around the one that is looked for: one of them is about right, and the sum of all loses
 * little to it. Half-normal on a logarithmic grid. */
#ifndef TUNER_ROLLOUT_MIXTURE_H
#define TUNER_ROLLOUT_MIXTURE_H

#include <stddef.h>

enum { MIXTURE_BETS = 12 };

struct mixture {
    double size[MIXTURE_BETS];       /* of the effect that is bet on, as a multiple of the one that is looked for */
    double log_weight[MIXTURE_BETS]; /* the weights' sum is 1 */
};

struct mixture mixture_make(void);
/* The bet that grows fastest if the score's mean is `effect` and its variance `variance`. */
double mixture_bet(double effect, double variance);

#endif
