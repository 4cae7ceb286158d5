/* A plan as JSON, which is YAML: watch_plan_read reads it back to the same. */
#include "tuner/live/watch.h"

#include <math.h>

static void put(json_t *out, const char *key, double v)
{
    if (!isnan(v)) json_object_set_new(out, key, json_amount(v));
}

static json_t *metric_json(const struct watch_metric *m)
{
    json_t *out = json_object();
    if (m->amount) {
        json_object_set_new(out, "amount", json_true());
        if (m->marks.cap > 0) put(out, "cap", m->marks.cap);
        if (m->marks.low > 0) json_object_set_new(out, "marks", json_pair(m->marks.low, m->marks.high));
    } else {
        json_object_set_new(out, "goal", json_string(m->minimize ? "minimize" : "maximize"));
        json_object_set_new(out, "range", json_pair(m->low, m->high));
    }
    put(out, "missing", m->missing);
    put(out, "baseline", m->baseline);
    if (m->both) json_object_set_new(out, "both", json_true());
    return out;
}

static json_t *metrics_json(const struct watch_plan *p)
{
    json_t *out = json_object();
    for (size_t i = 0; i < p->n; i++) json_object_set_new(out, p->metric[i].name, metric_json(&p->metric[i]));
    return out;
}

static json_t *ask_json(const struct watch_plan *p)
{
    json_t *out = json_array();
    for (int i = WATCH_EVALUATING; i <= WATCH_TRYING; i++)
        if (p->ask[i]) json_array_append_new(out, json_string(watch_phase_name((enum watch_phase)i)));
    return out;
}

static json_t *command_json(const struct watch_plan *p)
{
    json_t *out = json_array();
    for (size_t i = 0; i < p->n_command; i++) json_array_append_new(out, json_string(p->command[i]));
    return out;
}

json_t *watch_plan_json(const struct watch_plan *p)
{
    json_t *out = json_pack("{s:o, s:s, s:o, s:b}", "metrics", metrics_json(p), "then", watch_phase_name(p->far), "ask",
                            ask_json(p), "careful", p->careful);
    json_object_set_new(out, "window", json_duration(p->window_ms));
    json_object_set_new(out, "late", json_duration(p->late_ms));
    json_object_set_new(out, "every", json_duration(p->every_ms));
    put(out, "learn", p->learn);
    put(out, "run_length", p->run_length);
    put(out, "fresh", p->fresh);
    put(out, "top", (double)p->top);
    if (p->seeds) put(out, "seeds", (double)p->seeds);
    put(out, "trials", (double)p->trials);
    if (p->n_command) json_object_set_new(out, "command", command_json(p));
    if (*p->experiment) {
        struct arena a = {0};
        struct live_plan plan;
        struct error none;
        if (live_plan_read("experiment", p->experiment, &a, &plan, &none) == STATUS_OK)
            json_object_set_new(out, "experiment", live_plan_json(&plan));
        arena_done(&a);
    }
    return out;
}
