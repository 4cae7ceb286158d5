/* all_events: what happens in all studies, as one stream of server-sent events.
 *
 * A reader is a place in the log of each study that its token may see. Studies at work here are followed as they go
 * (event_stream); of the others a work looks once a second where their logs end, so that what another process does is
 * seen, too, new studies appear, and deleted ones end without a word. An event is that of its study's own stream, with
 * "study" in front, and without an id: whenever a reader has been told everything, an event `cursor` has the places of
 * all as its id, which Last-Event-ID gives back. What comes after the last cursor comes again then; study and seq say
 * what is known. A reader reads the logs of a few studies at a time, so that one who wants all from the beginning keeps
 * nobody else from his turn; a slow one costs its places (100 bytes a study), and one event.
 *
 * Rollouts have no log in it: that one has changed is an event for who reads now, and whoever comes back looks anew.
 *
 *     "17/g2p:120,demo:3"    after event 120 of g2p and 3 of demo; study 17 was the newest: a newer one is told whole
 *     "120"                  after event 120 of each
 *
 * For the loop's thread.
 */
#ifndef TUNER_SERVICE_ALL_EVENTS_H
#define TUNER_SERVICE_ALL_EVENTS_H

#include "tuner/service/parts.h"

#include "tuner/base/arena.h"

#include <sys/types.h>

struct all_events;
struct all_reader;

/* Where to begin. */
struct all_start {
    int64_t each;         /* after this event of every study that is not named; −1: what comes from now on */
    int64_t newest;       /* of the studies that were there; a later one is told from its beginning; −1: unknown */
    size_t n;             /* those that are named, each once: */
    struct store_end *at; /* … and the last event that is known of each */
};

struct all_opening {
    const struct store_end *end; /* where the logs end that it may see, in order of creation */
    const int64_t *after;        /* … and after which event it begins in each */
    size_t n;
    bool once;         /* the end is after what has happened so far */
    const char *token; /* whose turn the reading of pages takes */
    const char *scope; /* names of the studies that it may see, "a,b"; "": all. It outlives the reader */
    void (*wake)(void *data);
    void *data;
};

struct all_events *all_events_create(struct service *s);
void all_events_free(struct all_events *x); /* after its readers and the works */

/* STATUS_INVALID: no cursor, or longer than any. In the arena. */
enum status all_events_parse(const char *text, struct arena *arena, struct all_start *ret, struct error *err);

/* By a work: after which event it begins in each of the `n` studies; in the arena. */
int64_t *all_events_begin(const struct all_start *start, const struct store_end *end, size_t n, struct arena *arena);

struct all_reader *all_events_open(struct all_events *x, const struct all_opening *how);
void all_events_close(struct all_reader *r);
/* Fills up to `max` bytes; 0: nothing now; −1: the end. */
ssize_t all_events_read(struct all_reader *r, char *buf, size_t max);

/* The study is at work here: the reader, if it may see it, follows it from now on. */
void all_events_follow(struct all_reader *r, const char *study, int64_t id);
/* All readers do. */
void all_events_join(struct all_events *x, const char *study, int64_t id);
/* A rollout has changed, or knows more: an event `rollout` without a place in any log, for who listens now. */
void all_events_rollout(struct all_events *x, const char *rollout, int64_t version);
/* Looks for what other processes have done; once a second. */
void all_events_look(struct all_events *x);
/* A line that keeps connections alive; studies that are not `kept` at work are followed no more. */
void all_events_pulse(struct all_events *x, bool (*kept)(const struct service *s, const char *study));

#endif
