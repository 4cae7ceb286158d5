/* asking: clients that have asked for trials and wait for them. */
#ifndef TUNER_COORDINATOR_ASK_QUEUE_H
#define TUNER_COORDINATOR_ASK_QUEUE_H

#include "tuner/history/history.h"

struct asking {
    struct asking *next;
    size_t want, promised, n; /* promised: leased, of which n durably */
    struct trial **trial;     /* n */
    const char *token;        /* id of the client's; lives as long as the client waits */
    int64_t ttl_ms, until_ms; /* until: monotonic clock; answered with what there is by then */
    /* Once: `why`: there will be no more, because; NULL: it is all, or time is over. The trials are the client's. */
    void (*done)(void *data, size_t n, struct trial *const *trial, const char *why);
    void *data;
};

struct askings { /* zero: none */
    struct asking *first, *last;
};

struct asking *askings_add(struct askings *q, size_t want, const char *token, int64_t ttl_ms, int64_t until_ms);
/* The first that wants more than it has been promised; NULL: none. */
struct asking *askings_hungry(const struct askings *q);
void asking_gets(struct asking *a, struct trial *t);
/* Takes it out, answers, and frees it. */
void asking_answer(struct askings *q, struct asking *a, const char *why);
/* Takes it out and frees it without a word. */
void asking_drop(struct askings *q, struct asking *a);

#endif
