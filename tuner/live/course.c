#include "tuner/live/course.h"

#include "tuner/live/judgement.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double more = 1.05, least = 20; /* units of one row to those of the next */

/* ---- a row ---- */

/* Six digits are enough to be drawn. */
static json_t *rounded(double v)
{
    char text[32];
    if (!isfinite(v)) return json_null();
    snprintf(text, sizeof text, "%.6g", v);
    return json_real(strtod(text, NULL));
}

/* Of each challenger, of each track [by, low, high]. */
static json_t *readings(const struct record *r)
{
    struct judgement j;
    json_t *out = json_array();
    judge(&r->experiment, &r->findings, true, &j);
    for (size_t i = 0; i < j.n; i++) {
        json_t *tracks = json_array();
        for (size_t t = 0; t < r->findings.n_tracks; t++) {
            const struct track_reading *x = &j.challenger[i].track[t];
            json_array_append_new(tracks, json_pack("[o, o, o]", rounded(x->by), rounded(x->low), rounded(x->high)));
        }
        json_array_append_new(out, tracks);
    }
    return out;
}

/* Has a unit of a challenger been scored? */
static bool has_begun(const struct record *r)
{
    bool any = false;
    for (size_t i = 0; i < r->findings.n_challengers; i++)
        any = any || r->findings.challenger[i].units[ARM_CHALLENGER] > 0;
    return r->findings.begun && any;
}

static long period_now(const struct record *r)
{
    return (long)(r->experiment.n_periods - 1);
}

/* Of both arms, as the judgement has them; of several challengers the most. */
static int64_t units_of(const struct record *r)
{
    double most = 0;
    for (size_t i = 0; i < r->findings.n_challengers; i++) {
        const double *units = r->findings.challenger[i].units;
        most = fmax(most, units[ARM_CHAMPION] + units[ARM_CHALLENGER]);
    }
    return (int64_t)most;
}

static bool is_due(const struct record *r, enum course_why why, const struct store_course *last)
{
    double units = (double)units_of(r), before = (double)last->units;
    if (!has_begun(r) || units <= before) return false;
    return why == COURSE_END || last->period != period_now(r) || units >= fmax(before * more, before + least);
}

enum status course_note(const struct record *r, enum course_why why, int64_t now_ms, struct error *err)
{
    struct store_course last = {.units = 0};
    enum status s = store_course_last(r->store, r->row.id, &last, err);
    if (s || !is_due(r, why, &last)) return s;
    json_t *all = readings(r);
    char *text = json_tight(all);
    s = store_course_add(r->store, &(struct store_course){r->row.id, units_of(r), now_ms, period_now(r), text}, err);
    free(text);
    json_decref(all);
    return s;
}

/* ---- all of them ---- */

struct columns {
    const struct record *r;
    json_t *at_ms, *units, *challengers;
};

/* What a difference must pass to be good enough, in the metric's unit; of amounts as a ratio less 1. */
static double line_of(const struct live_metric *m, enum track_kind kind)
{
    double margin = m->proof == PROOF_NONE ? m->guard : m->margin;
    switch (kind) {
    case TRACK_SCALE: return m->minimize ? margin : -margin;
    case TRACK_TYPICAL: return 0;
    case TRACK_BILL: return margin;
    }
    return NAN;
}

static json_t *track_columns(const struct findings *f, size_t t)
{
    const struct live_metric *m = &f->metric[f->track[t].metric];
    enum track_kind kind = f->track[t].kind;
    return json_pack("{s:s, s:s, s:b, s:b, s:o, s:[], s:[], s:[]}", "metric", m->name, "what", track_kind_name(kind),
                     "ratio", kind != TRACK_SCALE, "points", kind == TRACK_SCALE && m->low == 0 && m->high == 1, "line",
                     json_number(line_of(m, kind)), "by", "low", "high");
}

static json_t *challenger_columns(const struct record *r, size_t i)
{
    char name[32];
    json_t *tracks = json_array();
    for (size_t t = 0; t < r->findings.n_tracks; t++) json_array_append_new(tracks, track_columns(&r->findings, t));
    return json_pack("{s:s, s:o}", "variant", experiment_variant(&r->experiment, i + 1, name, sizeof name), "tracks",
                     tracks);
}

static void put(struct columns *c, int64_t at_ms, int64_t units, const json_t *row)
{
    static const char *const keys[] = {"by", "low", "high"};
    size_t i, t;
    json_t *challenger, *track;
    json_array_append_new(c->at_ms, json_integer(at_ms));
    json_array_append_new(c->units, json_integer(units));
    json_array_foreach(c->challengers, i, challenger)
    {
        json_array_foreach(json_object_get(challenger, "tracks"), t, track)
        {
            const json_t *at = json_array_get(json_array_get(row, i), t);
            for (size_t k = 0; k < 3; k++)
                json_array_append_new(json_object_get(track, keys[k]),
                                      json_number(json_number_read(json_array_get(at, k))));
        }
    }
}

static void put_row(void *data, const struct store_course *row)
{
    json_error_t ignored;
    json_t *body = json_loads(row->body, 0, &ignored);
    put(data, row->at_ms, row->units, body);
    json_decref(body);
}

/* How it stands: now, or when it ended. */
static void put_last(struct columns *c, const struct store_course *last, int64_t now_ms)
{
    const struct record *r = c->r;
    int64_t units = units_of(r), at_ms = record_is_open(r) ? record_time(r, now_ms) : r->experiment.since_ms;
    if (!has_begun(r) || (units <= last->units && !record_is_open(r))) return;
    json_t *row = readings(r);
    put(c, at_ms > last->at_ms ? at_ms : last->at_ms, units, row);
    json_decref(row);
}

/* Where the challengers' share of all units changed. */
static json_t *ramp_json(const struct experiment *x)
{
    json_t *out = json_array();
    double before = 0;
    for (size_t i = 0; i < x->n_periods; i++) {
        double share = 1 - x->period[i].share[0];
        if (fabs(share - before) > 1e-9)
            json_array_append_new(
                out, json_pack("{s:I, s:o}", "at_ms", (json_int_t)x->period[i].from_ms, "share", json_number(share)));
        before = share;
    }
    return out;
}

enum status course_json(const struct record *r, int64_t now_ms, json_t **ret, struct error *err)
{
    struct columns c = {r, json_array(), json_array(), json_array()};
    struct store_course last = {.units = 0};
    for (size_t i = 0; i < r->findings.n_challengers; i++)
        json_array_append_new(c.challengers, challenger_columns(r, i));
    enum status s = store_course_all(r->store, r->row.id, put_row, &c, err);
    if (!s) s = store_course_last(r->store, r->row.id, &last, err);
    if (!s) put_last(&c, &last, now_ms);
    if (!s)
        *ret = json_pack("{s:I, s:O, s:O, s:O, s:o}", "experiment", (json_int_t)r->row.number, "at_ms", c.at_ms,
                         "units", c.units, "challengers", c.challengers, "ramp", ramp_json(&r->experiment));
    json_decref(c.at_ms);
    json_decref(c.units);
    json_decref(c.challengers);
    return s;
}
