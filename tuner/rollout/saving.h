/* saving: do the challenger's units spend fewer tokens? Two questions, of which a promotion needs both.
 *
 *   typical   on the logarithmic scale, clipped between two marks: "a typical request costs x % less" (the ratio of
 *             geometric means). Finds a saving soonest, whatever the tails, and says nothing of the bill.
 *   bill      the ratio r of means of min(tokens, cap): "mean tokens, a request above the cap counted as the cap". With
 *             cap = max_tokens the true mean. Of the mean of something unbounded nothing can be said with a guarantee
 *             [Bahadur & Savage 1956].
 *
 * A challenger whose median is lower and whose tail is longer saves on the first scale and costs on the second.
 */
#ifndef TUNER_ROLLOUT_SAVING_H
#define TUNER_ROLLOUT_SAVING_H

#include "tuner/rollout/sequence.h"

/* In tokens, 1 ≤ low < high, cap > 0; fixed before the experiment. */
struct saving_marks {
    double low, high, cap;
};

/* Of the champion's history, n counts of tokens, which are sorted: low and high are the 1 % and 99.5 % quantiles of
 * those of at least 1 token (so that empty answers do not stretch the scale), cap `max_tokens` or, if that is 0, the 99
 * % quantile of all. False: negative, infinite or NaN, or fewer than two different ones; nothing else is changed. */
bool saving_learn(double *tokens, size_t n, double max_tokens, struct saving_marks *ret);

/* Outcomes for tally_level: where the tokens lie between the marks on the logarithmic scale; tokens/cap. NaN: of tokens
 * that are negative, infinite or NaN. */
double saving_typical(const struct saving_marks *m, double tokens);
double saving_billed(const struct saving_marks *m, double tokens);
/* Of a difference of the first: −0.1 is a tenth less. */
double saving_ratio(const struct saving_marks *m, double difference);
/* … and the difference of a ratio: what sequence_plan's effect is for a saving of `ratio` < 0. */
double saving_difference(const struct saving_marks *m, double ratio);

/* Of the bill's tallies: evidence (log E) against "mean challenger ≥ r · mean champion" (below) or "≤" (above), r > 0;
 * `effect`: the relative saving that is to be found, > 0. A function of the counts; a verdict at log(2/alpha). */
double saving_evidence(const struct tally *steps, size_t n, enum side side, double r, double effect);
/* From the first to the last r against which neither side has spoken, within [1/64, 64]: covers the true ratio with
 * 1 − alpha, at all times together. */
struct sequence_interval saving_interval(const struct tally *steps, size_t n, double effect, double alpha);

#endif
