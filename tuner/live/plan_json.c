/* A plan as JSON, which is YAML: live_plan_read reads it back to the same. */
#include "tuner/live/plan.h"

#include <math.h>

static void put(json_t *out, const char *key, double v)
{
    json_object_set_new(out, key, json_amount(v));
}

/* ---- metrics ---- */

static json_t *amount_json(const struct live_metric *m)
{
    json_t *out = json_pack("{s:s}", "prove", "fewer");
    put(out, "saving", m->effect);
    put(out, "margin", m->margin);
    put(out, "guard", m->guard);
    if (m->marks.cap > 0) put(out, "cap", m->marks.cap);
    if (m->marks.low > 0) json_object_set_new(out, "marks", json_pair(m->marks.low, m->marks.high));
    if (!isnan(m->missing)) put(out, "missing", m->missing);
    return out;
}

static json_t *scale_json(const struct live_metric *m)
{
    json_t *out = json_pack("{s:s, s:s, s:o}", "prove", m->proof == PROOF_NOT_WORSE ? "not_worse" : "nothing", "goal",
                            m->minimize ? "minimize" : "maximize", "range", json_pair(m->low, m->high));
    put(out, "margin", m->margin);
    put(out, "effect", m->effect);
    put(out, "guard", m->guard);
    put(out, "missing", m->missing);
    return out;
}

static json_t *metrics_json(const struct live_plan *p)
{
    json_t *out = json_object();
    for (size_t i = 0; i < p->n_metrics; i++)
        json_object_set_new(out, p->metric[i].name,
                            p->metric[i].proof == PROOF_FEWER ? amount_json(&p->metric[i]) : scale_json(&p->metric[i]));
    return out;
}

/* ---- how far it may go ---- */

static json_t *ramp_json(const struct live_plan *p)
{
    json_t *out = json_array();
    for (size_t i = 0; i < p->n_steps; i++) json_array_append_new(out, json_amount(p->step[i]));
    return out;
}

static void put_lists(const struct live_plan *p, json_t *out)
{
    json_t *overrides = json_object(), *segments = json_array(), *measured = json_object();
    for (size_t i = 0; i < p->n_overrides; i++)
        json_object_set_new(overrides, p->override[i].unit, json_string(p->override[i].variant));
    for (size_t i = 0; i < p->n_segments; i++) json_array_append_new(segments, json_string(p->segment[i]));
    for (size_t i = 0; i < p->n_metrics; i++)
        if (p->metric[i].measured)
            json_object_set_new(measured, p->metric[i].measured, json_string(p->metric[i].name));
    if (json_object_size(measured)) json_object_set(out, "otlp", measured);
    if (p->shadow > 0) json_object_set_new(out, "shadow", json_pack("{s:o}", "units", json_amount(p->shadow)));
    if (p->n_overrides) json_object_set(out, "overrides", overrides);
    if (p->n_segments) json_object_set(out, "segments", segments);
    if (p->group.salt)
        json_object_set_new(
            out, "group",
            json_pack("{s:s, s:o}", "name", p->group.salt, "part", json_pair(p->group.from, p->group.to)));
    json_decref(overrides);
    json_decref(segments);
    json_decref(measured);
}

json_t *live_plan_json(const struct live_plan *p)
{
    json_t *out = json_pack("{s:o, s:o}", "metrics", metrics_json(p), "ramp", ramp_json(p));
    json_object_set_new(out, "window", json_duration(p->window_ms));
    json_object_set_new(out, "late", json_duration(p->late_ms));
    json_object_set_new(out, "silence", json_duration(p->silence_ms));
    put(out, "step_units", p->step_units);
    put(out, "units", p->units);
    put(out, "learn", p->learn);
    json_object_set_new(out, "shadow", json_pack("{s:o}", "units", json_amount(p->shadow)));
    put(out, "alpha", p->alpha);
    put(out, "guard_alpha", p->guard_alpha);
    put(out, "limit", p->limit);
    put(out, "holdout", p->holdout);
    put(out, "outcomes_max", (double)p->outcomes_max);
    json_object_set_new(out, "prefer", json_string(p->prefer == PREFER_FINDING ? "finding" : "proof"));
    json_object_set_new(out, "promote", json_string(p->promote_alone ? "auto" : "ask"));
    put_lists(p, out);
    return out;
}
