/* sequence: what the outcomes of two arms say of the difference of their means, right however often somebody looks.
 *
 * A unit that went to the challenger with the known probability π has the score
 *     Z = (Y − m)/π,       of the champion       Z = −(Y − m)/(1 − π)
 * whose mean is Δ = challenger − champion whatever the offset m, also while π is ramped up and the base rate moves
 * (AIPW; a pooled difference of means is not: Simpson's paradox). Against "Δ ≤ d" and "Δ ≥ d" stand e-processes:
 * products of bets 1 ± λ(Z − d), of which no amount of looking makes more than a share a of all that are wrong reach
 * 1/a [Ville 1939].
 *
 *   bet     a mixture over λ for effects around the one that is looked for; a function of counts, open-ended
 *           [Waudby-Smith & Ramdas 2024, JRSSB 86; Waudby-Smith, Wu, Ramdas, Karampatziakis, Mineiro, arXiv:2210.10768]
 *   hedge   replicates the O'Brien-Fleming test of a planned number of units: λ follows the wealth and what is left of
 *           the plan [Koning & van Meer, arXiv:2501.03982; Browne 1999]; right for any λ fixed before the outcome
 *   hybrid  a third of the stake on the bet, two on the hedge: decides as fast as the plan allows, and may go on beyond
 *           it; this is what is used
 *
 * What is refuted is "Δ ≤ d for every unit": if the difference itself changes, the interval is of what the units had in
 * common. All is in logarithms. Counts are folded in blocks: sequence_fold sets the hedge's λ before the block, so that
 * within it order does not matter, in an order that outcomes have no part in (of assignment, among the units whose
 * window has closed). With a plan a block is best one unit, which takes a microsecond; in blocks of an eightieth of
 * the plan it needs 4 % more. Pure; the caller owns the memory.
 *
 *     struct sequence s;
 *     struct sequence_plan plan = {.effect = 0.04, .target = {-0.01, 0}, .alpha = 0.05};
 *     plan.information = sequence_information(&steps[0], planned_units);
 *     sequence_begin(&s, &plan);
 *     sequence_fold(&s, &block);    as often as outcomes come
 *     tally_add(&steps[0], &block);
 *     bool not_worse = sequence_evidence(&s, steps, 1, SIDE_ABOVE, -0.01) >= sequence_limit(&plan);
 */
#ifndef TUNER_ROLLOUT_SEQUENCE_H
#define TUNER_ROLLOUT_SEQUENCE_H

#include "tuner/rollout/score.h"

enum { HEDGE_POINTS = 33 };

struct sequence_plan {
    double
        effect; /* the difference that is to be found, in (0, 1]; too small costs more than too large: 1 to 2 of it */
    double
        target[SIDES]; /* the d that matters on that side: −margin to prove "not worse" (above) and "worse" (below) */
    double alpha;      /* of both sides together, for example 0.05 */
    double information; /* Σ 1/V of the planned units (sequence_information); 0: no plan, the bet alone */
};

/* One side's hedge: its wealth against each d of a grid of 8 effects around the target, all by the λ for the target, so
 * that the smaller the claim the larger the evidence for it. Once it has what it needs for the target it bets no more.
 */
struct hedge {
    double log_wealth[HEDGE_POINTS];
};

struct sequence {
    struct sequence_plan plan;
    double information; /* of the units so far */
    struct hedge hedge[SIDES];
};

/* No unit yet. False: an effect, target or alpha that is none, or information below 0 or NaN; nothing is changed. */
bool sequence_begin(struct sequence *s, const struct sequence_plan *plan);

/* Of so many units of a step, of both arms. */
double sequence_information(const struct tally *step, double units);

/* A block of counts of one step, before or after it is added to the step's tally. */
void sequence_fold(struct sequence *s, const struct tally *block);

/* log of the e-process against the side's hypothesis at d; `steps`: all of them, n. The verdict is there when it is at
 * least sequence_limit. */
double sequence_evidence(const struct sequence *s, const struct tally *steps, size_t n, enum side side, double d);
double sequence_limit(const struct sequence_plan *plan); /* log(2/alpha) */

/* All d against which neither side has spoken: covers the true difference with 1 − alpha, at all times together. Within
 * [−1, 1]. The smallest bet is on an eighth of the effect: narrower than that it does not become. */
struct sequence_interval {
    double low, high;
};
struct sequence_interval sequence_interval(const struct sequence *s, const struct tally *steps, size_t n);

/* The estimate: the mean score of the steps, each weighted by its information; NaN: no unit yet. */
double sequence_difference(const struct tally *steps, size_t n);

#endif
