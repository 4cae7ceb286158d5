/* rerun: what a trial would measure on average if it were run again, beside what it has measured once: of many noisy
 * measurements the best flatters itself.
 *
 * By a model of all results (surface.h), so it is known without another run; a confirmation (confirm: in the study
 * file) knows it better. 90 % intervals are of that mean, nominally.
 */
#ifndef TUNER_ANALYSIS_RERUN_H
#define TUNER_ANALYSIS_RERUN_H

#include "tuner/analysis/comparison.h"
#include "tuner/analysis/surface.h"

/* {"trial", "metrics": {name: {"observed", "expected", "low", "high"}}, "utility": {…}, "feasible"}; outside of the
 * space only {"trial", "outside"}. The caller owns it. */
json_t *rerun_json(const struct surface *f, const struct trial *t);

/* "a re-run of trial 12 is expected to give em 0.6123 (0.6050 to 0.6190), tokens 1.20M (1.10M to 1.31M)": of what the
 * objective uses, in the arena. NULL: nothing is expected of it. */
const char *rerun_say(const struct surface *f, const struct trial *t, struct arena *arena);

/* Are there results enough, ten, and no more than 500, of which it would take a while? */
bool rerun_ready(const struct memory *s);

/* With a surface of its own, of a winner that was measured once. NULL: there is no such, or it is not ready. */
const char *rerun_of_best(const struct memory *s, const struct comparison *c, struct arena *arena);
/* The same into the JSON of the winner, as "rerun", null if it is not ready; of one that was confirmed nothing. */
void rerun_add(json_t *best, const struct memory *s, const struct comparison *c);

#endif
