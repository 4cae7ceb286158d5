/* loop: a coordinator on an event loop: its life, its turns and ticks, and the journal's writer behind it. */
#ifndef TUNER_COORDINATOR_LOOP_H
#define TUNER_COORDINATOR_LOOP_H

#include "tuner/coordinator/options.h"

#include <uv.h>

struct coordinator;

enum status coordinator_create(const struct coordinator_options *options, struct history *history, uv_loop_t *loop,
                               struct coordinator **ret, struct error *err);

void coordinator_free(struct coordinator *c);

enum status coordinator_start(struct coordinator *c, struct error *err);

/* By a person: nothing new starts until it is resumed, also after a restart; what runs goes on. */
void coordinator_pause(struct coordinator *c, bool paused);

/* Attempts that could run now if there were slots for them: for whoever provides slots. */
size_t coordinator_wants(const struct coordinator *c);

const char *coordinator_phase(const struct coordinator *c); /* search, confirm, stopping, ended */

/* Why nothing starts now; "": it does. */
const char *coordinator_pause_reason(const struct coordinator *c);

#endif
