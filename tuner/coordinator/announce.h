/* announce: what a coordinator has to say, kept until it is true on the disk. */
#ifndef TUNER_COORDINATOR_ANNOUNCE_H
#define TUNER_COORDINATOR_ANNOUNCE_H

#include "tuner/coordinator/news.h"

#include "tuner/history/history.h"

struct announcement;

struct announcements { /* zero: none */
    struct announcement *first, *last;
};

/* `batch`: of the journal, with which it becomes true. The text is copied; may be NULL. */
void announce(struct announcements *a, uint64_t batch, enum news event, const struct trial *trial, const char *text);

/* The same for a call. */
void announce_call(struct announcements *a, uint64_t batch, void (*call)(void *data), void *data);
/* Whoever was to be called is not there any more. */
void announcements_forget(struct announcements *a, const void *data);

/* Says, in order, what batches up to `durable` have made true. */
void announcements_release(struct announcements *a, uint64_t durable,
                           void (*listen)(void *, enum news, const struct trial *, const char *), void *data);
void announcements_done(struct announcements *a);

#endif
