/* comparison: what is ranked, as rows for people and machines, each with its verdict; what a candidate broke, and what
 * would let it through.
 *
 * Everything lies in the arena that was given, but for the study: it must live as long.
 */
#ifndef TUNER_ANALYSIS_COMPARISON_H
#define TUNER_ANALYSIS_COMPARISON_H

#include "tuner/analysis/verdict.h"

struct breach {             /* of a constraint */
    const char *constraint; /* as the study file has it */
    size_t metric;
    double bound, by;       /* in the metric's unit; by: beyond the bound, > 0 */
    const char *would_hold; /* the constraint, in the study file's words, that would let it through */
};

struct comparison_row { /* one configuration */
    long trial;
    const double *config; /* space.n */
    const double *mean;   /* n_metrics; NaN: not measured */
    const double *sd;     /* the same, over the seeds; NULL: fewer than two */
    double utility;       /* pareto: the knee's score; NaN: unknown, or not on the front */
    double searched; /* utility that its first measurement had, which is why it was confirmed; NaN: it is no such */
    bool feasible;
    size_t seeds;      /* fresh ones that confirmed it; 0: a single measurement */
    bool repeats;      /* each figure came out the same on another seed */
    const char *label; /* "baseline", a reference's name; NULL: a candidate */
    bool on_front;
    enum verdict_word verdict;
    size_t n_against;
    const struct verdict *against; /* beside the baseline and each reference */
    size_t n_breaches;
    const struct breach *breach;
    const char *caution;               /* why its confirmation should not be believed as it stands; NULL: it may */
    const struct trajectory *schedule; /* how its settings changed, from 0 on; NULL: they did not */
    const char *stages;                /* that led to it, as JSON (ancestry_json); NULL: it has none */
    bool winner, baseline;
};

/* The rows worth comparing: baseline, references, what was confirmed, front, winner; by trial. */
struct comparison {
    const struct study *study;
    size_t n;
    const struct comparison_row *row;
    const struct comparison_row *winner, *baseline; /* of the rows; NULL: there is none */
};

/* `o`: by which `all` was made. */
struct comparison comparison_make(const struct memory *s, const struct objective *o, const struct ranking *all,
                                  struct arena *arena);

/* Of rows that are there; finds those that are marked. */
struct comparison comparison_of(const struct study *study, size_t n, const struct comparison_row *row);

#endif
