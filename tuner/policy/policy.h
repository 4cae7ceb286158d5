/* policy: what should be done, by what is known: which running trials are stopped or adapted, which are confirmed on fresh
 * seeds, how a population goes on, which failed ones are tried again. Each decision reads memory and is events; nothing
 * here runs, waits or knows where. This room's one public header. */
#ifndef TUNER_POLICY_POLICY_H
#define TUNER_POLICY_POLICY_H

#include "tuner/policy/confirm.h"
#include "tuner/policy/monitor.h"
#include "tuner/policy/population.h"
#include "tuner/policy/retry.h"
#include "tuner/policy/second_look.h"
#include "tuner/policy/stage.h"

#endif
