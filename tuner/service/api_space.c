/* /api/v1/studies/{study}/space: what the study asks: parameters and their values, metrics and their goals, how they
 * become one utility, constraints, the baseline. Whoever shows results, or asks for a trial, needs it. */
#include "tuner/service/request.h"

#include <jansson.h>

static json_t *parameters_json(const struct space *s)
{
    json_t *all = space_describe(s), *one;
    size_t i;
    json_array_foreach(all, i, one)
    {
        const struct param *p = &s->param[i];
        if (!p->n_values) continue;
        json_t *values = json_array();
        for (size_t k = 0; k < p->n_values; k++) json_array_append_new(values, choice_json(&p->value[k]));
        json_object_set_new(one, "values", values);
    }
    return all;
}

static json_t *metrics_json(const struct objective *o)
{
    json_t *all = json_array();
    for (size_t i = 0; i < o->n_metrics; i++) {
        const struct metric *m = &o->metric[i];
        json_t *one = json_pack("{s:s, s:s, s:s}", "name", m->name, "goal",
                                m->goal == GOAL_MAXIMIZE ? "maximize" : "minimize", "kind", metric_kind_name(m->kind));
        if (m->of > 0) json_object_set_new(one, "of", json_real(m->of));
        if (m->unit > 0) json_object_set_new(one, "unit", json_real(m->unit));
        json_array_append_new(all, one);
    }
    return all;
}

static json_t *objective_json(const struct objective *o)
{
    json_t *all = json_pack("{s:s}", "form", objective_form_name(o->form)), *weights = json_object();
    for (size_t i = 0; i < o->n_metrics; i++)
        if (o->form == OBJECTIVE_WEIGHTS && o->weight[i] > 0)
            json_object_set_new(weights, o->metric[i].name, json_real(o->weight[i]));
    json_object_set_new(all, "weights", weights);
    return all;
}

static json_t *space_json(const struct study *study)
{
    json_t *constraints = json_array();
    for (size_t i = 0; i < study->objective.n_constraints; i++)
        json_array_append_new(constraints, json_string(study->objective.constraint[i].text));
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "study", study->name, "parameters",
                     parameters_json(&study->space), "metrics", metrics_json(&study->objective), "objective",
                     objective_json(&study->objective), "constraints", constraints, "baseline",
                     study->baseline ? space_to_json(&study->space, study->baseline) : json_null());
}

static void tell(struct request *r)
{
    struct reading from;
    if (!request_is_news(r, NULL) || !request_read(r, &from)) return;
    request_answer(r, 200, space_json(from.study));
    request_read_done(r, &from);
}

static void on_get_space(struct request *r)
{
    request_work(r, tell, NULL);
}

const struct route api_space_routes[] = {
    {"GET", ROUTE_STUDY "/space", GRANT_VIEW, on_get_space, 0, BODY_NONE, false},
    {0},
};
