/* The front: what the study can be traded for what. */
#include "tuner/report/figure.h"

#include "tuner/report/figure_study.h"

#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>

struct front_of {
    const struct memory *s;
    const struct objective *o;
    int cost, gain;
    struct ranking all;
    size_t n_steps;
};

static double value_of(const struct ranked *x, int metric)
{
    return x->mean[metric];
}

static bool has_both(const struct front_of *f, const struct ranked *x)
{
    return isfinite(value_of(x, f->cost)) && isfinite(value_of(x, f->gain));
}

/* ---- marks ---- */

static bool breaks(const struct front_of *f, const struct ranked *x)
{
    return !x->feasible && !figure_lacks_baseline(f->s);
}

static enum chart_look look_of(const struct front_of *f, const struct ranked *x)
{
    return x == f->all.winner     ? CHART_WINNER
           : x == f->all.baseline ? CHART_BASELINE
           : x->label             ? CHART_REFERENCE
           : breaks(f, x)         ? CHART_INFEASIBLE
                                  : CHART_COMPLETE;
}

static void draw_trials(struct chart_panel *p, const struct front_of *f, struct arena *a)
{
    struct figure_marks once = figure_marks_of(f->all.n, a), named = figure_marks_of(f->all.n, a);
    for (size_t i = 0; i < f->all.n; i++) {
        const struct ranked *x = &f->all.all[i];
        enum chart_look look = look_of(f, x);
        bool stands_out = (look != CHART_COMPLETE && look != CHART_INFEASIBLE) || x->confirmed;
        struct figure_marks *m = stands_out ? &named : &once;
        if (!has_both(f, x)) continue;
        if (stands_out) m->name[m->n] = figure_who(&f->all, x, a);
        figure_mark(m, value_of(x, f->cost), value_of(x, f->gain), look, x->trial->number);
    }
    struct chart_layer *l = chart_layer(p, a, CHART_MARKS);
    figure_show(l, &once);
    l->pale = true;
    figure_show(chart_layer(p, a, CHART_MARKS), &named);
}

/* ---- the step front ---- */

static int by_cost(const void *a, const void *b, void *data)
{
    const struct front_of *f = data;
    const struct ranked *x = *(const struct ranked *const *)a, *y = *(const struct ranked *const *)b;
    double dx = f->o->metric[f->cost].goal * value_of(x, f->cost),
           dy = f->o->metric[f->cost].goal * value_of(y, f->cost);
    if (dx != dy) return dx > dy ? -1 : 1;
    double gx = f->o->metric[f->gain].goal * value_of(x, f->gain),
           gy = f->o->metric[f->gain].goal * value_of(y, f->gain);
    return (gx < gy) - (gx > gy);
}

/* From the cheapest on, each that is better than all that are cheaper; of what breaks no constraint. */
static void draw_front(struct chart_panel *p, struct front_of *f, struct arena *a)
{
    size_t n = 0;
    const struct ranked **x = arena_array(a, f->all.n + 1, sizeof(const struct ranked *));
    struct figure_marks m = figure_marks_of(f->all.n, a);
    double best = -INFINITY;
    for (size_t i = 0; i < f->all.n; i++)
        if (f->all.all[i].feasible && has_both(f, &f->all.all[i])) x[n++] = &f->all.all[i];
    qsort_r(x, n, sizeof(const struct ranked *), by_cost, f);
    for (size_t i = 0; i < n; i++) {
        double v = f->o->metric[f->gain].goal * value_of(x[i], f->gain);
        if (!(v > best)) continue;
        best = v;
        figure_mark(&m, value_of(x[i], f->cost), value_of(x[i], f->gain), CHART_QUIET, x[i]->trial->number);
    }
    f->n_steps = m.n;
    if (m.n < 2) return;
    struct chart_layer *l = chart_layer(p, a, CHART_STEPS);
    l->look = CHART_QUIET;
    l->n = m.n;
    l->x = m.x;
    l->y = m.y;
    l->trial = m.trial;
    l->label = "front";
}

/* ---- what is worth as much as the winner ---- */

enum { ISO_POINTS = 64 };

/* A utility is linear in the gain: two of them give the gain at which it is the winner's. */
static double gain_at(const struct front_of *f, double cost)
{
    double v[METRICS_MAX], none, one;
    const double *baseline = f->all.baseline ? f->all.baseline->mean : memory_baseline(f->s);
    for (size_t i = 0; i < f->o->n_metrics; i++) v[i] = f->all.winner->mean[i];
    v[f->cost] = cost;
    v[f->gain] = 0;
    none = objective_utility(f->o, v, baseline);
    v[f->gain] = 1;
    one = objective_utility(f->o, v, baseline);
    return one == none ? NAN : (f->all.winner->utility - none) / (one - none);
}

static bool has_worth(const struct front_of *f)
{
    bool weighed = f->o->form == OBJECTIVE_WEIGHTS || f->o->form == OBJECTIVE_EXCHANGE;
    return weighed && f->all.winner && has_both(f, f->all.winner) && (f->all.baseline || memory_baseline(f->s));
}

static void draw_worth(struct chart_panel *p, const struct front_of *f, struct arena *a)
{
    double *x = arena_array(a, ISO_POINTS, sizeof *x), *y = arena_array(a, ISO_POINTS, sizeof *y);
    if (!has_worth(f)) return;
    for (size_t i = 0; i < ISO_POINTS; i++) {
        x[i] = axis_value(&p->x, (double)i / (ISO_POINTS - 1));
        y[i] = gain_at(f, x[i]);
    }
    struct chart_layer *l = chart_layer(p, a, CHART_LINE);
    l->look = CHART_SECOND;
    l->dashed = true;
    l->n = ISO_POINTS;
    l->x = x;
    l->y = y;
    l->label = "worth as much as the winner";
}

static void draw_bounds(struct chart_panel *p, const struct front_of *f, struct arena *a)
{
    const double *baseline = f->all.baseline ? f->all.baseline->mean : memory_baseline(f->s);
    for (size_t i = 0; i < f->o->n_constraints; i++) {
        const struct constraint *c = &f->o->constraint[i];
        bool x = (int)c->metric == f->cost, y = (int)c->metric == f->gain;
        if ((!x && !y) || (!baseline && c->factor != 0)) continue;
        double at = constraint_bound(c, baseline);
        chart_line_at(p, a, x ? CHART_AT_X : CHART_AT_Y, at, c->text);
        p->layer[p->n - 1].dashed = true;
        axis_include(x ? &p->x : &p->y, at);
    }
}

/* ---- ranges ---- */

static void fit(struct axis *axis, const struct front_of *f, int metric)
{
    double *v = must_alloc(f->all.n + 1, sizeof *v);
    for (size_t i = 0; i < f->all.n; i++) v[i] = value_of(&f->all.all[i], metric);
    axis_fit(axis, v, f->all.n);
    for (size_t i = 0; i < f->all.n; i++)
        if (f->all.all[i].label || &f->all.all[i] == f->all.winner) axis_include(axis, v[i]);
    free(v);
}

/* ---- words ---- */

/* The winner's differences as the verdict has them: one number for one thing. */
static const struct difference *beside_baseline(const struct front_of *f, struct arena *a)
{
    struct verdict *v;
    size_t n = verdict_each(f->o, &f->all, f->all.winner, a, &v);
    for (size_t i = 0; i < n; i++)
        if (v[i].trial == f->all.baseline->trial->number) return v[i].apart;
    return NULL;
}

static const char *title_of(const struct front_of *f, struct arena *a)
{
    const struct ranked *w = f->all.winner, *base = f->all.baseline;
    const struct metric *gain = &f->o->metric[f->gain], *cost = &f->o->metric[f->cost];
    if (!w) return figure_no_winner(f->s, f->all.n, a);
    if (w == base) return "Nothing that was tried beats the baseline";
    const char *who = w->label ? w->label : arena_printf(a, "Trial %ld", w->trial->number);
    if (!base)
        return arena_printf(a, "%s wins with %s %s for %s %s", who, gain->name,
                            figure_text(f->o, f->gain, value_of(w, f->gain), a),
                            figure_text(f->o, f->cost, value_of(w, f->cost), a), cost->name);
    const struct difference *apart = beside_baseline(f, a);
    if (!apart) return arena_printf(a, "%s wins", who);
    struct difference spent = apart[f->cost], by_gain = apart[f->gain];
    const char *choice = f->n_steps > 1 ? arena_printf(a, "; %zu on the front to choose from", f->n_steps) : "";
    return arena_printf(a, "%s beside the baseline: %s, %s%s", who, figure_apart(cost, spent.ratio, spent.by, a),
                        figure_apart(gain, by_gain.ratio, by_gain.by, a), choice);
}

static const char *weights_of(const struct objective *o, struct arena *a)
{
    const char *all = "";
    if (o->form == OBJECTIVE_EXCHANGE)
        return arena_printf(a, "at %g points for halving the %s", o->exchange, o->metric[o->cost].name);
    for (size_t i = 0; i < o->n_metrics; i++)
        if (o->weight[i] > 0)
            all = arena_printf(a, "%s%s%s %.4g", all, *all ? ", " : "with weights ", o->metric[i].name, o->weight[i]);
    return all;
}

static const char *caption_of(const struct front_of *f, struct arena *a)
{
    const char *better = f->o->metric[f->gain].goal == GOAL_MAXIMIZE ? "up" : "down",
               *cheaper = f->o->metric[f->cost].goal == GOAL_MINIMIZE ? "left" : "right";
    const char *worth =
        has_worth(f) ? arena_printf(a, " Dashed blue: worth as much as the winner, %s.", weights_of(f->o, a)) : "";
    size_t broken = 0;
    for (size_t i = 0; i < f->all.n; i++) broken += look_of(f, &f->all.all[i]) == CHART_INFEASIBLE;
    return arena_printf(
        a,
        "Better is %s and %s. Each mark is a configuration, %s in all: pale ones were measured once, named ones are means over fresh seeds where there are any.%s%s",
        better, cheaper, figure_count(f->all.n, a), broken ? " Diamonds: break a constraint." : "", worth);
}

static enum status choose(const struct figure_wish *wish, struct front_of *f, struct error *err)
{
    f->cost = figure_cost(f->o);
    f->gain = figure_gain(f->o, f->cost);
    enum status st = wish->metric ? figure_metric(f->s, wish->metric, &f->gain, err) : STATUS_OK;
    if (st) return st;
    if (f->gain < 0)
        return error_set(err, STATUS_INVALID, "a front is drawn by two metrics; the utility is made of them");
    for (size_t i = 0; (f->cost < 0 || f->cost == f->gain) && i < f->o->n_metrics; i++)
        if ((int)i != f->gain) f->cost = (int)i;
    if (f->cost < 0 || f->cost == f->gain)
        return error_set(err, STATUS_NOT_FOUND, "a front needs two metrics; study '%s' has one, %s", f->s->study->name,
                         f->o->metric[f->gain].name);
    return STATUS_OK;
}

enum status figure_front(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err)
{
    struct front_of f = {.s = wish->memory, .o = &wish->memory->study->objective};
    size_t n = 0;
    enum status st = choose(wish, &f, err);
    if (st) return st;
    f.all = ranking_make(f.s, f.o, a);
    for (size_t i = 0; i < f.all.n; i++) n += has_both(&f, &f.all.all[i]);
    if (n == 0)
        return error_set(err, STATUS_NOT_FOUND, "a front needs complete trials with %s and %s; there are none yet",
                         f.o->metric[f.gain].name, f.o->metric[f.cost].name);
    struct chart_panel *p = chart_panel(ret, a);
    p->x = figure_axis(f.o, f.cost);
    p->y = figure_axis(f.o, f.gain);
    fit(&p->x, &f, f.cost);
    fit(&p->y, &f, f.gain);
    draw_bounds(p, &f, a);
    axis_pad(&p->x, 0.06);
    axis_pad(&p->y, 0.06);
    draw_worth(p, &f, a);
    draw_front(p, &f, a);
    draw_trials(p, &f, a);
    ret->square = true;
    ret->title = title_of(&f, a);
    ret->caption = caption_of(&f, a);
    return STATUS_OK;
}
