/* step: what a coordinator does now that something has changed: the phases SEARCH → CONFIRM → end, DRAIN, KILL, LEAVE.
 */
#ifndef TUNER_COORDINATOR_STEP_H
#define TUNER_COORDINATOR_STEP_H

#include "tuner/coordinator/machine.h"

/* To be called again while it records something, and whenever something has happened. */
void step(struct coordinator *c);

#endif
