/* outbox: what an agent has to say, on its disk until the service has it.
 *
 * A file of JSON lines, in order. Lines are appended at once and taken from the front in batches; what was taken is
 * still there until it is dropped, so that it can be said again. A process that is killed loses nothing; a machine that
 * goes down loses no result (its line is synced). Memory holds what the disk refused, and no more.
 *
 * It has a limit: beyond it reports are thinned, every second one of a lease, again and again; the newest stays, and
 * what is no report (a result, an end) is never dropped.
 */
#ifndef TUNER_AGENT_OUTBOX_H
#define TUNER_AGENT_OUTBOX_H

#include "tuner/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct outbox;

enum status outbox_open(const char *path, size_t max_bytes, struct outbox **ret, struct error *err);
void outbox_close(struct outbox *o);

/* `sync`: it must survive the machine. True: to make room, reports were thinned; those that are left of a lease are
 * numbered anew, without gaps. */
bool outbox_add(struct outbox *o, const json_t *line, bool sync);
/* By how many the reports of a lease became fewer then. */
size_t outbox_thinned(const struct outbox *o, const char *study, int64_t lease);
bool outbox_is_empty(const struct outbox *o);
size_t outbox_bytes(const struct outbox *o);

/* Lines from the front: at most `max` bytes, at least one line. The array is the caller's; *ret_bytes goes to
 * outbox_drop. `stop`: a line with this key ends the batch before it, or is alone. A torn last line is left out. An
 * empty array: what was there is damaged, or the file was cut. */
json_t *outbox_take(struct outbox *o, size_t max, const char *stop, size_t *ret_bytes);
void outbox_drop(struct outbox *o, size_t bytes);
/* All that is left; nothing is taken. */
void outbox_each(const struct outbox *o, void (*fn)(void *data, const json_t *line), void *data);

#endif
