/* trying: does it arrive? A test notice to each channel, or to one, at once and whatever the hour; what came back.
 *
 * On whatever loop the caller has; nothing is kept and nothing is tried again.
 */
#ifndef TUNER_NOTIFY_TRYING_H
#define TUNER_NOTIFY_TRYING_H

#include "tuner/notify/notify_file.h"

#include <uv.h>

/* {"ok", "channels": [{"channel", "kind", "ok", "why"}]}, why null if it arrived; of a heartbeat, too, whose kind and
 * name are "heartbeat". The receiver owns it. */
typedef void trying_done_fn(void *data, json_t *results);

/* `channel`: the only one; NULL: all, and the heartbeat. The file must live until `done`, which is called once, from
 * the loop. */
enum status trying_start(const struct notify_file *f, const char *channel, uv_loop_t *loop, trying_done_fn *done,
                         void *data, struct error *err);

#endif
