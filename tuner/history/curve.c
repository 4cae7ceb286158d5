#include "tuner/history/curve.h"

#include "tuner/history/internal.h"
#include "tuner/history/lending.h"
#include "tuner/history/seen.h"

#include "tuner/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Does this study want it? */
static bool is_wanted(const struct memory *s)
{
    const struct study *study = s->study;
    return study->stopping.pruner != PRUNER_NONE || study->stopping.adaptive ||
           (study->schedule.n > 0 && !study->schedule.clone);
}

static struct curve *own(const struct trial *t)
{
    return (struct curve *)t->attempt.curve; /* const for everybody else */
}

static void forget(struct history *s, struct trial *t)
{
    if (own(t)->lent)
        lending_drop(s, &own(t)->curve);
    else
        learning_curve_done(&own(t)->curve);
    free(own(t));
    t->attempt.curve = NULL;
}

/* Makes room by forgetting the one that is final for the longest; running ones are kept. */
static void make_room(struct history *s)
{
    size_t oldest = SIZE_MAX;
    for (size_t i = 0; i < s->curves.n; i++) {
        const struct trial *t = s->curves.at[i];
        if (trial_state_final(t->state) && (oldest == SIZE_MAX || t->told < s->curves.at[oldest]->told)) oldest = i;
    }
    if (oldest == SIZE_MAX) return;
    forget(s, s->curves.at[oldest]);
    seen_curve(s, s->curves.at[oldest], NULL);
    s->curves.at[oldest] = s->curves.at[--s->curves.n];
}

/* The curve of a trial is that of its last stage that trains. */
static struct curve *observe(struct history *s, struct trial *t, int stage, double from)
{
    if (t->attempt.curve && own(t)->curve.stage == stage) return own(t);
    if (t->attempt.curve)
        forget(s, t);
    else {
        if (s->curves.n >= CURVES_MAX) make_room(s);
        internal_add(&s->curves, t);
        internal_show(s);
    }
    struct curve *o = must_alloc(1, sizeof *o);
    o->curve.stage = stage;
    o->curve.from = from;
    t->attempt.curve = o;
    return o;
}

/* A stage that spends no tokens of its own trains nothing. */
static bool trains(const struct objective *o, int stage, double before, const double *values)
{
    int tokens = objective_token_metric(o);
    return stage < 0 || tokens < 0 || values[tokens] > before;
}

static void begin(struct curve *o, int64_t lease)
{
    if (o->lease == lease) return;
    *o = (struct curve){.curve = o->curve, .judged = o->curve.reports, .lease = lease, .begins = true, .lent = o->lent};
}

static void begin_anew(struct curve *o)
{
    const struct learning_curve before = o->curve;
    learning_curve_done(&o->curve);
    *o = (struct curve){.curve = {.stage = before.stage, .from = before.from}};
}

void curve_begin(struct history *s, struct trial *t)
{
    t->attempt.rule = NULL;
    if (is_wanted(&s->m) && t->attempt.curve) begin(own(t), t->attempt.lease);
}

/* ---- the rule ---- */

enum status curve_check(const struct memory *s, const json_t *policy, bool *ret_wanted, struct error *err)
{
    const json_t *patience = json_object_get(policy, "patience"), *threshold = json_object_get(policy, "threshold");
    const char *name = json_string_value(json_object_get(policy, "metric")),
               *mode = json_string_value(json_object_get(policy, "mode"));
    if (!json_is_number(patience) || !json_is_number(threshold) || !isfinite(json_number_value(patience)) ||
        !isfinite(json_number_value(threshold)) || !mode || (strcmp(mode, "max") != 0 && strcmp(mode, "min") != 0))
        return error_set(
            err, STATUS_INVALID,
            "a \"policy\" holds the numbers patience and threshold, a metric, and mode \"max\" or \"min\"");
    /* it may watch something that the study does not know */
    *ret_wanted = is_wanted(s) && name && objective_find_metric(&s->study->objective, name) >= 0;
    return STATUS_OK;
}

/* The changes up to an event that are not in the rule yet, oldest first. */
static void follow(struct curve *o, const struct rule_change *c, int64_t until)
{
    if (!c || c->seq <= o->rule_seq) return;
    follow(o, c->before, until);
    if (c->seq > until) return;
    o->rule_seq = c->seq;
    if (c->announced) {
        o->rule = c->rule;
        o->has_rule = true;
    } else {
        o->rule.patience = c->rule.patience;
        o->rule.threshold = c->rule.threshold;
        o->adjusted = true;
    }
}

static struct rule_change *keep_change(struct history *s, struct trial *t, int64_t seq)
{
    struct rule_change *c = arena_alloc(&s->arena, sizeof *c);
    *c = (struct rule_change){.before = t->attempt.rule, .seq = seq};
    t->attempt.rule = c;
    return c;
}

/* Reports that come from now on know of it. */
static void now_follow(struct trial *t)
{
    if (t->attempt.curve) follow(own(t), t->attempt.rule, INT64_MAX);
}

enum status curve_announced(struct history *s, struct trial *t, int64_t seq, const json_t *policy, struct error *err)
{
    const json_t *best = json_object_get(policy, "best"), *bad = json_object_get(policy, "bad");
    bool wanted = false;
    enum status st = curve_check(&s->m, policy, &wanted, err);
    if (st || !wanted) return st;
    const char *metric = json_string_value(json_object_get(policy, "metric")),
               *mode = json_string_value(json_object_get(policy, "mode"));
    struct rule_change *c = keep_change(s, t, seq);
    c->announced = true;
    c->rule = (struct early_stopping){.patience = json_number_value(json_object_get(policy, "patience")),
                                      .threshold = json_number_value(json_object_get(policy, "threshold")),
                                      .metric = (size_t)objective_find_metric(&s->m.study->objective, metric),
                                      .mode = strcmp(mode, "max") == 0 ? GOAL_MAXIMIZE : GOAL_MINIMIZE,
                                      .best = json_number_read(best),
                                      .bad = json_is_integer(bad) ? (long)json_integer_value(bad) : 0};
    now_follow(t);
    return STATUS_OK;
}

void curve_adjusted(struct history *s, struct trial *t, int64_t seq, double patience, double threshold)
{
    if (!is_wanted(&s->m)) return;
    struct rule_change *c = keep_change(s, t, seq);
    c->rule.patience = patience;
    c->rule.threshold = threshold;
    now_follow(t);
}

const struct early_stopping *curve_rule(const struct trial *t)
{
    if (!t->attempt.curve) return NULL;
    return t->attempt.curve->has_rule ? &t->attempt.curve->rule : NULL;
}

/* A report that knew the events up to `until`. */
static void report_after(struct history *s, struct trial *t, int64_t until, long step, const double *values)
{
    struct curve *o = own(t);
    double at = learning_curve_place(&s->m.study->objective, step, values);
    if (o->lent) lending_part(s, &o->curve);
    o->lent = false;
    if (o->begins && at > 0) {
        learning_curve_cut(&o->curve, at);
        o->begins = false;
    }
    if (!learning_curve_add(&o->curve, &s->m.study->objective, step, values)) return;
    follow(o, t->attempt.rule, until);
    if (o->has_rule && isfinite(values[o->rule.metric])) early_stopping_update(&o->rule, values[o->rule.metric]);
}

void curve_report(struct history *s, struct trial *t, long step, const double *values)
{
    if (!is_wanted(&s->m) || !trains(&s->m.study->objective, t->attempt.stage, t->attempt.before, values)) return;
    begin(observe(s, t, t->attempt.stage, t->attempt.before), t->attempt.lease);
    report_after(s, t, INT64_MAX, step, values);
}

const struct learning_curve *curve_lend(const struct trial *t, struct arena *arena)
{
    struct curve *o = own(t);
    if (!trial_state_final(t->state)) return learning_curve_copy(&o->curve, arena);
    struct learning_curve *out = arena_alloc(arena, sizeof *out);
    *out = o->curve;
    o->lent = true;
    return out;
}

void curve_end(struct history *s, const struct trial *t)
{
    const struct curve *o = trial_state_final(t->state) ? t->attempt.curve : NULL;
    seen_curve(s, t, o && o->curve.n ? &o->curve : NULL);
}

long curve_judged(struct history *s, const struct trial *t)
{
    struct curve *o = own(internal_own(s, t));
    long before = o->judged;
    o->judged = o->curve.reports;
    return before;
}

/* ---- loading ---- */

struct replayed {
    struct history *s;
    struct trial *t;
    int stage;
    double before;
};

static void on_report(void *data, const struct store_report *r)
{
    struct replayed *x = data;
    const struct objective *o = &x->s->m.study->objective;
    double value[METRICS_MAX];
    for (size_t i = 0; i < o->n_metrics; i++) value[i] = NAN;
    for (size_t i = 0; i < r->n; i++) {
        int m = objective_find_metric(o, r->name[i]);
        if (m >= 0) value[m] = r->value[i];
    }
    if (trains(o, x->stage, x->before, value)) {
        begin(observe(x->s, x->t, x->stage, x->before), r->lease);
        report_after(x->s, x->t, r->lease + r->known, r->step, value);
    }
    for (size_t i = 0; i < o->n_metrics; i++) internal_numbers(x->t->attempt.last)[i] = value[i];
    x->t->attempt.reports++;
    x->t->attempt.step = r->step;
}

static bool has_curve(const struct trial *t)
{
    return t->attempt.lease && !t->outside; /* of what has failed, too: it may be tried again and go on */
}

/* Does its curve end with the reports of its last attempt? */
static bool is_known(const struct trial *t)
{
    return t->attempt.curve && own(t)->lease == t->attempt.lease && !own(t)->begins;
}

static enum status load_attempt(struct replayed *x, int64_t lease, struct error *err)
{
    struct history *s = x->s;
    struct trial *t = x->t;
    t->attempt.reports = t->attempt.step = 0;
    for (size_t i = 0; i < s->m.study->objective.n_metrics; i++) internal_numbers(t->attempt.last)[i] = NAN;
    return store_reports(s->m.store, s->m.study_id, lease, on_report, x, err);
}

static enum status load_past(struct history *s, struct trial *t, const struct past_lease *p, struct error *err)
{
    enum status st = p ? load_past(s, t, p->next, err) : STATUS_OK;
    return p && !st ? load_attempt(&(struct replayed){s, t, p->stage, p->before}, p->lease, err) : st;
}

/* Attempt by attempt, as it was reported. */
static enum status load(struct history *s, struct trial *t, struct error *err)
{
    enum status st = load_past(s, t, t->attempt.past, err);
    if (!st) st = load_attempt(&(struct replayed){s, t, t->attempt.stage, t->attempt.before}, t->attempt.lease, err);
    if (t->attempt.curve) begin(own(t), t->attempt.lease);
    now_follow(t);
    curve_end(s, t);
    return st;
}

enum status curve_load(struct history *s, struct error *err)
{
    enum status st = STATUS_OK;
    size_t n = 0;
    for (size_t i = s->all.n; is_wanted(&s->m) && !st && n < CURVES_MAX && i-- > 0;) {
        struct trial *t = s->all.at[i];
        if (!has_curve(t) || t->attempt.curve) continue;
        n++;
        st = load(s, t, err);
    }
    return st;
}

enum status curve_recall(struct history *s, long number, struct error *err)
{
    if (!is_wanted(&s->m) || number < 0 || (size_t)number >= s->all.n) return STATUS_OK;
    struct trial *t = s->all.at[number];
    if (!trial_state_final(t->state) || !has_curve(t) || is_known(t)) return STATUS_OK;
    if (t->attempt.curve) begin_anew(own(t));
    return load(s, t, err);
}

void curve_free(struct history *s)
{
    for (size_t i = 0; i < s->curves.n; i++) forget(s, s->curves.at[i]);
    lending_done(s);
    free(s->curves.at);
}
