/* remark: what a person should know of a study before it runs or once a result is there: sentences, in the arena. */
#ifndef TUNER_ANALYSIS_REMARK_H
#define TUNER_ANALYSIS_REMARK_H

#include "tuner/history/history.h"

/* Its budget of trials is used up as it is opened, and how to get more. NULL: it is not, or the study is new. */
const char *remark_spent(const struct memory *s, struct arena *a);

/* What the last run's command line limited and this one's does not, and what counts now. NULL: nothing. */
const char *remark_lapsed(const struct memory *s, struct arena *a);

/* That what is live is run again in it, and nothing else: nobody wins. NULL: it is a search. */
const char *remark_watched(const struct memory *s);

/* All configurations of a finite space have been tried. NULL: there are others, or too many to count. */
const char *remark_exhausted(const struct memory *s, struct arena *a);

/* The best as measured, once, is not among what was confirmed: why, and how to measure it again. NULL: it is, nothing
 * was confirmed yet, or it is not at its end. */
const char *remark_unconfirmed(const struct memory *s, struct arena *a);

/* Metrics that the study declares and nobody needs, which the complete trial has not reported, with what it has
 * instead. NULL: none that is not in `said` yet, one bit a metric; those that are said now are added. */
const char *remark_lacking(const struct memory *s, const struct trial *t, uint32_t *said, struct arena *a);

#endif
