/* pedigree: of a study with stages, which trial stands on what: the ancestries (ancestry.h) of many trials in one
 * document, in which what several stand on is said once.
 *
 *     {"study", "stages": [as in ancestry_json, …], "trials": [{"trial", "state", "stages", "cost", "charged", "share"}, …],
 *      "total", "next_before"}
 *
 * "stages" of a trial are places in the first list; cost, charged and share are tokens as in `nocturne lineage --json`.
 * Trials without a stage that is done are left out; total counts the others. By number.
 */
#ifndef TUNER_ANALYSIS_PEDIGREE_H
#define TUNER_ANALYSIS_PEDIGREE_H

#include "tuner/history/history.h"

/* The last `most` of those with a lower number than `before`; −1: of all. "next_before" is there if there are earlier
 * ones. The caller owns it. */
json_t *pedigree_json(const struct memory *s, long before, size_t most);

#endif
