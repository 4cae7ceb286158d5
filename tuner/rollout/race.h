/* race: a challenger and a champion on the same finite set of questions, one after the other in random order, until it
 * is sure which of them answers more (how the best of a study are re-evaluated).
 *
 * Sampling without replacement: what is still to come has a known mean if the hypothesis is true. The champion's
 * answers are known for all questions; the challenger's are regressed on them, so that pairs are never worse than no
 * pairs. Of all challengers that are truly not worse on this set at most a share `alpha` is dropped [Waudby-Smith &
 * Ramdas 2020, arXiv:2006.04347]. Saves 55 % of the questions at a correlation of 0.5, 70 % at 0.9; the hardest, two
 * that are the same, 20 %.
 */
#ifndef TUNER_ROLLOUT_RACE_H
#define TUNER_ROLLOUT_RACE_H

#include <stdbool.h>
#include <stddef.h>

enum { RACE_BETS = 6 };

struct race_plan {
    size_t questions; /* n ≥ 1 */
    double champion;  /* the champion's mean on all of them */
    double margin;    /* of the mean, ≥ 0: worse by no more than this is not worse */
    double alpha;     /* of each wrong word; 0.15 keeps the measured one below 5 % */
};

enum race_word { RACE_OPEN, RACE_WORSE, RACE_NOT_WORSE };

struct race {
    struct race_plan plan;
    size_t asked;
    double sum, champion_sum;                           /* of the answers so far */
    double mean_x, mean_y, sxx, sxy, syy;               /* of the pairs so far, for the regression */
    double log_worse[RACE_BETS], log_better[RACE_BETS]; /* wealth of the bets */
    enum race_word word;                                /* once said it stays */
};

/* False: no question, or a mean, margin or alpha that is none; nothing is changed. */
bool race_begin(struct race *r, const struct race_plan *plan);
/* Answers in [0, 1] to the next question of the random order. Whoever is sure, or has asked all, has a word. Answers
 * that are NaN or outside, or come after the last question, change nothing. */
enum race_word race_see(struct race *r, double champion, double challenger);

#endif
