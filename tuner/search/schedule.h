/* schedule: new settings for a member of a population while it trains.
 *
 * A Gaussian-process bandit that varies over time [PB2, Parker-Holder et al. 2020]: the rows are the intervals that
 * members have trained, the inputs the scheduled settings, the member's score before and the round, the target its gain
 * in score, standardised within the round and clipped at ±2. What is proposed maximises mean + κ · standard deviation,
 * κ = √(0.2 ln(0.4 n)). (PB2's kernel forgets by the round's distance; here the round is one more dimension of the
 * Matérn kernel, whose length-scale is learnt.)
 */
#ifndef TUNER_SEARCH_SCHEDULE_H
#define TUNER_SEARCH_SCHEDULE_H

#include "tuner/study/study.h"

#include <stdint.h>

struct interval {         /* one member, from one change to the next */
    const double *config; /* space.n */
    long round;
    double before, after; /* scores; before: NaN in round 0 */
};

struct intervals { /* what has been trained so far */
    const struct interval *interval;
    size_t n;
    long round; /* the one that begins */
};

/* Settings of a new member, number `index`. With a baseline: it itself, then others that differ from it in the
 * scheduled parameters only, by turns near it and anywhere; without: a Sobol point of the whole space. */
enum status schedule_begin(const struct study *study, uint64_t seed, size_t index, double *ret_config,
                           struct error *err);

/* What the intervals so far say of those of the round that begins. The study must outlive it. With fewer than four
 * intervals, or numerical trouble, it proposes at random, and says so. STATUS_INVALID: the space cannot be encoded. */
struct bandit;
enum status bandit_create(const struct study *study, const struct intervals *x, uint64_t seed, struct bandit **ret,
                          struct error *err);
void bandit_free(struct bandit *b);

/* `config` is changed in the scheduled parameters only; `before` is the member's score. `why`: for the log. */
void bandit_propose(const struct bandit *b, double before, uint64_t seed, double *config, char *why, size_t size);

#endif
