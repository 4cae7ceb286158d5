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
    return attempts_busy_here(&c->attempts) < c->options.slots &&
           workers_next_slot(c->workers) < workers_slots(c->workers) &&
           (!c->options.may_start_here || c->options.may_start_here(c->options.data));
}

/* A study without a command is for clients only, one whose files are missing for this machine. */
static bool has_room_there(struct coordinator *c)
{
    bool shippable = !c->options.definition || *c->options.definition(c->options.data);
    return c->tenant && c->memory->study->n_args > 0 && shippable && fleet_has_room(c->tenant);
}

/* Clients have asked, so they come first; then this machine, then agents. */
bool placement_is_possible(struct coordinator *c)
{
    return ask_queue_waiting(&c->asks) || has_room_here(c) || has_room_there(c);
}

static struct execution *run_here(const struct coordinator *c)
{
    return c->options.run_here ? c->options.run_here(c->options.data) : local_execution(c->workers, c->options.gpus);
}

struct active_attempt *placement_take(struct coordinator *c, int64_t *ret_ttl_ms)
{
    struct ask *ask = ask_queue_waiting(&c->asks);
    bool here = !ask && has_room_here(c);
    *ret_ttl_ms = ask ? ask->ttl_ms : 0;
    if (!ask && !here && !has_room_there(c)) return NULL;
    struct active_attempt *a = attempts_add(&c->attempts, &c->home);
    if (ask) {
        ask->promised++;
        a->ask = ask;
        a->at = at_client_execution(ask->token);
    } else
        a->at = here ? run_here(c) : at_agent_take(c->tenant, a);
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
