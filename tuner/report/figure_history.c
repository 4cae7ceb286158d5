/* History: every trial in its order, the best so far as a step line, states as shapes, fresh seeds on a shade. */
#include "tuner/report/figure.h"

#include "tuner/report/figure_study.h"

#include "tuner/base/words.h"

#include <math.h>

struct history_of {
    const struct memory *s;
    int metric;
    enum goal goal;
    size_t valued, broken, without; /* trials with a value, of these that break a constraint, without */
    const struct trial *best;       /* on its own measurement, among those that break no constraint */
    double best_value;
    struct ranking all;
};

static bool is_better(const struct history_of *h, double v)
{
    return isfinite(v) && (!h->best || h->goal * (v - h->best_value) > 0);
}

/* ---- layers ---- */

static void draw_confirmations(struct chart_panel *p, const struct memory *s, struct arena *a)
{
    struct figure_marks ends = figure_marks_of(s->n, a);
    for (size_t i = 0; i < s->n; i++) {
        double at = (double)i;
        if (s->trial[i]->role != ROLE_CONFIRM) continue;
        if (ends.n && ends.y[ends.n - 1] == at - 0.5)
            ends.y[ends.n - 1] = at + 0.5;
        else
            figure_mark(&ends, at - 0.5, at + 0.5, CHART_QUIET, -1);
    }
    size_t widest = 0;
    for (size_t i = 0; i < ends.n; i++)
        if (ends.y[i] - ends.x[i] > ends.y[widest] - ends.x[widest]) widest = i;
    for (size_t i = 0; i < ends.n; i++) {
        struct chart_layer *l = chart_layer(p, a, CHART_SHADE);
        l->n = 1;
        l->low = ends.x + i;
        l->high = ends.y + i;
        l->label = i == widest ? "fresh seeds" : NULL;
    }
}

/* What breaks a constraint is a diamond: it cannot win. What has no value lies on the rail. */
static void draw_trials(struct chart_panel *p, struct history_of *h, struct arena *a)
{
    const struct memory *s = h->s;
    struct figure_marks good = figure_marks_of(s->n, a), broken = figure_marks_of(s->n, a),
                        rail = figure_marks_of(s->n, a);
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        double v = figure_value(s, t, h->metric), at = (double)t->number;
        h->valued += isfinite(v);
        if (t->state == TRIAL_CANCELLED) continue;
        if (!isfinite(v))
            figure_mark(&rail, at, 0, figure_look(t->state), t->number);
        else if (figure_is_feasible(s, t))
            figure_mark(&good, at, v, CHART_COMPLETE, t->number);
        else
            figure_mark(&broken, at, v, CHART_INFEASIBLE, t->number);
    }
    h->broken = broken.n;
    h->without = rail.n;
    figure_show(chart_layer(p, a, CHART_MARKS), &broken);
    figure_show(chart_layer(p, a, CHART_MARKS), &good);
    figure_show(chart_layer(p, a, CHART_RAIL), &rail);
}

static void draw_best(struct chart_panel *p, struct history_of *h, struct arena *a)
{
    const struct memory *s = h->s;
    struct figure_marks m = figure_marks_of(s->n, a);
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        double v = t->role == ROLE_CONFIRM || !figure_is_feasible(s, t) ? NAN : figure_value(s, t, h->metric);
        if (!is_better(h, v)) continue;
        h->best = t;
        h->best_value = v;
        figure_mark(&m, (double)t->number, v, CHART_INK, t->number);
    }
    if (m.n == 0) return;
    figure_mark(&m, (double)s->n - 1, h->best_value, CHART_INK, h->best->number);
    struct chart_layer *l = chart_layer(p, a, CHART_STEPS);
    l->n = m.n;
    l->x = m.x;
    l->y = m.y;
    l->bold = true;
    l->label = "best so far";
}

static void draw_named(struct chart_panel *p, const struct history_of *h, struct arena *a)
{
    struct figure_marks m = figure_marks_of(h->all.n, a);
    for (size_t i = 0; i < h->all.n; i++) {
        const struct ranked *x = &h->all.all[i];
        double v = figure_value(h->s, x->trial, h->metric);
        bool wins = x == h->all.winner;
        if (!isfinite(v) || (!x->label && !wins)) continue;
        m.name[m.n] = figure_who(&h->all, x, a);
        figure_mark(&m, (double)x->trial->number, v,
                    wins                   ? CHART_WINNER
                    : x == h->all.baseline ? CHART_BASELINE
                                           : CHART_REFERENCE,
                    x->trial->number);
    }
    figure_show(chart_layer(p, a, CHART_MARKS), &m);
}

/* ---- ranges ---- */

static void fit(struct chart_panel *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        if (p->layer[i].kind == CHART_MARKS) n += p->layer[i].n;
    double *v = must_alloc(n + 1, sizeof *v);
    n = 0;
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; p->layer[i].kind == CHART_MARKS && k < p->layer[i].n; k++) v[n++] = p->layer[i].y[k];
    axis_fit(&p->y, v, n);
    for (size_t i = 0; i < p->n; i++)
        for (size_t k = 0; p->layer[i].kind == CHART_MARKS && p->layer[i].name && k < p->layer[i].n; k++)
            if (p->layer[i].name[k]) axis_include(&p->y, p->layer[i].y[k]);
    axis_pad(&p->y, 0.06);
    free(v);
}

/* ---- words ---- */

static const char *title_of(const struct history_of *h, const char *what, struct arena *a)
{
    const struct objective *o = &h->s->study->objective;
    const struct ranked *w = h->all.winner;
    if (!h->best) return figure_no_winner(h->s, h->valued, a);
    const char *value = figure_text(o, h->metric, h->best_value, a);
    if (w && w->trial != h->best && w->confirmed && h->metric == FIGURE_UTILITY)
        return arena_printf(a, "Trial %ld measured the best %s, %s; on fresh seeds %s won with %s", h->best->number,
                            what, value, w->label ? "the reference" : arena_printf(a, "trial %ld", w->trial->number),
                            figure_text(o, h->metric, w->utility, a));
    return arena_printf(a, "Trial %ld measured the best %s, %s, and nothing after it was better in %zu trials",
                        h->best->number, what, value, h->s->n - 1 - (size_t)h->best->number);
}

static const char *caption_of(const struct history_of *h, struct arena *a)
{
    const struct memory *s = h->s;
    const char *how_many = h->valued == s->n ? arena_printf(a, "all %s have a result", figure_count(s->n, a))
                                             : arena_printf(a, "%s of %s have a result", figure_count(h->valued, a),
                                                            figure_count(s->n, a));
    return arena_printf(a, "Each mark is a trial, in the order in which they were begun; %s.%s%s%s", how_many,
                        h->broken ? " Diamonds: break a constraint." : "",
                        h->without ? " Beneath: those without a result of their own." : "",
                        memory_has_confirmed(s) ? " Shaded: fresh seeds of earlier ones." : "");
}

enum status figure_history(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err)
{
    const struct memory *s = wish->memory;
    const struct objective *o = &s->study->objective;
    struct history_of h = {.s = s, .metric = FIGURE_UTILITY, .goal = GOAL_MAXIMIZE};
    if (o->form == OBJECTIVE_SINGLE || o->form == OBJECTIVE_PARETO || figure_lacks_baseline(s))
        h.metric = figure_gain(o, figure_cost(o));
    enum status st = wish->metric ? figure_metric(s, wish->metric, &h.metric, err) : STATUS_OK;
    if (st) return st;
    if (h.metric < 0 && figure_lacks_baseline(s))
        return error_set(err, STATUS_NOT_FOUND,
                         "there is no utility yet: it is relative to the baseline, which has no result");
    if (h.metric >= 0) h.goal = o->metric[h.metric].goal;
    h.all = ranking_make(s, o, a);
    struct chart_panel *p = chart_panel(ret, a);
    p->x = (struct axis){.name = "trial", .unit = "", .whole = true, .low = -1, .high = fmax((double)s->n, 2)};
    p->y = figure_axis(o, h.metric);
    draw_confirmations(p, s, a);
    draw_trials(p, &h, a);
    if (h.valued == 0)
        return error_set(err, STATUS_NOT_FOUND, "a history needs a complete trial; there is none yet of %zu", s->n);
    draw_best(p, &h, a);
    draw_named(p, &h, a);
    fit(p);
    ret->title = title_of(&h, p->y.name, a);
    ret->caption = caption_of(&h, a);
    return STATUS_OK;
}
