/* incumbent: what follows from results: the baseline that utilities are relative to, and the best trial so far.
 *
 * The baseline is the mean of its runs, so that each run of it changes every utility, and the best is found anew. Equal
 * utilities: the trial with the lower number.
 */
#ifndef TUNER_HISTORY_INCUMBENT_H
#define TUNER_HISTORY_INCUMBENT_H

struct history;
struct trial;

/* After a trial has completed. */
void incumbent_judge(struct history *s, const struct trial *t);

#endif
