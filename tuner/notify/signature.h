/* signature: the headers by which who gets a webhook knows that it is ours, fresh and not seen before [Standard
 * Webhooks 1.0]: webhook-id, webhook-timestamp, and, if there is a secret, webhook-signature: "v1," and the base 64 of
 * HMAC-SHA256 of "id.timestamp.body".
 */
#ifndef TUNER_NOTIFY_SIGNATURE_H
#define TUNER_NOTIFY_SIGNATURE_H

#include "tuner/notify/notify_file.h"

/* The plan's own headers and these, NULL-terminated, in the arena. The same notice has the same id at each try. */
const char **signature_headers(const struct channel_plan *plan, const struct notice *n, const char *body,
                               int64_t wall_ms, struct arena *a);

#endif
