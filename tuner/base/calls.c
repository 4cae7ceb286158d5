#include "tuner/base/calls.h"

#include "tuner/base/arena.h"

#include <stdlib.h>

struct pending_call {
    struct pending_call *next;
    uint64_t mark;
    call_fn *call; /* NULL: forgotten */
    void *data;
    call_fn *drop;
};

void calls_add(struct calls *all, uint64_t mark, call_fn *call, void *data, call_fn *drop)
{
    struct pending_call *x = must_alloc(1, sizeof *x);
    *x = (struct pending_call){.mark = mark, .call = call, .data = data, .drop = drop};
    if (all->last)
        all->last->next = x;
    else
        all->first = x;
    all->last = x;
}

static struct pending_call *take_first(struct calls *all)
{
    struct pending_call *x = all->first;
    all->first = x->next;
    if (!all->first) all->last = NULL;
    return x;
}

void calls_make(struct calls *all, uint64_t mark)
{
    while (all->first && all->first->mark <= mark) {
        struct pending_call *x = take_first(all);
        if (x->call) x->call(x->data);
        free(x);
    }
}

void calls_forget(struct calls *all, const void *data)
{
    for (struct pending_call *x = all->first; x; x = x->next)
        if (x->data == data) x->call = x->drop = NULL;
}

void calls_done(struct calls *all)
{
    while (all->first) {
        struct pending_call *x = take_first(all);
        if (x->drop) x->drop(x->data);
        free(x);
    }
}
