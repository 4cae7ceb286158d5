/* outlook: where trials stand on a rung, all by the same ladders, and what chance each has to end among the best.
 *
 * The baseline is taken for the mean of its runs: what its validation happens to be is that of the others, too, and it is
 * measured again before many hang on it (tuner/policy/confirm.h).
 *
 * A standing is the expected utility of a trial's result, its standard deviation and the probability that the
 * constraints hold, as they were to be told when it stood on that rung. For a single metric the utility is on the
 * ladder's scale.
 *
 *     chance = P(it satisfies the constraints) · P(its utility exceeds θ)
 *
 * θ is chosen so that the mean chance of all that came to this rung is the share that is asked for. So the chances are
 * right on the mean, whatever the rung tells: one that tells nothing gives everybody the same, one that tells all gives
 * 0 or 1.
 */
#ifndef TUNER_SEARCH_OUTLOOK_H
#define TUNER_SEARCH_OUTLOOK_H

#include "tuner/search/evidence.h"
#include "tuner/search/ladder.h"

struct outlook {
    const struct study *study;
    const struct evidence *evidence;
    struct ladder ladder[METRICS_MAX]; /* of the metrics that the objective uses */
};

/* Not for a Pareto objective. The evidence must outlive it. */
void outlook_make(const struct study *study, const struct evidence *evidence, struct outlook *ret);

struct outlook_chance {
    double own, mean; /* of this trial; of all that came to the rung */
    double theta;     /* the utility to exceed */
    size_t n;         /* trials that came to the rung, this one among them */
};

/* Of the running trial on rung `rung` (report 2^rung), to be among the best `share`; false: it cannot be told. */
bool outlook_look(const struct outlook *x, const struct running *running, size_t rung, double share,
                  struct outlook_chance *ret);

/* Of all trials of the evidence, to be among the best `share` of those that came to the rung, as the mean chance's
 * multiple; NaN: it did not come so far, or it cannot be told. */
void outlook_compare(const struct outlook *x, size_t rung, double share, double *ret);

#endif
