/* What makes trials belong to a study, and what may change of it between two runs. */
#include "tuner/study/study.h"

#include "tuner/base/json.h"

#include <stdlib.h>
#include <string.h>

char *study_identity(const struct study *study)
{
    json_t *metrics = json_array();
    for (size_t i = 0; i < study->objective.n_metrics; i++)
        json_array_append_new(metrics, json_string(study->objective.metric[i].name));
    json_t *all = json_pack("{s:o, s:o}", "parameters", space_describe(&study->space), "metrics", metrics);
    char *text = json_text(all);
    json_decref(all);
    return text;
}

/* ---- comparing ---- */

enum { SHOWN_MAX = 200 }; /* bytes of a list of values, in a sentence */

static const json_t *find(const json_t *parameters, const char *name)
{
    size_t i;
    json_t *p;
    json_array_foreach(parameters, i, p) if (strcmp(json_string_value(json_object_get(p, "name")), name) == 0) return p;
    return NULL;
}

/* Same names and types? */
static enum status check_same(const json_t *before, const json_t *now, struct error *err)
{
    size_t i;
    json_t *p;
    json_array_foreach(before, i, p)
    {
        const char *name = json_string_value(json_object_get(p, "name"));
        const json_t *q = find(now, name);
        if (!q) return error_set(err, STATUS_INVALID, "parameter '%s' is gone", name);
        if (!json_equal(json_object_get(p, "type"), json_object_get(q, "type")))
            return error_set(err, STATUS_INVALID, "parameter '%s' was %s and is %s", name,
                             json_string_value(json_object_get(p, "type")),
                             json_string_value(json_object_get(q, "type")));
    }
    json_array_foreach(now, i, p)
    {
        const char *name = json_string_value(json_object_get(p, "name"));
        if (!find(before, name)) return error_set(err, STATUS_INVALID, "parameter '%s' is new", name);
    }
    return STATUS_OK;
}

static char *describe(const json_t *value)
{
    return value ? json_text(value) : NULL;
}

static const char *list_changes(const json_t *before, const json_t *now, struct arena *arena)
{
    static const char *const keys[] = {"range", "scale", "step", "values", "when"};
    char *text = arena_strdup(arena, "");
    size_t i;
    json_t *p;
    json_array_foreach(now, i, p)
    {
        const char *name = json_string_value(json_object_get(p, "name"));
        const json_t *old = find(before, name);
        for (size_t k = 0; k < 5; k++) {
            const json_t *a = json_object_get(old, keys[k]), *b = json_object_get(p, keys[k]);
            if (a == b || (a && b && json_equal(a, b))) continue;
            char *was = describe(a), *is = describe(b);
            text = arena_printf(arena, "%s%s%s: %s %.*s, was %.*s", text, *text ? "; " : "", name, keys[k], SHOWN_MAX,
                                is ? is : "none", SHOWN_MAX, was ? was : "none");
            free(was);
            free(is);
        }
    }
    return text;
}

static enum status compare(const json_t *before, const json_t *now, struct arena *arena, const char **ret,
                           struct error *err)
{
    const json_t *p = json_object_get(before, "parameters"), *q = json_object_get(now, "parameters");
    if (!json_equal(json_object_get(before, "metrics"), json_object_get(now, "metrics")))
        return error_set(err, STATUS_INVALID, "the metrics differ");
    enum status s = check_same(p, q, err);
    if (!s) *ret = list_changes(p, q, arena);
    return s;
}

enum status study_identity_compare(const char *before, const char *now, struct arena *arena, const char **ret,
                                   struct error *err)
{
    json_t *a = json_loads(before, 0, NULL), *b = json_loads(now, 0, NULL);
    enum status s =
        a && b ? compare(a, b, arena, ret, err) : error_set(err, STATUS_IO, "it is stored in an unknown way");
    json_decref(a);
    json_decref(b);
    return s;
}

/* ---- the objective ---- */

static const char *describe_form(const struct objective *o, struct arena *a)
{
    const char *text = "weights";
    switch (o->form) {
    case OBJECTIVE_WEIGHTS:
        for (size_t i = 0; i < o->n_metrics; i++)
            if (o->weight[i] > 0) text = arena_printf(a, "%s %s=%.4g", text, o->metric[i].name, o->weight[i]);
        return text;
    case OBJECTIVE_EXCHANGE: return arena_printf(a, "exchange %.6g", o->exchange);
    case OBJECTIVE_SINGLE:
        return arena_printf(a, "%s %s", o->metric[o->gain].goal > 0 ? "maximize" : "minimize", o->metric[o->gain].name);
    case OBJECTIVE_PARETO: return arena_printf(a, "pareto %s, %s", o->metric[o->gain].name, o->metric[o->cost].name);
    }
    return text;
}

static const char *describe_constraints(const struct objective *o, struct arena *a)
{
    const char *text = o->n_constraints ? "" : "none";
    for (size_t i = 0; i < o->n_constraints; i++)
        text = arena_printf(a, "%s%s%s", text, i ? ", " : "", o->constraint[i].text);
    return text;
}

static const char *describe_metrics(const struct objective *o, struct arena *a)
{
    const char *text = "";
    for (size_t i = 0; i < o->n_metrics; i++) {
        const struct metric *m = &o->metric[i];
        text = arena_printf(a, "%s%s%s %s", text, i ? ", " : "", m->name, m->goal > 0 ? "maximize" : "minimize");
        if (m->unit > 0) text = arena_printf(a, "%s unit %.6g", text, m->unit);
    }
    return text;
}

const char *study_objective_compare(const struct study *before, const struct study *now, struct arena *arena)
{
    static const struct {
        const char *name;
        const char *(*describe)(const struct objective *o, struct arena *a);
    } parts[] = {{"objective", describe_form}, {"constraints", describe_constraints}, {"metrics", describe_metrics}};
    const char *text = "";
    for (size_t i = 0; i < 3; i++) {
        const char *was = parts[i].describe(&before->objective, arena), *is = parts[i].describe(&now->objective, arena);
        if (strcmp(was, is) == 0) continue;
        text = arena_printf(arena, "%s%s%s: %.*s, was %.*s", text, *text ? "; " : "", parts[i].name, SHOWN_MAX, is,
                            SHOWN_MAX, was);
    }
    return text;
}
