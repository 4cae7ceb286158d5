/* Contour: what the model says over two parameters as a heat map, hatched where little is known, with the trials. */
#include "tuner/report/figure_model.h"

#include "tuner/report/text.h"

#include <math.h>

struct contour_of {
    struct surface *f;
    const struct study *study;
    const struct param *p[2];
    int metric;
    struct contour c;
    struct grid_line { /* cells are evenly apart, what the model was asked is not always */
        size_t n;
        double *at;
        size_t *from; /* the value of the contour that is nearest */
        struct axis axis;
    } line[2];
    struct arena *arena;
};

/* ---- cells ---- */

/* One cell for each value, and not on a logarithmic scale: these are few. */
static bool has_each(const struct param *p, size_t n)
{
    return p->n_values || param_levels(p) == (double)n;
}

static const char *choices_text(const struct param *p, struct arena *a)
{
    const char *all = p->name;
    for (size_t i = 0; i < p->n_values; i++)
        all = arena_printf(a, "%s%s %zu %.20s", all, i ? "," : ":", i, report_value(p, (double)i, a));
    return all;
}

static void lay_each(struct grid_line *g, const struct param *p, const double *x, struct arena *a)
{
    double step = g->n > 1 ? (x[g->n - 1] - x[0]) / (double)(g->n - 1) : 1;
    for (size_t i = 0; i < g->n; i++) {
        g->at[i] = x[i];
        g->from[i] = i;
    }
    g->axis = (struct axis){.name = p->n_values ? choices_text(p, a) : p->name,
                            .unit = "",
                            .whole = p->type == PARAM_INT || p->n_values,
                            .low = x[0] - step / 2,
                            .high = x[g->n - 1] + step / 2};
}

static void lay_evenly(struct grid_line *g, const struct param *p, const double *x, size_t n)
{
    g->axis = figure_param_axis(p);
    g->axis.low = p->lo;
    g->axis.high = p->hi;
    axis_pad(&g->axis, 0.5 / (double)(g->n - 1)); /* half a cell */
    for (size_t i = 0, near = 0; i < g->n; i++) {
        double place = ((double)i + 0.5) / (double)g->n;
        while (near + 1 < n &&
               fabs(axis_place(&g->axis, x[near + 1]) - place) < fabs(axis_place(&g->axis, x[near]) - place))
            near++;
        g->at[i] = axis_value(&g->axis, place);
        g->from[i] = near;
    }
}

static void lay(struct contour_of *d, size_t k)
{
    struct grid_line *g = &d->line[k];
    bool each = has_each(d->p[k], d->c.n[k]);
    g->n = each ? d->c.n[k] : CONTOUR_POINTS;
    g->at = arena_array(d->arena, g->n, sizeof *g->at);
    g->from = arena_array(d->arena, g->n, sizeof *g->from);
    if (each)
        lay_each(g, d->p[k], d->c.x[k], d->arena);
    else
        lay_evenly(g, d->p[k], d->c.x[k], d->c.n[k]);
}

static const struct landscape_value *cell_of(const struct contour_of *d, size_t column, size_t row)
{
    return &d->c.z[d->line[1].from[row] * d->c.n[0] + d->line[0].from[column]];
}

static void draw_cells(struct chart_panel *p, const struct contour_of *d)
{
    size_t columns = d->line[0].n, rows = d->line[1].n;
    double *value = arena_array(d->arena, columns * rows, sizeof *value),
           *doubt = arena_array(d->arena, columns * rows, sizeof *doubt);
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < columns; i++) {
            value[row * columns + i] = cell_of(d, i, row)->middle;
            doubt[row * columns + i] = cell_of(d, i, row)->sd;
        }
    struct chart_layer *l = chart_layer(p, d->arena, CHART_CELLS);
    l->cells = (struct chart_cells){.columns = columns,
                                    .rows = rows,
                                    .x = d->line[0].at,
                                    .y = d->line[1].at,
                                    .value = value,
                                    .doubt = doubt,
                                    .name = figure_axis(&d->study->objective, d->metric).name};
}

/* ---- trials ---- */

static void draw_trials(struct chart_panel *p, const struct contour_of *d)
{
    const struct memory *s = d->f->memory;
    struct figure_marks all = figure_marks_of(s->n, d->arena), one = figure_marks_of(1, d->arena);
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        double x = t->outside ? NAN : t->config[d->c.param[0]], y = t->outside ? NAN : t->config[d->c.param[1]];
        if (t->state != TRIAL_COMPLETE || t->role == ROLE_CONFIRM || isnan(x) || isnan(y)) continue;
        if (t->number != d->c.at) {
            figure_mark(&all, x, y, CHART_QUIET, t->number);
            continue;
        }
        one.name[0] = arena_printf(d->arena, "trial %ld", t->number);
        figure_mark(&one, x, y, CHART_WINNER, t->number);
    }
    figure_show(chart_layer(p, d->arena, CHART_MARKS), &all);
    figure_show(chart_layer(p, d->arena, CHART_MARKS), &one);
}

/* ---- words ---- */

/* One level fits into the intervals of all. */
static bool is_flat(const struct contour_of *d)
{
    double low = -HUGE_VAL, high = HUGE_VAL;
    for (size_t i = 0; i < d->c.n[0] * d->c.n[1]; i++)
        if (isfinite(d->c.z[i].middle)) {
            low = fmax(low, d->c.z[i].low);
            high = fmin(high, d->c.z[i].high);
        }
    return low <= high;
}

static const char *title_of(const struct contour_of *d)
{
    const struct objective *o = &d->study->objective;
    const char *what = d->metric < 0 ? "The utility" : o->metric[d->metric].name;
    double goal = d->metric < 0 ? 1 : o->metric[d->metric].goal;
    const struct landscape_value *z = d->c.z;
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < d->c.n[0] * d->c.n[1]; i++)
        if (isfinite(z[i].middle) && (best == SIZE_MAX || goal * (z[i].middle - z[best].middle) > 0)) best = i;
    if (best == SIZE_MAX)
        return arena_printf(d->arena, "%s: nothing is known over %s and %s", what, d->p[0]->name, d->p[1]->name);
    if (is_flat(d))
        return arena_printf(d->arena, "%s may be the same over all of %s and %s, about %s", what, d->p[0]->name,
                            d->p[1]->name, figure_text(o, d->metric, z[best].middle, d->arena));
    return arena_printf(d->arena, "%s is expected best with %s %s and %s %s: %s (%s to %s)", what, d->p[0]->name,
                        report_value(d->p[0], d->c.x[0][best % d->c.n[0]], d->arena), d->p[1]->name,
                        report_value(d->p[1], d->c.x[1][best / d->c.n[0]], d->arena),
                        figure_text(o, d->metric, z[best].middle, d->arena),
                        figure_text(o, d->metric, z[best].low, d->arena),
                        figure_text(o, d->metric, z[best].high, d->arena));
}

static const char *caption_of(const struct contour_of *d)
{
    return arena_printf(
        d->arena,
        "Shade: what a model of all results expects, %s; hatched: it knows little there. Marks: trials, "
        "wherever their other parameters lie. In brackets: 90 %% interval.%s",
        figure_others(d->f, d->c.at, d->arena), figure_quality(d->f, d->c.target, d->arena));
}

/* ---- all ---- */

static enum status draw(struct contour_of *d, const struct slice_wish *w, struct chart *ret, struct error *err)
{
    enum status st = contour_make(d->f, w, d->arena, &d->c, err);
    if (st) return st;
    struct chart_panel *p = chart_panel(ret, d->arena);
    for (size_t k = 0; k < 2; k++) {
        d->p[k] = &d->study->space.param[d->c.param[k]];
        lay(d, k);
    }
    p->x = d->line[0].axis;
    p->y = d->line[1].axis;
    draw_cells(p, d);
    draw_trials(p, d);
    ret->title = title_of(d);
    ret->caption = caption_of(d);
    return STATUS_OK;
}

enum status figure_contour(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err)
{
    struct surface *f = NULL;
    struct slice_wish w = {.at = -1};
    size_t param[2];
    enum status st = figure_target(wish, &w.target, err);
    if (!st) st = surface_make(wish->memory, &f, err);
    if (!st) st = figure_params(wish, f, w.target, 2, param, err);
    if (!st) {
        struct contour_of d = {.f = f, .study = f->memory->study, .arena = a};
        w.param = param[0];
        w.other = param[1];
        d.metric = figure_target_metric(d.study, w.target);
        st = draw(&d, &w, ret, err);
        if (!st) ret->caption = arena_printf(a, "%s%s", ret->caption, figure_chosen(wish, param, 2, a));
    }
    surface_free(f);
    return st;
}
