/* raced: which metrics configurations are compared in when one of them may go early, and as what: those of the objective that
 * are proportions; others have no bound. */
#ifndef TUNER_LIVE_RACED_H
#define TUNER_LIVE_RACED_H

#include "tuner/study/study.h"

static inline bool raced(const struct objective *o, size_t metric)
{
    return o->metric[metric].kind == METRIC_PROPORTION && objective_uses(o, metric);
}

/* How many, at least 1: each has its part of the error. */
static inline double raced_count(const struct objective *o)
{
    size_t n = 0;
    for (size_t m = 0; m < o->n_metrics; m++) n += raced(o, m);
    return n ? (double)n : 1;
}

/* In [0, 1], larger is better. */
static inline double raced_answer(const struct objective *o, size_t metric, double value)
{
    return o->metric[metric].goal == GOAL_MINIMIZE ? 1 - value : value;
}

#endif
