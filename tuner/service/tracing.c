#include "tuner/service/tracing.h"

#include "tuner/base/json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MARKS_MAX = 300000 /* each takes up to a hundred times its bytes */ };

static const char holding[] = "otlp+"; /* no study has this name */

struct tracing {
    const struct clock *clock;
    struct telemetry *telemetry;
    struct store_hold *hold; /* NULL: it has not been needed, or another process has it */
    struct error err;        /* of the last tick */
    bool said;               /* that has been */
};

struct tracing *tracing_create(const struct clock *clock)
{
    struct tracing *t = must_alloc(1, sizeof *t);
    t->clock = clock;
    t->telemetry = telemetry_create(&(struct join_limits)JOIN_LIMITS);
    return t;
}

void tracing_free(struct tracing *t)
{
    if (!t) return;
    telemetry_free(t->telemetry);
    store_hold_release(t->hold);
    free(t);
}

/* ---- by a work ---- */

/* STATUS_BUSY: another process has it. */
static enum status take_right(struct tracing *t, struct store *store, struct error *err)
{
    return t->hold ? STATUS_OK : store_hold_take(store, holding, &t->hold, err);
}

enum status tracing_tick(struct tracing *t, struct store *store)
{
    bool any = t->hold != NULL;
    t->err.status = STATUS_OK;
    enum status s = any ? STATUS_OK : store_waiting_any(store, &any, &t->err);
    if (s || !any || take_right(t, store, &(struct error){STATUS_OK, ""})) return s;
    return t->err.status = telemetry_tick(t->telemetry, store, clock_wall_ms(t->clock), &t->err);
}

struct taking {
    enum otlp_signal signal;
    const char *body;
    size_t n;
};

static bool parse(struct request *r, const struct taking *x)
{
    if (r->body) return true;
    if (json_marks(x->body, x->n) > MARKS_MAX)
        request_problem(r, 400, "this JSON has more than %d commas, colons and brackets; export smaller batches",
                        MARKS_MAX);
    else if (json_parse_object(x->body, x->n, &r->body, &r->err) && !salvage_values(x->body, x->n, &r->body))
        request_problem(r, 400, "%s", r->err.text);
    return r->body != NULL;
}

static void take(struct request *r)
{
    const struct taking *x = r->state;
    struct tracing *t = r->service->live.tracing;
    json_t *answer = NULL;
    if (!parse(r, x)) return;
    const struct telemetry_request request = {x->signal, r->body, clock_wall_ms(t->clock)};
    enum status right = take_right(t, r->store, &r->err),
                s = right ? right : telemetry_take(t->telemetry, r->store, &request, &answer, &r->err);
    if (right == STATUS_BUSY)
        request_problem(r, 503, "another process takes telemetry for this database; send it there, or end that one");
    else if (s == STATUS_INVALID)
        request_problem(r, 400, "%s", r->err.text);
    else if (s)
        request_fail(r, &r->err);
    else
        request_answer(r, 200, answer);
}

/* ---- on the loop ---- */

const char *tracing_trouble(struct tracing *t)
{
    bool news = t->err.status && !t->said;
    t->said = t->err.status != STATUS_OK;
    return news ? t->err.text : "";
}

static bool is_plain_json(struct request *r)
{
    const char *type = http_request_header(r->http, "Content-Type");
    bool json = type && strncasecmp(type, "application/json", 16) == 0 && strchr("; \t", type[16]);
    if (!json) request_problem(r, 415, "%s", otlp_only_json(type, &r->arena));
    return json;
}

/* A span or a score says no more than its trace: whose it is, is known when flags have come. */
static bool is_for_all(struct request *r)
{
    if (*r->who.scope)
        request_problem(r, 403,
                        "this token is for some rollouts only, and telemetry may be of all: give the exporter one of "
                        "'nocturne token create --role client', without --study");
    return !*r->who.scope;
}

void tracing_take(struct request *r, enum otlp_signal signal)
{
    struct taking *x = r->state = arena_alloc(&r->arena, sizeof *x);
    if (!is_for_all(r) || !is_plain_json(r)) return;
    char *body = arena_alloc(&r->arena, r->http->n + 1);
    memcpy(body, r->http->body, r->http->n);
    *x = (struct taking){signal, body, r->http->n};
    request_work_live(r, take, NULL);
}
