/* comparison: what is ranked, as rows for people and machines, each with its verdict; what a candidate broke, and what
 * would let it through. */
#ifndef TUNER_ANALYSIS_COMPARISON_H
#define TUNER_ANALYSIS_COMPARISON_H

#include "tuner/analysis/ranking.h"

/* {"trial", "params", "metrics" (means), "sd", "utility", "feasible", "confirmed_seeds", "repeats", "label", "front",
 *  "verdict": one of verdict_name, "against": [{"reference", "trial", "verdict", "metrics": {NAME: {"difference" or
 *  "ratio", "low", "high", "margin"}}}], "breaks": [{"constraint", "metric", "bound", "by", "would_hold"}]}; the caller
 * owns it. `o`: by which `all` was made. */
json_t *comparison_row(const struct memory *s, const struct objective *o, const struct ranking *all,
                       const struct ranked *x);

/* The rows worth comparing: baseline, references, what was confirmed, front, winner: an array of the above, with
 * "baseline" and "winner". */
json_t *comparison_rows(const struct memory *s, const struct objective *o, const struct ranking *all);

/* {NAME: weight} of a weights objective, without zeros; the caller owns it. */
json_t *comparison_weights(const struct objective *o);

#endif
