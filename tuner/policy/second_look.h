/* second_look: trials that were stopped, looked at again now that more is known; and what is done when nothing but
 * stops has come for long.
 *
 * A stopped trial goes on if its pruner would let it go on today: others have fallen behind it, or its curve means
 * something else than it did. With a checkpoint it goes on where it was, without one it has the whole way to go again,
 * and is let do so only where that is worth it, too.
 *
 * When 15 trials in a row have been stopped, and either nothing that the search has found is better than the baseline
 * or these have cost as much as three that end, what they are judged by may be wrong: then the most promising of the
 * stopped goes on to its end, and is not judged any more.
 *
 * Three steps as for a judgement (monitor.h), the middle one on any thread.
 */
#ifndef TUNER_POLICY_SECOND_LOOK_H
#define TUNER_POLICY_SECOND_LOOK_H

#include "tuner/history/history.h"
#include "tuner/search/search.h"

struct second_look;

/* `in_place`: who will run it can go on without a checkpoint of ours. NULL: nothing was stopped that could go on. */
struct second_look *second_look_ask(struct history *h, bool in_place);
void second_look_think(struct forecaster *f, struct second_look *q);
/* The trial that would go on, NULL: none; and why. */
const struct trial *second_look_choice(const struct second_look *q);
const char *second_look_why(const struct second_look *q);
/* It is queued again: an event. */
enum status second_look_decide(struct history *s, const struct second_look *q, struct error *err);
void second_look_forget(struct second_look *q);

#endif
