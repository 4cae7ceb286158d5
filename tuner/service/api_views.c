/* /api/v1/studies/{study}: what charts are drawn from */
#include "tuner/service/request.h"

#include "tuner/base/words.h"

#include "tuner/analysis/analysis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- columns ---- */

struct wanted {
    long since, step_ms;
};

static void show_columns(struct request *r)
{
    const struct wanted *w = r->state;
    struct reading from;
    char *text = NULL;
    size_t n = 0;
    if (!request_is_news(r, NULL) || !request_read(r, &from)) return;
    FILE *out = open_memstream(&text, &n);
    columns_write(out, from.history, w->since);
    fclose(out);
    request_read_done(r, &from);
    request_text(r, 200, "application/json", text, n);
    free(text);
}

static void on_get_columns(struct request *r)
{
    struct wanted *w = r->state = arena_alloc(&r->arena, sizeof *w);
    if (request_number(r, "since", 0, 0, 1000000000000, &w->since)) request_work(r, show_columns, NULL);
}

/* ---- ledger ---- */

static void show_ledger(struct request *r)
{
    const struct wanted *w = r->state;
    struct reading from;
    struct arena a = {0};
    if (!request_is_news(r, NULL) || !request_read(r, &from)) return;
    const struct spending x = spending_make(from.history, w->step_ms, &a);
    json_t *out = spending_json(from.history, &x);
    json_object_set_new(out, "study", json_string(from.study->name));
    request_read_done(r, &from);
    request_answer(r, 200, out);
    arena_done(&a);
}

static void on_get_ledger(struct request *r)
{
    struct wanted *w = r->state = arena_alloc(&r->arena, sizeof *w);
    if (request_number(r, "step", 0, 1, 1000000000000, &w->step_ms)) request_work(r, show_ledger, NULL);
}

/* ---- the front ---- */

/* The study's own, or what comes nearest to it as weights: two metrics, equally. */
static enum status own_weights(struct objective *o, struct error *err)
{
    size_t n = 0;
    double weight[METRICS_MAX] = {0};
    if (o->form == OBJECTIVE_WEIGHTS) return STATUS_OK;
    for (size_t i = 0; i < o->n_metrics; i++) n += objective_in_utility(o, i);
    if (n < 2)
        return error_set(err, STATUS_INVALID, "this study has one objective: say weights, as in em=0.7,tokens=0.3");
    for (size_t i = 0; i < o->n_metrics; i++) weight[i] = objective_in_utility(o, i) ? 1 / (double)n : 0;
    o->form = OBJECTIVE_WEIGHTS;
    memcpy(o->weight, weight, sizeof weight);
    return STATUS_OK;
}

static bool read_weights(struct request *r, const struct study *study, struct objective *o, int *ret_metric)
{
    const char *weights = request_query(r, "weights"), *metric = request_query(r, "metric");
    enum status st = weights ? objective_parse_weights(o, weights, &r->err) : own_weights(o, &r->err);
    *ret_metric = metric ? objective_find_metric(o, metric) : -1;
    if (!st && metric && *ret_metric < 0)
        st = error_set(&r->err, STATUS_INVALID, "'metric': '%.60s' is not a metric of this study", metric);
    if (!st && !study->baseline)
        st = error_set(&r->err, STATUS_INVALID, "study '%s' has no baseline to weigh against", study->name);
    return request_checked(r, st);
}

static void show_front(struct request *r)
{
    struct reading from;
    struct arena a = {0};
    int metric;
    if (!request_is_news(r, NULL) || !request_read(r, &from)) return;
    struct objective o = from.study->objective;
    if (read_weights(r, from.study, &o, &metric)) {
        const struct ranking all = ranking_make(from.history, &o, &a);
        struct envelope x;
        if (envelope_make(from.history, &o, &all, metric, &a, &x)) {
            json_t *out = envelope_json(&o, &all, &x);
            json_object_set_new(out, "study", json_string(from.study->name));
            request_answer(r, 200, out);
        } else
            request_problem(r, 422, "study '%s' has one metric: there is nothing to weigh it against", r->param[0]);
    }
    arena_done(&a);
    request_read_done(r, &from);
}

static void on_get_front(struct request *r)
{
    request_work(r, show_front, NULL);
}

/* ---- lineage ---- */

enum { LINEAGE_MAX = 10000 };

struct wanted_lineage {
    long before, limit;
};

static void show_lineage(struct request *r)
{
    const struct wanted_lineage *w = r->state;
    struct reading from;
    if (!request_is_news(r, NULL) || !request_read(r, &from)) return;
    if (from.study->pipeline.n == 0)
        request_problem(r, 404, "study '%s' has no stages", r->param[0]);
    else
        request_answer(r, 200, pedigree_json(from.history, w->before, (size_t)w->limit));
    request_read_done(r, &from);
}

static void on_get_lineage(struct request *r)
{
    struct wanted_lineage *w = r->state = arena_alloc(&r->arena, sizeof *w);
    if (request_number(r, "before", -1, 0, 1000000000, &w->before) &&
        request_number(r, "limit", 1000, 1, LINEAGE_MAX, &w->limit))
        request_work(r, show_lineage, NULL);
}

const struct route api_views_routes[] = {
    {"GET", ROUTE_STUDY "/columns", GRANT_VIEW, on_get_columns, 0, BODY_NONE, false},
    {"GET", ROUTE_STUDY "/ledger", GRANT_VIEW, on_get_ledger, 0, BODY_NONE, false},
    {"GET", ROUTE_STUDY "/lineage", GRANT_VIEW, on_get_lineage, 0, BODY_NONE, false},
    {"GET", ROUTE_STUDY "/front", GRANT_VIEW, on_get_front, 0, BODY_NONE, false},
    {0},
};
