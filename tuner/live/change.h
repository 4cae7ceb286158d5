/* change: what an experiment can be made to do, by people or by itself: each with its event. Within a transaction of
 * the record's store; `body` is the event's, and taken. */
#ifndef TUNER_LIVE_CHANGE_H
#define TUNER_LIVE_CHANGE_H

#include "tuner/live/preference.h"
#include "tuner/live/record.h"

/* {"why", "by"}; NULL: "", "nocturne". */
json_t *change_body(const char *why, const char *by);

/* STATUS_CONFLICT: the phase cannot follow. */
enum status change_phase(struct record *r, enum live_phase phase, json_t *body, int64_t now_ms, struct error *err);
/* What the challenger is becomes the champion. */
enum status change_promote(struct record *r, size_t challenger, json_t *body, int64_t now_ms, struct error *err);
enum status change_step(struct record *r, size_t step, json_t *body, int64_t now_ms, struct error *err);
/* Takes back one of several: what it had is shared by the others. */
enum status change_drop(struct record *r, size_t challenger, json_t *body, int64_t now_ms, struct error *err);
/* The challengers get other shares of what they have together. */
enum status change_share(struct record *r, const struct preferred *preferred, json_t *body, int64_t now_ms,
                         struct error *err);

#endif
