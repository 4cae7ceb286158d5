/* warm_start: what the studies that a study file names under `warm_start` know, read from the same database. */
#ifndef TUNER_COORDINATOR_WARM_START_H
#define TUNER_COORDINATOR_WARM_START_H

#include "tuner/coordinator/session.h"

/* Fills session->prior, for whoever will search. STATUS_NOT_FOUND names a study that is not there. */
enum status warm_start_load(struct session *s, struct error *err);

#endif
