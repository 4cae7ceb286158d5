#include "tuner/service/telling.h"

#include "tuner/service/request.h"

#include "tuner/notify/notify.h"

#include <stdlib.h>

/* ---- what comes back ---- */

static void on_say(void *data, const char *study, const char *text)
{
    service_say(data, study, "%s", text);
}

struct ticket {
    uint64_t number;
};

static void on_tried(void *data, uint64_t number, json_t *results)
{
    struct service *s = data;
    struct request *r = s->telling.trying;
    while (r && ((const struct ticket *)r->state)->number != number) r = r->wait.next;
    if (!r) { /* its client is gone */
        json_decref(results);
        return;
    }
    request_wait_no_more(r);
    request_answer(r, 200, results);
}

/* ---- studies ---- */

enum status telling_open(struct service *s, struct error *err)
{
    const struct notifier_options options = {.file = s->options.notify,
                                             .db = s->options.db,
                                             .loop = s->loop,
                                             .adopts = true,
                                             .say = on_say,
                                             .tried = on_tried,
                                             .data = s};
    return s->options.notify ? notifier_create(&options, &s->telling.notifier, err) : STATUS_OK;
}

void telling_begin(struct service *s, const char *study)
{
    if (s->telling.notifier) notifier_begin(s->telling.notifier, study);
}

void telling_look(struct service *s, const struct active *r, bool news)
{
    if (!s->telling.notifier || !r->coordinator) return;
    const struct muster m = fleet_muster(s->fleet, r->study->name, NOCTURNE_VERSION);
    notifier_look(s->telling.notifier, r->study->name,
                  &(struct look){.news = news,
                                 .paused = coordinator_pause_reason(r->coordinator),
                                 .agents = m.agents,
                                 .agents_lost = m.silent,
                                 .agents_other = m.other,
                                 .agent_lost = m.silent_name,
                                 .agent_other = m.other_name,
                                 .agent_version = m.other_version});
}

void telling_over(struct service *s, const char *study, enum coordinator_end end, const char *failure)
{
    struct notifier *n = s->telling.notifier;
    if (!n) return;
    if (end == COORDINATOR_LEFT && !failure)
        notifier_left(n, study);
    else
        notifier_over(n, study, failure);
}

void telling_alive(struct service *s)
{
    if (s->telling.notifier) notifier_alive(s->telling.notifier);
}

/* ---- tests ---- */

void telling_try(struct request *r, const char *channel)
{
    struct telling *t = &r->service->telling;
    size_t n = 0;
    for (const struct request *other = t->trying; other; other = other->wait.next) n++;
    if (n >= TELLING_TESTS) {
        request_problem(r, 429, "%zu tests are on their way already; wait for what comes of them", n);
        return;
    }
    if (!t->notifier) {
        request_problem(r, 503, "the service is stopping");
        return;
    }
    struct ticket *x = arena_alloc(&r->arena, sizeof *x);
    x->number = ++t->ticket;
    r->state = x;
    request_wait(r, &t->trying, NULL);
    notifier_try(t->notifier, channel, x->number);
}

/* ---- the end ---- */

void telling_refuse(struct service *s)
{
    request_refuse_all(&s->telling.trying, 503, "the service is stopping");
}

void telling_close(struct service *s, void (*closed)(void *data))
{
    struct notifier *n = s->telling.notifier;
    s->telling.notifier = NULL;
    if (n)
        notifier_close(n, closed, s);
    else
        closed(s);
}
