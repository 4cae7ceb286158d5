#include "tuner/live/live.h"

#include "tuner/base/digest.h"

#include <math.h>
#include <string.h>

/* ---- what collectors need ---- */

/* Without what has come so far, which is the service's alone. */
static json_t *bare_state(const struct experiment *x)
{
    json_t *state = experiment_json(x), *period;
    size_t i, arm;
    struct live_counts none = {0};
    json_object_set_new(state, "counts", live_counts_json(&none));
    json_array_foreach(json_object_get(state, "periods"), i, period)
        for (arm = 0; arm <= x->n_challengers; arm++)
            json_array_set_new(json_object_get(period, "arrived"), arm, json_real(0));
    return state;
}

/* How a mean becomes an outcome, all of it, for who scores in another language (workers/sdk/sql/statistics.sql). */
static json_t *tracks_json(const struct findings *f)
{
    json_t *out = json_array();
    for (size_t t = 0; t < f->n_tracks; t++) {
        const struct live_metric *m = &f->metric[f->track[t].metric];
        const struct adjustment *a = &f->adjustment[t];
        json_array_append_new(
            out, json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "metric", m->name,
                           "kind", track_kind_name(f->track[t].kind), "minimize", m->minimize, "low", json_number(m->low),
                           "high", json_number(m->high), "missing", json_number(m->missing), "mark_low",
                           json_number(m->marks.low), "mark_high", json_number(m->marks.high), "cap",
                           json_number(m->marks.cap), "mean", json_number(a->mean), "slope", json_number(a->slope),
                           "centre", json_number(a->centre), "left_low", json_number(a->low), "left_high",
                           json_number(a->high)));
    }
    return out;
}

/* What only the watch follows, with its range (high null: it has no end); NULL: nothing. */
static json_t *beside_json(const struct record *r)
{
    if (!r->watching) return NULL;
    json_t *out = json_object();
    for (size_t i = 0; i < r->watching->intake.n_metrics; i++) {
        const struct live_metric *m = &r->watching->intake.metric[i];
        if (live_plan_metric(&r->plan, m->name) < 0)
            json_object_set_new(out, m->name, json_pack("[f, o]", m->low, json_number(m->high)));
    }
    return out;
}

static json_t *experiment_rules(const struct record *r)
{
    char hex[DIGEST_HEX];
    json_t *hashes = json_array();
    for (size_t arm = 0; arm < r->n_hashes; arm++)
        json_array_append_new(hashes, json_string(digest_hex(r->hash[arm], hex)));
    return json_pack("{s:I, s:s, s:s, s:I, s:o, s:o, s:o, s:I, s:I, s:o, s:o*}", "number", (json_int_t)r->row.number,
                     "salt", r->row.salt, "plan", r->row.plan, "created_ms", (json_int_t)r->row.created_ms, "hashes", hashes,
                     "state", bare_state(&r->experiment), "rules", findings_rules_json(&r->findings), "window_ms",
                     (json_int_t)r->plan.window_ms, "late_ms", (json_int_t)r->plan.late_ms, "tracks",
                     tracks_json(&r->findings), "beside", beside_json(r));
}

enum status live_scoring(struct store *store, const char *rollout, int64_t now_ms, json_t **ret, struct error *err)
{
    struct record r;
    enum status s = record_open(&r, store, rollout, RECORD_WHOLE, err);
    if (!s) {
        *ret = json_pack("{s:s, s:s, s:I}", "rollout", r.rollout.name, "study", r.rollout.study, "now_ms",
                         (json_int_t)now_ms);
        if (record_is_open(&r)) json_object_set_new(*ret, "experiment", experiment_rules(&r));
    }
    record_done(&r);
    return s;
}

/* ---- what they send ---- */

struct summing {
    const char *rollout;
    const json_t *body;
    int64_t now_ms;
    const char *collector; /* what the body says of itself … */
    json_int_t number, experiment;
    double taken, repeated, left_out; /* units */
    struct record r;
};

static enum status read_head(struct summing *x, struct error *err)
{
    const json_t *number = json_object_get(x->body, "number"), *experiment = json_object_get(x->body, "experiment");
    enum status s = json_only(x->body, err, "collector", "number", "experiment", "cells", "arrived", "counts", NULL);
    if (s) return s;
    x->collector = json_string_value(json_object_get(x->body, "collector"));
    x->number = json_integer_value(number);
    x->experiment = json_integer_value(experiment);
    if (!x->collector || !*x->collector || strlen(x->collector) > 100)
        return error_set(err, STATUS_INVALID, "collector must be a text of 1 to 100 bytes, its own for ever");
    if (!json_is_integer(number) || x->number < 1 || x->number > SUMS_NUMBER_MAX)
        return error_set(err, STATUS_INVALID, "number must be a whole number that grows from 1 to at most %lld",
                         SUMS_NUMBER_MAX);
    return json_is_integer(experiment) ? STATUS_OK
                                       : error_set(err, STATUS_INVALID, "experiment must be a whole number");
}

static double units_of(const struct sums *s)
{
    double n = 0;
    for (size_t i = 0; i < s->n; i++) n += s->cell[i].units;
    return n;
}

static double arrived_of(const struct sums *s, const struct experiment *e)
{
    double n = 0;
    for (size_t i = 0; i < s->n_arrived; i++) n += s->arrived[i].units;
    for (size_t i = 0; i < e->n_periods; i++)
        for (size_t arm = 0; arm <= e->n_challengers; arm++) n += e->period[i].arrived[arm];
    return n;
}

static enum status check_total(const struct record *r, const struct sums *s, struct error *err)
{
    double scored = r->experiment.counts.scored + units_of(s), arrived = arrived_of(s, &r->experiment);
    if (fmax(scored, arrived) <= SUMS_UNITS_MAX) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "with these experiment %ld has %.15g units; %.15g are the most: look at what is counted",
                     r->row.number, fmax(scored, arrived), SUMS_UNITS_MAX);
}

static void fold(struct record *r, struct sums *s, int64_t now_ms)
{
    struct experiment *e = &r->experiment;
    findings_fold(&r->findings, s, e);
    for (size_t i = 0; i < s->n_arrived; i++)
        experiment_arrived(e, &e->period[s->arrived[i].period], s->arrived[i].arm, s->arrived[i].units, now_ms);
    s->counts.scored = units_of(s);
    live_counts_add(&e->counts, &s->counts);
    e->heard_ms = now_ms;
    r->changed = true;
}

static enum status take_sums(struct summing *x, struct error *err)
{
    struct record *r = &x->r;
    struct sums sums;
    bool is_new = false;
    if (!r->findings.begun || r->experiment.phase == LIVE_SHADOW)
        return error_set(err, STATUS_CONFLICT, "experiment %ld is %s, for which outcomes are needed, not sums",
                         r->row.number, live_phase_name(r->experiment.phase));
    sums_begin(&sums, r->findings.n_tracks, &r->arena);
    enum status s = sums_read(x->body, &r->experiment, &sums, err);
    if (!s) s = check_total(r, &sums, err);
    if (!s) s = store_collected(r->store, r->row.id, x->collector, x->number, &is_new, err);
    if (s) return s;
    *(is_new ? &x->taken : &x->repeated) = units_of(&sums);
    if (is_new) fold(r, &sums, x->now_ms);
    return is_new ? record_keep(r, err) : s;
}

/* Of an experiment that is over: checked all the same. */
static enum status leave_out(struct summing *x, struct error *err)
{
    struct record old;
    struct sums sums;
    enum status s = record_open_number(&old, x->r.store, x->rollout, (long)x->experiment, err);
    if (!s) {
        sums_begin(&sums, old.findings.n_tracks, &old.arena);
        s = sums_read(x->body, &old.experiment, &sums, err);
    }
    if (!s) x->left_out = units_of(&sums);
    record_done(&old);
    return s;
}

static enum status sum(struct store *store, void *data, struct error *err)
{
    struct summing *x = data;
    enum status s = record_open(&x->r, store, x->rollout, RECORD_WHOLE, err);
    if (!s) s = read_head(x, err);
    if (s) return s;
    if (x->experiment < 1 || x->experiment > x->r.row.number)
        return error_set(err, STATUS_INVALID, "experiment %lld has not been yet; the last is %ld",
                         (long long)x->experiment, x->r.row.number);
    if (record_is_open(&x->r) && x->experiment == x->r.row.number) return take_sums(x, err);
    return leave_out(x, err);
}

enum status live_sums(struct store *store, const char *rollout, const json_t *body, int64_t now_ms, json_t **ret,
                      struct error *err)
{
    struct summing x = {.rollout = rollout, .body = body, .now_ms = now_ms};
    enum status s = store_live(store, sum, &x, err);
    if (!s)
        *ret = json_pack("{s:o, s:o, s:o}", "taken", json_amount(x.taken), "repeated", json_amount(x.repeated),
                         "left_out", json_amount(x.left_out));
    record_done(&x.r);
    return s;
}
