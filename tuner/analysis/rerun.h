/* rerun: what a trial would measure on average if it were run again, beside what it has measured once: of many noisy
 * measurements the best flatters itself.
 *
 * By a model of all results (surface.h), so it is known without another run; a confirmation (confirm: in the study
 * file) knows it better. 90 % intervals are of that mean, nominally.
 */
#ifndef TUNER_ANALYSIS_RERUN_H
#define TUNER_ANALYSIS_RERUN_H

#include "tuner/analysis/surface.h"

/* {"trial", "metrics": {name: {"observed", "expected", "low", "high"}}, "utility": {…}, "feasible"}; outside of the
 * space only {"trial", "outside"}. The caller owns it. */
json_t *rerun_json(const struct surface *f, const struct trial *t);

/* "a re-run of trial 12 is expected to give em 0.6123 (0.6050 to 0.6190), tokens 1.20M (1.10M to 1.31M)": of what the
 * objective uses, in the arena. NULL: nothing is expected of it. */
const char *rerun_say(const struct surface *f, const struct trial *t, struct arena *arena);

/* The same with a surface of its own, *ret_json for the caller if it is not NULL. NULL, and *ret_json null: there are
 * fewer than ten results, or more than 500, of which it would take a while. */
const char *rerun_expected(const struct memory *s, const struct trial *t, struct arena *arena, json_t **ret_json);

#endif
