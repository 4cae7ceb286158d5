/* rollout: what the outcomes of a live experiment say, pure: counts in, evidence out; no clock, no I/O. This room's one
 * public header. */
#ifndef TUNER_ROLLOUT_ROLLOUT_H
#define TUNER_ROLLOUT_ROLLOUT_H

#include "tuner/rollout/adjustment.h"
#include "tuner/rollout/allocation.h"
#include "tuner/rollout/assignment.h"
#include "tuner/rollout/detector.h"
#include "tuner/rollout/evidence.h"
#include "tuner/rollout/exposure.h"
#include "tuner/rollout/guard.h"
#include "tuner/rollout/mismatch.h"
#include "tuner/rollout/mixture.h"
#include "tuner/rollout/race.h"
#include "tuner/rollout/saving.h"
#include "tuner/rollout/sequence.h"
#include "tuner/rollout/shares.h"

#endif
