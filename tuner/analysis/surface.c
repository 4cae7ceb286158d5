#include "tuner/analysis/surface.h"

#include "tuner/analysis/ranking.h"

#include "tuner/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

size_t surface_complete(const struct memory *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_seen; i++) n += s->seen_trial[i] && s->seen[i].outcome == SEARCH_COMPLETE;
    return n;
}

/* What the search sees, without the holes of cancelled trials. */
static struct search_history seen(const struct memory *s, struct arena *arena)
{
    struct search_trial *list = arena_array(arena, s->n_seen + 1, sizeof *list);
    struct search_history h = {.trial = list, .baseline = memory_baseline(s)};
    for (size_t i = 0; i < s->n_seen; i++)
        if (s->seen_trial[i]) list[h.n++] = s->seen[i];
    return h;
}

/* Complete trials, the best by the model first. */
struct judged {
    const struct trial *trial;
    double utility;
};

static int by_utility(const void *a, const void *b)
{
    const struct judged *x = a, *y = b;
    if (x->utility != y->utility) return x->utility > y->utility ? -1 : 1;
    return (x->trial->number > y->trial->number) - (x->trial->number < y->trial->number);
}

static size_t judge(const struct surface *f, struct judged *ret)
{
    const struct memory *s = f->memory;
    size_t n = 0, d = s->study->space.n;
    struct landscape_view *v = must_alloc(s->n_seen + 1, sizeof *v);
    double *config = must_alloc(s->n_seen * d + 1, sizeof *config);
    for (size_t i = 0; i < s->n_seen; i++) {
        if (!s->seen_trial[i] || s->seen[i].outcome != SEARCH_COMPLETE) continue;
        memcpy(config + n * d, s->seen[i].config, d * sizeof *config);
        ret[n++].trial = s->seen_trial[i];
    }
    landscape_look(f->landscape, config, n, LANDSCAPE_MEAN, v);
    for (size_t i = 0; i < n; i++) {
        double bad = isnan(v[i].feasible) || v[i].feasible > 0.5 ? 0 : 1e6; /* what breaks a constraint comes last */
        ret[i].utility = isnan(v[i].utility.middle) ? -HUGE_VAL : v[i].utility.middle - bad;
    }
    qsort(ret, n, sizeof *ret, by_utility);
    free(config);
    free(v);
    return n;
}

/* A confirmation's configuration is that of the trial that it confirms. */
static const struct trial *confirmed(const struct memory *s, const struct trial *t)
{
    return t->role == ROLE_CONFIRM ? memory_trial(s, t->confirms) : t;
}

static void choose(struct surface *f)
{
    const struct memory *s = f->memory;
    const struct ranking all = ranking_make(s, &s->study->objective, &f->arena);
    struct judged *list = must_alloc(s->n_seen + 1, sizeof *list);
    size_t n = judge(f, list), d = s->study->space.n;
    double *usual = arena_array(&f->arena, d, sizeof *usual);
    f->best = arena_array(&f->arena, n + 1, sizeof(const struct trial *));
    while (f->n < n) f->best[f->n] = list[f->n].trial, f->n++;
    free(list);
    f->winner = all.winner ? all.winner->trial : confirmed(s, f->best[0]);
    memcpy(usual, f->winner->config, d * sizeof *usual);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < d; k++)
            if (isnan(usual[k])) usual[k] = f->best[i]->config[k];
    f->usual = usual;
}

enum status surface_make(const struct memory *s, struct surface **ret, struct error *err)
{
    struct surface *f = must_alloc(1, sizeof *f);
    f->memory = s;
    struct search_history h = seen(s, &f->arena);
    enum status st = landscape_fit(s->study, &h, s->seed, &f->landscape, err);
    if (!st) choose(f);
    if (st) {
        surface_free(f);
        return error_context(err, "study '%s'", s->study->name);
    }
    *ret = f;
    return STATUS_OK;
}

void surface_free(struct surface *f)
{
    if (!f) return;
    landscape_free(f->landscape);
    arena_done(&f->arena);
    free(f);
}

/* ---- which metric ---- */

static bool is_hidden(const struct objective *o)
{
    return objective_find_metric(o, "utility") >= 0;
}

enum status surface_target(const struct study *study, const char *name, size_t *ret, struct error *err)
{
    const struct objective *o = &study->objective;
    int metric = objective_find_metric(o, name);
    if (metric >= 0) {
        *ret = (size_t)metric;
        return STATUS_OK;
    }
    if (strcmp(name, "utility") == 0) {
        *ret = o->n_metrics;
        return STATUS_OK;
    }
    struct arena a = {0};
    const char *list = "utility";
    for (size_t i = o->n_metrics; i-- > 0;) list = arena_printf(&a, "%s, %s", o->metric[i].name, list);
    enum status s =
        error_set(err, STATUS_INVALID, "study '%s' has no metric '%.100s'; it has %s", study->name, name, list);
    arena_done(&a);
    return s;
}

const char *surface_target_name(const struct study *study, size_t target)
{
    const struct objective *o = &study->objective;
    return target < o->n_metrics ? o->metric[target].name : "utility";
}

bool surface_lists(const struct study *study, size_t target)
{
    return target < study->objective.n_metrics || !is_hidden(&study->objective);
}

const struct landscape_value *surface_value(const struct study *study, const struct landscape_view *v, size_t target)
{
    return target < study->objective.n_metrics ? &v->metric[target] : &v->utility;
}

/* ---- configurations ---- */

void surface_settle(const struct surface *f, double *config)
{
    const struct space *space = &f->memory->study->space;
    for (size_t k = 0; k < space->n; k++) {
        if (!condition_holds(space->param[k].when, config))
            config[k] = NAN; /* conditions see only parameters above */
        else if (isnan(config[k]))
            config[k] = f->usual[k];
    }
    space_settle(space, config);
}

static json_t *value_json(const struct landscape_value *v)
{
    return json_pack("{s:o, s:o, s:o}", "mean", json_number(v->middle), "low", json_number(v->low), "high",
                     json_number(v->high));
}

static json_t *view_json(const struct study *study, const struct landscape_view *v)
{
    json_t *metrics = json_object();
    for (size_t i = 0; i < study->objective.n_metrics; i++)
        json_object_set_new(metrics, study->objective.metric[i].name, value_json(&v->metric[i]));
    return json_pack("{s:o, s:o, s:o}", "metrics", metrics, "utility", value_json(&v->utility), "feasible",
                     json_number(v->feasible));
}

static enum status read_request(const struct study *study, const json_t *request, double **ret, size_t *ret_n,
                                struct error *err)
{
    const json_t *list = json_object_get(request, "params");
    size_t n = json_array_size(list), d = study->space.n;
    if (!json_is_array(list) || n == 0 || n > SURFACE_POINTS_MAX)
        return error_set(err, STATUS_INVALID, "\"params\" must be a list of 1 to %d configurations, [{…}, …]",
                         SURFACE_POINTS_MAX);
    double *config = must_alloc(n * d + 1, sizeof *config);
    for (size_t i = 0; i < n; i++) {
        enum status s = space_from_json(&study->space, json_array_get(list, i), config + i * d, err);
        if (!s) continue;
        free(config);
        return error_context(err, "params[%zu]", i);
    }
    *ret = config;
    *ret_n = n;
    return STATUS_OK;
}

enum status surface_predict_json(const struct surface *f, const json_t *request, json_t **ret, struct error *err)
{
    const struct study *study = f->memory->study;
    double *config = NULL;
    size_t n = 0;
    enum status s = read_request(study, request, &config, &n, err);
    if (s) return s;
    struct landscape_view *v = must_alloc(n, sizeof *v);
    landscape_look(f->landscape, config, n, LANDSCAPE_MEASUREMENT, v);
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, view_json(study, &v[i]));
    *ret = json_pack("{s:o}", "predictions", list);
    free(v);
    free(config);
    return STATUS_OK;
}

json_t *surface_quality_json(const struct surface *f)
{
    const struct study *study = f->memory->study;
    json_t *out = json_object();
    for (size_t i = 0; i <= study->objective.n_metrics; i++) {
        if (!surface_lists(study, i)) continue;
        json_t *x = json_pack("{s:o}", "r2", json_number(landscape_quality(f->landscape, i)));
        if (i < study->objective.n_metrics)
            json_object_set_new(x, "trials", json_integer((json_int_t)landscape_results(f->landscape, i)));
        json_object_set_new(out, surface_target_name(study, i), x);
    }
    return out;
}

json_t *surface_range_json(const struct param *p)
{
    json_t *out = json_array();
    for (size_t i = 0; i < p->n_values; i++) json_array_append_new(out, param_to_json(p, (double)i));
    if (p->n_values) return out;
    json_array_append_new(out, param_to_json(p, p->lo));
    json_array_append_new(out, param_to_json(p, p->hi));
    return out;
}
