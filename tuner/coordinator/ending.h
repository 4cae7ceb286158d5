/* ending: what the end of an attempt means for the run, and how a run is stopped, left or given up. */
#ifndef TUNER_COORDINATOR_ENDING_H
#define TUNER_COORDINATOR_ENDING_H

#include "tuner/history/history.h"

struct coordinator;

/* Nothing new starts; what runs may finish. */
void coordinator_drain(struct coordinator *c);
/* A person wants it to stop, perhaps not for the first time: it drains, then stops gently, then now. */
void coordinator_insist(struct coordinator *c);

/* The process ends: what runs here is ended, what runs elsewhere is not told. */
void coordinator_leave(struct coordinator *c);

/* An attempt is over; `crash`: why, if it crashed. `data`: the coordinator. */
void ending_of_attempt(void *data, const struct trial *t, const char *crash);

/* The first error: it is remembered, and what runs is killed. */
void ending_give_up(struct coordinator *c, enum status status, const struct error *err);
/* It cannot go on before somebody has mended something: no process that starts tries it again by itself. */
void ending_fail_study(struct coordinator *c, const struct error *err);
/* What runs elsewhere is not told: leases of agents and clients live on in the log. */
void ending_let_go_elsewhere(struct coordinator *c);

#endif
