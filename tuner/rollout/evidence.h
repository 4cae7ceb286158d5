/* evidence: e-values, as logarithms. An e-value is a number ≥ 0 whose mean is at most 1 if the hypothesis is true: that
 * it reaches 1/a, at whatever time, has a chance of at most a [Ville 1939]. Means of e-values are e-values. */
#ifndef TUNER_ROLLOUT_EVIDENCE_H
#define TUNER_ROLLOUT_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>

enum { EVIDENCE_MAX = 64 }; /* hypotheses at once; of more, or beside NaN, none is rejected */

/* log Σ exp(x), n ≥ 1; NaN if one is. */
double evidence_sum(const double *log_e, size_t n);

/* Several challengers against one champion: which hypotheses may be rejected so that the chance of any wrong one is at
 * most alpha, whatever they have in common: closed testing by averages [Vovk & Wang 2021, arXiv:1912.06116]: i is, if
 * the mean of it and the m smallest others is at least 1/alpha for every m. */
void evidence_closed(const double *log_e, size_t n, double alpha, bool *ret_rejected);

/* … so that among those that are listed the expected share of wrong ones is at most alpha: e-BH [Wang & Ramdas 2022,
 * arXiv:2009.02824]. */
void evidence_listed(const double *log_e, size_t n, double alpha, bool *ret_rejected);

#endif
