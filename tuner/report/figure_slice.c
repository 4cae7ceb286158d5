/* Slice: what the model says along one parameter, with what it is made from behind it: a band and a line over numbers,
 * a row for each choice. */
#include "tuner/report/figure_model.h"

#include "tuner/report/text.h"

#include <math.h>
#include <string.h>

struct slice_of {
    const struct surface *f;
    const struct study *study;
    const struct param *p;
    int metric;
    struct slice s;
    struct arena *arena;
};

/* ---- over numbers ---- */

static void take(const struct slice_of *d, double **middle, double **low, double **high)
{
    *middle = arena_array(d->arena, d->s.n + 1, sizeof(double));
    *low = arena_array(d->arena, d->s.n + 1, sizeof(double));
    *high = arena_array(d->arena, d->s.n + 1, sizeof(double));
    for (size_t i = 0; i < d->s.n; i++) {
        (*middle)[i] = d->s.y[i].middle;
        (*low)[i] = d->s.y[i].low;
        (*high)[i] = d->s.y[i].high;
    }
}

static void draw_model(struct chart_panel *p, const struct slice_of *d)
{
    double *middle, *low, *high;
    take(d, &middle, &low, &high);
    struct chart_layer *l = chart_layer(p, d->arena, CHART_BAND);
    *l = (struct chart_layer){
        .kind = CHART_BAND, .look = CHART_SECOND, .n = d->s.n, .x = d->s.x, .low = low, .high = high};
    l = chart_layer(p, d->arena, CHART_LINE);
    *l = (struct chart_layer){
        .kind = CHART_LINE, .look = CHART_SECOND, .bold = true, .n = d->s.n, .x = d->s.x, .y = middle};
}

/* All, and the one that the others' values come from. */
static void draw_trials(struct chart_panel *p, const struct slice_of *d, bool rows)
{
    struct figure_marks all = figure_marks_of(d->s.n_trials, d->arena), one = figure_marks_of(1, d->arena);
    for (size_t i = 0; i < d->s.n_trials; i++) {
        const struct slice_trial *t = &d->s.trial[i];
        double x = rows ? t->y : t->x, y = rows ? t->x + 0.24 : t->y;
        if (t->trial != d->s.at || one.n) {
            figure_mark(&all, x, y, rows ? CHART_QUIET : CHART_COMPLETE, t->trial);
            continue;
        }
        one.name[0] = rows ? NULL : arena_printf(d->arena, "trial %ld", t->trial);
        figure_mark(&one, x, y, rows ? CHART_INK : CHART_WINNER, t->trial);
    }
    struct chart_layer *l = chart_layer(p, d->arena, CHART_MARKS);
    figure_show(l, &all);
    l->pale = true;
    figure_show(chart_layer(p, d->arena, CHART_MARKS), &one);
}

static void fit(struct axis *axis, const struct slice_of *d)
{
    double *v = arena_array(d->arena, d->s.n_trials + 1, sizeof *v);
    for (size_t i = 0; i < d->s.n_trials; i++) v[i] = d->s.trial[i].y;
    axis_fit(axis, v, d->s.n_trials);
    for (size_t i = 0; i < d->s.n; i++) axis_include(axis, d->s.y[i].middle);
    for (size_t i = 0; i < d->s.n_trials; i++)
        if (d->s.trial[i].trial == d->s.at) axis_include(axis, d->s.trial[i].y);
    axis_pad(axis, 0.06);
}

/* ---- over choices ---- */

static void draw_choices(struct chart_panel *p, const struct slice_of *d)
{
    double *middle, *low, *high, *row = arena_array(d->arena, d->s.n + 1, sizeof *row);
    const char **text = arena_array(d->arena, d->s.n + 1, sizeof *text);
    take(d, &middle, &low, &high);
    for (size_t i = 0; i < d->s.n; i++) {
        row[i] = d->s.x[i];
        if (isfinite(middle[i])) text[i] = figure_text(&d->study->objective, d->metric, middle[i], d->arena);
    }
    struct chart_layer *l = chart_layer(p, d->arena, CHART_INTERVALS);
    *l = (struct chart_layer){.kind = CHART_INTERVALS,
                              .look = CHART_SECOND,
                              .n = d->s.n,
                              .x = middle,
                              .y = row,
                              .low = low,
                              .high = high,
                              .name = text};
    draw_trials(p, d, true);
}

static void draw(struct chart_panel *p, const struct slice_of *d)
{
    struct axis value = figure_axis(&d->study->objective, d->metric);
    fit(&value, d);
    p->title = NULL;
    p->x = d->p->n_values ? value : figure_param_axis(d->p);
    p->y = value;
    if (d->p->n_values) {
        p->y = (struct axis){.name = d->p->name,
                             .unit = "",
                             .scale = AXIS_ROWS,
                             .n_rows = d->p->n_values,
                             .row = figure_choice_names(d->p, d->arena)};
        draw_choices(p, d);
        return;
    }
    draw_trials(p, d, false);
    draw_model(p, d);
    struct chart_layer trials = p->layer[1]; /* the winner lies on top */
    p->layer[1] = p->layer[2];
    p->layer[2] = p->layer[3];
    p->layer[3] = trials;
}

/* ---- words ---- */

/* One level fits into the intervals of all. */
static bool is_flat(const struct slice_of *d, size_t best, size_t worst)
{
    double low = -HUGE_VAL, high = HUGE_VAL;
    for (size_t i = 0; i < d->s.n; i++)
        if (isfinite(d->s.y[i].middle)) {
            low = fmax(low, d->s.y[i].low);
            high = fmin(high, d->s.y[i].high);
        }
    return best == worst || low <= high;
}

/* What is expected where the trial lies. */
static double expected_there(const struct slice_of *d, size_t usual)
{
    double at = memory_trial(d->f->memory, d->s.at)->config[d->s.param];
    size_t near = usual;
    for (size_t i = 0; i < d->s.n; i++)
        if (isfinite(d->s.y[i].middle) && fabs(d->s.x[i] - at) < fabs(d->s.x[near] - at)) near = i;
    return d->s.y[near].middle;
}

static const char *title_of(const struct slice_of *d)
{
    const struct objective *o = &d->study->objective;
    const char *what = d->metric < 0 ? "the utility" : o->metric[d->metric].name;
    double goal = d->metric < 0 ? 1 : o->metric[d->metric].goal;
    size_t best = d->s.n, worst = d->s.n;
    for (size_t i = 0; i < d->s.n; i++) {
        double y = goal * d->s.y[i].middle;
        if (!isfinite(y)) continue;
        if (best == d->s.n || y > goal * d->s.y[best].middle) best = i;
        if (worst == d->s.n || y < goal * d->s.y[worst].middle) worst = i;
    }
    if (best == d->s.n) return arena_printf(d->arena, "Nothing is known of %s over %s", what, d->p->name);
    if (is_flat(d, best, worst))
        return arena_printf(d->arena, "Over all of %s %s may be the same, about %s", d->p->name, what,
                            figure_text(o, d->metric, expected_there(d, best), d->arena));
    return arena_printf(
        d->arena, "With %s %s, %s is %s; with %s, %s", d->p->name, report_value(d->p, d->s.x[best], d->arena), what,
        figure_text(o, d->metric, d->s.y[best].middle, d->arena), report_value(d->p, d->s.x[worst], d->arena),
        figure_text(o, d->metric, d->s.y[worst].middle, d->arena));
}

static const char *reading(const struct slice_of *d)
{
    return arena_printf(d->arena,
                        "%s: what a model of all results expects, %s, with its 90 %% interval, noise left out; %s: "
                        "results as measured, wherever their other parameters lie.",
                        d->p->n_values ? "Dot" : "Line", figure_others(d->f, d->s.at, d->arena),
                        d->p->n_values ? "small dots" : "marks");
}

/* Sentences that are not there yet. */
static const char *caption_of(const struct slice_of *d, const char *before)
{
    const char *first = reading(d), *second = figure_quality(d->f, d->s.target, d->arena);
    if (!before) return arena_printf(d->arena, "%s%s", first, second);
    if (!strstr(before, first)) before = arena_printf(d->arena, "%s %s", before, first);
    return strstr(before, second) ? before : arena_printf(d->arena, "%s%s", before, second);
}

/* ---- all ---- */

enum status figure_slice_add(const struct surface *f, const struct slice_wish *wish, struct arena *a, struct chart *ret,
                             struct error *err)
{
    const struct study *study = f->memory->study;
    struct slice_of d = {.f = f, .study = study, .p = &study->space.param[wish->param], .arena = a};
    d.metric = figure_target_metric(study, wish->target);
    enum status st = slice_make(f, wish, a, &d.s, err);
    if (st) return st;
    draw(chart_panel(ret, a), &d);
    ret->name = figure_name(FIGURE_SLICE);
    ret->title = ret->title ? arena_printf(a, "%s. %s", ret->title, title_of(&d)) : title_of(&d);
    ret->caption = caption_of(&d, ret->caption);
    return STATUS_OK;
}

enum status figure_slice(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err)
{
    struct surface *f = NULL;
    struct slice_wish w = {.at = -1};
    enum status st = figure_target(wish, &w.target, err);
    if (!st) st = surface_make(wish->memory, &f, err);
    if (!st) st = figure_params(wish, f, w.target, 1, &w.param, err);
    if (!st) st = figure_slice_add(f, &w, a, ret, err);
    if (!st) ret->caption = arena_printf(a, "%s%s", ret->caption, figure_chosen(wish, &w.param, 1, a));
    surface_free(f);
    return st;
}
