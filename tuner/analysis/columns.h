/* columns: the trials of a study as columns, each of one type: a third of the bytes that rows take, and as fast to
 * read.
 *
 *     {"seq", "since", "trials", "states", "kinds", "parameters", "metrics",
 *      "columns": {"number": […], "state": […], …, "params": {name: […]}, "metrics": {name: […]}}}
 *
 * A state, or a kind (the role), is its place in the list. Times are milliseconds of the wall clock. null: there is
 * none (yet): a parameter that does not exist here, a metric of a trial that was neither complete nor pruned (of a
 * pruned one it is the last report's), a utility that cannot be told.
 */
#ifndef TUNER_ANALYSIS_COLUMNS_H
#define TUNER_ANALYSIS_COLUMNS_H

#include "tuner/history/history.h"

#include <stdio.h>

/* Those that have changed after the event `since`: all, if what utilities are relative to has changed, or if the study
 * has no such event yet; "since" in the answer is 0 then. */
void columns_write(FILE *out, const struct memory *s, int64_t since);

#endif
