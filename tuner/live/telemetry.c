#include "tuner/live/telemetry.h"

#include "tuner/live/intake.h"
#include "tuner/live/record.h"

#include <stdlib.h>
#include <string.h>

struct telemetry {
    struct join_limits limits;
    struct join *join; /* NULL: not read yet */
    struct turn *turn; /* that is being taken; for the hooks */
};

/* A rollout that wants outcomes, and what is told of it in this turn. */
struct wanting {
    struct record record;
    struct lane lane;
    json_t *items;
};

/* One transaction. */
struct turn {
    struct telemetry *telemetry;
    struct store *store;
    const struct telemetry_request *request; /* NULL: nothing came; what is due is told */
    int64_t now_ms;
    struct arena arena;
    size_t n;
    struct wanting *wanting;
    struct mapping *mapping; /* of each */
    bool touched;            /* the join has changed: if this fails, it is not what the disk has */
    struct otlp_batch batch;
    enum status status; /* of what the hooks wrote */
    struct error *err;
};

struct telemetry *telemetry_create(const struct join_limits *limits)
{
    struct telemetry *t = must_alloc(1, sizeof *t);
    t->limits = *limits;
    return t;
}

void telemetry_free(struct telemetry *t)
{
    if (!t) return;
    join_free(t->join);
    free(t);
}

int64_t telemetry_next_ms(const struct telemetry *t)
{
    return t->join ? join_next_ms(t->join) : 0;
}

struct join_counts telemetry_counts(const struct telemetry *t)
{
    return t->join ? join_counts(t->join) : (struct join_counts){0};
}

/* ---- what the join says ---- */

static json_t *metrics_of(const struct mapping *m, const struct join_item *item)
{
    struct measurement each[AMOUNTS + 1];
    memcpy(each, item->each, sizeof each);
    size_t n = mapping_apply(m, each, item->n);
    json_t *metrics = json_object();
    for (size_t i = 0; i < n; i++) json_object_set_new(metrics, each[i].name, json_amount(each[i].value));
    return metrics;
}

/* Who wants nothing any more is told nothing, and what was measured need not be one of its metrics. */
static void on_item(void *data, const struct join_item *item)
{
    struct turn *x = ((struct telemetry *)data)->turn;
    const struct mapping *m = mappings_find(&(struct mappings){x->n, x->mapping}, item->rollout);
    if (!m) return;
    json_t *metrics = metrics_of(m, item);
    if (item->n == 0 || json_object_size(metrics) > 0)
        json_array_append_new(x->wanting[m - x->mapping].items,
                              json_pack("{s:s, s:s, s:I, s:s*, s:o}", "unit", item->unit, "variant", item->variant,
                                        "at_ms", (json_int_t)item->at_ms, "id", *item->id ? item->id : NULL, "metrics",
                                        json_incref(metrics)));
    json_decref(metrics);
}

static void on_keep(void *data, const struct part *part)
{
    struct turn *x = ((struct telemetry *)data)->turn;
    char *body = part_write(part);
    if (!x->status)
        x->status = store_waiting_keep(x->store, &(struct store_waiting){part->id, x->now_ms, body}, x->err);
    free(body);
}

static void on_drop(void *data, const char *id)
{
    struct turn *x = ((struct telemetry *)data)->turn;
    if (!x->status) x->status = store_waiting_drop(x->store, id, x->err);
}

/* ---- what is there ---- */

static void restore(void *data, const struct store_waiting *w)
{
    struct turn *x = data;
    struct arena arena = {0};
    struct part p;
    if (!x->status) x->status = part_read(w->body, &arena, &p, x->err);
    if (!x->status) join_restore(x->telemetry->join, &p, w->at_ms);
    arena_done(&arena);
}

static enum status load(struct turn *x)
{
    struct telemetry *t = x->telemetry;
    if (t->join) return STATUS_OK;
    t->join = join_create(&(struct join_options){t->limits, {on_item, on_keep, on_drop, t}});
    enum status s = store_waiting_all(x->store, restore, x, x->err);
    if (!s && x->status) s = error_context(x->err, "what waits for other telemetry cannot be read");
    if (!s) return s;
    join_free(t->join);
    t->join = NULL;
    return s;
}

/* By the plan of the last experiment, also between experiments, while the champion is watched. */
static const char *measured_as(const struct record *r, const char *metric)
{
    int m = r->row.id ? live_plan_metric(&r->plan, metric) : -1;
    return m >= 0 && r->plan.metric[m].measured ? r->plan.metric[m].measured : metric;
}

static void map(struct turn *x, const struct wanting *w, struct mapping *ret)
{
    const struct live_plan *p = w->lane.plan;
    struct mapping_row *row = arena_array(&x->arena, p->n_metrics, sizeof *row);
    for (size_t i = 0; i < p->n_metrics; i++)
        row[i] = (struct mapping_row){measured_as(&w->record, p->metric[i].name), p->metric[i].name};
    *ret = (struct mapping){w->record.rollout.name, p->n_metrics, row, w->lane.number == 0};
}

static enum status open_one(struct turn *x, const char *name)
{
    struct wanting *w = &x->wanting[x->n];
    enum status s = record_open(&w->record, x->store, name, RECORD_STATE, x->err);
    if (s || !record_lane(&w->record, &w->lane)) {
        record_done(&w->record);
        return s;
    }
    w->items = json_array();
    map(x, w, &x->mapping[x->n++]);
    return s;
}

static enum status open_all(struct turn *x)
{
    const char **name;
    size_t n;
    enum status s = store_rollout_names(x->store, &x->arena, &name, &n, x->err);
    if (s) return s;
    x->wanting = arena_array(&x->arena, n, sizeof *x->wanting);
    x->mapping = arena_array(&x->arena, n, sizeof *x->mapping);
    for (size_t i = 0; !s && i < n; i++) s = open_one(x, name[i]);
    return s;
}

/* ---- a turn ---- */

static const char *const CROWDED =
    "a trace or a flag too many: a trace may have 1024 spans and evaluations, and 64 flags";
static const char *const LATE = "spans came after the tokens of their trace were added up, and are not counted";
static const char *const PUSHED = "more waits for its unit than there is room for; what was silent for longest is lost";

static void warn(struct turn *x, const char *why)
{
    if (!*x->batch.why) x->batch.why = why;
}

static enum status join_all(struct turn *x)
{
    struct telemetry *t = x->telemetry;
    const struct telemetry_request *r = x->request;
    struct mappings all = {x->n, x->mapping};
    struct otlp_request request = {r->signal, r->body, &all, x->now_ms};
    enum status s = otlp_read(&request, &x->arena, &x->batch, x->err);
    if (s) return s;
    x->touched = true;
    size_t pushed = join_counts(t->join).pushed;
    for (size_t i = 0; i < x->batch.n; i++) {
        enum join_verdict verdict = join_take(t->join, &x->batch.part[i], x->now_ms);
        if (verdict == JOIN_CROWDED) otlp_refuse(&x->batch, CROWDED);
        if (verdict == JOIN_LATE) warn(x, LATE);
    }
    if (join_counts(t->join).pushed > pushed) warn(x, PUSHED);
    return x->status;
}

static enum status take_in(struct turn *x, struct wanting *w)
{
    struct intake_answer a = {.refused = NULL};
    if (json_array_size(w->items) == 0) return STATUS_OK;
    enum status s = intake_take(&w->lane, w->items, record_time(&w->record, x->now_ms), &a, x->err);
    if (!s && json_array_size(a.refused) > 0)
        warn(x, arena_printf(&x->arena, "rollout %s: %s", w->record.rollout.name,
                             json_string_value(json_object_get(json_array_get(a.refused, 0), "why"))));
    json_decref(a.refused);
    return s ? s : record_keep(&w->record, x->err);
}

static enum status turn(struct store *store, void *data, struct error *err)
{
    struct turn *x = data;
    (void)store;
    x->err = err;
    x->telemetry->turn = x;
    enum status s = load(x);
    if (!s) s = open_all(x);
    if (!s && x->request) s = join_all(x);
    if (!s && !x->request) {
        x->touched = true;
        join_tick(x->telemetry->join, x->now_ms);
        s = x->status;
    }
    for (size_t i = 0; !s && i < x->n; i++) s = take_in(x, &x->wanting[i]);
    return s;
}

static enum status run(struct turn *x, struct error *err)
{
    struct telemetry *t = x->telemetry;
    enum status s = store_live(x->store, turn, x, err);
    for (size_t i = 0; i < x->n; i++) {
        json_decref(x->wanting[i].items);
        record_done(&x->wanting[i].record);
    }
    t->turn = NULL;
    if (!s || !x->touched) return s;
    join_free(t->join);
    t->join = NULL;
    return s;
}

enum status telemetry_take(struct telemetry *t, struct store *store, const struct telemetry_request *request,
                           json_t **ret_answer, struct error *err)
{
    struct turn x = {.telemetry = t, .store = store, .request = request, .now_ms = request->now_ms};
    enum status s = run(&x, err);
    if (!s) *ret_answer = otlp_answer(request->signal, &x.batch);
    arena_done(&x.arena);
    return s;
}

enum status telemetry_tick(struct telemetry *t, struct store *store, int64_t now_ms, struct error *err)
{
    struct turn x = {.telemetry = t, .store = store, .now_ms = now_ms, .batch = {.why = ""}};
    enum status s = STATUS_OK;
    if (telemetry_next_ms(t) <= now_ms) s = run(&x, err);
    arena_done(&x.arena);
    return s;
}
