/* execution: where an attempt runs: on this machine, or at an agent. Knows no history. This room's one public header.
 */
#ifndef TUNER_EXECUTION_EXECUTION_H
#define TUNER_EXECUTION_EXECUTION_H

#include "tuner/execution/agent_message.h"
#include "tuner/execution/at_agent.h"
#include "tuner/execution/at_client.h"
#include "tuner/execution/bundle.h"
#include "tuner/execution/depot.h"
#include "tuner/execution/executor.h"
#include "tuner/execution/fingerprint.h"
#include "tuner/execution/fleet.h"
#include "tuner/execution/launch.h"
#include "tuner/execution/needs.h"
#include "tuner/execution/parcel.h"
#include "tuner/execution/provisioner.h"
#include "tuner/execution/wiring.h"

#endif
