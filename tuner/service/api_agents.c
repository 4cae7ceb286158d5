/* /api/v1/agents: the fleet's long polls and messages */
#include "tuner/service/api.h"
#include "tuner/service/pilot.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <stdio.h>
#include <string.h>

enum { POLL_MS = 20000, MESSAGES_MAX = 10000, TEXT_MAX = 100, REGISTRATIONS_A_S = 30, OTHERS_MAX = 255, SLICE = 200 };

/* ---- looking ---- */

void api_agents_list(struct call *c)
{
    size_t busy, seats = fleet_seats(c->service->fleet, &busy);
    call_answer(c, 200,
                json_pack("{s:o, s:I, s:I}", "agents", fleet_json(c->service->fleet), "slots", (json_int_t)seats,
                          "busy", (json_int_t)busy));
}

static struct agent *find_agent(struct call *c)
{
    struct agent *a = fleet_agent(c->service->fleet, c->param[0]);
    if (!a) call_problem(c, 404, "there is no agent '%.64s'", c->param[0]);
    return a;
}

void api_agent_get(struct call *c)
{
    struct agent *a = find_agent(c);
    if (a) call_answer(c, 200, agent_json(c->service->fleet, a));
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
static bool waits_for_studies(struct call *c, const json_t *held)
{
    const json_t *x;
    size_t i;
    json_array_foreach((json_t *)held, i, x)
    {
        if (service_waits(c, json_string_value(json_object_get(x, "study")))) return true;
    }
    return false;
}

void api_agent_register(struct call *c)
{
    const json_t *o = c->body, *slots = json_object_get(o, "slots"), *gpus = json_object_get(o, "gpus"),
                 *held = json_object_get(o, "held"), *study = json_object_get(o, "study");
    struct agent_card card = {.name = c->param[0],
                              .instance = text_of(o, "instance"),
                              .host = text_of(o, "host"),
                              .boot = text_of(o, "boot"),
                              .version = text_of(o, "version"),
                              .token = c->who.id,
                              .scope = c->who.scope,
                              .others_max = pilot_owns(c->service->pilot, c->who.id) ? 0 : OTHERS_MAX,
                              .study = text_of(o, "study"),
                              .job = text_of(o, "job"),
                              .slots = (size_t)json_integer_value(slots),
                              .gpus = (size_t)json_integer_value(gpus)};
    struct agent *a = NULL;
    struct error err;
    if (!call_fields(c, "instance", "host", "boot", "version", "slots", "gpus", "held", "study", "job", NULL)) return;
    bool ok = card.instance && *card.instance && card.host && card.boot && card.version && json_is_integer(slots) &&
              json_integer_value(slots) >= 1 && json_integer_value(slots) <= AGENT_SLOTS_MAX &&
              (!gpus || (json_is_integer(gpus) && json_integer_value(gpus) >= 0 && json_integer_value(gpus) <= 1024)) &&
              (!study || card.study) && (!json_object_get(o, "job") || card.job) && are_leases(held);
    if (!agent_is_name(c->param[0]) || !ok) {
        call_problem(c, 422,
                     "an agent's name has 1 to %d letters, digits, '.', '_' and '-'; it says instance, host, boot and "
                     "version (texts), slots (1 to %d), gpus, study, and held: [{study, lease}]",
                     AGENT_NAME_MAX, AGENT_SLOTS_MAX);
        return;
    }
    if (card.study && !words_lists(c->who.scope, card.study)) {
        call_problem(c, 403, "this token is not for study '%.60s'", card.study);
        return;
    }
    if (waits_for_studies(c, held)) return;
    if (card.others_max && auth_is_flood(c->service->auth, c->who.id, REGISTRATIONS_A_S)) {
        call_problem(c, 429, "more than %d agents a second register with this token", REGISTRATIONS_A_S);
        return;
    }
    json_t *gone = json_array();
    if (fleet_register(c->service->fleet, &card, held, gone, &a, &err)) {
        json_decref(gone);
        call_fail(c, &err);
        return;
    }
    service_say(c->service, NULL, "agent %s (%s, %zu slot%s) is here, with token %s", card.name, card.host, card.slots,
                words_s(card.slots), c->who.id);
    call_answer(c, 200,
                json_pack("{s:s, s:s, s:o, s:I}", "agent", card.name, "ticket", agent_ticket(a), "gone", gone,
                          "silence_ms", (json_int_t)c->service->options.silence_ms));
}

/* The agent, if it shows the ticket of its last registration, and the token. */
static struct agent *checked_agent(struct call *c)
{
    struct agent *a = fleet_agent(c->service->fleet, c->param[0]);
    const char *ticket = json_string_value(json_object_get(c->body, "ticket"));
    if (a && ticket && agent_is_shown(a, ticket, c->who.id)) return a;
    call_problem(c, 409, "agent '%.64s' is not registered with this ticket; register (again)", c->param[0]);
    return NULL;
}

void api_agent_leave(struct call *c)
{
    const char *ticket = call_query(c, "ticket");
    struct agent *a = find_agent(c);
    if (!a) return;
    if (!(c->who.grants & GRANT_OPERATE) && !(ticket && agent_is_shown(a, ticket, c->who.id))) {
        call_problem(c, 409, "'ticket' is not that of agent '%.64s'; only an operator can send others away",
                     c->param[0]);
        return;
    }
    fleet_dismiss(c->service->fleet, a);
    service_say(c->service, NULL, "agent %s has left", c->param[0]);
    call_answer(c, 200, json_pack("{s:s}", "agent", c->param[0]));
}

/* ---- long polls ---- */

struct poll {
    char name[AGENT_NAME_MAX + 1];
    int64_t until_ms;
};

static void end_poll(struct call *c)
{
    const struct poll *p = c->state;
    struct agent *a = fleet_agent(c->service->fleet, p->name);
    if (a) agent_waits_no_more(a);
}

static void answer_poll(struct call *c)
{
    const struct poll *p = c->state;
    struct agent *a = fleet_agent(c->service->fleet, p->name);
    json_t *mail = a ? agent_mail(a) : NULL;
    end_poll(c);
    c->cancel = NULL;
    call_answer(c, 200, json_pack("{s:o}", "mail", mail ? mail : json_array()));
}

static void on_mail(void *data, struct agent *a)
{
    struct service *s = data;
    for (struct call *c = s->polling, *next; c; c = next) {
        const struct poll *p = c->state;
        next = c->next;
        if (strcmp(p->name, agent_name(a)) == 0) answer_poll(c);
    }
}

void api_agents_open(struct service *s)
{
    fleet_on_mail(s->fleet, on_mail, s);
}

void api_agents_tick(struct service *s)
{
    int64_t now = clock_mono_ms(s->clock);
    for (struct call *c = s->polling, *next; c; c = next) {
        const struct poll *p = c->state;
        next = c->next;
        if (now >= p->until_ms || s->closing) answer_poll(c);
    }
}

void api_agent_poll(struct call *c)
{
    const json_t *got = json_object_get(c->body, "got"), *capacity = json_object_get(c->body, "capacity");
    if (!call_fields(c, "ticket", "got", "capacity", NULL)) return;
    struct agent *a = checked_agent(c);
    if (!a) return;
    if (!json_is_integer(got) || !json_is_integer(capacity) || json_integer_value(capacity) < 0 ||
        json_integer_value(got) < 0) {
        call_problem(c, 422, "\"got\" is the number of the last mail, \"capacity\" of the slots that it fills");
        return;
    }
    struct poll *p = arena_alloc(&c->arena, sizeof *p);
    snprintf(p->name, sizeof p->name, "%s", c->param[0]);
    p->until_ms = clock_mono_ms(c->service->clock) + POLL_MS;
    c->state = p;
    on_mail(c->service, a); /* an earlier poll, whose client may be gone */
    agent_waits(a, json_integer_value(got), (size_t)json_integer_value(capacity));
    json_t *mail = agent_mail(a);
    json_decref(mail);
    if (mail)
        answer_poll(c);
    else
        call_wait(c, &c->service->polling, end_poll);
}

/* ---- messages ---- */

/* Answered when all that they led to is durable, in each study that they are about. */
struct saying {
    size_t next; /* of the messages: they are heard a slice at a time, and others have their turn between */
    size_t waits;
};

static void answer_messages(struct call *c)
{
    json_t *gone = c->answer;
    c->answer = NULL;
    call_answer(c, 200, json_pack("{s:o}", "gone", gone));
}

static void on_part_durable(void *data)
{
    struct call *c = data;
    struct saying *x = c->state;
    if (--x->waits == 0) answer_messages(c);
}

/* Its client is gone, or one of the studies has ended: nobody may call back. */
static void forget_messages(struct call *c)
{
    for (struct hosted *h = c->service->hosted; h; h = h->next)
        if (h->run && h->run->coordinator) coordinator_forget(h->run->coordinator, c);
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

static void promise_answer(struct call *c)
{
    struct saying *x = c->state;
    json_t *about = studies_of(json_object_get(c->body, "messages"));
    json_decref(c->body); /* whoever waits needs little memory */
    c->body = NULL;
    x->waits = 1;
    call_wait(c, &c->service->saying, forget_messages);
    for (struct hosted *h = c->service->hosted; h; h = h->next) {
        if (h->over || !json_object_get(about, h->study->name)) continue;
        x->waits++;
        coordinator_promise(h->run->coordinator, on_part_durable, c);
    }
    json_decref(about);
    on_part_durable(c);
}

static void rest(struct call *c)
{
    (void)c;
}

static void hear_slice(struct call *c)
{
    struct saying *x = c->state;
    const json_t *messages = json_object_get(c->body, "messages");
    json_t *slice = json_array();
    struct agent *a = checked_agent(c); /* it may have left since the last slice */
    size_t n = json_array_size(messages), end = x->next + SLICE < n ? x->next + SLICE : n;
    for (; a && x->next < end; x->next++) json_array_append(slice, json_array_get(messages, x->next));
    if (a) agent_says(c->service->fleet, a, slice, c->answer);
    json_decref(slice);
    if (a && end < n)
        call_work(c, NULL, rest, hear_slice);
    else if (a)
        promise_answer(c);
}

void api_agent_messages(struct call *c)
{
    const json_t *messages = json_object_get(c->body, "messages");
    if (!call_fields(c, "ticket", "messages", NULL)) return;
    if (!checked_agent(c)) return;
    if (!json_is_array(messages) || json_array_size(messages) > MESSAGES_MAX) {
        call_problem(c, 422, "\"messages\" is a list of at most %d", MESSAGES_MAX);
        return;
    }
    c->answer = json_array();
    c->state = arena_alloc(&c->arena, sizeof(struct saying));
    hear_slice(c);
}
