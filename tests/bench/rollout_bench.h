/* rollout_bench: what the simulations of the live side's statistics have in common. */
#ifndef TESTS_BENCH_ROLLOUT_BENCH_H
#define TESTS_BENCH_ROLLOUT_BENCH_H

#include "tuner/rollout/rollout.h"

#include "tuner/base/rng.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

enum { STEPS_MAX = 4 };

struct simulated {
    double at;    /* units until the verdict; 0: none */
    double spent; /* units until it or the end; NaN: does not count */
    int side;     /* of the verdict: enum side, or 0 and 1 */
    bool wrong;   /* it is not true */
};

struct simulation {
    const char *name;
    struct simulated (*run)(const struct simulation *, struct rng *);
    const void *of;   /* the scenario */
    double yardstick; /* units that a test of fixed size needs for 80 %; 0: none */
};

struct simulations {
    const struct simulation *all;
    size_t n;
};
struct simulations em_simulations(void);     /* tables 1a, 1b */
struct simulations tokens_simulations(void); /* 2a, 2b, 2c */
struct simulations watch_simulations(void);  /* 3, 4, 5 */
struct simulations many_simulations(void);   /* 6, 7 */
struct simulations duel_simulations(void);   /* re-evaluation on items */
struct simulations live_simulations(void);   /* as tuner/live has them */
struct simulations product_simulations(void); /* all of tuner/live, in memory */
struct simulations late_simulations(void); /* … and through the store */

/* No bet on the step is larger. */
static inline double largest_bet(double effect, const struct tally *step)
{
    const struct mixture all = mixture_make();
    double largest = 0;
    for (int i = 0; i < MIXTURE_BETS; i++)
        largest = fmax(largest, mixture_bet(all.size[i] * effect, tally_score_variance(step)));
    return largest;
}

/* Looks at a sequence after each block, but where no look can find anything: log E grows by no more than the largest
 * bet wins with what came. */
struct looker {
    double most;    /* log E of the bets is no more by now */
    double largest; /* largest_bet of the step */
};

static inline void has_seen(struct looker *l, const struct tally *block, double target)
{
    struct scores x;
    scores_of(block, &x);
    for (size_t i = 0; i < x.n; i++) l->most += x.units[i] * log1p(l->largest * fabs(x.z[i] - target));
}

/* A verdict? *ret_side. Exact: sequence_evidence is asked whenever the limit could be there. */
static inline bool look(struct looker *l, const struct sequence *s, const struct tally *steps, size_t n, int *ret_side)
{
    bool hybrid = s->plan.information > 0;
    double limit = sequence_limit(&s->plan), most = -INFINITY, hedge = -INFINITY;
    for (int side = 0; side < SIDES && hybrid; side++) hedge = fmax(hedge, s->hedge[side].log_wealth[HEDGE_POINTS / 2]);
    if (fmax(l->most, hedge) < limit) return false; /* what lies between the two is less */
    if (hybrid && evidence_sum((const double[]){l->most, M_LN2 + hedge}, 2) - log(3) < limit) return false;
    for (int side = 0; side < SIDES; side++) {
        double e = sequence_evidence(s, steps, n, (enum side)side, s->plan.target[side]);
        *ret_side = side;
        if (e >= limit) return true;
        most = fmax(most, e);
    }
    l->most = most + (hybrid ? log(3) : 0); /* the bet is no more than all of what it is a third of */
    return false;
}

#endif
