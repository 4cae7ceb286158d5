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

bool rerun_ready(const struct memory *s)
{
    size_t n = surface_complete(s);
    return n >= LEAST && n <= MOST;
}

static bool is_single(const struct comparison *c)
{
    return c->winner && c->winner->seeds == 0;
}

/* NULL: none. */
static struct surface *make(const struct memory *s)
{
    struct surface *f = NULL;
    struct error none;
    return rerun_ready(s) && !surface_make(s, &f, &none) ? f : NULL;
}

const char *rerun_of_best(const struct memory *s, const struct comparison *c, struct arena *arena)
{
    struct surface *f = is_single(c) ? make(s) : NULL;
    const char *out = f ? rerun_say(f, memory_trial(s, c->winner->trial), arena) : NULL;
    surface_free(f);
    return out;
}

void rerun_add(json_t *best, const struct memory *s, const struct comparison *c)
{
    if (!is_single(c)) return;
    struct surface *f = make(s);
    json_object_set_new(best, "rerun", f ? rerun_json(f, memory_trial(s, c->winner->trial)) : json_null());
    surface_free(f);
}
