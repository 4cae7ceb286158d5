/* event_stream: what happens in a study, as server-sent events [HTML Living Standard, 9.2].
 *
 * Recent events lie in a ring that all readers share; a reader is a place in the log, so that a slow one costs nothing
 * and misses nothing. What is no longer in the ring, or too large for it, comes in pages that works read from the
 * database; pages lie on a shelf of bounded size, for all readers that want them. Reports pass by as they come and are
 * not repeated. An event's id is its number in the log: Last-Event-ID goes on after it.
 */
#ifndef TUNER_SERVICE_EVENT_STREAM_H
#define TUNER_SERVICE_EVENT_STREAM_H

#include "tuner/service/work.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

enum { EVENT_STREAM_WHO_MAX = 40 };

struct shelf;
struct event_stream;
struct event_reader;

struct shelf *shelf_create(struct works *works);
void shelf_free(struct shelf *s); /* after the works and the streams */

struct event_stream *event_stream_create(struct shelf *shelf, struct store *store, int64_t study);
void event_stream_free(struct event_stream *f); /* after its readers */
bool event_stream_is_read(const struct event_stream *f);

/* It becomes visible with this batch of the journal. */
void event_stream_add(struct event_stream *f, const struct store_event *e, uint64_t batch);
void event_stream_report(struct event_stream *f, long trial, long step, const json_t *metrics, uint64_t batch);
/* Batches up to this one are durable; wakes the readers if there is something for them. A journal that ends: all. */
void event_stream_durable(struct event_stream *f, uint64_t batch);
/* A line that keeps connections alive and finds those that are gone; wakes the readers. */
void event_stream_pulse(struct event_stream *f);
/* The study is no more: readers come to their end. */
void event_stream_end(struct event_stream *f);

/* After the event `seq`; −1: only what comes from now on. `once`: the end is after what has happened so far. `who`:
 * whose turn the reading of pages takes. */
struct event_reader *event_stream_open(struct event_stream *f, int64_t seq, bool once, const char *who,
                                       void (*wake)(void *data), void *data);
void event_stream_close(struct event_reader *r);
/* Fills up to `max` bytes; 0: nothing now; −1: the end. */
ssize_t event_stream_read(struct event_reader *r, char *buf, size_t max);

/* The next event, whole, for who reads several streams; instead of event_stream_read. */
enum event_turn {
    EVENT_TURN_WAITS, /* for a page of the log */
    EVENT_TURN_TOLD,  /* there is nothing more for now */
    EVENT_TURN_HERE,
    EVENT_TURN_ENDED, /* the study is no more */
};
struct event_text {
    const char *bytes; /* as event_stream_read has it; until the next call */
    size_t n;
    int64_t seq; /* 0: a report */
};
enum event_turn event_stream_next(struct event_reader *r, struct event_text *ret);

/* One event as the API shows it: {"seq", "event", "at_ms", "trial"?, "body"}; the caller owns it. */
json_t *event_stream_json(const struct store_event *e);

#endif
