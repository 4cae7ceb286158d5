#include "tuner/live/configuration.h"

#include "tuner/analysis/analysis.h"

#include <string.h>

void configuration_of_json(const json_t *body, struct configuration *ret)
{
    ret->body = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    digest(ret->body, strlen(ret->body), ret->hash);
}

static json_t *metrics_json(const struct study *study, const struct trial *t)
{
    json_t *out = json_object();
    for (size_t i = 0; i < study->objective.n_metrics; i++)
        json_object_set_new(out, study->objective.metric[i].name, json_number(t->value[i]));
    return out;
}

/* What each stage left, in order. */
static json_t *stages_json(const struct memory *s, const struct trial *t)
{
    struct arena a = {0};
    json_t *out = json_array();
    struct ancestry all = ancestry_of(s, t, &a);
    for (size_t i = 0; i < all.n; i++)
        if (all.stage[i].digest)
            json_array_append_new(
                out, json_pack("{s:s, s:s}", "stage", all.stage[i].stage, "digest", all.stage[i].digest));
    arena_done(&a);
    return out;
}

enum status configuration_of_trial(const struct memory *s, long trial, struct configuration *ret, struct error *err)
{
    const struct trial *t = memory_trial(s, trial);
    if (!t) return error_set(err, STATUS_NOT_FOUND, "study '%s' has no trial %ld", s->study->name, trial);
    if (t->state != TRIAL_COMPLETE || t->outside)
        return error_set(err, STATUS_INVALID, "trial %ld of study '%s' is %s; only what is complete can be served",
                         trial, s->study->name, t->outside ? t->outside : trial_state_name(t->state));
    json_t *body = json_pack("{s:s, s:I, s:o, s:o}", "study", s->study->name, "trial", (json_int_t)trial, "parameters",
                             space_to_json(&s->study->space, t->config), "metrics", metrics_json(s->study, t));
    json_t *stages = stages_json(s, t);
    if (json_array_size(stages)) json_object_set(body, "stages", stages);
    configuration_of_json(body, ret);
    json_decref(stages);
    json_decref(body);
    return STATUS_OK;
}

enum status configuration_best(const struct memory *s, long *ret_trial, struct error *err)
{
    struct arena arena = {0};
    const char *name = s->study->name;
    const struct ranking all = ranking_make(s, &s->study->objective, &arena);
    const struct ranked *best = all.winner;
    enum status st = STATUS_OK;
    if (!best)
        st = error_set(err, STATUS_NOT_FOUND,
                       "study '%s' has no best yet: no complete trial satisfies its constraints", name);
    else if (best == all.baseline)
        st = error_set(err, STATUS_INVALID,
                       "nothing that study '%s' has tried beats its baseline; name a trial to have it tried all the same",
                       name);
    else if (!best->confirmed)
        st = error_set(err, STATUS_INVALID,
                       "trial %ld is the best of study '%s', but fresh seeds have not confirmed it; confirm it ('confirm:' "
                       "in the study file, and 'nocturne run' again), or name it: trial %ld",
                       best->trial->number, name, best->trial->number);
    else
        *ret_trial = best->trial->number;
    arena_done(&arena);
    return st;
}

enum status configuration_of_baseline(const struct memory *s, struct configuration *ret, struct error *err)
{
    const struct study *study = s->study;
    if (!study->baseline) return error_set(err, STATUS_NOT_FOUND, "study '%s' has no baseline", study->name);
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->role == ROLE_BASELINE && t->state == TRIAL_COMPLETE && !t->outside)
            return configuration_of_trial(s, t->number, ret, err);
    }
    json_t *params = space_to_json(&study->space, study->baseline);
    enum status st = configuration_of_params(study, params, ret, err);
    json_decref(params);
    return st;
}

enum status configuration_of_params(const struct study *study, const json_t *params, struct configuration *ret,
                                    struct error *err)
{
    double config[SPACE_PARAMS_MAX];
    enum status s = space_from_json(&study->space, params, config, err);
    if (s) return error_context(err, "parameters that do not fit study '%s'", study->name), s;
    json_t *body =
        json_pack("{s:s, s:o}", "study", study->name, "parameters", space_to_json(&study->space, config));
    configuration_of_json(body, ret);
    json_decref(body);
    return STATUS_OK;
}
