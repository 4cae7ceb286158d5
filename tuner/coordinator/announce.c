#include "tuner/coordinator/announce.h"

#include <stdlib.h>

struct announcement {
    struct announcement *next;
    uint64_t batch;
    enum news event;
    const struct trial *trial;
    char *text;
    void (*call)(void *data); /* instead of the event; NULL: none, or forgotten */
    void *call_data;
    bool is_call;
};

static struct announcement *append(struct announcements *a, uint64_t batch)
{
    struct announcement *x = must_alloc(1, sizeof *x);
    x->batch = batch;
    if (a->last)
        a->last->next = x;
    else
        a->first = x;
    a->last = x;
    return x;
}

void announce_call(struct announcements *a, uint64_t batch, void (*call)(void *data), void *data)
{
    struct announcement *x = append(a, batch);
    x->is_call = true;
    x->call = call;
    x->call_data = data;
}

void announcements_forget(struct announcements *a, const void *data)
{
    for (struct announcement *x = a->first; x; x = x->next)
        if (x->is_call && x->call_data == data) x->call = NULL;
}

void announce(struct announcements *a, uint64_t batch, enum news event, const struct trial *trial, const char *text)
{
    struct announcement *x = append(a, batch);
    x->event = event;
    x->trial = trial;
    x->text = text ? must_strdup(text) : NULL;
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
                           void (*listen)(void *, enum news, const struct trial *, const char *), void *data)
{
    for (; a->first && a->first->batch <= durable; drop_first(a)) {
        if (!a->first->is_call)
            listen(data, a->first->event, a->first->trial, a->first->text);
        else if (a->first->call)
            a->first->call(a->first->call_data);
    }
}

void announcements_done(struct announcements *a)
{
    while (a->first) drop_first(a);
}
