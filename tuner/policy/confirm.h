/* confirm: re-runs the winners, the baseline and the references on fresh seeds.
 *
 * What is measured of the baseline decides what satisfies the constraints and what is stopped. So its confirmations are
 * run early where many trials are judged by it: the first before more than 8 are, the next before 24, 56, … Of those
 * that are stopped, or, where a constraint's bound is the baseline's, of all; then it also has its last ones before the
 * winners are chosen: one lucky run of it would pass over what is truly best.
 */
#ifndef TUNER_POLICY_CONFIRM_H
#define TUNER_POLICY_CONFIRM_H

#include "tuner/history/history.h"

struct confirm_choice {
    char text[480]; /* what is confirmed, by what it was chosen, and why not what measured best; a clause */
};

/* How many the next confirmation still runs: the baseline and the references need no second one. */
size_t confirm_due(const struct memory *s);

/* Adds confirmations of the baseline if they are due. `searched`: there will be no more suggestions; once its runs are
 * over, ask again: one comes before the others. How many trials are judged by it; 0: nothing was added. */
size_t confirm_baseline(struct history *s, bool searched);

enum confirm_step {
    CONFIRM_ROUND,   /* a round has been added */
    CONFIRM_SEEDS,   /* further seeds of what is being confirmed have been added */
    CONFIRM_WAITS,   /* what runs decides */
    CONFIRM_REPEATS, /* over: each figure of each configuration came out again, so further seeds say nothing */
    CONFIRM_OVER,    /* over */
};

/* Adds what is to be confirmed next. A round is the top `confirm: top` by the model's posterior mean (a single noisy
 * measurement flatters its winner); of these the first are what a person had tried and has measured no worse than all
 * that may win so far. Each is run on the same `confirm: seeds` fresh seeds, like the baseline and the references. All
 * have the first seed before any has the second: a program whose figures do not depend on the seed is confirmed once.
 * There is another round, up to three, if fresh seeds show every winner to break a constraint. *ret after
 * CONFIRM_ROUND: what was chosen; NULL: nobody asks. */
enum confirm_step confirm_step(struct history *s, struct confirm_choice *ret);

/* Adds n more runs of a trial, on seeds that no other has. */
void confirm_again(struct history *s, const struct trial *t, size_t n);

/* Something of the search has been confirmed, and nothing of it both satisfies the constraints and beats the baseline
 * on fresh seeds. */
bool confirm_contradicts(const struct memory *s);

/* Something has been confirmed, and all of it came out the same again: nothing is noisy. */
bool confirm_repeats(const struct memory *s);

#endif
