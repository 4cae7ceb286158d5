/* postbox: what is still to be told, by channel: from the moment a notice is due until it was delivered or given up.
 *
 *   due ──▶ waits (quiet hours, once an hour, back-off) ──▶ on its way ──▶ delivered
 *             ▲                                               │
 *             └───────────────── it failed ◀──────────────────┴──▶ given up: GIVE_UP_MS old, or the channel is gone
 *
 * It is kept in the database beside the log: a notice is written with its key when it is due, and taken away when it
 * was delivered, so that it is told at least once, also after kill -9, and the same key is told once. What the database
 * refuses (a full disk is something to be told of) is told from memory, and lost with the process.
 *
 * A channel that failed rests: BACK_OFF_MS, twice as long each time, an hour at most, or as long as it asks
 * (Retry-After; six hours at most). Others do not wait for it. A channel has POSTBOX_MAX waiting at most: the oldest
 * that is no end goes.
 *
 * Of one thread. Times are of the wall clock, given by the caller.
 */
#ifndef TUNER_NOTIFY_POSTBOX_H
#define TUNER_NOTIFY_POSTBOX_H

#include "tuner/notify/notify_file.h"
#include "tuner/notify/reply.h"

#include "store/store.h"

enum { POSTBOX_MAX = 100, BACK_OFF_MS = 10000, REST_MAX_MS = 3600000, ASKED_MAX_MS = 6 * 3600000 };
enum { GIVE_UP_MS = 48 * 3600000, BEST_EVERY_MS = 3600000 };

struct postbox;

/* `store` may be NULL: nothing is kept. Both must live as long. */
struct postbox *postbox_create(const struct notify_file *f, struct store *store);
void postbox_free(struct postbox *o); /* NULL is fine */

/* What earlier processes have left of a study: what waits, and what was told. What is there already stays. */
enum status postbox_load(struct postbox *o, int64_t study, struct error *err);

/* Was this told? When; 0: no. */
int64_t postbox_told_ms(const struct postbox *o, int64_t study, const char *key);
void postbox_told(struct postbox *o, int64_t study, const char *key, int64_t now_ms);
/* It may be told again. */
void postbox_untold(struct postbox *o, int64_t study, const char *key);

/* Due now, unless its key was told: to all channels that the file says. How many of its own channels had to let
 * something go for it: usually 0. */
size_t postbox_post(struct postbox *o, int64_t study, const struct notice *n, int64_t now_ms);

/* What a channel is to be told next, as one notice, in the arena; it is on its way from then on. False: nothing now. */
bool postbox_take(struct postbox *o, size_t channel, int64_t now_ms, struct arena *a, struct notice *ret);
/* … what became of it. */
enum sent { SENT_DONE, SENT_AGAIN, SENT_GIVEN_UP };
enum sent postbox_settle(struct postbox *o, size_t channel, const struct reply *how, int64_t now_ms);
/* The studies of what was settled last, each once. */
size_t postbox_settled(const struct postbox *o, const int64_t **ret);

/* Nothing rests any more, but for quiet hours. */
void postbox_hurry(struct postbox *o, int64_t now_ms);

/* Is anything on its way, or could it be now? */
bool postbox_is_busy(const struct postbox *o, int64_t now_ms);

/* What waits for a channel; `ret_why`: why the last try failed, "" if it did not. */
size_t postbox_waiting(const struct postbox *o, size_t channel, const char **ret_why, int64_t *ret_next_ms);

/* From one failed try to the next: of the `tries`-th, from 1 on. */
int64_t postbox_rest_ms(long tries, long retry_after_s);

#endif
