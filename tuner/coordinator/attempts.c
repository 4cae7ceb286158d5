#include "tuner/coordinator/attempts.h"

#include <stdlib.h>

struct attempt *attempts_add(struct attempts *all, const struct attempt_home *home)
{
    if (all->n == all->capacity) {
        all->capacity = 2 * all->capacity + 16;
        all->attempt = must_grow(all->attempt, all->capacity, sizeof(struct attempt *));
    }
    struct attempt *a = all->attempt[all->n++] = must_alloc(1, sizeof *a);
    a->home = home;
    a->state = ATTEMPT_OVER;
    return a;
}

static void release(struct attempt *a)
{
    attempt_clear(a);
    free(a);
}

void attempts_sweep(struct attempts *all)
{
    for (size_t i = all->n; i-- > 0;) {
        struct attempt *a = all->attempt[i];
        if (a->state != ATTEMPT_OVER || a->ask) continue;
        all->attempt[i] = all->attempt[--all->n];
        release(a);
    }
}

void attempts_done(struct attempts *all)
{
    for (size_t i = 0; i < all->n; i++) release(all->attempt[i]);
    free(all->attempt);
}

size_t attempts_busy(const struct attempts *all)
{
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++) n += all->attempt[i]->state != ATTEMPT_OVER;
    return n;
}

size_t attempts_busy_here(const struct attempts *all)
{
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++) n += all->attempt[i]->state != ATTEMPT_OVER && all->attempt[i]->at->at->is_here;
    return n;
}
