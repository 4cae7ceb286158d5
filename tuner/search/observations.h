/* observations: what the search knows of trials, and what it says of one more. */
#ifndef TUNER_SEARCH_OBSERVATIONS_H
#define TUNER_SEARCH_OBSERVATIONS_H

#include "tuner/search/learning_curve.h"

#include "tuner/study/study.h"

enum search_outcome {
    SEARCH_PENDING,  /* queued or running */
    SEARCH_COMPLETE, /* has every metric the objective uses, measured or expected */
    SEARCH_STOPPED,  /* cut short: what it would have had is expected from its curve (partial.h) */
    SEARCH_FAILED,   /* failed or infeasible: the region is to be avoided */
};

/* A stage of a trial. */
struct search_stage {
    double cost; /* what it took to run: tokens, or milliseconds in a study that counts none; NaN: this trial did not */
    int64_t made; /* orders those that were run */
    bool kept;    /* a new trial that agrees in all that it follows from need not run it again */
};

struct search_trial {
    enum search_outcome outcome;
    const double *config;  /* space.n */
    const double *metrics; /* complete: n_metrics numbers, NaN where not reported */
    long told;             /* complete, failed: its place in the order of the results */
    const double *spread;  /* n_metrics: of a trial that was stopped, whose metrics are only expected, their standard
                              deviations on the model's scale (targets.h): a row as uncertain as that. NULL: measured */
    const struct learning_curve *curve; /* complete, stopped: what it has reported; NULL: it is not kept */
    bool poisonous;                     /* failed in a way that must not happen again: nothing near it is suggested */
    const struct search_stage *stage;   /* pipeline.n; NULL: there are no stages */
};

struct search_history {
    size_t n;
    const struct search_trial *trial;
    const double *baseline; /* n_metrics metrics of the baseline, or NULL while unknown */
    size_t n_poisonous;     /* how many of them are */
    double left;            /* tokens of the budget that no trial needs so far; infinite: there is no such budget */
    double spent;           /* of the budget, 0 … 1: of trials or of tokens, whichever is further */
};

/* The complete trials of an earlier study, inside this study's space (`warm_start`). */
struct search_prior {
    const char *name;
    size_t n;
    const double *config;  /* n × space.n */
    const double *utility; /* n, by this study's objective and, where it was measured there, its baseline */
    const char *note;      /* for people: what of it is learnt from, or why nothing; NULL: nobody has looked */
};

enum { SEARCH_PRIOR_LEAST = 3 }; /* trials; of fewer nothing is learnt */

/* What one more measurement of a metric would say, in the metric's own units: median and central interval. An end of
 * the interval is infinite where the model cannot tell (beyond the worst seen, of a metric modelled by ranks). */
struct prediction {
    double median, low, high;
};

#endif
