/* outbox: what an agent has to say, on its disk until the service has it.
 *
 * A file of JSON lines, in order. Lines are appended at once and taken from the front in batches; what was taken is
 * still there until it is dropped, so that it can be said again. A process that is killed loses nothing; a machine that
 * goes down loses no result (its line is synced).
 */
#ifndef TUNER_AGENT_OUTBOX_H
#define TUNER_AGENT_OUTBOX_H

#include "tuner/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct outbox;

enum status outbox_open(const char *path, struct outbox **ret, struct error *err);
void outbox_close(struct outbox *o);

/* `sync`: it must survive the machine. A disk that refuses is told of once, and the line is kept in memory. */
void outbox_add(struct outbox *o, const json_t *line, bool sync);
bool outbox_is_empty(const struct outbox *o);
size_t outbox_bytes(const struct outbox *o);

/* Lines from the front: at most `max` bytes, at least one line. The array is the caller's; *ret_bytes goes to
 * outbox_drop. `stop`: a line with this key ends the batch before it, or is alone. A torn last line is left out. */
json_t *outbox_take(struct outbox *o, size_t max, const char *stop, size_t *ret_bytes);
void outbox_drop(struct outbox *o, size_t bytes);

#endif
