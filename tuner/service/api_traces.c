/* /v1/logs, /v1/traces: OTLP/HTTP in JSON; what is traced already becomes outcomes of rollouts */
#include "tuner/service/tracing.h"

static void on_logs(struct request *r)
{
    tracing_take(r, OTLP_LOGS);
}

static void on_traces(struct request *r)
{
    tracing_take(r, OTLP_TRACES);
}

const struct route api_traces_routes[] = {
    {"POST", "/v1/logs", GRANT_CLIENT, on_logs, ROUTE_JSON_MAX, BODY_ANY, false},
    {"POST", "/v1/traces", GRANT_CLIENT, on_traces, ROUTE_JSON_MAX, BODY_ANY, false},
    {0},
};
