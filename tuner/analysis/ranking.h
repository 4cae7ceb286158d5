/* ranking: how the configurations of a study compare, and who has won.
 *
 * What is ranked is a configuration with what was measured of it: the means over its confirmation seeds if it was
 * confirmed, else its single trial. Utilities are relative to what was measured of the baseline. If anything but the
 * baseline was confirmed, only confirmed configurations can win: selection on one noisy trial flatters.
 */
#ifndef TUNER_ANALYSIS_RANKING_H
#define TUNER_ANALYSIS_RANKING_H

#include "tuner/history/history.h"

struct ranked {
    const struct trial *trial; /* baseline, reference, search or enqueued; complete */
    const char *label;         /* "baseline", the reference's name, or NULL */
    size_t confirmed;          /* number of confirmation seeds; 0: `mean` is the trial itself */
    size_t failed;             /* fresh seeds on which it failed, */
    long first_failed;         /* … and the trial of the first of them */
    bool repeats; /* it is confirmed, and each figure was the trial's own again: seeds make no difference */
    double mean[METRICS_MAX], sd[METRICS_MAX]; /* sd: 0 for fewer than two seeds */
    double utility; /* pareto: the score by which the front's knee is named (front.h); NaN: not on it */
    bool feasible;
    bool on_front; /* pareto: feasible, and no other dominates it */
};

struct ranking {
    size_t n;
    struct ranked *all;            /* by trial number */
    const struct ranked *baseline; /* may be NULL */
    const struct ranked *winner;   /* may be NULL: nothing feasible is complete. May be the baseline. */
    size_t n_fresh;
    const struct trial **fresh; /* complete confirmations, by number */
};

/* In the arena. `objective` is the study's own, however it is written, or another one over its metrics: then
 * unconfirmed configurations may win as well (what was not searched for has no confirmed winner). */
struct ranking ranking_make(const struct memory *s, const struct objective *objective, struct arena *arena);

/* The best trial so far on its own single measurement, for progress; NULL if none is feasible. */
const struct trial *ranking_incumbent(const struct memory *s, double *ret_utility);

/* By how much the tightest of its constraints holds, in units of its metric; infinity: there is none. `baseline` may be
 * NULL. */
double ranking_slack(const struct objective *o, const double *value, const double *baseline);

/* The chance that a trial would measure all the same again if its seed mattered, about: of a proportion of n items that
 * two binomial draws are equal, n being `of`, else a fifth of what its digits allow; of a number of d digits 10^(1 −
 * d), at least. The least of the metrics. */
double ranking_coincidence(const struct objective *o, const struct trial *t);
/* Repetitions whose product of these is below convince. */
#define RANKING_CONVINCED 0.01

/* Did a trial and its confirmation, both complete, measure the same, to the last bit? */
bool ranking_is_repeated(const struct trial *t, const struct trial *again, size_t n_metrics);

#endif
