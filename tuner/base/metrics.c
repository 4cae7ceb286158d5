#include "tuner/base/metrics.h"

#include "tuner/base/words.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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

size_t metrics_split(const json_t *metrics, const char **ret_name, double *ret_value)
{
    const char *name;
    size_t n = 0;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)metrics, name, v)
    {
        if (n == METRICS_SAID_MAX) break; /* metrics_check refuses more */
        ret_name[n] = name;
        ret_value[n++] = json_number_value(v);
    }
    return n;
}

bool metrics_is_item_id(const json_t *id)
{
    const char *text = json_string_value(id);
    size_t n = text ? json_string_length(id) : 0;
    if (n == 0 || n > ITEM_ID_MAX || strlen(text) != n) return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)text[i] < 32 || text[i] == 127) return false;
    return true;
}

static const char *nearest(const char *missing, const char *const *name, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcasecmp(name[i], missing) == 0) return name[i];
    return words_nearest(missing, name, n);
}

enum { SHOWN_MAX = 5 };

const char *metrics_hint(const json_t *metrics, const char *missing, char *ret, size_t size)
{
    const char *all[METRICS_SAID_MAX], *name;
    size_t n = 0, used = 0;
    json_t *v;
    *ret = 0;
    json_object_foreach((json_t *)metrics, name, v) if (n < METRICS_SAID_MAX) all[n++] = name;
    for (size_t i = 0; i < n && i < SHOWN_MAX && used < size; i++)
        used += (size_t)snprintf(ret + used, size - used, "%s'%.40s'", i ? ", " : "; it has ", all[i]);
    if (n > SHOWN_MAX && used < size) used += (size_t)snprintf(ret + used, size - used, " and %zu more", n - SHOWN_MAX);
    const char *near = nearest(missing, all, n);
    if (near && used < size) snprintf(ret + used, size - used, " (did you mean '%.40s'?)", near);
    return ret;
}
