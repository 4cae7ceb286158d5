#include "tuner/coordinator/seating.h"

#include <stdlib.h>

struct slot *seating_add(struct seating *s, const struct slot_home *home, enum slot_place place)
{
    if (s->n == s->capacity) {
        s->capacity = 2 * s->capacity + 16;
        s->slot = must_grow(s->slot, s->capacity, sizeof(struct slot *));
    }
    struct slot *slot = s->slot[s->n++] = must_alloc(1, sizeof *slot);
    slot->home = home;
    slot->place = place;
    return slot;
}

void seating_sweep(struct seating *s)
{
    for (size_t i = s->n; i-- > 0;) {
        struct slot *slot = s->slot[i];
        if (slot->state != SLOT_FREE || slot->place == PLACE_HERE || slot->ask) continue;
        s->slot[i] = s->slot[--s->n];
        free(slot);
    }
}

void seating_done(struct seating *s)
{
    for (size_t i = 0; i < s->n; i++) free(s->slot[i]);
    free(s->slot);
}

struct slot *seating_free_here(const struct seating *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->slot[i]->place == PLACE_HERE && s->slot[i]->state == SLOT_FREE) return s->slot[i];
    return NULL;
}

bool seating_is_idle(const struct seating *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->slot[i]->state != SLOT_FREE) return false;
    return true;
}
