#include "tuner/remote/caller.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROBLEM_MAX = 4000 };

/* Forward only. */
enum caller_state { CALLER_ASKS, CALLER_INTERRUPTED, CALLER_CLOSED };

struct caller {
    enum caller_state state;
    uv_loop_t own, *loop;
    struct client *client;
    char *url;
    long patience_s;
};

/* One question on its way. */
struct hearing {
    bool (*take)(void *data, const char *bytes, size_t n); /* NULL: nobody */
    void *data;
    bool over, enough; /* enough: `take` wanted no more */
    const char *header[2]; /* NULL: none besides */
    long status;
    char *body;
    size_t n;
    enum client_failure failure;
};

/* ---- life ---- */

/* Without the slashes at its end, as it is said. */
static char *plain_url(const char *url)
{
    char *out = must_strdup(url);
    for (size_t n = strlen(out); n > 0 && out[n - 1] == '/'; n--) out[n - 1] = 0;
    return out;
}

static void leave_loop(struct caller *c)
{
    if (c->loop == &c->own) uv_loop_close(&c->own);
}

enum status caller_create(const struct client_options *options, uv_loop_t *loop, struct caller **ret, struct error *err)
{
    struct caller *c = must_alloc(1, sizeof *c);
    c->loop = loop ? loop : &c->own;
    if (!loop && uv_loop_init(&c->own)) {
        free(c);
        return error_set(err, STATUS_IO, "the machine has no descriptor left for a connection");
    }
    enum status s = client_create(options, c->loop, &c->client, err);
    if (s) {
        leave_loop(c);
        free(c);
        return s;
    }
    c->url = plain_url(options->url);
    *ret = c;
    return STATUS_OK;
}

static void on_closed(void *data)
{
    ((struct caller *)data)->state = CALLER_CLOSED;
}

void caller_free(struct caller *c)
{
    if (!c) return;
    client_close(c->client, on_closed, c);
    while (c->state != CALLER_CLOSED) uv_run(c->loop, UV_RUN_ONCE);
    leave_loop(c);
    free(c->url);
    free(c);
}

const char *caller_url(const struct caller *c)
{
    return c->url;
}

void caller_set_patience(struct caller *c, long seconds)
{
    c->patience_s = seconds;
}

void caller_interrupt(struct caller *c)
{
    c->state = CALLER_INTERRUPTED;
}

/* ---- hearing ---- */

static bool on_bytes(void *data, const char *bytes, size_t n)
{
    struct hearing *h = data;
    h->enough = !h->take(h->data, bytes, n);
    return !h->enough;
}

static void on_done(void *data, long status, const char *body, size_t n)
{
    struct hearing *h = data;
    h->over = true;
    h->status = status;
    h->body = must_alloc(n + 1, 1);
    h->n = n;
    if (n) memcpy(h->body, body, n);
}

static void hear(struct caller *c, const struct question *q, struct hearing *h)
{
    char *text = q->body ? json_text(q->body) : NULL;
    struct request_spec spec = {.method = q->method,
                                .path = q->path,
                                .body = text,
                                .upload = -1,
                                .download = -1,
                                .stall_s = c->patience_s,
                                .take = h->take ? on_bytes : NULL,
                                .packed = true,
                                .header = h->header,
                                .failure = &h->failure};
    struct inquiry *inquiry = client_send(c->client, &spec, on_done, h);
    while (!h->over && c->state == CALLER_ASKS) uv_run(c->loop, UV_RUN_ONCE);
    if (!h->over) {
        client_drop(inquiry);
        *h = (struct hearing){.body = must_strdup("it was interrupted"), .failure = CLIENT_CUT};
    }
    free(text);
}

/* ---- what went wrong, for people ---- */

static enum status no_answer(const struct caller *c, const struct hearing *h, struct error *err)
{
    struct arena a = {0};
    char *why = arena_strdup(&a, plain_bounded(&a, h->body, 300));
    const char *text = "";
    if (*why && why[strlen(why) - 1] == '.') why[strlen(why) - 1] = 0;
    switch (h->failure) {
    case CLIENT_UNREACHABLE:
        text = "cannot be reached: %s; is 'nocturne serve' running there, and is the URL right?";
        break;
    case CLIENT_UNTRUSTED:
        text = "is not trusted: %s; --ca FILE takes the certificate to trust, and a service without one is http://";
        break;
    case CLIENT_SILENT: text = "does not answer: %s; try again, or look at what the service says there"; break;
    case CLIENT_CUT: text = "broke off its answer: %s; try again"; break;
    case CLIENT_REFUSED: text = "answers more than it may: %s; is it a service of Nocturne?"; break;
    }
    char *said = must_alloc(strlen(text) + strlen(why) + 1, 1);
    const char *mark = strstr(text, "%s");
    sprintf(said, "%.*s%s%s", (int)(mark - text), text, why, mark + 2);
    error_set(err, STATUS_IO, "%.200s %s", c->url, said);
    free(said);
    arena_done(&a);
    return STATUS_IO;
}

static enum status status_of(long http)
{
    switch (http) {
    case 400:
    case 422: return STATUS_INVALID;
    case 401:
    case 403: return STATUS_DENIED;
    case 404: return STATUS_NOT_FOUND;
    case 409: return STATUS_CONFLICT;
    case 429: return STATUS_EXHAUSTED;
    case 507: return STATUS_FULL;
    default: return STATUS_IO;
    }
}

/* The sentence of a problem document [RFC 9457]; NULL: it is none. In the arena. */
static const char *detail_of(const struct hearing *h, struct arena *arena)
{
    json_t *o = NULL;
    if (h->n > PROBLEM_MAX || json_parse_object(h->body, h->n, &o, NULL)) return NULL;
    const char *detail = json_string_value(json_object_get(o, "detail"));
    if (!detail) detail = json_string_value(json_object_get(o, "title"));
    detail = detail ? arena_strdup(arena, detail) : NULL;
    json_decref(o);
    return detail;
}

static enum status problem(const struct caller *c, const struct hearing *h, struct error *err)
{
    struct arena a = {0};
    const char *detail = detail_of(h, &a);
    enum status s = status_of(h->status);
    if (!detail)
        error_set(err, s = STATUS_IO, "%.200s answers %ld, and not as a service of Nocturne does: is the URL right?",
                  c->url, h->status);
    else if (h->status == 401)
        error_set(err, s,
                  "%.200s does not know this token (%.300s); 'nocturne token create --role viewer' makes one there",
                  c->url, detail);
    else
        error_set(err, s, "%.200s: %.700s", c->url, detail);
    arena_done(&a);
    return s;
}

/* ---- asking ---- */

static enum status understand(const struct caller *c, const struct hearing *h, json_t **ret, struct error *err)
{
    struct error why;
    if (json_marks(h->body, h->n) > CALLER_MARKS_MAX)
        return error_set(err, STATUS_IO, "%.200s answers more than it may; is it a service of Nocturne?", c->url);
    if (json_parse_object(h->body, h->n, ret, &why))
        return error_set(err, STATUS_IO, "%.200s does not answer as a service of Nocturne does: %.300s", c->url,
                         why.text);
    return STATUS_OK;
}

static bool is_good(long status)
{
    return status >= 200 && status < 300;
}

enum status caller_ask(struct caller *c, const struct question *q, json_t **ret, struct error *err)
{
    struct hearing h = {.take = NULL};
    hear(c, q, &h);
    enum status s = !h.status ? no_answer(c, &h, err) : !is_good(h.status) ? problem(c, &h, err) : STATUS_OK;
    if (!s) s = understand(c, &h, ret, err);
    free(h.body);
    return s;
}

enum status caller_ask_anew(struct caller *c, const char *path, char *etag, json_t **ret, struct error *err)
{
    char known[CALLER_ETAG_MAX + 20];
    struct hearing h = {.header = {*etag ? known : NULL}};
    snprintf(known, sizeof known, "If-None-Match: %s", etag);
    hear(c, &(struct question){.method = "GET", .path = path}, &h);
    bool is_new = h.status == 200, is_known = h.status == 304 && *etag;
    enum status s = !h.status ? no_answer(c, &h, err) : !is_new && !is_known ? problem(c, &h, err) : STATUS_OK;
    if (!s && is_known) *ret = NULL;
    if (!s && is_new) s = understand(c, &h, ret, err);
    if (!s && is_new) snprintf(etag, CALLER_ETAG_MAX, "%s", client_etag(c->client));
    free(h.body);
    return s;
}

enum status caller_read(struct caller *c, const char *path, bool (*take)(void *data, const char *bytes, size_t n),
                        void *data, struct error *err)
{
    struct hearing h = {.take = take, .data = data};
    hear(c, &(struct question){.method = "GET", .path = path}, &h);
    enum status s = STATUS_OK;
    if (h.enough)
        s = STATUS_IO; /* whoever takes it has said why */
    else if (!h.status)
        s = no_answer(c, &h, err);
    else if (h.status != 200)
        s = problem(c, &h, err);
    free(h.body);
    return s;
}

struct some {
    char *bytes;
    size_t n, max;
};

static bool keep_some(void *data, const char *bytes, size_t n)
{
    struct some *x = data;
    size_t room = x->max - x->n, k = n < room ? n : room;
    memcpy(x->bytes + x->n, bytes, k);
    x->n += k;
    return k == n;
}

enum status caller_read_some(struct caller *c, const char *path, size_t max, char **ret, size_t *ret_n,
                             struct error *err)
{
    struct some x = {must_alloc(max + 1, 1), 0, max};
    enum status s = caller_read(c, path, keep_some, &x, err);
    if (s && x.n == max) s = STATUS_OK; /* it is enough */
    if (s)
        free(x.bytes);
    else
        *ret = x.bytes, *ret_n = x.n;
    return s;
}

const char *caller_escaped(struct arena *arena, const char *text)
{
    char *out = arena_alloc(arena, 3 * strlen(text) + 1), *to = out;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 128 && (isalnum(*c) || strchr("-._~", *c)))
            *to++ = (char)*c;
        else
            to += sprintf(to, "%%%02X", *c);
    return out;
}
