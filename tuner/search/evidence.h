/* evidence: what is known when a running trial is judged. */
#ifndef TUNER_SEARCH_EVIDENCE_H
#define TUNER_SEARCH_EVIDENCE_H

#include "tuner/search/learning_curve.h"

#include "tuner/study/study.h"

struct evidence_trial {
    long number;
    const double *config;               /* space.n */
    const struct learning_curve *curve; /* at least one point */
    const double *result;               /* n_metrics; complete trials; else NULL */
};

/* What is known when a trial is judged. */
struct evidence {
    size_t n; /* trials with a curve */
    const struct evidence_trial *trial;
    const double *baseline; /* n_metrics; the mean of its runs; NULL: unknown */
    size_t baseline_runs;
    double best_utility;    /* of the incumbent; −HUGE_VAL: none is feasible yet */
    double target;          /* the utility that makes a trial useful; −HUGE_VAL: none is feasible yet */
    size_t n_front;         /* pareto: the trials on the front */
    const double *front;    /* n_front × n_metrics */
};

struct running {
    long number;
    const double *config;
    const struct learning_curve *curve;
    const struct early_stopping *rule; /* how it ends by itself; NULL: nobody knows */
    long judged;                       /* reports in its curve when it was judged before */
};

/* Utility of a curve's report with this number (from 1), as reported; NaN: the curve has none, or not every metric. */
double evidence_utility(const struct evidence *e, const struct study *study, const struct learning_curve *c,
                        long report);

#endif
