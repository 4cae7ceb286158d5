#include "tuner/coordinator/ask_queue.h"

#include <stdlib.h>

struct ask *ask_queue_add(struct ask_queue *q, const struct asking *asking, int64_t until_ms)
{
    struct ask *a = must_alloc(1, sizeof *a);
    *a = (struct ask){.asking = *asking, .until_ms = until_ms};
    a->trial = must_alloc(asking->n, sizeof(const struct trial *));
    if (q->last)
        q->last->next = a;
    else
        q->first = a;
    q->last = a;
    return a;
}

struct ask *ask_queue_waiting(const struct ask_queue *q)
{
    struct ask *a = q->first;
    while (a && a->promised == a->asking.n) a = a->next;
    return a;
}

void ask_gets(struct ask *a, const struct trial *t)
{
    a->trial[a->n++] = t;
}

static void take_out(struct ask_queue *q, struct ask *a)
{
    struct ask *before = NULL;
    for (struct ask *x = q->first; x != a; x = x->next) before = x;
    if (before)
        before->next = a->next;
    else
        q->first = a->next;
    if (q->last == a) q->last = before;
}

void ask_drop(struct ask_queue *q, struct ask *a)
{
    take_out(q, a);
    free(a->trial);
    free(a);
}

void ask_answer(struct ask_queue *q, struct ask *a, const char *why)
{
    take_out(q, a);
    a->done(a->data, a->n, a->trial, why);
    free(a->trial);
    free(a);
}
