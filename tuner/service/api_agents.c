/* /api/v1/agents: the fleet's long polls and messages */
#include "tuner/service/api_agents.h"

#include "tuner/service/credential.h"
#include "tuner/service/waking.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <stdio.h>
#include <string.h>

enum { POLL_MS = 20000, MESSAGES_MAX = 10000, TEXT_MAX = 100, REGISTRATIONS_A_S = 30, OTHERS_MAX = 255, SLICE = 200 };

/* ---- looking ---- */

static void on_list_agents(struct request *r)
{
    size_t busy, seats = fleet_seats(r->service->fleet, &busy);
    if (!request_sees_all(r)) return;
    request_answer(r, 200,
                   json_pack("{s:o, s:I, s:I}", "agents", fleet_json(r->service->fleet), "slots", (json_int_t)seats,
                             "busy", (json_int_t)busy));
}

static struct agent *find_agent(struct request *r)
{
    struct agent *a = fleet_agent(r->service->fleet, r->param[0]);
    if (!a) request_problem(r, 404, "there is no agent '%.64s'", r->param[0]);
    return a;
}

static void on_get_agent(struct request *r)
{
    struct agent *a = request_sees_all(r) ? find_agent(r) : NULL;
    if (a) request_answer(r, 200, agent_json(r->service->fleet, a));
}

/* ---- registering ---- */

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text && words_length(text) <= TEXT_MAX ? text : NULL;
}

static bool are_leases(const json_t *held)
{
    const json_t *x;
    size_t i;
    if (!json_is_array(held) || json_array_size(held) > MESSAGES_MAX) return false;
    json_array_foreach((json_t *)held, i, x)
    {
        if (!json_is_string(json_object_get(x, "study")) || !json_is_integer(json_object_get(x, "lease"))) return false;
    }
    return true;
}

/* What it holds of a study that is not at work again yet is not gone. */
static bool waits_for_studies(struct request *r, const json_t *held)
{
    const json_t *x;
    size_t i;
    json_array_foreach((json_t *)held, i, x)
    {
        if (waking_waits(r, json_string_value(json_object_get(x, "study")))) return true;
    }
    return false;
}

static void on_register_agent(struct request *r)
{
    const json_t *o = r->body, *slots = json_object_get(o, "slots"), *gpus = json_object_get(o, "gpus"),
                 *held = json_object_get(o, "held"), *study = json_object_get(o, "study");
    struct agent_card card = {.name = r->param[0],
                              .instance = text_of(o, "instance"),
                              .host = text_of(o, "host"),
                              .boot = text_of(o, "boot"),
                              .version = text_of(o, "version"),
                              .token = r->who.id,
                              .scope = r->who.scope,
                              .others_max = credential_owns(r->service, r->who.id) ? 0 : OTHERS_MAX,
                              .study = text_of(o, "study"),
                              .job = text_of(o, "job"),
                              .slots = (size_t)json_integer_value(slots),
                              .gpus = (size_t)json_integer_value(gpus)};
    struct agent *a = NULL;
    struct error err;
    if (!request_fields(r, "instance", "host", "boot", "version", "slots", "gpus", "held", "study", "job", NULL))
        return;
    bool ok = card.instance && *card.instance && card.host && card.boot && card.version && json_is_integer(slots) &&
              json_integer_value(slots) >= 1 && json_integer_value(slots) <= AGENT_SLOTS_MAX &&
              (!gpus || (json_is_integer(gpus) && json_integer_value(gpus) >= 0 && json_integer_value(gpus) <= 1024)) &&
              (!study || card.study) && (!json_object_get(o, "job") || card.job) && are_leases(held);
    if (!agent_is_name(r->param[0]) || !ok) {
        request_problem(
            r, 422,
            "an agent's name has 1 to %d letters, digits, '.', '_' and '-'; it says instance, host, boot and "
            "version (texts), slots (1 to %d), gpus, study, and held: [{study, lease}]",
            AGENT_NAME_MAX, AGENT_SLOTS_MAX);
        return;
    }
    if (card.study && !words_lists(r->who.scope, card.study)) {
        request_problem(r, 403, "this token is not for study '%.60s'", card.study);
        return;
    }
    if (waits_for_studies(r, held)) return;
    if (card.others_max && auth_is_flood(r->service->auth, r->who.id, REGISTRATIONS_A_S)) {
        request_problem(r, 429, "more than %d agents a second register with this token", REGISTRATIONS_A_S);
        return;
    }
    json_t *gone = json_array();
    if (fleet_register(r->service->fleet, &card, held, gone, &a, &err)) {
        json_decref(gone);
        request_fail(r, &err);
        return;
    }
    service_say(r->service, NULL, "agent %s (%s, %zu slot%s) is here, with token %s", card.name, card.host, card.slots,
                words_s(card.slots), r->who.id);
    request_answer(r, 200,
                   json_pack("{s:s, s:s, s:o, s:I}", "agent", card.name, "ticket", agent_ticket(a), "gone", gone,
                             "silence_ms", (json_int_t)r->service->options.silence_ms));
}

/* The agent, if it shows the ticket of its last registration, and the token. */
static struct agent *checked_agent(struct request *r)
{
    struct agent *a = fleet_agent(r->service->fleet, r->param[0]);
    const char *ticket = json_string_value(json_object_get(r->body, "ticket"));
    if (a && ticket && agent_is_shown(a, ticket, r->who.id)) return a;
    request_problem(r, 409, "agent '%.64s' is not registered with this ticket; register (again)", r->param[0]);
    return NULL;
}

static void on_leave_agent(struct request *r)
{
    const char *ticket = request_query(r, "ticket");
    struct agent *a = find_agent(r);
    if (!a) return;
    if (!(r->who.grants & GRANT_OPERATE) && !(ticket && agent_is_shown(a, ticket, r->who.id))) {
        request_problem(r, 409, "'ticket' is not that of agent '%.64s'; only an operator can send others away",
                        r->param[0]);
        return;
    }
    fleet_dismiss(r->service->fleet, a);
    service_say(r->service, NULL, "agent %s has left", r->param[0]);
    request_answer(r, 200, json_pack("{s:s}", "agent", r->param[0]));
}

/* ---- long polls ---- */

struct poll {
    char name[AGENT_NAME_MAX + 1];
    int64_t until_ms;
};

static void end_poll(struct request *r)
{
    const struct poll *p = r->state;
    struct agent *a = fleet_agent(r->service->fleet, p->name);
    if (a) agent_waits_no_more(a);
}

static void answer_poll(struct request *r)
{
    const struct poll *p = r->state;
    struct agent *a = fleet_agent(r->service->fleet, p->name);
    json_t *mail = a ? agent_mail(a) : NULL;
    end_poll(r);
    r->cancel = NULL;
    request_answer(r, 200, json_pack("{s:o}", "mail", mail ? mail : json_array()));
}

static void on_mail(void *data, struct agent *a)
{
    struct service *s = data;
    for (struct request *r = s->queues.polling, *next; r; r = next) {
        const struct poll *p = r->state;
        next = r->wait.next;
        if (strcmp(p->name, agent_name(a)) == 0) answer_poll(r);
    }
}

void api_agents_open(struct service *s)
{
    fleet_on_mail(s->fleet, on_mail, s);
}

void api_agents_tick(struct service *s)
{
    int64_t now = clock_mono_ms(s->clock);
    for (struct request *r = s->queues.polling, *next; r; r = next) {
        const struct poll *p = r->state;
        next = r->wait.next;
        if (now >= p->until_ms || s->closing) answer_poll(r);
    }
}

static void on_poll_agent(struct request *r)
{
    const json_t *got = json_object_get(r->body, "got"), *capacity = json_object_get(r->body, "capacity");
    if (!request_fields(r, "ticket", "got", "capacity", NULL)) return;
    struct agent *a = checked_agent(r);
    if (!a) return;
    if (!json_is_integer(got) || !json_is_integer(capacity) || json_integer_value(capacity) < 0 ||
        json_integer_value(got) < 0) {
        request_problem(r, 422, "\"got\" is the number of the last mail, \"capacity\" of the slots that it fills");
        return;
    }
    struct poll *p = arena_alloc(&r->arena, sizeof *p);
    snprintf(p->name, sizeof p->name, "%s", r->param[0]);
    p->until_ms = clock_mono_ms(r->service->clock) + POLL_MS;
    r->state = p;
    on_mail(r->service, a); /* an earlier poll, whose client may be gone */
    agent_waits(a, json_integer_value(got), (size_t)json_integer_value(capacity));
    json_t *mail = agent_mail(a);
    json_decref(mail);
    if (mail)
        answer_poll(r);
    else
        request_wait(r, &r->service->queues.polling, end_poll);
}

/* ---- messages ---- */

/* Answered when all that they led to is durable, in each study that they are about. */
struct saying {
    size_t next; /* of the messages: they are heard a slice at a time, and others have their turn between */
    size_t waits;
};

static void answer_messages(struct request *r)
{
    json_t *gone = r->later.body;
    r->later.body = NULL;
    request_answer(r, 200, json_pack("{s:o}", "gone", gone));
}

static void on_part_durable(void *data)
{
    struct request *r = data;
    struct saying *x = r->state;
    if (--x->waits == 0) answer_messages(r);
}

/* Its client is gone, or one of the studies has ended: nobody may call back. */
static void forget_messages(struct request *r)
{
    for (struct active_study *as = r->service->active; as; as = as->next)
        if (as->active && as->active->coordinator) coordinator_forget(as->active->coordinator, r);
}

/* The names of the studies that they are about: {"STUDY": true}. */
static json_t *studies_of(const json_t *messages)
{
    json_t *out = json_object();
    const json_t *x;
    size_t i;
    json_array_foreach((json_t *)messages, i, x)
    {
        const char *name = json_string_value(json_object_get(x, "study"));
        if (name) json_object_set_new(out, name, json_true());
    }
    return out;
}

static void promise_answer(struct request *r)
{
    struct saying *x = r->state;
    json_t *about = studies_of(json_object_get(r->body, "messages"));
    json_decref(r->body); /* whoever waits needs little memory */
    r->body = NULL;
    x->waits = 1;
    request_wait(r, &r->service->queues.saying, forget_messages);
    for (struct active_study *as = r->service->active; as; as = as->next) {
        if (as->over || !json_object_get(about, as->study->name)) continue;
        x->waits++;
        coordinator_promise(as->active->coordinator, on_part_durable, r);
    }
    json_decref(about);
    on_part_durable(r);
}

static void rest(struct request *r)
{
    (void)r;
}

static void hear_slice(struct request *r)
{
    struct saying *x = r->state;
    const json_t *messages = json_object_get(r->body, "messages");
    json_t *slice = json_array();
    struct agent *a = checked_agent(r); /* it may have left since the last slice */
    size_t n = json_array_size(messages), end = x->next + SLICE < n ? x->next + SLICE : n;
    for (; a && x->next < end; x->next++) json_array_append(slice, json_array_get(messages, x->next));
    if (a) agent_says(r->service->fleet, a, slice, r->later.body);
    json_decref(slice);
    if (a && end < n)
        request_work(r, rest, hear_slice);
    else if (a)
        promise_answer(r);
}

static void on_say_messages(struct request *r)
{
    const json_t *messages = json_object_get(r->body, "messages");
    if (!request_fields(r, "ticket", "messages", NULL)) return;
    if (!checked_agent(r)) return;
    if (!json_is_array(messages) || json_array_size(messages) > MESSAGES_MAX) {
        request_problem(r, 422, "\"messages\" is a list of at most %d", MESSAGES_MAX);
        return;
    }
    r->later.body = json_array();
    r->state = arena_alloc(&r->arena, sizeof(struct saying));
    hear_slice(r);
}

const struct route api_agents_routes[] = {
    {"GET", "/api/v1/agents", GRANT_VIEW, on_list_agents, 0, BODY_NONE, false},
    {"GET", "/api/v1/agents/{agent}", GRANT_VIEW, on_get_agent, 0, BODY_NONE, false},
    {"PUT", "/api/v1/agents/{agent}", GRANT_WORK, on_register_agent, ROUTE_JSON_MAX, BODY_JSON, false},
    {"DELETE", "/api/v1/agents/{agent}", GRANT_WORK, on_leave_agent, 0, BODY_NONE, false},
    {"POST", "/api/v1/agents/{agent}/poll", GRANT_WORK, on_poll_agent, ROUTE_JSON_MAX, BODY_JSON, false},
    {"POST", "/api/v1/agents/{agent}/messages", GRANT_WORK, on_say_messages, ROUTE_JSON_MAX, BODY_JSON, false},
    {0},
};
