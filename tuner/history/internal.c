#include "tuner/history/internal.h"

struct trial *internal_own(const struct history *s, const struct trial *t)
{
    return s->all.at[t->number];
}

void internal_add(struct trial_list *list, struct trial *t)
{
    list->at = must_reserve(list->at, list->n + 1, &list->capacity, sizeof(struct trial *));
    list->at[list->n++] = t;
}

void internal_show(struct history *s)
{
    s->m.n = s->all.n;
    s->m.trial = (const struct trial *const *)s->all.at;
    s->m.n_open = s->open.n;
    s->m.open = (const struct trial *const *)s->open.at;
    s->m.n_curves = s->curves.n;
    s->m.curves = (const struct trial *const *)s->curves.at;
    s->m.n_seen = s->seen.n;
    s->m.seen = s->seen_row;
    s->m.seen_trial = (const struct trial *const *)s->seen.at;
    s->m.products.n = s->products.n;
    s->m.products.product = (const struct product *const *)s->products.all;
}

void internal_hear(struct attempt *a, long number, int64_t after_ms)
{
    struct hearing *h = &a->heard;
    if (number == 0) h->longest_ms = h->last_ms = 0; /* all of them are read again */
    if (number > 0 && after_ms - h->last_ms > h->longest_ms) h->longest_ms = after_ms - h->last_ms;
    h->last_ms = after_ms;
}
