#include "tuner/coordinator/attempts.h"

#include <stdlib.h>
#include <string.h>

struct active_attempt *attempts_add(struct attempts *all, const struct attempt_home *home)
{
    all->attempt = must_reserve(all->attempt, all->n + 1, &all->capacity, sizeof(struct active_attempt *));
    struct active_attempt *a = all->attempt[all->n++] = must_alloc(1, sizeof *a);
    a->home = home;
    a->state = ATTEMPT_OVER;
    return a;
}

void attempts_bind(struct attempts *all, struct active_attempt *a)
{
    size_t number = (size_t)a->trial->number, n = all->n_trials;
    all->of_trial = must_reserve(all->of_trial, number + 1, &all->n_trials, sizeof(struct active_attempt *));
    memset(all->of_trial + n, 0, (all->n_trials - n) * sizeof(struct active_attempt *));
    all->of_trial[number] = a;
}

struct active_attempt *attempts_of(const struct attempts *all, const struct trial *t)
{
    struct active_attempt *a = (size_t)t->number < all->n_trials ? all->of_trial[t->number] : NULL;
    return a && a->state != ATTEMPT_OVER ? a : NULL;
}

static void release(struct attempts *all, struct active_attempt *a)
{
    if (a->trial && all->of_trial[a->trial->number] == a) all->of_trial[a->trial->number] = NULL;
    attempt_clear(a);
    free(a);
}

void attempts_sweep(struct attempts *all)
{
    for (size_t i = all->n; i-- > 0;) {
        struct active_attempt *a = all->attempt[i];
        if (a->state != ATTEMPT_OVER || a->ask || a->load) continue;
        all->attempt[i] = all->attempt[--all->n];
        release(all, a);
    }
}

void attempts_done(struct attempts *all)
{
    for (size_t i = 0; i < all->n; i++) release(all, all->attempt[i]);
    free(all->attempt);
    free(all->of_trial);
}

size_t attempts_busy(const struct attempts *all)
{
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++) n += all->attempt[i]->state != ATTEMPT_OVER || all->attempt[i]->load;
    return n;
}

size_t attempts_busy_here(const struct attempts *all)
{
    size_t n = 0;
    for (size_t i = 0; i < all->n; i++) n += all->attempt[i]->at && all->attempt[i]->at->at->is_here;
    return n;
}
