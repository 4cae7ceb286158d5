/* lane: whose units these are: an experiment's, or, of the champion alone, the watch's. What comes in and what is
 * scored is the same for both. */
#ifndef TUNER_LIVE_LANE_H
#define TUNER_LIVE_LANE_H

#include "tuner/live/experiment.h"

#include "store/store.h"

struct lane {
    struct store *store;
    int64_t id; /* by which the store knows its units: the experiment's; of a watch that of the rollout, less than 0 */
    long number;   /* of the experiment; 0: the watch's */
    const char *rollout, *salt;
    const struct live_plan *plan;
    struct experiment *experiment;
    const struct live_plan *beside; /* whose metrics an outcome may have, too: another follows them; NULL: nobody */
};

#endif
