/* feed: what happens in a study, as server-sent events [HTML Living Standard, 9.2].
 *
 * Recent events lie in a ring that all readers share; a reader is a place in the log, so that a slow one costs nothing
 * and misses nothing. What is no longer in the ring, or too large for it, comes in pages that works read from the
 * database; pages lie on a shelf of bounded size, for all readers that want them. Reports pass by as they come and are
 * not repeated. An event's id is its number in the log: Last-Event-ID goes on after it.
 */
#ifndef TUNER_SERVICE_FEED_H
#define TUNER_SERVICE_FEED_H

#include "tuner/service/work.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

enum { FEED_WHO_MAX = 40 };

struct shelf;
struct feed;
struct feed_reader;

struct shelf *shelf_create(struct works *works);
void shelf_free(struct shelf *s); /* after the works and the feeds */

struct feed *feed_create(struct shelf *shelf, struct store *store, int64_t study);
void feed_free(struct feed *f); /* after its readers */
bool feed_is_read(const struct feed *f);

/* It becomes visible with this batch of the journal. */
void feed_event(struct feed *f, const struct store_event *e, uint64_t batch);
void feed_report(struct feed *f, long trial, long step, const json_t *metrics, uint64_t batch);
/* Batches up to this one are durable; wakes the readers if there is something for them. A journal that ends: all. */
void feed_durable(struct feed *f, uint64_t batch);
/* A line that keeps connections alive and finds those that are gone; wakes the readers. */
void feed_pulse(struct feed *f);
/* The study is no more: readers come to their end. */
void feed_end(struct feed *f);

/* After the event `seq`; −1: only what comes from now on. `once`: the end is after what has happened so far. `who`:
 * whose turn the reading of pages takes. */
struct feed_reader *feed_open(struct feed *f, int64_t seq, bool once, const char *who, void (*wake)(void *data),
                              void *data);
void feed_close(struct feed_reader *r);
/* Fills up to `max` bytes; 0: nothing now; −1: the end. */
ssize_t feed_read(struct feed_reader *r, char *buf, size_t max);

/* One event as the API shows it: {"seq", "event", "at_ms", "trial"?, "body"}; the caller owns it. */
json_t *feed_event_json(const struct store_event *e);

#endif
