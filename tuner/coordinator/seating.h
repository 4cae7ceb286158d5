/* seating: the slots of a coordinator: those of this machine, and those that come with a trial. */
#ifndef TUNER_COORDINATOR_SEATING_H
#define TUNER_COORDINATOR_SEATING_H

#include "tuner/coordinator/slot.h"

struct seating {
    size_t n, capacity;
    struct slot **slot; /* addresses stay */
};

struct slot *seating_add(struct seating *s, const struct slot_home *home, enum slot_place place);
/* Those that came with a trial and are free: their asker, if any, has been answered. */
void seating_sweep(struct seating *s);
void seating_done(struct seating *s);

struct slot *seating_free_here(const struct seating *s); /* NULL: none */
bool seating_is_idle(const struct seating *s);

#endif
