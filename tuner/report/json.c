#include "tuner/report/report.h"

#include "tuner/base/json.h"

#include "tuner/analysis/analysis.h"

#include <math.h>
#include <string.h>

json_t *report_trial_json(const struct memory *s, const struct trial *t)
{
    json_t *out = json_pack("{s:I, s:s, s:s, s:o, s:o, s:I, s:s, s:I}", "trial", (json_int_t)t->number, "state",
                            trial_state_name(t->state), "role", trial_role_name(t->role), "params",
                            t->params ? json_deep_copy(t->params) : space_to_json(&s->study->space, t->config),
                            "metrics", memory_metrics(s, t), "seed", (json_int_t)t->seed, "source", t->source,
                            "attempts", (json_int_t)t->effort.attempts);
    const double *baseline = memory_baseline(s);
    if (t->state == TRIAL_COMPLETE && (baseline || !objective_needs_baseline(&s->study->objective)))
        json_object_set_new(out, "utility", json_number(objective_utility(&s->study->objective, t->value, baseline)));
    if (t->outside) json_object_set_new(out, "outside", json_string(t->outside));
    if (t->reason) json_object_set_new(out, "reason", json_string(t->reason));
    if (t->confirms >= 0) json_object_set_new(out, "confirms", json_integer(t->confirms));
    if (t->finished_ms) json_object_set_new(out, "finished_ms", json_integer(t->finished_ms));
    return out;
}

json_t *report_front_json(const struct memory *s, const struct objective *o, const struct ranking *all)
{
    json_t *out = json_array();
    for (size_t i = 0; i < all->n; i++)
        if (all->all[i].on_front) json_array_append_new(out, comparison_row(s, o, all, &all->all[i]));
    return out;
}
