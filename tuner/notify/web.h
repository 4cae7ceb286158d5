/* web: one address that is called: a webhook, or where a heartbeat goes.
 *
 * HTTP or HTTPS (TLS 1.2 at least), by the client of the agents. Redirects are not followed: they would carry what is
 * told, and what is secret, to somebody else. Any 2xx is success; of the answer some KiB are read, and nothing is done
 * with them; after WEB_TIMEOUT_S it has failed. One call at a time.
 */
#ifndef TUNER_NOTIFY_WEB_H
#define TUNER_NOTIFY_WEB_H

#include "tuner/notify/notify_file.h"
#include "tuner/notify/reply.h"

#include <uv.h>

enum { WEB_TIMEOUT_S = 20 };

struct web;

/* `address` must live as long. */
enum status web_open(const struct web_address *address, const char *ca, uv_loop_t *loop, struct web **ret,
                     struct error *err);
/* `body`: JSON, for POST; NULL: GET. `header`: NULL-terminated. `done` is called once, from the loop. */
void web_call(struct web *w, const char *body, const char *const *header, reply_fn *done, void *data);
/* Drops what is on its way: nobody is called but `closed`, from the loop. */
void web_close(struct web *w, void (*closed)(void *data), void *data);

/* Each place of `secret` in the text, of six letters at least, becomes asterisks. */
void web_hide(char *text, const char *secret);

#endif
