#include "tuner/coordinator/announce.h"

#include <stdlib.h>

struct announcement {
    struct announcement *next;
    uint64_t batch;
    enum coordinator_event event;
    const struct trial *trial;
    char *text;
};

void announce(struct announcements *a, uint64_t batch, enum coordinator_event event, const struct trial *trial,
              const char *text)
{
    struct announcement *x = must_alloc(1, sizeof *x);
    x->batch = batch;
    x->event = event;
    x->trial = trial;
    x->text = text ? must_strdup(text) : NULL;
    if (a->last)
        a->last->next = x;
    else
        a->first = x;
    a->last = x;
}

static void drop_first(struct announcements *a)
{
    struct announcement *x = a->first;
    a->first = x->next;
    if (!a->first) a->last = NULL;
    free(x->text);
    free(x);
}

void announcements_release(struct announcements *a, uint64_t durable,
                           void (*listen)(void *, enum coordinator_event, const struct trial *, const char *),
                           void *data)
{
    for (; a->first && a->first->batch <= durable; drop_first(a))
        listen(data, a->first->event, a->first->trial, a->first->text);
}

void announcements_done(struct announcements *a)
{
    while (a->first) drop_first(a);
}
