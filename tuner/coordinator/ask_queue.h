/* ask_queue: clients that have asked for trials and wait for them. */
#ifndef TUNER_COORDINATOR_ASK_QUEUE_H
#define TUNER_COORDINATOR_ASK_QUEUE_H

#include "tuner/history/history.h"

/* What a client, or the pipe, asks for. */
struct asking {
    size_t n;          /* trials */
    const char *token; /* id of the client's; lives as long as the client waits */
    int64_t ttl_ms;    /* of the leases */
    bool resumes;      /* it can go on with trials that were stopped */
};

struct ask {
    struct ask *next;
    struct asking asking;
    size_t promised, n;         /* promised: leased, of which n durably */
    const struct trial **trial; /* n */
    int64_t until_ms;           /* monotonic clock; answered with what there is by then */
    /* Once: `why`: there will be no more, because; NULL: it is all, or time is over. The trials are the client's. */
    void (*done)(void *data, size_t n, const struct trial *const *trial, const char *why);
    void *data;
};

struct ask_queue { /* zero: none */
    struct ask *first, *last;
};

struct ask *ask_queue_add(struct ask_queue *q, const struct asking *asking, int64_t until_ms);
/* The first that wants more than it has been promised; NULL: none. */
struct ask *ask_queue_waiting(const struct ask_queue *q);
void ask_gets(struct ask *a, const struct trial *t);
/* Takes it out, answers, and frees it. */
void ask_answer(struct ask_queue *q, struct ask *a, const char *why);
/* Takes it out and frees it without a word. */
void ask_drop(struct ask_queue *q, struct ask *a);

#endif
