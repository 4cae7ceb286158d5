/* bulletin: people are told what becomes of what is live, for as long as somebody watches it: what is due goes into the
 * database (notify's postbox), and from there to them by a notifier, whose heart beats while ticks come through.
 */
#ifndef TUNER_CLI_BULLETIN_H
#define TUNER_CLI_BULLETIN_H

#include "tuner/notify/notify.h"

struct bulletin;

struct bulletin_wish {
    const struct notify_file *file; /* must live as long */
    const char *db;
    uv_loop_t *loop;
    struct live_subject of; /* must live as long */
};

enum status bulletin_begin(const struct bulletin_wish *wish, struct bulletin **ret, struct error *err);
/* Of the rollout's log. The same again, also by another process, is told once. NULL is fine here and below. */
void bulletin_event(struct bulletin *t, struct store *store, const json_t *event);
void bulletin_asks(struct bulletin *t, struct store *store, const char *step, int64_t since_ms);
/* Of any thread. */
void bulletin_alive(void *bulletin);
/* Tells what can be told, ten seconds at most. */
void bulletin_end(struct bulletin *t);

#endif
