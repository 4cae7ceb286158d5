/* keeper: does the work of a watch, until somebody stops it: runs the champion again every so often, and after an alarm
 * goes the way that tuner/live/watch.h draws.
 *
 *   DRIFTED      people are told
 *   EVALUATING   diagnosis: the champion and the best others are run again
 *   TUNING       retuning: a study file beside the first one's, run to its end
 *   TRYING       what was found, in an experiment
 *
 * All of it is in the database: kill -9 at any moment, and the same again goes on. While it runs programs, a thread
 * ticks.
 */
#ifndef TUNER_CLI_KEEPER_H
#define TUNER_CLI_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

struct keeper_options {
    const char *db, *rollout;
    int64_t seen;       /* seq: events up to this one were there before, and are not shown */
    const char *notify; /* as for run */
    bool json, quiet;
    bool once; /* all that is due now, and no more */
};

/* The exit code. */
int keeper_run(const struct keeper_options *options);

#endif
