#include "tuner/report/report.h"

#include <math.h>
#include <string.h>

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

/* Whole counts as integers, everything else as it is. */
static json_t *metric_number(const struct metric *m, double v)
{
    return m->kind == METRIC_COUNT && v == floor(v) && fabs(v) < 9e15 ? json_integer((json_int_t)v) : number(v);
}

static json_t *values(const struct session *s, const double *v)
{
    const struct objective *o = &s->study->objective;
    json_t *out = json_object();
    for (size_t i = 0; i < o->n_metrics; i++)
        if (isfinite(v[i])) json_object_set_new(out, o->metric[i].name, metric_number(&o->metric[i], v[i]));
    return out;
}

json_t *report_trial_json(const struct session *s, const struct trial *t)
{
    json_t *out = json_pack("{s:I, s:s, s:s, s:o, s:o, s:I, s:s, s:I}", "trial", (json_int_t)t->number, "state",
                            trial_state_name(t->state), "role", trial_role_name(t->role), "params",
                            t->params ? json_deep_copy(t->params) : space_to_json(&s->study->space, t->config),
                            "metrics", t->metrics ? json_deep_copy(t->metrics) : json_object(), "seed",
                            (json_int_t)t->seed, "source", t->source, "attempts", (json_int_t)t->attempts);
    const double *baseline = session_baseline(s);
    if (t->state == TRIAL_COMPLETE && (baseline || !objective_needs_baseline(&s->study->objective)))
        json_object_set_new(out, "utility", number(objective_utility(&s->study->objective, t->value, baseline)));
    if (t->outside) json_object_set_new(out, "outside", json_string(t->outside));
    if (t->reason) json_object_set_new(out, "reason", json_string(t->reason));
    if (t->confirms >= 0) json_object_set_new(out, "confirms", json_integer(t->confirms));
    if (t->finished_ms) json_object_set_new(out, "finished_ms", json_integer(t->finished_ms));
    return out;
}

json_t *report_standing_json(const struct session *s, const struct standing *x)
{
    json_t *out = json_pack("{s:I, s:o, s:o, s:o, s:b, s:I}", "trial", (json_int_t)x->trial->number, "params",
                            space_to_json(&s->study->space, x->trial->config), "metrics", values(s, x->mean), "utility",
                            number(x->utility), "feasible", x->feasible, "confirmed_seeds", (json_int_t)x->confirmed);
    if (x->confirmed > 1) json_object_set_new(out, "sd", values(s, x->sd));
    if (x->label) json_object_set_new(out, "label", json_string(x->label));
    if (x->on_front) json_object_set_new(out, "front", json_true());
    return out;
}

json_t *report_front_json(const struct session *s, const struct standings *all)
{
    json_t *out = json_array();
    for (size_t i = 0; i < all->n; i++)
        if (all->all[i].on_front) json_array_append_new(out, report_standing_json(s, &all->all[i]));
    return out;
}

size_t report_fallbacks(const struct session *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) n += strncmp(s->trial[i]->source, SEARCH_FALLBACK, strlen(SEARCH_FALLBACK)) == 0;
    return n;
}

json_t *report_status_json(const struct session *s, bool running)
{
    struct spending spent = ledger_spending(s);
    struct arena arena = {0};
    struct standings all = standings_make(s, &s->study->objective, false, &arena);
    json_t *states = json_object();
    for (int i = 0; i < TRIAL_STATES; i++)
        json_object_set_new(states, trial_state_name((enum trial_state)i),
                            json_integer((json_int_t)session_count(s, (enum trial_state)i)));
    json_t *out =
        json_pack("{s:s, s:s, s:b, s:I, s:o, s:o, s:I, s:o?}", "study", s->study->name, "phase", s->phase, "running",
                  running, "trials", (json_int_t)s->n, "states", states, "tokens", number(spent.tokens), "fallbacks",
                  (json_int_t)report_fallbacks(s), "best", all.winner ? report_standing_json(s, all.winner) : NULL);
    arena_done(&arena);
    return out;
}
