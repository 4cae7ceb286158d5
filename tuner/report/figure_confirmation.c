/* Confirmation: what may be said of each confirmed configuration beside the baseline and each reference: a row each, a
 * panel for each metric that counts. */
#include "tuner/report/figure.h"

#include "tuner/report/figure_study.h"
#include "tuner/report/text.h"

#include "tuner/base/words.h"

#include <math.h>

enum { ROWS_MAX = 12, PANELS_MAX = 3 };

struct pair { /* one configuration beside another */
    const struct ranked *x, *reference;
    const struct verdict *v;
};

struct confirmation_of {
    const struct memory *s;
    const struct objective *o;
    struct ranking all;
    size_t n, left_out; /* rows; those that there was no room for */
    struct pair pair[ROWS_MAX];
    const char *row[ROWS_MAX];
    struct arena *arena;
};

/* ---- rows ---- */

static const struct ranked *ranked_of(const struct ranking *all, long trial)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->all[i].trial->number == trial) return &all->all[i];
    return NULL;
}

/* Beside the reference that says most first: what somebody has tuned by hand, then the baseline. */
static void add_rows(struct confirmation_of *c, const struct ranked *x)
{
    struct verdict *v;
    size_t n = verdict_each(c->o, &c->all, x, c->arena, &v);
    for (size_t k = n; k-- > 0;) {
        const struct ranked *reference = ranked_of(&c->all, v[k].trial);
        if (c->n == ROWS_MAX) {
            c->left_out++;
            continue;
        }
        const char *who = x == c->all.winner ? "winner"
                          : x->label         ? x->label
                                             : arena_printf(c->arena, "trial %ld", x->trial->number);
        c->row[c->n] = arena_printf(c->arena, "%s − %s", who, v[k].reference);
        c->pair[c->n++] = (struct pair){x, reference, &v[k]};
    }
}

static void collect(struct confirmation_of *c)
{
    if (c->all.winner && c->all.winner != c->all.baseline) add_rows(c, c->all.winner);
    for (size_t i = 0; i < c->all.n; i++)
        if (c->all.all[i].confirmed && !c->all.all[i].label && &c->all.all[i] != c->all.winner)
            add_rows(c, &c->all.all[i]);
}

/* ---- one metric ---- */

/* In what people read: points of a proportion, percent of a ratio. */
static double shown(const struct metric *m, bool ratio, double v)
{
    return ratio ? 100 * (1 + v) : m->kind == METRIC_PROPORTION ? 100 * v : v;
}

static double seed_apart(const struct pair *pair, const struct trial *t, size_t metric)
{
    double v = t->value[metric], mean = pair->reference->mean[metric];
    return pair->v->apart[metric].ratio ? v / mean - 1 : v - mean;
}

static void draw_seeds(struct chart_panel *p, const struct confirmation_of *c, size_t metric)
{
    struct figure_marks m = figure_marks_of(c->n * c->all.n_fresh, c->arena);
    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < c->all.n_fresh; k++) {
            const struct trial *t = c->all.fresh[k];
            const struct pair *pair = &c->pair[i];
            if (t->confirms != pair->x->trial->number) continue;
            double v = shown(&c->o->metric[metric], pair->v->apart[metric].ratio, seed_apart(pair, t, metric));
            figure_mark(&m, v, (double)i + 0.24, CHART_QUIET, t->number);
        }
    struct chart_layer *l = chart_layer(p, c->arena, CHART_MARKS);
    figure_show(l, &m);
}

static void draw_differences(struct chart_panel *p, const struct confirmation_of *c, size_t metric)
{
    const struct metric *m = &c->o->metric[metric];
    struct figure_marks marks = figure_marks_of(c->n, c->arena);
    double *low = arena_array(c->arena, c->n, sizeof *low), *high = arena_array(c->arena, c->n, sizeof *high);
    for (size_t i = 0; i < c->n; i++) {
        const struct difference *d = &c->pair[i].v->apart[metric];
        low[i] = shown(m, d->ratio, fmax(d->low, -HUGE_VAL));
        high[i] = shown(m, d->ratio, d->high);
        if (isfinite(d->by)) marks.name[i] = report_difference(m, d, c->arena);
        figure_mark(&marks, shown(m, d->ratio, d->by), (double)i,
                    c->pair[i].x == c->all.winner ? CHART_INK : CHART_QUIET, c->pair[i].x->trial->number);
    }
    struct chart_layer *l = chart_layer(p, c->arena, CHART_INTERVALS);
    figure_show(l, &marks);
    l->low = low;
    l->high = high;
}

/* Range: the points and their intervals, where these have ends. */
static void fit(struct chart_panel *p)
{
    p->x.low = p->x.scale == AXIS_LOG ? 90 : -1e-9;
    p->x.high = p->x.scale == AXIS_LOG ? 110 : 1e-9;
    for (size_t k = 0; k < p->n; k++) {
        const struct chart_layer *l = &p->layer[k];
        for (size_t i = 0; i < l->n; i++) {
            if (l->x) axis_include(&p->x, l->x[i]);
            if (l->low) axis_include(&p->x, l->low[i]);
            if (l->high) axis_include(&p->x, l->high[i]);
        }
    }
    axis_pad(&p->x, 0.08);
}

static void draw_metric(struct chart *ret, const struct confirmation_of *c, size_t metric)
{
    const struct metric *m = &c->o->metric[metric];
    const struct verdict *v = c->pair[0].v;
    bool ratio = v->apart[metric].ratio;
    struct chart_panel *p = chart_panel(ret, c->arena);
    p->title = m->name;
    p->x = (struct axis){.name = ratio                          ? "% of the other's"
                                 : m->kind == METRIC_PROPORTION ? "difference, points"
                                                                : "difference",
                         .unit = "",
                         .scale = ratio ? AXIS_LOG : AXIS_LINEAR,
                         .sign = !ratio};
    p->y = (struct axis){.name = "", .unit = "", .scale = AXIS_ROWS, .n_rows = c->n, .row = c->row};
    double zero = shown(m, ratio, 0), margin = shown(m, ratio, -m->goal * v->margin[metric]);
    chart_line_at(p, c->arena, CHART_AT_X, zero, NULL);
    if (objective_uses(c->o, metric) && v->margin[metric] > 0 && isfinite(margin)) {
        chart_line_at(p, c->arena, CHART_AT_X, margin, NULL);
        p->layer[p->n - 1].dashed = true;
    }
    draw_differences(p, c, metric);
    draw_seeds(p, c, metric);
    fit(p);
}

/* ---- all ---- */

static const char *title_of(const struct confirmation_of *c, struct arena *a)
{
    const struct pair *first = &c->pair[0];
    const char *all = "",
               *who = first->x->label ? first->x->label : arena_printf(a, "Trial %ld", first->x->trial->number);
    for (size_t i = 0; i < c->o->n_metrics; i++)
        if (objective_uses(c->o, i) && isfinite(first->v->apart[i].by))
            all = arena_printf(a, "%s%s%s", all, *all ? ", " : "",
                               figure_apart(&c->o->metric[i], first->v->apart[i].ratio, first->v->apart[i].by, a));
    return arena_printf(a, "%s beside %s: %s — %s", who, first->v->reference, all, report_verdict(first->v->word));
}

static const char *caption_of(const struct confirmation_of *c, struct arena *a)
{
    const struct ranked *x = c->pair[0].x;
    const char *more = c->left_out ? arena_printf(a, " %zu more rows are left out.", c->left_out) : "";
    return arena_printf(
        a,
        "Difference of the means with its 95 %% interval (Welch), over %zu fresh seed%s; small dots: each seed beside "
        "the reference's mean. Line: no difference; dotted: what the study lets go.%s",
        x->confirmed, words_s(x->confirmed), more);
}

/* Those that count, and the one that is wished. */
static enum status draw_metrics(const struct figure_wish *wish, struct chart *ret, const struct confirmation_of *c,
                                struct error *err)
{
    int only = FIGURE_UTILITY;
    enum status st = wish->metric ? figure_metric(c->s, wish->metric, &only, err) : STATUS_OK;
    for (size_t i = 0; !st && i < c->o->n_metrics && ret->n_panels < PANELS_MAX; i++)
        if (wish->metric && only >= 0 ? (int)i == only : objective_uses(c->o, i)) draw_metric(ret, c, i);
    return st;
}

enum status figure_confirmation(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err)
{
    struct confirmation_of *c = arena_alloc(a, sizeof *c);
    *c = (struct confirmation_of){.s = wish->memory, .o = &wish->memory->study->objective, .arena = a};
    c->all = ranking_make(c->s, c->o, a);
    if (c->all.n_fresh == 0)
        return error_set(err, STATUS_NOT_FOUND, "a confirmation needs trials on fresh seeds; study '%s' has none yet",
                         c->s->study->name);
    collect(c);
    if (c->n == 0)
        return error_set(err, STATUS_NOT_FOUND,
                         "nothing but the baseline has been confirmed, so there is nothing to compare");
    enum status st = draw_metrics(wish, ret, c, err);
    if (st) return st;
    ret->title = title_of(c, a);
    ret->caption = caption_of(c, a);
    return STATUS_OK;
}
