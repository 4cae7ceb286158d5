#include "tuner/notify/web.h"

#include "tuner/base/plain.h"

#include "tuner/remote/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENOUGH = 16 << 10, HIDDEN_LEAST = 6, WHY_MAX = 300 };

struct web {
    const struct web_address *address;
    struct client *client;
    reply_fn *done; /* NULL: no call is on its way */
    void *data;
    void (*closed)(void *data);
    void *closed_data;
};

void web_hide(char *text, const char *secret)
{
    size_t n = secret ? strlen(secret) : 0;
    if (n < HIDDEN_LEAST) return;
    for (char *at = text; (at = strstr(at, secret)); at += n) memset(at, '*', n);
}

enum status web_open(const struct web_address *address, const char *ca, uv_loop_t *loop, struct web **ret,
                     struct error *err)
{
    struct client *client = NULL;
    enum status s = client_create(&(struct client_options){.url = address->host, .ca = ca}, loop, &client, err);
    if (s) return s;
    struct web *w = must_alloc(1, sizeof *w);
    w->address = address;
    w->client = client;
    *ret = w;
    return STATUS_OK;
}

static void say_status(long status, char *why, size_t size)
{
    if (status >= 300 && status < 400)
        snprintf(why, size, "it answers %ld, a redirect, which is not followed: the file needs the new address",
                 status);
    else if (status == 401 || status == 403)
        snprintf(why, size, "it answers %ld: what the file says of us is not accepted there", status);
    else if (status == 404 || status == 410)
        snprintf(why, size, "it answers %ld: there is nothing at this address", status);
    else
        snprintf(why, size, "it answers %ld", status);
}

/* What the client says has words of the other end in it, such as the name in its certificate. */
static void say_failure(const struct web *w, const char *said, char *why, size_t size)
{
    struct arena a = {0};
    char *text = arena_strdup(&a, said);
    web_hide(text, w->address->path);
    snprintf(why, size, "%s", plain_bounded(&a, plain_shown(&a, text), size - 1));
    arena_done(&a);
}

static void on_done(void *data, long status, const char *body, size_t n)
{
    struct web *w = data;
    char why[WHY_MAX] = "";
    reply_fn *done = w->done;
    const struct reply reply = {.ok = status >= 200 && status < 300,
                                .never = status == 410,
                                .retry_after_s = client_retry_after_s(w->client),
                                .why = why};
    (void)n;
    w->done = NULL;
    if (status == 0)
        say_failure(w, body, why, sizeof why);
    else if (!reply.ok)
        say_status(status, why, sizeof why);
    done(w->data, &reply);
}

void web_call(struct web *w, const char *body, const char *const *header, reply_fn *done, void *data)
{
    const struct request_spec spec = {.method = body ? "POST" : "GET",
                                      .path = w->address->path,
                                      .body = body,
                                      .upload = -1,
                                      .download = -1,
                                      .timeout_s = WEB_TIMEOUT_S,
                                      .header = header,
                                      .enough = ENOUGH};
    w->done = done;
    w->data = data;
    client_send(w->client, &spec, on_done, w);
}

static void on_closed(void *data)
{
    struct web *w = data;
    void (*closed)(void *) = w->closed;
    void *closed_data = w->closed_data;
    free(w);
    closed(closed_data);
}

void web_close(struct web *w, void (*closed)(void *data), void *data)
{
    w->closed = closed;
    w->closed_data = data;
    client_close(w->client, on_closed, w);
}
