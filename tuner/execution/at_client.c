#include "tuner/execution/at_client.h"

#include <stdlib.h>

struct at_client {
    struct execution x;
    char *token;
    json_t *mail; /* the last of each kind counts; NULL: nothing */
};

static struct holder holder(const struct execution *x)
{
    const struct at_client *c = (const struct at_client *)x;
    return (struct holder){.token = c->token};
}

/* It runs with its lease. */
static enum status start(struct execution *x, const struct attempt_spec *spec, struct error *err)
{
    (void)spec, (void)err;
    x->hooks->started(x->data, 0);
    return STATUS_OK;
}

static void tell(struct execution *x, const json_t *message)
{
    struct at_client *c = (struct at_client *)x;
    if (!c->mail) c->mail = json_object();
    json_object_update(c->mail, (json_t *)message);
}

static void stop(struct execution *x, enum stop_mode mode, const char *why)
{
    json_t *message = json_pack("{s:s}", "stop", why);
    (void)mode; /* nobody can kill it */
    tell(x, message);
    json_decref(message);
}

static json_t *mail(struct execution *x)
{
    struct at_client *c = (struct at_client *)x;
    json_t *out = c->mail ? c->mail : json_object();
    c->mail = NULL;
    return out;
}

static void release(struct execution *x)
{
    struct at_client *c = (struct at_client *)x;
    json_decref(c->mail);
    free(c->token);
    free(c);
}

static const struct executor client = {
    .name = "client", .holder = holder, .start = start, .send = tell, .stop = stop, .mail = mail, .free = release};

struct execution *at_client_execution(const char *token)
{
    struct at_client *c = must_alloc(1, sizeof *c);
    *c = (struct at_client){.x = {.at = &client}, .token = token ? must_strdup(token) : NULL};
    return &c->x;
}
