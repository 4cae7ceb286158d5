#include "tuner/coordinator/ask_queue.h"

#include <stdlib.h>

struct asking *askings_add(struct askings *q, size_t want, const char *token, int64_t ttl_ms, int64_t until_ms)
{
    struct asking *a = must_alloc(1, sizeof *a);
    *a = (struct asking){.want = want, .token = token, .ttl_ms = ttl_ms, .until_ms = until_ms};
    a->trial = must_alloc(want, sizeof(struct trial *));
    if (q->last)
        q->last->next = a;
    else
        q->first = a;
    q->last = a;
    return a;
}

struct asking *askings_hungry(const struct askings *q)
{
    struct asking *a = q->first;
    while (a && a->promised == a->want) a = a->next;
    return a;
}

void asking_gets(struct asking *a, struct trial *t)
{
    a->trial[a->n++] = t;
}

static void take_out(struct askings *q, struct asking *a)
{
    struct asking *before = NULL;
    for (struct asking *x = q->first; x != a; x = x->next) before = x;
    if (before)
        before->next = a->next;
    else
        q->first = a->next;
    if (q->last == a) q->last = before;
}

void asking_drop(struct askings *q, struct asking *a)
{
    take_out(q, a);
    free(a->trial);
    free(a);
}

void asking_answer(struct askings *q, struct asking *a, const char *why)
{
    take_out(q, a);
    a->done(a->data, a->n, a->trial, why);
    free(a->trial);
    free(a);
}
