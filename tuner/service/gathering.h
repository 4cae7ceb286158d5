/* gathering: outcomes of a rollout, as clients send them, into the store together: while one transaction is on its way,
 * what comes waits, and goes with the next. Each request is answered when its own are on the disk.
 *
 *   add ──▶ at work ──▶ gone
 *              └──something has come──▶ at work
 *
 * Who is gone, or has lost his token meanwhile, is not answered; what he sent is taken. When too much waits, what comes
 * then is refused, 429.
 */
#ifndef TUNER_SERVICE_GATHERING_H
#define TUNER_SERVICE_GATHERING_H

#include "tuner/service/request.h"

/* Outcomes of the rollout of {rollout}: the body, as it came. */
void gathering_add(struct request *r);

#endif
