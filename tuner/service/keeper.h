/* keeper: looks after rollouts, whoever has begun them: once a second, beside the loop, where each of them stands; each
 * that has an open experiment, is watched, or has changed is scored, judged and decided (live_tick), and whatever is new of it
 * goes into the rules.
 *
 * A database that is busy, full or read-only is said once, and tried again with every look, for as long as it takes.
 *
 *   idle ──look──▶ at work ──▶ idle
 *                     └──there is more──▶ at work
 */
#ifndef TUNER_SERVICE_KEEPER_H
#define TUNER_SERVICE_KEEPER_H

#include "tuner/service/parts.h"

struct keeper;

struct keeper *keeper_create(struct service *s);
void keeper_free(struct keeper *k); /* after the works */
void keeper_look(struct keeper *k); /* once a second */
/* False: there may be rollouts that have not been read yet. */
bool keeper_knows(const struct keeper *k);

#endif
