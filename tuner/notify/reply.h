/* reply: what came of one try to tell somebody. */
#ifndef TUNER_NOTIFY_REPLY_H
#define TUNER_NOTIFY_REPLY_H

#include <stdbool.h>

struct reply {
    bool ok;
    bool never;         /* it says itself that it is gone for good: no further try */
    long retry_after_s; /* it asks not to come sooner; 0: it does not */
    const char *why;    /* not ok: a few words, without what is secret in the notify file; else "" */
};

typedef void reply_fn(void *data, const struct reply *reply);

#endif
