/* live_notice: what of a rollout's log people are told, whose `kind` is "drift": an alarm, what its work has found, how
 * the experiment went that tries it, and what waits for a person. The log is JSON as tuner/live has it (live_events, or
 * the API); texts lie in the arena.
 *
 * Keys: live/ROLLOUT/SEQ of an event; live/ROLLOUT/asks/SINCE of what waits.
 */
#ifndef TUNER_NOTIFY_LIVE_NOTICE_H
#define TUNER_NOTIFY_LIVE_NOTICE_H

#include "tuner/notify/notice.h"

struct live_subject {
    const char *rollout, *study;
};

/* False: nobody needs to be told of it. */
bool live_notice(const struct live_subject *of, const json_t *event, struct arena *a, struct notice *ret);
/* The watch waits for a person before this step, since then. */
void live_notice_asks(const struct live_subject *of, const char *step, int64_t since_ms, struct arena *a,
                      struct notice *ret);

#endif
