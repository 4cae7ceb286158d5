#include "tuner/analysis/rerun.h"

#include "tuner/base/json.h"

#include <math.h>

enum { LEAST = 10, MOST = 500 };

static struct landscape_view look(const struct surface *f, const struct trial *t)
{
    struct landscape_view v;
    landscape_look(f->landscape, t->config, 1, LANDSCAPE_MEAN, &v);
    return v;
}

static json_t *beside(double observed, const struct landscape_value *v)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "observed", json_number(observed), "expected", json_number(v->middle),
                     "low", json_number(v->low), "high", json_number(v->high));
}

json_t *rerun_json(const struct surface *f, const struct trial *t)
{
    const struct objective *o = &f->memory->study->objective;
    bool complete = t->state == TRIAL_COMPLETE;
    if (t->outside) return json_pack("{s:I, s:s}", "trial", (json_int_t)t->number, "outside", t->outside);
    struct landscape_view v = look(f, t);
    double utility = complete ? objective_known_utility(o, t->value, memory_baseline(f->memory)) : NAN;
    json_t *metrics = json_object();
    for (size_t i = 0; i < o->n_metrics; i++)
        json_object_set_new(metrics, o->metric[i].name, beside(complete ? t->value[i] : NAN, &v.metric[i]));
    return json_pack("{s:I, s:o, s:o, s:o}", "trial", (json_int_t)t->number, "metrics", metrics, "utility",
                     beside(utility, &v.utility), "feasible", json_number(v.feasible));
}

const char *rerun_say(const struct surface *f, const struct trial *t, struct arena *arena)
{
    const struct objective *o = &f->memory->study->objective;
    const char *all = "";
    if (t->outside) return NULL;
    struct landscape_view v = look(f, t);
    for (size_t i = 0; i < o->n_metrics; i++) {
        const struct landscape_value *x = &v.metric[i];
        char mean[64], low[64], high[64];
        if (!objective_uses(o, i) || isnan(x->middle)) continue;
        metric_show(&o->metric[i], x->middle, mean, sizeof mean);
        metric_show(&o->metric[i], x->low, low, sizeof low);
        metric_show(&o->metric[i], x->high, high, sizeof high);
        all = arena_printf(arena, "%s%s%s %s (%s to %s)", all, *all ? ", " : "", o->metric[i].name, mean, low, high);
    }
    return *all ? arena_printf(arena, "a re-run of trial %ld is expected to give %s", t->number, all) : NULL;
}

const char *rerun_expected(const struct memory *s, const struct trial *t, struct arena *arena, json_t **ret_json)
{
    size_t n = surface_complete(s);
    struct surface *f = NULL;
    struct error none;
    if (ret_json) *ret_json = json_null();
    if (n < LEAST || n > MOST || surface_make(s, &f, &none)) return NULL;
    const char *out = rerun_say(f, t, arena);
    if (ret_json) *ret_json = rerun_json(f, t);
    surface_free(f);
    return out;
}
