/* /api/v1/studies/{study}: what the model of its results says */
#include "tuner/service/folded.h"
#include "tuner/service/request.h"

#include "tuner/base/json.h"

#include "tuner/analysis/analysis.h"

enum { PREDICT_MAX = 64, POINTS_MAX = 200, ACROSS_MAX = 60 };

struct wanted {
    long points, at;
};

/* True: a problem has been answered. Too few results are no fault of the question, and a trial in it that there is not
 * is no missing resource. */
static bool is_refused(struct request *r, enum status st)
{
    if (st == STATUS_EXHAUSTED)
        request_problem(r, 409, "%s", r->err.text);
    else if (st == STATUS_NOT_FOUND)
        request_problem(r, 422, "%s", r->err.text);
    else if (st)
        request_fail(r, &r->err);
    return st != STATUS_OK;
}

/* ---- importance ---- */

static void show_importance(struct request *r)
{
    struct reading from;
    json_t *known = NULL;
    if (!request_is_news(r, NULL) || !request_read(r, &from)) return;
    if (!is_refused(r, fitted_importance(from.folded->fitted, from.history, &known, &r->err)))
        request_answer(r, 200, json_incref(known));
    request_read_done(r, &from);
}

static void on_get_importance(struct request *r)
{
    request_work_slowly(r, show_importance);
}

/* ---- slice and contour ---- */

static void make_slice(struct request *r, const struct surface *f, const struct slice_wish *wish)
{
    struct arena a = {0};
    struct slice s;
    if (!is_refused(r, slice_make(f, wish, &a, &s, &r->err))) request_answer(r, 200, slice_json(f, &s));
    arena_done(&a);
}

static void make_contour(struct request *r, const struct surface *f, const struct slice_wish *wish)
{
    struct arena a = {0};
    struct contour c;
    if (!is_refused(r, contour_make(f, wish, &a, &c, &r->err))) request_answer(r, 200, contour_json(f, &c));
    arena_done(&a);
}

/* A continuum has as many points as are wished, a list all its values. */
static enum status check_values(const struct study *study, size_t param, size_t most, struct error *err)
{
    const struct param *p = &study->space.param[param];
    if (p->n_values <= most) return STATUS_OK;
    return error_set(err, STATUS_INVALID, "'%s' has %zu values: too many to show; %zu are the most here", p->name,
                     p->n_values, most);
}

static enum status read_wish(struct request *r, const struct reading *from, const struct slice_names *names,
                             struct slice_wish *ret)
{
    const struct wanted *w = r->state;
    ret->points = (size_t)w->points;
    ret->at = w->at;
    enum status st = slice_wish_read(from->study, names, ret, &r->err);
    if (!st) st = check_values(from->study, ret->param, names->other ? ACROSS_MAX : POINTS_MAX, &r->err);
    if (!st && names->other) st = check_values(from->study, ret->other, ACROSS_MAX, &r->err);
    return st;
}

static void show(struct request *r, const struct slice_names *names,
                 void (*make)(struct request *r, const struct surface *f, const struct slice_wish *wish))
{
    struct reading from;
    struct slice_wish wish = {0};
    const struct surface *f = NULL;
    if (!request_is_news(r, NULL) || !request_read(r, &from)) return;
    enum status st = read_wish(r, &from, names, &wish);
    if (!st) st = fitted_surface(from.folded->fitted, from.history, &f, &r->err);
    if (!is_refused(r, st)) make(r, f, &wish);
    request_read_done(r, &from);
}

static void show_slice(struct request *r)
{
    const struct slice_names names = {.param = request_query(r, "parameter"), .metric = request_query(r, "metric")};
    if (names.param)
        show(r, &names, make_slice);
    else
        request_problem(r, 422, "which parameter? ?parameter=NAME");
}

static void show_contour(struct request *r)
{
    const struct slice_names names = {
        .param = request_query(r, "x"), .other = request_query(r, "y"), .metric = request_query(r, "metric")};
    if (names.param && names.other)
        show(r, &names, make_contour);
    else
        request_problem(r, 422, "which two parameters? ?x=NAME&y=NAME");
}

static void begin(struct request *r, long usual, long most, void (*run)(struct request *r))
{
    struct wanted *w = r->state = arena_alloc(&r->arena, sizeof *w);
    if (request_number(r, "points", usual, 2, most, &w->points) && request_number(r, "at", -1, 0, 1000000, &w->at))
        request_work_slowly(r, run);
}

static void on_get_slice(struct request *r)
{
    begin(r, SLICE_POINTS, POINTS_MAX, show_slice);
}

static void on_get_contour(struct request *r)
{
    begin(r, CONTOUR_POINTS, ACROSS_MAX, show_contour);
}

/* ---- predictions ---- */

static void show_predictions(struct request *r)
{
    struct reading from;
    const struct surface *f = NULL;
    json_t *out = NULL;
    if (!request_read(r, &from)) return;
    enum status st = fitted_surface(from.folded->fitted, from.history, &f, &r->err);
    if (!st) st = surface_predict_json(f, r->body, &out, &r->err);
    if (!is_refused(r, st)) request_answer(r, 200, out);
    request_read_done(r, &from);
}

static void on_predict(struct request *r)
{
    const json_t *list = json_object_get(r->body, "params");
    if (!request_fields(r, "params", NULL)) return;
    if (json_array_size(list) == 0 || json_array_size(list) > PREDICT_MAX)
        request_problem(r, 422, "\"params\" must be a list of 1 to %d configurations, [{…}, …]", PREDICT_MAX);
    else
        request_work_slowly(r, show_predictions);
}

const struct route api_surface_routes[] = {
    {"GET", ROUTE_STUDY "/importance", GRANT_VIEW, on_get_importance, 0, BODY_NONE, false},
    {"GET", ROUTE_STUDY "/slice", GRANT_VIEW, on_get_slice, 0, BODY_NONE, false},
    {"GET", ROUTE_STUDY "/contour", GRANT_VIEW, on_get_contour, 0, BODY_NONE, false},
    {"POST", ROUTE_STUDY "/predict", GRANT_VIEW, on_predict, ROUTE_JSON_MAX, BODY_JSON, false},
    {0},
};
