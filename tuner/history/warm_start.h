/* warm_start: what the studies that a study file names under `warm_start` know, read from the same database. */
#ifndef TUNER_HISTORY_WARM_START_H
#define TUNER_HISTORY_WARM_START_H

#include "tuner/history/memory.h"

/* Fills history->prior, for whoever will search. STATUS_NOT_FOUND names a study that is not there. */
enum status warm_start_load(struct history *s, struct error *err);

#endif
