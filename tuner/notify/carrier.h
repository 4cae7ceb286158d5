/* carrier: one way to tell somebody, as a notify file has it: a webhook, a command, or mail.
 *
 * A command is started without a shell; what stands in its placeholders is one word each, whatever is in it, and cannot
 * begin with a dash; it gets the notice as JSON on its stdin and in NOCTURNE_KIND, _LEVEL, _STUDY, _SENTENCE and
 * _ACTION. Exit code 0 is success. It runs under nocturne-guard: what it has started ends when it ends, after
 * CARRIER_TIMEOUT_MS, and with this process (kill -9). Mail is such a command: sendmail -t -i. One try at a time; the
 * loop is never held up.
 */
#ifndef TUNER_NOTIFY_CARRIER_H
#define TUNER_NOTIFY_CARRIER_H

#include "tuner/notify/notify_file.h"
#include "tuner/notify/reply.h"

#include <uv.h>

enum { CARRIER_TIMEOUT_MS = 20000 };

struct carrier;

/* `plan` must live as long. */
enum status carrier_open(const struct channel_plan *plan, uv_loop_t *loop, struct carrier **ret, struct error *err);
/* `done` is called once, from the loop. */
void carrier_send(struct carrier *c, const struct notice *n, int64_t wall_ms, reply_fn *done, void *data);
/* Drops what is on its way; `closed` is called from the loop. */
void carrier_close(struct carrier *c, void (*closed)(void *data), void *data);

#endif
