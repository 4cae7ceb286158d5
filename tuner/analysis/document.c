#include "tuner/analysis/document.h"

#include "tuner/analysis/ancestry.h"
#include "tuner/analysis/ranking.h"
#include "tuner/analysis/remark.h"

#include "tuner/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- making ---- */

struct document document_of(const struct memory *s, struct arena *arena)
{
    const struct ranking all = ranking_make(s, &s->study->objective, arena);
    struct document d = {.study = s->study,
                         .seq = s->seq,
                         .phase = s->phase,
                         .trials = s->n,
                         .tokens = ledger_tokens(s),
                         .fallbacks = s->tally.fallbacks,
                         .began_ms = s->run.wall_ms,
                         .spent_ms = ledger_spent_ms(s),
                         .gone_ms = ledger_gone_ms(s),
                         .comparison = comparison_make(s, &s->study->objective, &all, arena),
                         .taken = s->products.taken,
                         .saved = s->products.saved,
                         .failure = s->failure ? arena_strdup(arena, s->failure) : NULL,
                         .note = s->note ? arena_strdup(arena, s->note) : NULL,
                         .exhausted = remark_exhausted(s, arena),
                         .watched = remark_watched(s)};
    for (int i = 0; i < TRIAL_STATES; i++) d.states[i] = memory_count(s, (enum trial_state)i);
    d.n_budgets = ledger_entries(s, d.budget);
    return d;
}

struct document_trial document_trial_of(const struct memory *s, const struct trial *t)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = memory_baseline(s);
    bool judged = t->state == TRIAL_COMPLETE && (baseline || !objective_needs_baseline(o));
    return (struct document_trial){.memory = s,
                                   .trial = t,
                                   .judged = judged,
                                   .utility = judged ? objective_known_utility(o, t->value, baseline) : NAN,
                                   .breaks = judged && !objective_feasible(o, t->value, baseline)};
}

/* ---- writing ---- */

/* Whole counts as integers, everything else as it is; what was not measured is left out. */
static json_t *values_json(const struct objective *o, const double *value)
{
    json_t *out = json_object();
    for (size_t i = 0; i < o->n_metrics; i++)
        if (isfinite(value[i]))
            json_object_set_new(out, o->metric[i].name,
                                o->metric[i].kind == METRIC_COUNT ? json_amount(value[i]) : json_number(value[i]));
    return out;
}

static json_t *difference_json(const struct difference *d, double margin)
{
    json_t *out = json_pack("{s:o}", d->ratio ? "ratio" : "difference", json_number(d->by));
    if (isfinite(d->low)) json_object_set_new(out, "low", json_number(d->low));
    if (isfinite(d->high)) json_object_set_new(out, "high", json_number(d->high));
    json_object_set_new(out, "margin", json_number(margin));
    return out;
}

static json_t *verdict_json(const struct objective *o, const struct verdict *v)
{
    json_t *metrics = json_object();
    for (size_t i = 0; i < o->n_metrics; i++)
        if (isfinite(v->apart[i].by))
            json_object_set_new(metrics, o->metric[i].name, difference_json(&v->apart[i], v->margin[i]));
    json_t *out = json_pack("{s:s, s:I, s:s, s:o}", "reference", v->reference, "trial", (json_int_t)v->trial, "verdict",
                            verdict_name(v->word), "metrics", metrics);
    if (v->seeds) json_object_set_new(out, "seeds_to_decide", json_integer((json_int_t)v->seeds));
    return out;
}

static json_t *breach_json(const struct objective *o, const struct breach *b)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:s}", "constraint", b->constraint, "metric", o->metric[b->metric].name,
                     "bound", json_number(b->bound), "by", json_number(b->by), "would_hold", b->would_hold);
}

/* Without the marks of the winner and the baseline. */
static json_t *row_json(const struct study *study, const struct comparison_row *x)
{
    const struct objective *o = &study->objective;
    json_t *against = json_array(), *breaks = x->n_breaches ? json_array() : NULL;
    for (size_t i = 0; i < x->n_against; i++) json_array_append_new(against, verdict_json(o, &x->against[i]));
    for (size_t i = 0; i < x->n_breaches; i++) json_array_append_new(breaks, breach_json(o, &x->breach[i]));
    return json_pack("{s:I, s:o, s:o, s:o, s:o*, s:b, s:I, s:o*, s:o*, s:s*, s:o*, s:s*, s:o, s:o*, s:s*, s:o*, s:o*}",
                     "trial", (json_int_t)x->trial, "params", space_to_json(&study->space, x->config), "metrics",
                     values_json(o, x->mean), "utility", json_number(x->utility), "search_utility",
                     isfinite(x->searched) ? json_number(x->searched) : NULL, "feasible", x->feasible,
                     "confirmed_seeds", (json_int_t)x->seeds, "sd", x->sd ? values_json(o, x->sd) : NULL, "repeats",
                     x->seeds ? json_boolean(x->repeats) : NULL, "label", x->label, "front",
                     x->on_front ? json_true() : NULL, "verdict", x->verdict ? verdict_name(x->verdict) : NULL,
                     "against", against, "breaks", breaks, "caution", x->caution, "schedule",
                     x->schedule ? trajectory_json(x->schedule, &study->space) : NULL, "stages",
                     x->stages ? json_loads(x->stages, 0, NULL) : NULL);
}

static json_t *marked_json(const struct study *study, const struct comparison_row *x)
{
    json_t *out = row_json(study, x);
    if (x->winner) json_object_set_new(out, "winner", json_true());
    if (x->baseline) json_object_set_new(out, "baseline", json_true());
    return out;
}

static json_t *rows_json(const struct comparison *c)
{
    json_t *out = json_array();
    for (size_t i = 0; i < c->n; i++) json_array_append_new(out, marked_json(c->study, &c->row[i]));
    return out;
}

static json_t *states_json(const struct document *d)
{
    json_t *out = json_object();
    for (int i = 0; i < TRIAL_STATES; i++)
        json_object_set_new(out, trial_state_name((enum trial_state)i), json_integer((json_int_t)d->states[i]));
    return out;
}

/* What is spent of time is beside it (run): it goes on without events. */
static json_t *budget_json(const struct document *d, const struct ledger_entry *e)
{
    if (e->unit == UNIT_MS)
        return json_pack("{s:s, s:o, s:I}", "budget", e->name, "limit_ms", json_number(e->limit), "began_ms",
                         (json_int_t)d->began_ms);
    return json_pack("{s:s, s:o, s:o, s:o}", "budget", e->name, "limit", json_number(e->limit), "spent",
                     json_number(e->spent), "reserved", json_number(e->reserved));
}

static json_t *run_json(const struct document *d)
{
    return json_pack("{s:I, s:I, s:I}", "began_ms", (json_int_t)d->began_ms, "spent_ms", (json_int_t)d->spent_ms,
                     "gone_ms", (json_int_t)d->gone_ms);
}

/* NULL: a study without stages. */
static json_t *reuse_json(const struct document *d)
{
    if (!d->study->pipeline.n) return NULL;
    return json_pack("{s:I, s:o}", "stages", (json_int_t)d->taken, "saved", json_number(d->saved));
}

json_t *document_kept_json(const struct document *d)
{
    json_t *budgets = json_array();
    for (size_t i = 0; i < d->n_budgets; i++) json_array_append_new(budgets, budget_json(d, &d->budget[i]));
    return json_pack("{s:I, s:s, s:s, s:I, s:o, s:o, s:I, s:o, s:o, s:o, s:o*, s:s*, s:o*, s:s*, s:s*, s:s*}", "seq",
                     (json_int_t)d->seq, "study", d->study->name, "phase", study_phase_name(d->phase), "trials",
                     (json_int_t)d->trials, "states", states_json(d), "tokens", json_number(d->tokens), "fallbacks",
                     (json_int_t)d->fallbacks, "budgets", budgets, "best", document_best_json(&d->comparison),
                     "comparison", rows_json(&d->comparison), "reuse", reuse_json(d), "failure", d->failure, "run",
                     d->began_ms ? run_json(d) : NULL, "exhausted", d->exhausted, "watched", d->watched, "note", d->note);
}

/* ---- reading ---- */

struct reading {
    const struct study *study;
    struct arena *arena;
    const char *wrong; /* a key without a value that any version has written; NULL: none */
};

static const json_t *value(struct reading *r, const json_t *o, const char *key, bool (*is)(const json_t *v))
{
    const json_t *v = json_object_get(o, key);
    if (!is(v)) r->wrong = key;
    return v;
}

static bool is_whole(const json_t *v)
{
    return json_is_integer(v) && json_integer_value(v) >= 0;
}

static bool is_number(const json_t *v)
{
    return json_is_number(v) || json_is_null(v); /* null: NaN */
}

static bool is_flag(const json_t *v)
{
    return json_is_boolean(v);
}

static bool is_text(const json_t *v)
{
    return json_is_string(v);
}

static bool is_list(const json_t *v)
{
    return json_is_array(v);
}

static int64_t whole(struct reading *r, const json_t *o, const char *key)
{
    return json_integer_value(value(r, o, key, is_whole));
}

static double number(struct reading *r, const json_t *o, const char *key)
{
    return json_number_read(value(r, o, key, is_number));
}

static bool flag(struct reading *r, const json_t *o, const char *key)
{
    return json_is_true(value(r, o, key, is_flag));
}

static const char *text(struct reading *r, const json_t *o, const char *key)
{
    const char *v = json_string_value(value(r, o, key, is_text));
    return v ? arena_strdup(r->arena, v) : "";
}

static const char *text_if_any(struct reading *r, const json_t *o, const char *key)
{
    return json_object_get(o, key) ? text(r, o, key) : NULL;
}

static enum verdict_word word(struct reading *r, const json_t *o)
{
    enum verdict_word out = VERDICT_NONE;
    const char *name = text_if_any(r, o, "verdict");
    if (name && !verdict_parse(name, &out)) r->wrong = "verdict";
    return out;
}

static const double *config(struct reading *r, const json_t *o)
{
    struct error outside;
    double *out = arena_array(r->arena, r->study->space.n, sizeof *out);
    if (space_from_json(&r->study->space, json_object_get(o, "params"), out, &outside)) r->wrong = "params";
    return out;
}

static const double *values(struct reading *r, const json_t *v)
{
    const struct objective *o = &r->study->objective;
    double *out = arena_array(r->arena, o->n_metrics, sizeof *out);
    for (size_t i = 0; i < o->n_metrics; i++) out[i] = json_number_at(v, o->metric[i].name);
    return out;
}

static struct difference difference(const json_t *v)
{
    const json_t *low = json_object_get(v, "low"), *high = json_object_get(v, "high");
    bool ratio = json_object_get(v, "ratio");
    return (struct difference){ratio, json_number_at(v, ratio ? "ratio" : "difference"),
                               low ? json_number_read(low) : -INFINITY, high ? json_number_read(high) : INFINITY};
}

static struct verdict verdict(struct reading *r, const json_t *o)
{
    const struct objective *of = &r->study->objective;
    struct difference *apart = arena_array(r->arena, of->n_metrics, sizeof *apart);
    double *margin = arena_array(r->arena, of->n_metrics, sizeof *margin);
    for (size_t i = 0; i < of->n_metrics; i++) {
        const json_t *v = json_object_get(json_object_get(o, "metrics"), of->metric[i].name);
        apart[i] = difference(v);
        margin[i] = json_number_at(v, "margin");
    }
    value(r, o, "verdict", is_text);
    return (struct verdict){.reference = text(r, o, "reference"),
                            .trial = (long)whole(r, o, "trial"),
                            .word = word(r, o),
                            .apart = apart,
                            .margin = margin,
                            .seeds = (size_t)json_integer_value(json_object_get(o, "seeds_to_decide"))};
}

static struct breach breach(struct reading *r, const json_t *o)
{
    int metric = objective_find_metric(&r->study->objective, text(r, o, "metric"));
    if (metric < 0) r->wrong = "metric";
    return (struct breach){.constraint = text(r, o, "constraint"),
                           .metric = metric < 0 ? 0 : (size_t)metric,
                           .bound = number(r, o, "bound"),
                           .by = number(r, o, "by"),
                           .would_hold = text(r, o, "would_hold")};
}

static const struct trajectory *schedule(struct reading *r, const json_t *v)
{
    struct error outside;
    struct trajectory *out = v ? arena_alloc(r->arena, sizeof *out) : NULL;
    if (v && trajectory_parse(v, &r->study->space, r->arena, out, &outside)) r->wrong = "schedule";
    return out;
}

static const char *stages(struct reading *r, const json_t *v)
{
    char *text = v ? json_tight(v) : NULL;
    const char *out = text ? arena_strdup(r->arena, text) : NULL;
    free(text);
    return out;
}

static struct comparison_row row(struct reading *r, const json_t *o)
{
    const json_t *against = value(r, o, "against", is_list), *breaks = json_object_get(o, "breaks"),
                 *sd = json_object_get(o, "sd");
    const size_t seeds = (size_t)whole(r, o, "confirmed_seeds");
    struct verdict *each = arena_array(r->arena, json_array_size(against), sizeof *each);
    struct breach *broken = arena_array(r->arena, json_array_size(breaks), sizeof *broken);
    for (size_t i = 0; i < json_array_size(against); i++) each[i] = verdict(r, json_array_get(against, i));
    for (size_t i = 0; i < json_array_size(breaks); i++) broken[i] = breach(r, json_array_get(breaks, i));
    return (struct comparison_row){.trial = (long)whole(r, o, "trial"),
                                   .config = config(r, o),
                                   .mean = values(r, json_object_get(o, "metrics")),
                                   .sd = sd ? values(r, sd) : NULL,
                                   .utility = number(r, o, "utility"),
                                   .searched = json_number_at(o, "search_utility"),
                                   .feasible = flag(r, o, "feasible"),
                                   .seeds = seeds,
                                   .repeats = seeds && flag(r, o, "repeats"),
                                   .label = text_if_any(r, o, "label"),
                                   .on_front = json_is_true(json_object_get(o, "front")),
                                   .verdict = word(r, o),
                                   .n_against = json_array_size(against),
                                   .against = each,
                                   .n_breaches = json_array_size(breaks),
                                   .breach = broken,
                                   .caution = text_if_any(r, o, "caution"),
                                   .schedule = schedule(r, json_object_get(o, "schedule")),
                                   .stages = stages(r, json_object_get(o, "stages")),
                                   .winner = json_is_true(json_object_get(o, "winner")),
                                   .baseline = json_is_true(json_object_get(o, "baseline"))};
}

static struct comparison comparison(struct reading *r, const json_t *list)
{
    struct comparison_row *all = arena_array(r->arena, json_array_size(list), sizeof *all);
    for (size_t i = 0; i < json_array_size(list); i++) all[i] = row(r, json_array_get(list, i));
    return comparison_of(r->study, json_array_size(list), all);
}

/* Of time that of the run. */
static struct ledger_entry budget(struct reading *r, const json_t *o, const struct document *d)
{
    struct ledger_entry e = {.name = ""};
    if (!ledger_entry_named(text(r, o, "budget"), &e)) r->wrong = "budget";
    e.limit = number(r, o, e.unit == UNIT_MS ? "limit_ms" : "limit");
    if (e.unit == UNIT_MS && json_integer_value(json_object_get(o, "began_ms")) != d->began_ms) r->wrong = "run";
    if (e.unit == UNIT_MS)
        e.spent = (double)(strcmp(e.name, "until") == 0 ? d->gone_ms : d->spent_ms);
    else
        e.spent = number(r, o, "spent"), e.reserved = number(r, o, "reserved");
    return e;
}

static void read_budgets(struct reading *r, const json_t *list, struct document *d)
{
    d->n_budgets = json_array_size(list) < LEDGER_ENTRIES_MAX ? json_array_size(list) : LEDGER_ENTRIES_MAX;
    for (size_t i = 0; i < d->n_budgets; i++) d->budget[i] = budget(r, json_array_get(list, i), d);
}

static void read_run(struct reading *r, const json_t *run, struct document *d)
{
    if (!run) return; /* it never ran */
    d->began_ms = whole(r, run, "began_ms");
    d->spent_ms = whole(r, run, "spent_ms");
    d->gone_ms = whole(r, run, "gone_ms");
}

static struct document document(struct reading *r, const json_t *o)
{
    struct document d = {.study = r->study,
                         .seq = whole(r, o, "seq"),
                         .trials = (size_t)whole(r, o, "trials"),
                         .tokens = number(r, o, "tokens"),
                         .fallbacks = (size_t)whole(r, o, "fallbacks"),
                         .comparison = comparison(r, value(r, o, "comparison", is_list)),
                         .failure = text_if_any(r, o, "failure"),
                         .exhausted = text_if_any(r, o, "exhausted"),
                         .watched = text_if_any(r, o, "watched"),
                         .note = text_if_any(r, o, "note")};
    if (!study_phase_parse(text(r, o, "phase"), &d.phase)) r->wrong = "phase";
    for (int i = 0; i < TRIAL_STATES; i++)
        d.states[i] = (size_t)whole(r, json_object_get(o, "states"), trial_state_name((enum trial_state)i));
    read_run(r, json_object_get(o, "run"), &d);
    read_budgets(r, value(r, o, "budgets", is_list), &d);
    d.taken = (size_t)json_integer_value(json_object_get(json_object_get(o, "reuse"), "stages"));
    d.saved = json_number_value(json_object_get(json_object_get(o, "reuse"), "saved"));
    return d;
}

enum status document_read(const struct study *study, const char *kept, struct arena *arena, struct document *ret,
                          struct error *err)
{
    struct reading r = {study, arena, NULL};
    json_t *object = NULL;
    enum status st = json_parse_object(kept, strlen(kept), &object, err);
    if (st) return st;
    struct document d = document(&r, object);
    json_decref(object);
    if (r.wrong)
        return error_set(err, STATUS_INVALID, "the kept state of study '%s' has no '%s' that can be read", study->name,
                         r.wrong);
    *ret = d;
    return STATUS_OK;
}

/* ---- what is shown ---- */

static json_t *budgets_json(const struct document *d)
{
    json_t *out = json_array();
    for (size_t i = 0; i < d->n_budgets; i++) {
        const struct ledger_entry *e = &d->budget[i];
        json_t *one = budget_json(d, e);
        bool time = e->unit == UNIT_MS;
        double left = time && !d->began_ms ? 0 : fmax(e->limit - (e->spent + e->reserved), 0);
        json_object_set_new(one, time ? "left_ms" : "left", json_number(left));
        json_array_append_new(out, one);
    }
    return out;
}

static void show_who(json_t *out, bool running, const struct document_host *host)
{
    json_object_set_new(out, "running", json_boolean(running));
    if (!host) return;
    json_object_set_new(out, "hosted", json_boolean(host->hosted));
    if (!host->hosted) return;
    json_object_set_new(out, "step", json_string(host->step));
    json_object_set_new(out, "busy", json_integer((json_int_t)host->busy));
    if (*host->paused) json_object_set_new(out, "paused", json_string(host->paused));
}

bool document_show(json_t *kept, bool running, const struct document_host *host)
{
    struct arena arena = {0};
    struct reading r = {NULL, &arena, NULL};
    struct document d = {.n_budgets = 0};
    read_run(&r, json_object_get(kept, "run"), &d);
    read_budgets(&r, value(&r, kept, "budgets", is_list), &d);
    if (!r.wrong) json_object_set_new(kept, "budgets", budgets_json(&d));
    show_who(kept, running, host);
    arena_done(&arena);
    return !r.wrong;
}

json_t *document_best_json(const struct comparison *c)
{
    return c->winner ? row_json(c->study, c->winner) : json_null();
}

json_t *document_export_json(const struct comparison *c)
{
    json_t *out = marked_json(c->study, c->winner);
    json_object_del(out, "winner");
    json_object_set_new(out, "study", json_string(c->study->name));
    json_object_set_new(out, "is_baseline", json_boolean(c->winner == c->baseline));
    if (c->baseline) json_object_set_new(out, "baseline", marked_json(c->study, c->baseline));
    return out;
}

static json_t *front_json(const struct comparison *c)
{
    json_t *out = json_array();
    for (size_t i = 0; i < c->n; i++)
        if (c->row[i].on_front) json_array_append_new(out, row_json(c->study, &c->row[i]));
    return out;
}

json_t *document_choice_json(const struct comparison *c, const struct objective *o, bool weights)
{
    json_t *out = document_best_json(c), *each = weights ? json_object() : NULL;
    json_object_del(out, "front");
    if (o->form == OBJECTIVE_PARETO) json_object_set_new(out, "front", front_json(c));
    for (size_t i = 0; each && i < o->n_metrics; i++)
        if (o->weight[i] > 0) json_object_set_new(each, o->metric[i].name, json_number(o->weight[i]));
    if (each) json_object_set_new(out, "weights", each);
    return out;
}

json_t *document_trial_params(const struct document_trial *x)
{
    const struct trial *t = x->trial;
    return t->params ? json_deep_copy(t->params) : space_to_json(&x->memory->study->space, t->config);
}

json_t *document_trial_json(const struct document_trial *x)
{
    const struct memory *s = x->memory;
    const struct trial *t = x->trial;
    json_t *out = json_pack("{s:I, s:s, s:s, s:o, s:o, s:I, s:s, s:I}", "trial", (json_int_t)t->number, "state",
                            trial_state_name(t->state), "role", trial_role_name(t->role), "params",
                            document_trial_params(x), "metrics", memory_metrics(s, t), "seed", (json_int_t)t->seed,
                            "source", t->source, "attempts", (json_int_t)t->effort.attempts);
    if (x->judged) json_object_set_new(out, "utility", json_number(x->utility));
    if (x->judged) json_object_set_new(out, "feasible", json_boolean(!x->breaks));
    if (t->outside) json_object_set_new(out, "outside", json_string(t->outside));
    if (t->reason) json_object_set_new(out, "reason", json_string(t->reason));
    if (t->note) json_object_set_new(out, "note", json_string(t->note));
    if (t->confirms >= 0) json_object_set_new(out, "confirms", json_integer(t->confirms));
    if (t->finished_ms) json_object_set_new(out, "finished_ms", json_integer(t->finished_ms));
    if (t->left) {
        struct arena arena = {0};
        struct ancestry all = ancestry_of(s, t, &arena);
        json_object_set_new(out, "stages", ancestry_json(s->study, &all));
        json_object_set_new(out, "charged", json_amount(all.charged));
        arena_done(&arena);
    }
    return out;
}

/* As the log has it, and what became of it. */
json_t *document_stop_json(const struct stop_record *stop)
{
    json_t *out = json_copy(stop->event);
    json_object_set_new(out, "trial", json_integer(stop->trial->number));
    json_object_set_new(out, "state", json_string(trial_state_name(stop->trial->state)));
    json_object_set_new(out, "audit", json_boolean(stop->audited));
    json_object_set_new(out, "false_stop", json_boolean(stop->wrong));
    if (stop->went_on) json_object_set_new(out, "went_on", json_string(stop->went_on));
    return out;
}

json_t *document_stops_json(const struct memory *s, const struct stop_audit *x)
{
    json_t *list = json_array();
    for (size_t i = 0; i < x->n; i++) json_array_append_new(list, document_stop_json(&x->stop[i]));
    return json_pack(
        "{s:s, s:s, s:s, s:s?, s:I, s:I, s:I, s:I, s:I, s:{s:o, s:o, s:o}, s:{s:I, s:I, s:o, s:o, s:o}, s:o}", "study",
        s->study->name, "pruner", pruner_name(s->study->stopping.pruner), "about", x->about, "blind", x->blind, "ended",
        (json_int_t)x->ended, "pruned", (json_int_t)x->pruned, "went_on", (json_int_t)x->resumed, "adapted",
        (json_int_t)x->adapted, "changes", (json_int_t)x->changes, "tokens", "spent", json_number(x->spent), "saved",
        json_number(x->saved), "audit", json_number(x->audit_spent), "false_stops", "audited", (json_int_t)x->audited,
        "false", (json_int_t)x->wrong, "rate", json_number(x->rate), "low", json_number(x->low), "high",
        json_number(x->high), "condemned", list);
}
