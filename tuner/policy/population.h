/* population: a study with a `schedule`: trainings whose settings change as they go.
 *
 * With clones, a member is a trial for each interval, which goes on from the checkpoint of its parent: itself, or, if
 * it was among the worst quarter of its round, one of the best quarter, then with new settings. Without, a member is
 * one trial that is told new settings at the ends of its intervals.
 *
 * What comes next follows from the log alone, so a study goes on after a crash as if there had been none.
 */
#ifndef TUNER_POLICY_POPULATION_H
#define TUNER_POLICY_POPULATION_H

#include "tuner/history/history.h"

enum population_state {
    POPULATION_WAITS, /* for trials that run */
    POPULATION_GROWS, /* trials were added */
    POPULATION_DONE,  /* `why` says why */
};

/* `fits`: the budget has room for another round. */
enum status population_step(struct history *s, bool fits, enum population_state *ret, char *why, size_t size,
                            struct error *err);

/* Without clones: a member has reported. If an interval has ended and it is among the worst quarter, it gets new
 * settings: an event, and true; they are the last step of its trajectory. */
bool population_steer(struct history *s, const struct trial *t);

#endif
