/* telling: people are told what becomes of what is live, for as long as somebody watches it: what is due goes into the
 * database (notify's postbox), and from there to them by a notifier, whose heart beats while ticks come through.
 */
#ifndef TUNER_CLI_TELLING_H
#define TUNER_CLI_TELLING_H

#include "tuner/notify/notify.h"

struct telling;

struct telling_wish {
    const struct notify_file *file; /* must live as long */
    const char *db;
    uv_loop_t *loop;
    struct live_subject of; /* must live as long */
};

enum status telling_begin(const struct telling_wish *wish, struct telling **ret, struct error *err);
/* Of the rollout's log. The same again, also by another process, is told once. NULL is fine here and below. */
void telling_event(struct telling *t, struct store *store, const json_t *event);
void telling_asks(struct telling *t, struct store *store, const char *step, int64_t since_ms);
/* Of any thread. */
void telling_alive(void *telling);
/* Tells what can be told, ten seconds at most. */
void telling_end(struct telling *t);

#endif
