#include "tuner/coordinator/placement.h"

#include "tuner/coordinator/machine.h"

#include "tuner/base/words.h"

#include <stdio.h>

struct workers *placement_open(const struct coordinator_options *options, const struct study *study, uv_loop_t *loop)
{
    struct arena a = {0};
    if (options->workers) return options->workers;
    struct workers *w = workers_create(loop, options->guard, options->slots);
    if (options->slots) workers_lock_slots(w, arena_printf(&a, "%s/%s", options->files, study->name));
    arena_done(&a);
    return w;
}

void placement_say_left(struct coordinator *c)
{
    char text[200];
    size_t n = c->options.slots, left = c->options.workers ? 0 : n - workers_free_slots(c->workers);
    snprintf(text, sizeof text, "%zu of %zu slot%s: " WORKERS_LEFT_OVER, left, n, words_s(n));
    if (left) machine_say(c, NEWS_NOTE, NULL, text);
}

static bool has_room_here(const struct coordinator *c)
{
    return seating_free_here(&c->seating) && workers_next_slot(c->workers) < workers_slots(c->workers) &&
           (!c->options.may_start_here || c->options.may_start_here(c->options.data));
}

/* A study without a command is for clients only, one whose files are missing for this machine. */
static bool has_room_there(struct coordinator *c)
{
    bool shippable = !c->options.definition || *c->options.definition(c->options.data);
    return c->tenant && c->history->study->n_args > 0 && shippable && fleet_has_room(c->tenant);
}

/* Clients have asked, so they come first; then this machine, then agents. */
bool placement_is_possible(struct coordinator *c)
{
    return ask_queue_waiting(&c->asks) || has_room_here(c) || has_room_there(c);
}

struct slot *placement_take(struct coordinator *c)
{
    struct ask *a = ask_queue_waiting(&c->asks);
    if (a) {
        struct slot *slot = seating_add(&c->seating, &c->home, PLACE_CLIENT);
        a->promised++;
        slot->ask = a;
        return slot;
    }
    if (has_room_here(c)) return seating_free_here(&c->seating);
    if (!has_room_there(c)) return NULL;
    struct slot *slot = seating_add(&c->seating, &c->home, PLACE_AGENT);
    slot->seat = fleet_take(c->tenant, slot);
    return slot->seat ? slot : NULL;
}

/* ---- what is taken ---- */

size_t coordinator_busy_here(const struct coordinator *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->seating.n; i++)
        n += c->seating.slot[i]->place == PLACE_HERE && c->seating.slot[i]->state != SLOT_FREE;
    return n;
}

size_t coordinator_busy(const struct coordinator *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->seating.n; i++) n += c->seating.slot[i]->state != SLOT_FREE;
    return n;
}
