/* watch_runs: which of a study's trials run, as who watches it wants to see them. */
#ifndef TUNER_REPORT_WATCH_RUNS_H
#define TUNER_REPORT_WATCH_RUNS_H

#include "tuner/history/history.h"

/* Those whose number or configuration has the filter in it, "": all; by number, in the arena. */
size_t watch_running(const struct memory *s, const char *filter, struct arena *a, const struct trial *const **ret);

#endif
