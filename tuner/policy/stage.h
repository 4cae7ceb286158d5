/* stage: what a staged trial does next: what an earlier one has left is taken over, the rest is run.
 *
 * A stage is run if nothing with its key is known; also if it is, but the checkpoint that a later stage needs of it is
 * no longer kept. Two trials that need the same do not run it twice: one waits for the other.
 */
#ifndef TUNER_POLICY_STAGE_H
#define TUNER_POLICY_STAGE_H

#include "tuner/history/history.h"

enum stage_step {
    STAGE_RUNS,  /* it is to be run */
    STAGE_WAITS, /* another trial runs it */
    STAGE_OVER,  /* there is none left: the trial has ended */
};

/* A stage that is to be run. */
struct stage_order {
    size_t stage;
    char key[DIGEST_HEX];
};

/* Of a queued trial of a study with stages; takes over what it can. */
enum stage_step stage_step(struct history *h, const struct trial *t, struct stage_order *ret);

/* What is given to the program of a stage; texts in the arena, `depot` is the folder of its checkpoints. */
void stage_inputs(const struct memory *s, const struct trial *t, size_t stage, const char *depot, struct arena *arena,
                  struct stage_run *ret);

/* The checkpoint that should go, for those that are kept are more than the study wants: the one that was of use the
 * longest ago, and is not a running trial's, a waiting one's or the best one's. NULL: none. */
const char *stage_surplus(const struct memory *s);

#endif
