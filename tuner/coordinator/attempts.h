/* attempts: those of a coordinator; each comes with a trial and goes with its end. */
#ifndef TUNER_COORDINATOR_ATTEMPTS_H
#define TUNER_COORDINATOR_ATTEMPTS_H

#include "tuner/coordinator/attempt.h"

struct attempts { /* zero: none */
    size_t n, capacity;
    struct active_attempt **attempt; /* addresses stay until they are over and swept */
    size_t n_trials;
    struct active_attempt **of_trial; /* by number: its last one; NULL: none */
};

/* Over, until it is promised a trial or adopts one. */
struct active_attempt *attempts_add(struct attempts *all, const struct attempt_home *home);
/* It has a trial now. */
void attempts_bind(struct attempts *all, struct active_attempt *a);
/* The one that runs this trial or is to; NULL: none. */
struct active_attempt *attempts_of(const struct attempts *all, const struct trial *t);
/* Those that are over go: their asker, if any, has been answered. */
void attempts_sweep(struct attempts *all);
void attempts_done(struct attempts *all);

size_t attempts_busy(const struct attempts *all);
size_t attempts_busy_here(const struct attempts *all); /* of this machine */

#endif
