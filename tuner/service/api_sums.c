/* /api/v1/rollouts/{rollout}/scoring, …/sums: what collectors score units by, and what they send */
#include "tuner/service/request.h"
#include "tuner/service/service.h"

#include "tuner/live/live.h"

static void tell_scoring(struct request *r)
{
    json_t *out = NULL;
    int64_t now_ms = clock_wall_ms(r->service->clock);
    if (request_checked(r, live_scoring(r->store, r->param[0], now_ms, &out, &r->err))) request_answer(r, 200, out);
}

static void on_get_scoring(struct request *r)
{
    request_work(r, tell_scoring, NULL);
}

static void take_sums(struct request *r)
{
    json_t *out = NULL;
    int64_t now_ms = clock_wall_ms(r->service->clock);
    if (request_checked(r, live_sums(r->store, r->param[0], r->body, now_ms, &out, &r->err))) request_answer(r, 200, out);
}

static void on_post_sums(struct request *r)
{
    request_work_live(r, take_sums, NULL);
}

const struct route api_sums_routes[] = {
    {"GET", ROUTE_ROLLOUT "/scoring", GRANT_CLIENT, on_get_scoring, 0, BODY_NONE, false},
    {"POST", ROUTE_ROLLOUT "/sums", GRANT_CLIENT, on_post_sums, ROUTE_JSON_MAX, BODY_JSON, false},
    {0},
};
