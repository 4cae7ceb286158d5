/* Learning curves: what trials reported, by what it had cost: winner and references, all others pale. */
#include "tuner/report/figure.h"

#include "tuner/report/figure_study.h"

#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 160, LEASES_MAX = 64 };

struct curves_of {
    const struct memory *s;
    const struct objective *o;
    int metric;
    struct arena *arena;
    struct ranking all;
    const struct ranked **special; /* by trial; NULL: it is one of many */
    size_t n_special, n, reported;
    struct line {
        const struct trial *t;
        struct learning_curve *curve; /* in the arena */
    } * line;
};

/* ---- reading ---- */

struct reading { /* the reports of one trial */
    const struct objective *o;
    struct learning_curve curve;
    bool begins; /* the lease has not reported yet: what an earlier one said of later is not true any more */
};

static void read_report(void *data, const struct store_report *r)
{
    struct reading *x = data;
    double value[METRICS_MAX];
    for (size_t i = 0; i < METRICS_MAX; i++) value[i] = NAN;
    for (size_t i = 0; i < r->n; i++) {
        int at = objective_find_metric(x->o, r->name[i]);
        if (at >= 0 && isfinite(r->value[i])) value[at] = r->value[i];
    }
    double place = learning_curve_place(x->o, r->step, value);
    if (x->begins && isfinite(place)) {
        learning_curve_cut(&x->curve, place);
        x->begins = false;
    }
    learning_curve_add(&x->curve, x->o, r->step, value);
}

/* Of all its leases, the oldest first; of very many the last ones. */
static size_t leases_of(const struct trial *t, int64_t ret[LEASES_MAX])
{
    size_t n = 0;
    for (const struct past_lease *p = t->attempt.past; p && n < LEASES_MAX - 1; p = p->next) n++;
    size_t at = n;
    for (const struct past_lease *p = t->attempt.past; p && at > 0; p = p->next) ret[--at] = p->lease;
    if (t->attempt.lease) ret[n++] = t->attempt.lease;
    return n;
}

static enum status read_trial(struct curves_of *c, const struct trial *t, struct error *err)
{
    int64_t lease[LEASES_MAX];
    size_t n = leases_of(t, lease);
    struct reading x = {.o = c->o, .curve = {.n_metrics = c->o->n_metrics, .stage = -1}};
    enum status st = STATUS_OK;
    for (size_t i = 0; !st && i < n; i++) {
        x.begins = true;
        st = store_reports(c->s->store, c->s->study_id, lease[i], read_report, &x, err);
    }
    bool says = isfinite(learning_curve_last(&x.curve, (size_t)c->metric));
    if (!st && says) c->line[c->n++] = (struct line){t, learning_curve_copy(&x.curve, c->arena)};
    learning_curve_done(&x.curve);
    return st;
}

/* ---- which ---- */

/* Baseline, references and winner, by trial. */
static void mark_special(struct curves_of *c)
{
    c->special = arena_array(c->arena, c->s->n + 1, sizeof(const struct ranked *));
    for (size_t i = 0; i < c->all.n; i++) {
        const struct ranked *x = &c->all.all[i];
        c->n_special += x->label || x == c->all.winner;
        if (x->label || x == c->all.winner) c->special[x->trial->number] = x;
    }
}

/* Winner and references, and of the others as many as can be seen, evenly. */
static enum status collect(struct curves_of *c, struct error *err)
{
    size_t others = 0, seen = 0, taken = 0;
    enum status st = STATUS_OK;
    const struct ranked *special = NULL;
    c->n = 0;
    for (size_t i = 0; i < c->s->n; i++)
        others += c->s->trial[i]->attempt.lease != 0 && c->s->trial[i]->role != ROLE_CONFIRM;
    c->reported = others;
    c->line = arena_array(c->arena, c->n_special + LINES_MAX + 1, sizeof *c->line);
    for (size_t i = 0; !st && i < c->s->n; i++) {
        const struct trial *t = c->s->trial[i];
        if (!t->attempt.lease || t->role == ROLE_CONFIRM) continue;
        bool due = others <= LINES_MAX || seen * LINES_MAX / others >= taken;
        seen++;
        special = c->special[t->number];
        if (!due && !special) continue;
        taken += due;
        if (taken <= LINES_MAX || special) st = read_trial(c, t, err);
    }
    return st;
}

/* ---- drawing ---- */

static void draw_line(struct chart_panel *p, const struct curves_of *c, const struct line *line,
                      const struct ranked *who)
{
    struct chart_layer *l = chart_layer(p, c->arena, CHART_LINE);
    double *y = arena_array(c->arena, line->curve->n, sizeof *y);
    for (size_t k = 0; k < line->curve->n; k++)
        y[k] = line->curve->value[k * line->curve->n_metrics + (size_t)c->metric];
    l->n = line->curve->n;
    l->x = line->curve->at;
    l->y = y;
    l->look = who ? CHART_INK : figure_look(line->t->state);
    l->pale = !who;
    l->bold = who == c->all.winner && who;
    l->dashed = who && who != c->all.winner;
    if (who) l->label = figure_who(&c->all, who, c->arena);
}

static void draw_ends(struct chart_panel *p, const struct curves_of *c)
{
    struct figure_marks m = figure_marks_of(c->n, c->arena);
    for (size_t i = 0; i < c->n; i++) {
        const struct learning_curve *curve = c->line[i].curve;
        if (c->special[c->line[i].t->number]) continue;
        figure_mark(&m, learning_curve_cost(curve), learning_curve_last(curve, (size_t)c->metric),
                    figure_look(c->line[i].t->state), c->line[i].t->number);
    }
    figure_show(chart_layer(p, c->arena, CHART_MARKS), &m);
}

static void fit(struct chart_panel *p, const struct curves_of *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) n += c->line[i].curve->n;
    double *x = must_alloc(n + 1, sizeof *x), *y = must_alloc(n + 1, sizeof *y), first = INFINITY, last = 0;
    n = 0;
    for (size_t i = 0; i < c->n; i++)
        for (size_t k = 0; k < c->line[i].curve->n; k++, n++) {
            x[n] = c->line[i].curve->at[k];
            y[n] = c->line[i].curve->value[k * c->line[i].curve->n_metrics + (size_t)c->metric];
            if (x[n] > 0) first = fmin(first, x[n]);
            last = fmax(last, x[n]);
        }
    p->x.scale = last > 30 * first ? AXIS_LOG : AXIS_LINEAR;
    axis_fit(&p->x, x, n);
    axis_fit(&p->y, y, n);
    for (size_t i = 0; i < c->n; i++) axis_include(&p->x, learning_curve_cost(c->line[i].curve));
    axis_pad(&p->x, 0.03);
    axis_pad(&p->y, 0.05);
    free(x);
    free(y);
}

/* ---- words ---- */

static const char *title_of(const struct curves_of *c, struct arena *a)
{
    size_t pruned = 0, n = 0;
    for (size_t i = 0; i < c->s->n; i++) {
        const struct trial *t = c->s->trial[i];
        n += t->role != ROLE_CONFIRM;
        pruned += t->role != ROLE_CONFIRM && t->state == TRIAL_PRUNED;
    }
    const char *stopped = pruned == 0 ? arena_printf(a, "none of %zu trials was stopped early", n)
                                      : arena_printf(a, "%zu of %zu trials were stopped early", pruned, n);
    for (size_t i = 0; i < c->n; i++)
        if (c->all.winner && c->line[i].t == c->all.winner->trial)
            return arena_printf(
                a, "The winner reached %s %s after %s %s; %s", c->o->metric[c->metric].name,
                figure_text(c->o, c->metric, learning_curve_last(c->line[i].curve, (size_t)c->metric), a),
                words_show_count(learning_curve_cost(c->line[i].curve), (char[40]){0}, 40), objective_cost_name(c->o),
                stopped);
    char *upper = arena_strdup(a, stopped);
    if (*upper >= 'a' && *upper <= 'z') *upper = (char)(*upper - 'a' + 'A');
    return upper;
}

static enum status choose(const struct figure_wish *wish, struct curves_of *c, struct error *err)
{
    c->metric = figure_gain(c->o, figure_cost(c->o));
    enum status st = wish->metric ? figure_metric(c->s, wish->metric, &c->metric, err) : STATUS_OK;
    if (!st && c->metric < 0)
        st = error_set(err, STATUS_INVALID, "a trial reports metrics, no utility; name one of them");
    return st;
}

/* The metric that was asked for; else one that was reported, in the study's order, if the first choice was not. */
static enum status collect_any(const struct figure_wish *wish, struct curves_of *c, struct error *err)
{
    int first = c->metric, cost = figure_cost(c->o), found = -1;
    enum status st = collect(c, err);
    for (size_t m = 0; !st && c->n == 0 && m < c->o->n_metrics; m++) {
        if ((int)m == first || (int)m == cost) continue;
        c->metric = found = (int)m;
        st = collect(c, err);
    }
    if (st || (c->n > 0 && (found < 0 || !wish->metric))) return st;
    if (c->n == 0)
        return error_set(err, STATUS_NOT_FOUND,
                         "curves need trials that report %s while they run; none of %zu has reported it",
                         c->o->metric[first].name, c->reported);
    return error_set(err, STATUS_NOT_FOUND,
                     "curves need trials that report %s while they run; none of %zu has reported it, but they report "
                     "%s: --metric %s",
                     c->o->metric[first].name, c->reported, c->o->metric[found].name, c->o->metric[found].name);
}

enum status figure_curves(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err)
{
    struct curves_of c = {.s = wish->memory, .o = &wish->memory->study->objective, .arena = a};
    enum status st = choose(wish, &c, err);
    if (st) return st;
    c.all = ranking_make(c.s, c.o, a);
    mark_special(&c);
    if ((st = collect_any(wish, &c, err))) return st;
    struct chart_panel *p = chart_panel(ret, a);
    p->x = (struct axis){.name = objective_cost_name(c.o), .unit = ""};
    p->y = (struct axis){.name = c.o->metric[c.metric].name, .unit = ""};
    for (int named = 0; named < 2; named++)
        for (size_t i = 0; i < c.n; i++) {
            const struct ranked *who = c.special[c.line[i].t->number];
            if ((who != NULL) == named) draw_line(p, &c, &c.line[i], who);
            if (i + 1 == c.n && !named) draw_ends(p, &c);
        }
    fit(p, &c);
    ret->title = title_of(&c, a);
    ret->caption = arena_printf(
        a,
        "%s as trials reported it, by the %s they had spent; each line is a trial, its mark where it ended. %zu of %s trials.",
        c.o->metric[c.metric].name, objective_cost_name(c.o), c.n, figure_count(c.reported, a));
    return STATUS_OK;
}
