/* ticker: a thread that ticks a rollout once a second (live_tick), whatever else the process does meanwhile.
 *
 *     struct ticker *t = NULL;
 *     if (ticker_start(&wish, &t, &err)) …
 *     ticker_stop(t);
 *
 * What the database refuses is tried again at the next second, and said once on stderr, as is that it is over.
 */
#ifndef TUNER_CLI_TICKER_H
#define TUNER_CLI_TICKER_H

#include "tuner/base/error.h"

#include <stddef.h>

struct ticker;

struct ticker_wish {
    const char *db, *rollout;
    void (*alive)(void *data); /* a tick has come through: of the ticker's thread; NULL: nobody asks */
    void *data;
};

enum status ticker_start(const struct ticker_wish *wish, struct ticker **ret, struct error *err);
/* Waits for the tick that is on its way; NULL is fine. */
void ticker_stop(struct ticker *t);

#endif
