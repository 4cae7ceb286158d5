#include "tuner/execution/agent_message.h"

#include "tuner/base/json.h"
#include "tuner/base/metrics.h"

#include <string.h>

static bool whole(const json_t *o, const char *key, json_int_t min, json_int_t *ret)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v) || json_integer_value(v) < min) return false;
    *ret = json_integer_value(v);
    return true;
}

static bool read_started(const json_t *body, struct agent_message *r)
{
    json_int_t pid = 0;
    const json_t *resumed = json_object_get(body, "resumed");
    if (json_only(body, NULL, "pid", "resumed", NULL)) return false;
    if (resumed && !(json_is_number(resumed) && json_number_value(resumed) >= 0)) return false;
    r->resumed_cost = json_number_value(resumed);
    bool ok = whole(body, "pid", 0, &pid);
    r->pid = pid;
    return ok;
}

static bool read_report(const json_t *body, struct agent_message *r)
{
    json_int_t n, step;
    if (json_only(body, NULL, "n", "step", "metrics", NULL)) return false;
    r->metrics = json_object_get(body, "metrics");
    if (!whole(body, "n", 0, &n) || !whole(body, "step", 0, &step) || metrics_check(r->metrics, NULL)) return false;
    r->n = (long)n;
    r->step = (long)step;
    return true;
}

static bool read_item(const json_t *body, struct agent_message *r)
{
    const json_t *id = json_object_get(body, "id");
    if (json_only(body, NULL, "id", "metrics", NULL) || !metrics_is_item_id(id)) return false;
    r->text = json_string_value(id);
    r->metrics = json_object_get(body, "metrics");
    return metrics_check(r->metrics, NULL) == STATUS_OK;
}

static bool read_checkpoint(const json_t *body, struct agent_message *r)
{
    json_int_t step;
    if (json_only(body, NULL, "path", "step", NULL)) return false;
    r->text = json_string_value(json_object_get(body, "path"));
    if (!r->text || !*r->text || !whole(body, "step", 0, &step)) return false;
    r->step = (long)step;
    return true;
}

static bool read_log(const json_t *body, struct agent_message *r)
{
    const json_t *text = json_object_get(body, "text");
    if (json_only(body, NULL, "stream", "text", NULL)) return false;
    r->stream = json_string_value(json_object_get(body, "stream"));
    r->text = json_string_value(text);
    r->text_n = json_string_length(text);
    return r->text && r->stream && (strcmp(r->stream, "stdout") == 0 || strcmp(r->stream, "stderr") == 0);
}

static bool read_end(const json_t *body, struct agent_message *r)
{
    const char *how = json_string_value(json_object_get(body, "end"));
    const char *reason = json_string_value(json_object_get(body, "reason"));
    const json_t *metrics = json_object_get(body, "metrics"), *signal = json_object_get(body, "signal");
    int end = JOB_COMPLETE;
    if (json_only(body, NULL, "end", "metrics", "reason", "signal", "out_of_memory", NULL)) return false;
    while (how && end <= JOB_NOT_STARTED && strcmp(how, job_end_name((enum job_end)end)) != 0) end++;
    if (!how || end > JOB_NOT_STARTED || (metrics && metrics_check(metrics, NULL))) return false;
    if (end == JOB_COMPLETE && !metrics) return false;
    r->outcome = (struct job_outcome){.end = (enum job_end)end,
                                      .metrics = metrics,
                                      .reason = reason ? reason : "",
                                      .signal = (int)(json_integer_value(signal) & 127),
                                      .out_of_memory = json_is_true(json_object_get(body, "out_of_memory"))};
    return true;
}

static const struct {
    const char *name;
    bool (*read)(const json_t *body, struct agent_message *r);
} kinds[] = {
    [AGENT_MESSAGE_STARTED] = {"started", read_started},
    [AGENT_MESSAGE_REPORT] = {"report", read_report},
    [AGENT_MESSAGE_ITEM] = {"item", read_item},
    [AGENT_MESSAGE_POLICY] = {"policy", NULL},
    [AGENT_MESSAGE_CHECKPOINT] = {"checkpoint", read_checkpoint},
    [AGENT_MESSAGE_LOG] = {"log", read_log},
    [AGENT_MESSAGE_END] = {"end", read_end},
};

enum status agent_message_read(const json_t *message, struct agent_message *ret, struct error *err)
{
    struct agent_message r = {.outcome = {.reason = ""}};
    json_int_t trial, lease;
    size_t k = 0, n = sizeof kinds / sizeof *kinds;
    if (!whole(message, "trial", 0, &trial) || !whole(message, "lease", 1, &lease))
        return error_set(err, STATUS_INVALID, "a message needs \"trial\" and \"lease\"");
    while (k < n && !json_object_get(message, kinds[k].name)) k++;
    if (k == n)
        return error_set(err, STATUS_INVALID, "a message holds one of started, report, item, policy, checkpoint, log, end");
    enum status s = json_only(message, err, "study", "trial", "lease", kinds[k].name, NULL);
    if (s) return s;
    const json_t *body = json_object_get(message, kinds[k].name);
    r.kind = (enum agent_message_kind)k;
    r.trial = (long)trial;
    r.lease = lease;
    r.metrics = body;
    if (!json_is_object(body) || (kinds[k].read && !kinds[k].read(body, &r)))
        return error_set(err, STATUS_INVALID, "\"%s\" lacks a field, has an unknown one, or one of the wrong type",
                         kinds[k].name);
    *ret = r;
    return STATUS_OK;
}
