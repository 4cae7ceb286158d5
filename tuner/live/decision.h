/* decision: what an experiment does next by itself, from where it is and what its units say. Pure; one thing at a time,
 * the most pressing first.
 *
 * Before the ramp, and after a pause that has an end:
 *
 *   enough is learnt           the shadow begins, or, where none is planned, the ramp
 *   a guard is broken          in the shadow: as below
 *   shadowed for long enough   the ramp begins
 *   nobody runs the shadow     paused
 *   a new day                  it goes on
 *
 * On the ramp:
 *
 *   a guard is broken          that challenger is taken back: shares of others grow, the last one's experiment is over
 *   surely worse               the same
 *   shares do not come true    paused: nothing of it can be believed, until somebody has looked
 *   proven                     promoted, or, as the plan has it, asked for
 *   nothing is heard           paused (a dead man's switch)
 *   the day's limit            paused until midnight (UTC)
 *   the planned units are used rolled back, undecided
 *   enough units at this step  the next step of the ramp
 *   more is known (finding)    the challengers get other shares
 */
#ifndef TUNER_LIVE_DECISION_H
#define TUNER_LIVE_DECISION_H

#include "tuner/live/judgement.h"
#include "tuner/live/preference.h"

enum act {
    ACT_NONE,
    ACT_BEGIN,
    ACT_DROP,
    ACT_ROLL_BACK,
    ACT_PAUSE,
    ACT_RESUME,
    ACT_ASK,
    ACT_PROMOTE,
    ACT_RAMP,
    ACT_RUN,
    ACT_SHARE
};

struct decision {
    enum act act;
    size_t challenger; /* drop, ask, promote */
    int64_t until_ms;  /* pause: resumed then; 0: not by itself */
    struct preferred preferred; /* share */
    char why[300];
};

struct decision decide(const struct experiment *x, const struct findings *f, const struct judgement *j, int64_t now_ms);
/* Where it goes on once what is usual is known, and after a pause. */
enum live_phase decide_phase(const struct experiment *x, const struct findings *f);

#endif
