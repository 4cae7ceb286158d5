/* beginning: how an attempt begins: its trial is leased to it, what its stage takes is looked at, its program is
 * started. */
#ifndef TUNER_COORDINATOR_BEGINNING_H
#define TUNER_COORDINATOR_BEGINNING_H

#include "tuner/coordinator/attempt.h"

/* The trial, or this stage of it (NULL: the whole), is leased to it, for `ttl_ms` (0: for ever). False: it could not
 * be; the run fails. */
bool attempt_promise(struct active_attempt *a, const struct trial *t, const struct stage_order *order, int64_t ttl_ms);
/* PROMISED or CHECKED: the program is started; or the trial goes back, and nothing is tried for a while. */
void attempt_start(struct active_attempt *a);
/* Before it RUNS: the trial is queued again, for it had not begun. */
void attempt_take_back(struct active_attempt *a);
/* A lease of an earlier process that lives on where it is. */
void attempt_adopt(struct active_attempt *a, const struct trial *t);

#endif
