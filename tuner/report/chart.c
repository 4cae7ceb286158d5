#include "tuner/report/chart.h"

#include "tuner/base/json.h"

#include <math.h>
#include <string.h>

/* ---- making ---- */

struct chart_panel *chart_panel(struct chart *c, struct arena *a)
{
    c->panel = arena_more(a, c->panel, c->n_panels, sizeof *c->panel);
    c->panel[c->n_panels] = (struct chart_panel){.x = {.unit = "", .high = 1}, .y = {.unit = "", .high = 1}};
    return &c->panel[c->n_panels++];
}

struct chart_layer *chart_layer(struct chart_panel *p, struct arena *a, enum chart_kind kind)
{
    p->layer = arena_more(a, p->layer, p->n, sizeof *p->layer);
    p->layer[p->n] = (struct chart_layer){.kind = kind};
    return &p->layer[p->n++];
}

void chart_line_at(struct chart_panel *p, struct arena *a, enum chart_kind kind, double at, const char *label)
{
    struct chart_layer *l = chart_layer(p, a, kind);
    double *v = arena_array(a, 1, sizeof *v);
    *v = at;
    l->n = 1;
    l->look = CHART_QUIET;
    l->label = label;
    if (kind == CHART_AT_X)
        l->x = v;
    else
        l->y = v;
}

/* ---- looking ---- */

enum chart_look chart_look_at(const struct chart_layer *l, size_t i)
{
    return l->each ? l->each[i] : l->look;
}

static const char *const look_names[CHART_LOOKS] = {
    [CHART_INK] = "",
    [CHART_QUIET] = "",
    [CHART_COMPLETE] = "complete",
    [CHART_PRUNED] = "stopped early",
    [CHART_FAILED] = "failed",
    [CHART_RUNNING] = "running",
    [CHART_INFEASIBLE] = "infeasible",
    [CHART_QUEUED] = "queued",
    [CHART_LOST] = "lost, run again",
    [CHART_WINNER] = "winner",
    [CHART_BASELINE] = "baseline",
    [CHART_REFERENCE] = "reference",
    [CHART_SECOND] = "",
};

const char *chart_look_name(enum chart_look look)
{
    return look_names[look];
}

bool chart_is_behind(const struct chart_layer *l)
{
    switch (l->kind) {
    case CHART_BAND:
    case CHART_SHADE:
    case CHART_AT_X:
    case CHART_AT_Y:
    case CHART_CELLS: return true;
    case CHART_MARKS:
    case CHART_RAIL:
    case CHART_LINE:
    case CHART_STEPS:
    case CHART_BARS:
    case CHART_INTERVALS:
    case CHART_SPANS: return false;
    }
    return false;
}

bool chart_has(const struct chart_panel *p, enum chart_kind kind)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->layer[i].kind == kind && (p->layer[i].n || kind == CHART_CELLS)) return true;
    return false;
}

static bool is_named(const struct chart_layer *l, size_t i)
{
    return l->label || (l->name && l->name[i]);
}

size_t chart_key(const struct chart *c, bool ret[CHART_LOOKS])
{
    size_t n = 0;
    memset(ret, 0, CHART_LOOKS * sizeof *ret);
    for (size_t p = 0; p < c->n_panels; p++)
        for (size_t k = 0; k < c->panel[p].n; k++) {
            const struct chart_layer *l = &c->panel[p].layer[k];
            if (l->kind != CHART_MARKS && l->kind != CHART_RAIL && l->kind != CHART_SPANS) continue;
            for (size_t i = 0; i < l->n; i++)
                if (!is_named(l, i) && *look_names[chart_look_at(l, i)]) ret[chart_look_at(l, i)] = true;
        }
    for (size_t k = 0; k < CHART_LOOKS; k++) n += ret[k];
    return n;
}

struct chart_beyond chart_beyond(const struct chart_panel *p)
{
    struct chart_beyond out = {0};
    for (size_t k = 0; k < p->n; k++) {
        const struct chart_layer *l = &p->layer[k];
        for (size_t i = 0; l->kind == CHART_MARKS && i < l->n; i++) {
            double x = axis_place(&p->x, l->x[i]), y = axis_place(&p->y, l->y[i]);
            if (isnan(x) || isnan(y)) continue;
            if (!axis_sees(&p->x, l->x[i]))
                (x < 0 ? &out.left : &out.right)[0]++;
            else if (!axis_sees(&p->y, l->y[i]))
                (y < 0 ? &out.below : &out.above)[0]++;
        }
    }
    return out;
}

bool chart_is_dense(const struct chart_layer *l)
{
    return l->kind == CHART_MARKS && l->n > CHART_DENSE;
}

/* ---- cells ---- */

bool chart_cells_range(const struct chart_cells *c, double *ret_low, double *ret_high)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < c->rows * c->columns; i++)
        if (isfinite(c->value[i])) {
            low = fmin(low, c->value[i]);
            high = fmax(high, c->value[i]);
        }
    if (low > high) return false;
    *ret_low = low;
    *ret_high = high;
    return true;
}

const char *chart_cells_text(double low, double high, double part, char buf[AXIS_TEXT_MAX])
{
    const struct axis as = {.scale = AXIS_LINEAR};
    double v = low + (high - low) * part, near[] = {v, v + (high - low) / 20};
    return axis_tick_text(&as, near, 2, 0, buf);
}

bool chart_cell_is_doubtful(const struct chart_cells *c, size_t at, double low, double high)
{
    return c->doubt && c->doubt[at] > high / 2 - low / 2;
}

/* ---- JSON ---- */

static json_t *numbers(const double *v, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, json_amount(v[i]));
    return list;
}

static json_t *text_or_null(const char *text)
{
    json_t *out = text ? json_string(text) : NULL; /* of what is no UTF-8 there is none */
    return out ? out : json_null();
}

static json_t *texts(const char *const *v, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, text_or_null(v[i]));
    return list;
}

static json_t *axis_json(const struct axis *x)
{
    static const char *const scales[] = {"linear", "log", "clock", "rows"};
    json_t *out = json_pack("{s:o, s:s, s:s}", "name", text_or_null(x->name), "unit", x->unit ? x->unit : "", "scale",
                            scales[x->scale]);
    if (x->scale == AXIS_ROWS)
        json_object_set_new(out, "rows", texts(x->row, x->n_rows));
    else
        json_object_set_new(out, "range", json_pair(x->low, x->high));
    return out;
}

static json_t *cells_json(const struct chart_cells *c)
{
    json_t *out = json_pack("{s:s, s:o, s:o, s:o}", "name", c->name ? c->name : "", "x", numbers(c->x, c->columns), "y",
                            numbers(c->y, c->rows), "value", numbers(c->value, c->rows * c->columns));
    if (c->doubt) json_object_set_new(out, "sd", numbers(c->doubt, c->rows * c->columns));
    return out;
}

static json_t *looks_json(const struct chart_layer *l)
{
    json_t *list = json_array();
    for (size_t i = 0; i < l->n; i++) json_array_append_new(list, json_string(look_names[l->each[i]]));
    return list;
}

static const char *kind_name(enum chart_kind kind)
{
    switch (kind) {
    case CHART_MARKS: return "marks";
    case CHART_RAIL: return "rail";
    case CHART_LINE: return "line";
    case CHART_STEPS: return "steps";
    case CHART_BAND: return "band";
    case CHART_SHADE: return "shade";
    case CHART_AT_X: return "at_x";
    case CHART_AT_Y: return "at_y";
    case CHART_BARS: return "bars";
    case CHART_INTERVALS: return "intervals";
    case CHART_SPANS: return "spans";
    case CHART_CELLS: return "cells";
    }
    return "";
}

static json_t *layer_json(const struct chart_layer *l)
{
    const struct {
        const char *key;
        const double *v;
    } column[] = {{"x", l->x}, {"y", l->y}, {"low", l->low}, {"high", l->high}};
    json_t *out = json_pack("{s:s, s:o}", "kind", kind_name(l->kind), "label", text_or_null(l->label));
    if (*look_names[l->look]) json_object_set_new(out, "is", json_string(look_names[l->look]));
    for (size_t i = 0; i < sizeof column / sizeof *column; i++)
        if (column[i].v) json_object_set_new(out, column[i].key, numbers(column[i].v, l->n));
    if (l->each) json_object_set_new(out, "each", looks_json(l));
    if (l->name) json_object_set_new(out, "names", texts(l->name, l->n));
    if (l->kind == CHART_CELLS) json_object_set_new(out, "cells", cells_json(&l->cells));
    if (!l->trial) return out;
    json_t *trials = json_array();
    for (size_t i = 0; i < l->n; i++) json_array_append_new(trials, json_integer(l->trial[i]));
    json_object_set_new(out, "trials", trials);
    return out;
}

static json_t *panel_json(const struct chart_panel *p)
{
    json_t *layers = json_array();
    for (size_t i = 0; i < p->n; i++) json_array_append_new(layers, layer_json(&p->layer[i]));
    return json_pack("{s:o, s:o, s:o, s:o}", "title", text_or_null(p->title), "x", axis_json(&p->x), "y",
                     axis_json(&p->y), "layers", layers);
}

json_t *chart_json(const struct chart *c)
{
    json_t *panels = json_array();
    for (size_t i = 0; i < c->n_panels; i++) json_array_append_new(panels, panel_json(&c->panel[i]));
    return json_pack("{s:s, s:o, s:o, s:o}", "chart", c->name, "title", text_or_null(c->title), "caption",
                     text_or_null(c->caption), "panels", panels);
}
