#include "tuner/base/metrics.h"

#include <math.h>
#include <string.h>

static enum status check_name(const char *name, struct error *err)
{
    if (!*name) return error_set(err, STATUS_INVALID, "a metric has no name");
    if (strlen(name) > METRIC_NAME_MAX)
        return error_set(err, STATUS_INVALID, "the name of metric '%.60s…' is over %d bytes long", name,
                         METRIC_NAME_MAX);
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 32 || *c == 127)
            return error_set(err, STATUS_INVALID, "the name of metric '%.60s' holds a control character", name);
    return STATUS_OK;
}

enum status metrics_check(const json_t *metrics, struct error *err)
{
    const char *name;
    json_t *v;
    if (!json_is_object(metrics)) return error_set(err, STATUS_INVALID, "\"metrics\" takes an object");
    if (json_object_size(metrics) > METRICS_SAID_MAX)
        return error_set(err, STATUS_INVALID, "%zu metrics in one message; at most %d are kept",
                         json_object_size(metrics), METRICS_SAID_MAX);
    json_object_foreach((json_t *)metrics, name, v)
    {
        enum status s = check_name(name, err);
        if (s) return s;
        if (!json_is_number(v)) return error_set(err, STATUS_INVALID, "metric '%.60s' is not a number", name);
        if (!isfinite(json_number_value(v)))
            return error_set(err, STATUS_INVALID, "metric '%.60s' is not a finite number", name);
    }
    return STATUS_OK;
}
