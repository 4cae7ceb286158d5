#include "tuner/analysis/stop_audit.h"

#include "tuner/analysis/sight.h"

#include "tuner/base/bounded.h"
#include "tuner/base/json.h"

#include "tuner/search/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reading {
    const struct memory *s;
    struct stop_audit *stops;
    bool *adapted; /* by trial */
};

/* {NAME: [mean, sd]} */
static const double *expected_of(const struct objective *o, const json_t *body, struct arena *arena)
{
    double *out = arena_array(arena, o->n_metrics, sizeof *out);
    for (size_t m = 0; m < o->n_metrics; m++)
        out[m] =
            json_number_read(json_array_get(json_object_get(json_object_get(body, "expected"), o->metric[m].name), 0));
    return out;
}

static const long *nearest_of(const json_t *list, struct arena *arena)
{
    long *out = arena_array(arena, json_array_size(list), sizeof *out);
    for (size_t i = 0; i < json_array_size(list); i++) out[i] = (long)json_integer_value(json_array_get(list, i));
    return out;
}

static void add_stop(struct stop_audit *x, const struct objective *o, const struct trial *t, const json_t *body)
{
    const json_t *nearest = json_object_get(body, "nearest");
    x->stop = must_reserve(x->stop, x->n + 1, &x->capacity, sizeof *x->stop);
    x->stop[x->n++] = (struct stop_record){.trial = t,
                                           .reason = json_string_value(json_object_get(body, "reason")),
                                           .at = json_number_at(body, "at"),
                                           .target = json_number_at(body, "target"),
                                           .saves = json_number_at(body, "saves"),
                                           .expected = expected_of(o, body, &x->arena),
                                           .n_nearest = json_array_size(nearest),
                                           .nearest = nearest_of(nearest, &x->arena),
                                           .audited = json_is_true(json_object_get(body, "audit")),
                                           .event = json_incref((json_t *)body)};
}

/* What was stopped last of it goes on. */
static void go_on(struct stop_audit *x, const struct trial *t, const json_t *body)
{
    const char *why = json_string_value(json_object_get(body, "reason"));
    for (size_t i = x->n; i-- > 0;) {
        if (x->stop[i].trial != t) continue;
        x->stop[i].went_on = arena_strdup(&x->arena, why ? why : "");
        return;
    }
}

static bool is_read(enum event_kind kind)
{
    return kind == EVENT_CONDEMNED || kind == EVENT_ADJUSTED || kind == EVENT_RESUMED;
}

static void on_event(void *data, const struct store_event *e)
{
    struct reading *r = data;
    json_t *body = NULL;
    const struct trial *t = memory_trial(r->s, e->trial);
    if (!is_read((enum event_kind)e->kind) || !t || !*e->body) return;
    if (json_parse_object(e->body, strlen(e->body), &body, NULL)) return;
    if (e->kind == EVENT_CONDEMNED && json_object_get(body, "by")) add_stop(r->stops, &r->s->study->objective, t, body);
    if (e->kind == EVENT_RESUMED) go_on(r->stops, t, body);
    if (e->kind == EVENT_ADJUSTED) {
        r->stops->changes++;
        r->stops->adapted += !r->adapted[e->trial];
        r->adapted[e->trial] = true;
    }
    json_decref(body);
}

bool stop_audit_beats_all(const struct memory *s, const struct trial *t)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = memory_baseline(s);
    bool pareto = o->form == OBJECTIVE_PARETO;
    double u = pareto ? 0 : objective_known_utility(o, t->value, baseline);
    if (t->state != TRIAL_COMPLETE || (!baseline && objective_needs_baseline(o)) || isnan(u)) return false;
    if (!objective_feasible(o, t->value, baseline)) return false;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *x = s->trial[i];
        if (x == t || x->state != TRIAL_COMPLETE || x->role == ROLE_CONFIRM || x->outside) continue;
        if (!objective_feasible(o, x->value, baseline)) continue;
        if (pareto ? objective_dominates(o, x->value, t->value) : objective_known_utility(o, x->value, baseline) >= u)
            return false;
    }
    return true;
}

/* One that went on may be condemned again: what was expected of it before has come otherwise. */
static void find_last(const struct memory *s, struct stop_audit *x)
{
    bool *seen = must_alloc(s->n + 1, sizeof *seen);
    for (size_t i = x->n; i-- > 0;) {
        x->stop[i].last = !seen[x->stop[i].trial->number];
        seen[x->stop[i].trial->number] = true;
    }
    free(seen);
}

static void judge(const struct memory *s, struct stop_audit *x)
{
    int tokens = objective_token_metric(&s->study->objective);
    find_last(s, x);
    for (size_t i = 0; i < x->n; i++) {
        struct stop_record *stop = &x->stop[i];
        if (!stop->last) continue;
        if (!stop->audited) {
            if (stop->trial->state == TRIAL_PRUNED)
                x->saved = bounded_sum(x->saved, isnan(stop->saves) ? 0 : stop->saves);
            continue;
        }
        if (stop->trial->state != TRIAL_COMPLETE) continue;
        x->audited++;
        stop->wrong = stop_audit_beats_all(s, stop->trial);
        x->wrong += stop->wrong;
        if (tokens >= 0)
            x->audit_spent =
                bounded_sum(x->audit_spent, fmax(stop->trial->value[tokens] - (isnan(stop->at) ? 0 : stop->at), 0));
    }
}

enum status stop_audit_make(const struct memory *s, struct stop_audit *ret, struct error *err)
{
    struct reading r = {s, ret, must_alloc(s->n + 1, sizeof *r.adapted)};
    enum pruner pruner = s->study->stopping.pruner;
    *ret = (struct stop_audit){
        .about = pruner_about(pruner), .advice = pruner_advice(pruner), .rate = NAN, .low = 0, .high = 1};
    enum status st = store_events(s->store, s->study_id, -1, on_event, &r, err);
    free(r.adapted);
    if (st) return st;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->role == ROLE_CONFIRM) continue;
        ret->ended += t->state == TRIAL_COMPLETE;
        ret->pruned += t->state == TRIAL_PRUNED;
        ret->resumed += t->resumed.times > 0;
        ret->spent = bounded_sum(ret->spent, t->effort.tokens);
    }
    judge(s, ret);
    ret->blind = sight_lacking(s, &ret->arena, &ret->remedy);
    pruner_false_rate(ret->wrong, ret->audited, &ret->rate, &ret->low, &ret->high);
    return STATUS_OK;
}

void stop_audit_done(struct stop_audit *x)
{
    for (size_t i = 0; i < x->n; i++) json_decref(x->stop[i].event);
    free(x->stop);
    arena_done(&x->arena);
    *x = (struct stop_audit){0};
}
