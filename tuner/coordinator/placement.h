/* placement: where the next trial could run: at a client that asks, or at the first executor that has room. */
#ifndef TUNER_COORDINATOR_PLACEMENT_H
#define TUNER_COORDINATOR_PLACEMENT_H

#include "tuner/coordinator/options.h"

#include <uv.h>

struct coordinator;
struct active_attempt;

/* Could a trial start now, if there were one? Clients that ask come first; then executors, in their order. */
bool placement_is_possible(struct coordinator *c);
/* The slots of this machine: those of `options`, or its own. */
struct workers *placement_open(const struct coordinator_options *options, const struct study *study, uv_loop_t *loop);
/* Says if something of an earlier run is still in its own. */
void placement_say_left(struct coordinator *c);
/* Where the next trial will run, to be promised one for so long (0: for ever). NULL: nobody has room. */
struct active_attempt *placement_take(struct coordinator *c, int64_t *ret_ttl_ms);

/* How many trials run or are about to on this machine, and in all. */
size_t coordinator_busy_here(const struct coordinator *c);

size_t coordinator_busy(const struct coordinator *c);

#endif
