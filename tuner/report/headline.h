/* headline: what the report says of a study first, as one text for who reads nothing else: a notice on a phone. The
 * sentences are those of morning_verdict.c, without their marks.
 *
 * Costs what a document costs: some passes over the trials. In the arena; holds what users wrote, on one line.
 */
#ifndef TUNER_REPORT_HEADLINE_H
#define TUNER_REPORT_HEADLINE_H

#include "tuner/history/history.h"

const char *headline_of(const struct memory *s, struct arena *a);

/* Of a trial that is the best so far: "trial 12 is the best so far: em 0.61, tokens 1.2M, utility +0.12". */
const char *headline_best(const struct memory *s, const struct trial *t, double utility, struct arena *a);

#endif
