/* retry: trials that have failed, queued again because a person wants it.
 *
 * A trial that is tried again keeps its number, its configuration and its seed; its attempts go on counting, what the
 * failed ones said and cost stays in the log, and of a budget of trials it takes one, as before.
 *
 * Whoever starts a study by hand that could not begin (its baseline has no result, or nothing has completed) wants what
 * failed tried again: it is, once each time. A service that finds such a study when it starts leaves it alone.
 */
#ifndef TUNER_POLICY_RETRY_H
#define TUNER_POLICY_RETRY_H

#include "tuner/history/history.h"

/* Only what failed is, and a baseline that has no result, whatever its state. STATUS_CONFLICT: not this one. */
enum status retry_trial(struct history *s, const struct trial *t, struct error *err);

/* Could those with these numbers (n ≥ 1) be? STATUS_NOT_FOUND: there is no such trial. */
enum status retry_check(const struct memory *s, const long *number, size_t n, struct error *err);
/* They are, all or none. */
enum status retry_trials(struct history *s, const long *number, size_t n, struct error *err);

/* The numbers of all that can be, but for those that took the machine down; in the arena. */
long *retry_list(const struct memory *s, struct arena *arena, size_t *ret_n);

/* Before a run that a person has asked for: what kept the study from beginning. Returns with how many trials, and
 * `text` says so in a sentence. */
size_t retry_beginning(struct history *s, char *text, size_t size);

#endif
