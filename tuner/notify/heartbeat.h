/* heartbeat: a sign of life for somebody who minds its absence: a GET every so often.
 *
 * Silence means one of: no process with this notify file is at work (it has ended, was killed, or the machine is off);
 * it is stopped, or its loop hangs; a study at work is at a stand: it rests (a full disk), cannot go on, or all its
 * running trials have fallen silent; or nothing gets from here to there. A run that ends as it should ends its
 * heartbeat, too: the notice of its end came before. One GET at a time; a failed one is not repeated before the next is
 * due.
 */
#ifndef TUNER_NOTIFY_HEARTBEAT_H
#define TUNER_NOTIFY_HEARTBEAT_H

#include "tuner/notify/web.h"

struct heartbeat;

/* `is_alive` is asked before each. `trouble` is called when one has failed (a reason), and when one gets through again
 * (NULL), not in between. */
struct heartbeat_hooks {
    bool (*is_alive)(void *data);
    void (*trouble)(void *data, const char *why);
    void *data;
};

enum status heartbeat_start(const struct heartbeat_plan *plan, uv_loop_t *loop, const struct heartbeat_hooks *hooks,
                            struct heartbeat **ret, struct error *err);
void heartbeat_close(struct heartbeat *h, void (*closed)(void *data), void *data);

#endif
