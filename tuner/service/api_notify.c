/* /api/v1/notify: who is told what, and whether it arrives */
#include "tuner/service/request.h"
#include "tuner/service/telling.h"

#include "tuner/notify/notify.h"

static void show(struct request *r)
{
    struct overview o;
    struct arena a = {0};
    if (request_checked(r, overview_make(r->service->options.notify, r->store, &a, &o, &r->err)))
        request_answer(r, 200, overview_json(&o));
    arena_done(&a);
}

static void on_get_notify(struct request *r)
{
    if (r->service->options.notify)
        request_work(r, show, NULL);
    else
        request_answer(r, 200,
                       json_pack("{s:n, s:[], s:n, s:n, s:i}", "file", "channels", "quiet", "heartbeat", "others", 0));
}

/* {"channel": "team"}; without it: all */
static void on_test_notify(struct request *r)
{
    const struct notify_file *f = r->service->options.notify;
    const json_t *channel = json_object_get(r->body, "channel");
    const char *name = json_string_value(channel);
    if (!request_fields(r, "channel", NULL)) return;
    if (channel && !name)
        request_problem(r, 422, "'channel' is the name of one, as GET /api/v1/notify lists them");
    else if (!f)
        request_problem(r, 409, "this service has no notify file, so nobody is told: 'nocturne serve --notify FILE'");
    else if (name && notify_file_channel(f, name) < 0)
        request_problem(r, 404, "there is no channel '%.60s'; GET /api/v1/notify lists them", name);
    else
        telling_try(r, name);
}

const struct route api_notify_routes[] = {
    {"GET", "/api/v1/notify", GRANT_OPERATE, on_get_notify, 0, BODY_NONE, false},
    {"POST", "/api/v1/notify/test", GRANT_OPERATE, on_test_notify, ROUTE_JSON_MAX, BODY_OPTIONAL_JSON, false},
    {0},
};
