/* What whoever looks at all of it needs: who he is, and what happens in all studies */
#include "tuner/service/active_study.h"
#include "tuner/service/all_events.h"
#include "tuner/service/request.h"

#include "tuner/base/words.h"

/* ---- who ---- */

static void show_me(struct request *r)
{
    struct error err;
    json_t *out = NULL;
    if (auth_describe(r->service->auth, r->store, r->who.id, &out, &err))
        request_fail(r, &err);
    else
        request_answer(r, 200, out);
}

static void on_get_me(struct request *r)
{
    request_work(r, show_me, NULL);
}

/* ---- what happens in all studies ---- */

struct beginning {
    struct all_start start;
    bool said, follow; /* said: where to start */
    struct store_end *end;
    int64_t *after;
    size_t n;
    struct all_reader *reader;
};

static ssize_t read_all(void *data, char *buf, size_t max)
{
    return all_events_read(((const struct beginning *)((struct request *)data)->state)->reader, buf, max);
}

static void wake_all(void *data)
{
    http_request_wake(((struct request *)data)->http);
}

static void end_all(struct request *r)
{
    all_events_close(((const struct beginning *)r->state)->reader);
}

/* Where the logs end that the token may see, and where it begins. */
static void find_ends(struct request *r)
{
    struct beginning *x = r->state;
    struct error err;
    size_t all = 0;
    if (store_study_ends(r->store, &r->arena, &x->end, &all, &err)) {
        request_fail(r, &err);
        return;
    }
    x->n = 0;
    for (size_t i = 0; i < all; i++)
        if (request_may_see(r, x->end[i].name)) x->end[x->n++] = x->end[i];
    x->after = all_events_begin(&x->start, x->end, x->n, &r->arena);
}

/* Those at work here are followed from the first moment. */
static void begin_all(struct request *r)
{
    struct beginning *x = r->state;
    struct service *s = r->service;
    if (!r->http) return;
    const struct all_opening how = {.end = x->end,
                                    .after = x->after,
                                    .n = x->n,
                                    .once = !x->follow,
                                    .token = r->who.id,
                                    .scope = r->who.scope,
                                    .wake = wake_all,
                                    .data = r};
    x->reader = all_events_open(s->streams.together, &how);
    for (const struct active_study *as = s->active; as; as = as->next)
        if (!as->over) all_events_follow(x->reader, as->study->name, as->active->memory->study_id);
    r->cancel = end_all;
    s->counts.answers[200]++;
    http_request_stream(r->http, "text/event-stream", read_all, r);
}

/* The last one counts that is said. */
static bool read_start(struct request *r, const char *from, struct beginning *x)
{
    const struct all_start nowhere = {.each = -1, .newest = -1};
    if (from || !x->said) x->start = nowhere;
    x->said |= from != NULL;
    return !from || request_checked(r, all_events_parse(from, &r->arena, &x->start, &r->err));
}

static void on_get_all_events(struct request *r)
{
    const char *after = request_query(r, "after"), *last = http_request_header(r->http, "Last-Event-ID");
    struct beginning *x = r->state = arena_alloc(&r->arena, sizeof *x);
    if (!read_start(r, after, x) || !read_start(r, last, x)) return;
    if (request_boolean(r, "follow", true, &x->follow)) request_work(r, find_ends, begin_all);
}

const struct route api_look_routes[] = {
    {"GET", "/api/v1/me", GRANT_VIEW | GRANT_WORK, on_get_me, 0, BODY_NONE, false},
    {"GET", "/api/v1/events", GRANT_VIEW, on_get_all_events, 0, BODY_NONE, false},
    {0},
};
