/* plan: what the rest of a study will need, by simulation from the trials it has.
 *
 * Up to eight ended trials, tokens and time of one are taken for log-normal with unknown mean and spread: a scaled
 * inverse χ² prior on the variance (3 degrees of freedom around a factor of e^½) and a flat one on the mean, so that
 * one trial gives a wide interval and seven a narrower one. From more, they are drawn from what the ended ones took,
 * those that were stopped early among them, in each night from another resample [Efron 1979]. Each of up to 2,000
 * simulated nights first ends the trials that run now, each longer than it has run so far, then runs the others and the
 * confirmation on the slots in order. The search itself makes trials cheaper or dearer as it learns; that is not
 * simulated.
 */
#ifndef TUNER_ANALYSIS_PLAN_H
#define TUNER_ANALYSIS_PLAN_H

#include "tuner/history/history.h"

struct plan_interval { /* 90 %; NaN: nothing is known */
    double low, median, high;
};

enum { PLAN_RISKS_MAX = 8 };

struct plan {
    size_t known;                     /* complete trials that the forecast is made from */
    size_t searches, confirms;        /* trials still to run; searches 0: until the deadline */
    size_t running, running_confirms; /* of those: that run now */
    size_t slots;
    struct plan_interval tokens, ms, cost;
    struct plan_interval trials; /* of a study that only a deadline ends: how many */
    double on_time;              /* probability that all of it ends before the deadline; NaN: no deadline, or unknown */
    int64_t left_ms;             /* until the deadline; INT64_MAX: none */
    char spent[300];             /* that its budget of trials is used up, as a run would say it; "": it is not */
    char lapsed[400];            /* that limits of the last run's command line no longer count; "": none do */
    size_t n_risks;
    char risk[PLAN_RISKS_MAX][400];
};

/* `processors` of this machine, for the risk of too many slots. */
void plan_make(const struct memory *s, long processors, struct plan *ret);

#endif
