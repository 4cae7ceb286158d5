#include "tuner/execution/at_agent.h"

#include "tuner/base/json.h"

#include <stdlib.h>

struct at_agent {
    struct execution x;
    struct seat *seat; /* NULL: lost */
    bool stopping;     /* it has been told */
};

static struct holder holder(const struct execution *x)
{
    const struct at_agent *a = (const struct at_agent *)x;
    return seat_holder(a->seat);
}

/* It runs when the agent says so. */
static enum status start(struct execution *x, const struct attempt_spec *spec, struct error *err)
{
    struct at_agent *a = (struct at_agent *)x;
    json_t *assignment = launch_assignment(spec);
    (void)err;
    seat_assign(a->seat, spec->lease, assignment);
    return STATUS_OK;
}

static void tell(struct execution *x, const json_t *message)
{
    struct at_agent *a = (struct at_agent *)x;
    if (a->seat) seat_send(a->seat, json_incref((json_t *)message));
}

/* Agents of before "now" was said take no notice of it, and kill when they are told for the second time. */
static void stop(struct execution *x, enum stop_mode mode, const char *why)
{
    struct at_agent *a = (struct at_agent *)x;
    if (a->stopping && mode == STOP_GENTLY) return;
    a->stopping = true;
    json_t *message = json_pack("{s:s}", "stop", why);
    if (mode == STOP_NOW) json_object_set_new(message, "now", json_true());
    tell(x, message);
    json_decref(message);
}

static bool is_silent(const struct execution *x)
{
    const struct at_agent *a = (const struct at_agent *)x;
    return a->seat && seat_is_silent(a->seat);
}

static void release(struct execution *x)
{
    struct at_agent *a = (struct at_agent *)x;
    if (a->seat) seat_leave(a->seat);
    free(a);
}

static struct execution *create(struct seat *seat)
{
    if (!seat) return NULL;
    struct at_agent *a = must_alloc(1, sizeof *a);
    *a = (struct at_agent){.x = {.at = &agent_executor}, .seat = seat};
    return &a->x;
}

static bool has_room(const struct site *site)
{
    return site->tenant && study_has_program(site->study) && fleet_has_room(site->tenant);
}

/* At the agent whose turn it is; the owner is told when the seat is lost. */
static struct execution *take(const struct site *site, void *owner)
{
    return create(fleet_take(site->tenant, owner));
}

struct execution *at_agent_expect(struct tenant *tenant, void *owner, const struct holder *holder, int64_t lease)
{
    return create(fleet_expect(tenant, holder, lease, owner));
}

void at_agent_unseat(struct execution *x)
{
    struct at_agent *a = (struct at_agent *)x;
    a->seat = NULL;
}

const struct executor agent_executor = {.name = "agent",
                                        .has_folder = true,
                                        .has_an_end = true,
                                        .may_disobey = true,
                                        .has_room = has_room,
                                        .take = take,
                                        .holder = holder,
                                        .start = start,
                                        .send = tell,
                                        .stop = stop,
                                        .is_silent = is_silent,
                                        .free = release};
