/* reproduction: a trial that was run again on fresh seeds, beside what had been measured of it before. */
#ifndef TUNER_ANALYSIS_REPRODUCTION_H
#define TUNER_ANALYSIS_REPRODUCTION_H

#include "tuner/history/history.h"

struct reproduced {         /* one metric */
    size_t before, now;     /* measurements */
    double mean_before, sd; /* sd: of those before; NaN: fewer than two */
    double mean_now;
    double low, high; /* where the mean of so many new ones lies, 95 of 100 times; NaN: nobody can say */
    bool by_model;    /* … by the surrogate, for there was one measurement */
    bool inside;      /* it does lie there */
};

/* Runs of it with numbers from `since` on are new. With two or more measurements before, the interval is Student's for
 * the difference of two means, s·t·√(1/n + 1/m); with one it is the surrogate's. ret: n_metrics; NaN where nothing was
 * measured. False: none of the new ones is complete. */
bool reproduction_of(struct history *h, const struct trial *t, long since, struct reproduced *ret);

#endif
