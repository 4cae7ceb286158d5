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

static size_t free_slots(const struct coordinator *c)
{
    size_t busy = attempts_busy_here(&c->attempts);
    bool may = !c->options.may_start_here || c->options.may_start_here(c->options.data);
    return may && busy < c->options.slots ? c->options.slots - busy : 0;
}

/* A study without a command is for clients only, one whose files are missing for this machine. */
static struct site site_of(const struct coordinator *c)
{
    bool shippable = !c->options.definition || *c->options.definition(c->options.data);
    return (struct site){.study = c->memory->study,
                         .slots = free_slots(c),
                         .workers = c->workers,
                         .gpus = c->options.gpus,
                         .tenant = shippable ? c->tenant : NULL,
                         .data = c->options.data};
}

/* Clients have asked, so they come first. */
bool placement_is_possible(struct coordinator *c)
{
    const struct site site = site_of(c);
    return ask_queue_waiting(&c->asks) || executor_with_room(c->options.executors, &site);
}

struct active_attempt *placement_take(struct coordinator *c, int64_t *ret_ttl_ms)
{
    const struct site site = site_of(c);
    struct ask *ask = ask_queue_waiting(&c->asks);
    const struct executor *place = ask ? NULL : executor_with_room(c->options.executors, &site);
    *ret_ttl_ms = ask ? ask->asking.ttl_ms : 0;
    if (!ask && !place) return NULL;
    struct active_attempt *a = attempts_add(&c->attempts, &c->home);
    a->at = ask ? at_client_execution(ask->asking.token) : place->take(&site, a);
    if (ask) ask->promised++;
    a->ask = ask;
    return a->at ? a : NULL;
}

/* ---- what is taken ---- */

size_t coordinator_busy_here(const struct coordinator *c)
{
    return attempts_busy_here(&c->attempts);
}

size_t coordinator_busy(const struct coordinator *c)
{
    return attempts_busy(&c->attempts);
}
