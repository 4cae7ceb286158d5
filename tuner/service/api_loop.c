/* /api/v1/rollouts/{rollout}/loop: all of it in one picture, in the words of the command. */
#include "tuner/service/request.h"

#include "tuner/live/live.h"
#include "tuner/report/report.h"

enum { LOOP_EVENTS = 50, LOOP_EVENTS_MAX = 1000 };

/* The last ones: the version is the number of the last event. */
static enum status read_events(struct request *r, const json_t *status, long limit, json_t **ret)
{
    int64_t last = json_integer_value(json_object_get(status, "version"));
    return live_events(r->store, r->param[0], last > limit ? last - limit + 1 : 1, limit, ret, &r->err);
}

static void show_loop(struct request *r)
{
    const long *limit = r->state;
    json_t *status = NULL, *events = NULL;
    enum status s = live_status(r->store, r->param[0], 0, clock_wall_ms(r->service->clock), &status, &r->err);
    if (!s) s = read_events(r, status, *limit, &events);
    if (s)
        request_fail(r, &r->err);
    else {
        bool kept = store_hold_taken(r->store, live_watch_lock(r->param[0], &r->arena));
        request_answer(r, 200, loop_json(&(struct loop_facts){status, events, "", kept ? LOOP_KEPT : LOOP_ALONE}));
    }
    json_decref(status);
    json_decref(events);
}

static void on_get_loop(struct request *r)
{
    long *limit = r->state = arena_alloc(&r->arena, sizeof *limit);
    if (request_number(r, "events", LOOP_EVENTS, 1, LOOP_EVENTS_MAX, limit)) request_work(r, show_loop, NULL);
}

const struct route api_loop_routes[] = {
    {"GET", ROUTE_ROLLOUT "/loop", GRANT_VIEW, on_get_loop, 0, BODY_NONE, false},
    {0},
};
