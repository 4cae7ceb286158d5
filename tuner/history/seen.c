#include "tuner/history/seen.h"

#include "tuner/history/internal.h"

#include "tuner/base/arena.h"

#include <stdint.h>

void seen_add(struct history *s, struct trial *t)
{
    t->at.seen = SIZE_MAX;
    if (t->outside) return;
    t->at.seen = s->seen.n;
    internal_add(&s->seen, t);
    if (s->seen.capacity != s->seen_capacity)
        s->seen_row = must_grow(s->seen_row, s->seen.capacity, sizeof *s->seen_row);
    s->seen_capacity = s->seen.capacity;
    s->seen_row[t->at.seen] =
        (struct search_trial){.outcome = SEARCH_PENDING, .config = t->config, .metrics = t->value, .told = -1};
}

/* Leaves a hole: a hundred thousand cancelled trials would each move all that come after. */
static void seen_remove(struct history *s, struct trial *t)
{
    s->seen.at[t->at.seen] = NULL;
    t->at.seen = SIZE_MAX;
    s->seen_holes++;
}

void seen_close_holes(struct history *s)
{
    size_t n = 0;
    if (s->seen_holes == 0) return;
    for (size_t i = 0; i < s->seen.n; i++) {
        struct trial *t = s->seen.at[i];
        if (!t) continue;
        t->at.seen = n;
        s->seen.at[n] = t;
        s->seen_row[n++] = s->seen_row[i];
    }
    s->seen.n = n;
    s->seen_holes = 0;
    internal_show(s);
}

void seen_curve(struct history *s, const struct trial *t, const struct learning_curve *curve)
{
    if (t->at.seen != SIZE_MAX) s->seen_row[t->at.seen].curve = curve;
}

void seen_finish(struct history *s, struct trial *t)
{
    if (t->at.seen == SIZE_MAX) return;
    if (t->state == TRIAL_CANCELLED) { /* it says nothing to the models */
        seen_remove(s, t);
        return;
    }
    struct search_trial *row = &s->seen_row[t->at.seen];
    row->outcome = t->state == TRIAL_COMPLETE ? SEARCH_COMPLETE
                   : t->state == TRIAL_PRUNED ? SEARCH_STOPPED
                                              : SEARCH_FAILED;
    if (t->state == TRIAL_PRUNED && t->attempt.stop.expected) {
        row->metrics = t->attempt.stop.expected;
        row->spread = t->attempt.stop.spread;
    }
    row->told = t->told;
    row->poisonous = t->effort.poisonous;
}

/* A cancelled one comes back to its place: the search sees the trials by number. */
static void seen_restore(struct history *s, struct trial *t)
{
    seen_close_holes(s);
    seen_add(s, t);
    for (size_t i = t->at.seen; i > 0 && s->seen.at[i - 1]->number > t->number; i--) {
        struct trial *later = s->seen.at[i - 1];
        struct search_trial row = s->seen_row[i];
        s->seen_row[i] = s->seen_row[i - 1];
        s->seen.at[i] = later;
        later->at.seen = i;
        s->seen_row[i - 1] = row;
        s->seen.at[i - 1] = t;
        t->at.seen = i - 1;
    }
}

void seen_reopen(struct history *s, struct trial *t)
{
    if (t->outside) return;
    if (t->at.seen == SIZE_MAX) {
        seen_restore(s, t);
        return;
    }
    struct search_trial *row = &s->seen_row[t->at.seen];
    row->outcome = SEARCH_PENDING;
    row->told = -1;
    row->metrics = t->value;
    row->spread = NULL;
    row->curve = NULL;
    row->poisonous = false;
}
