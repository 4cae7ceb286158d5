/* Importance: of each metric that counts, how much each parameter has to do with it: bars with their intervals. */
#include "tuner/report/figure_model.h"

#include "tuner/report/text.h"

#include <math.h>

enum { ROWS_MAX = 12, PANELS_MAX = 3 };

struct importance_of {
    const struct importance *x;
    const struct study *study;
    size_t n, rows; /* targets that are drawn; parameters */
    const struct importance_target *target[PANELS_MAX];
    size_t param[ROWS_MAX];
    struct arena *arena;
};

static const struct share *share_of(const struct importance_target *t, const struct study *study, size_t param)
{
    for (size_t i = 0; i < study->space.n; i++)
        if (t->row[i].param == param) return &t->row[i].share;
    return NULL;
}

static bool is_known(const struct importance_target *t)
{
    return !isnan(t->row[0].share.middle);
}

/* ---- what is drawn ---- */

bool figure_importance_tells(const struct importance *x, size_t target)
{
    const struct objective *o = &x->surface->memory->study->objective;
    size_t used = 0, is = x->target[target].target;
    for (size_t i = 0; i < o->n_metrics; i++) used += objective_uses(o, i);
    return x->n == 1 || (used > PANELS_MAX ? is == o->n_metrics : is < o->n_metrics && objective_uses(o, is));
}

static void choose_targets(struct importance_of *d)
{
    for (size_t i = 0; i < d->x->n && d->n < PANELS_MAX; i++)
        if (figure_importance_tells(d->x, i) && is_known(&d->x->target[i])) d->target[d->n++] = &d->x->target[i];
}

static double largest_of(const struct importance_of *d, size_t param)
{
    double most = -1;
    for (size_t i = 0; i < d->n; i++) most = fmax(most, share_of(d->target[i], d->study, param)->middle);
    return most;
}

/* The same rows in all panels, what matters most anywhere at the top. */
static void choose_rows(struct importance_of *d)
{
    for (size_t i = 0; i < d->study->space.n; i++) {
        double size = largest_of(d, i);
        size_t at = d->rows;
        while (at > 0 && largest_of(d, d->param[at - 1]) < size) at--;
        if (at == ROWS_MAX) continue;
        if (d->rows < ROWS_MAX) d->rows++;
        for (size_t k = d->rows - 1; k > at; k--) d->param[k] = d->param[k - 1];
        d->param[at] = i;
    }
}

static const char *const *row_names(const struct importance_of *d)
{
    const char **name = arena_array(d->arena, d->rows + 1, sizeof *name);
    for (size_t i = 0; i < d->rows; i++) {
        const struct param *p = &d->study->space.param[d->param[i]];
        name[i] = arena_printf(d->arena, "%s  %s", p->name, figure_range_text(p, d->arena));
    }
    return name;
}

/* ---- drawing ---- */

static void draw_bars(struct chart_panel *p, const struct importance_of *d, const struct importance_target *t)
{
    struct figure_marks m = figure_marks_of(d->rows, d->arena);
    double *low = arena_array(d->arena, d->rows + 1, sizeof *low),
           *high = arena_array(d->arena, d->rows + 1, sizeof *high);
    for (size_t i = 0; i < d->rows; i++) {
        const struct share *s = share_of(t, d->study, d->param[i]);
        if (isnan(s->middle)) continue;
        low[m.n] = 100 * s->low;
        high[m.n] = 100 * s->high;
        m.name[m.n] = report_share(s, d->arena);
        figure_mark(&m, 100 * s->middle, (double)i, t->note ? CHART_QUIET : CHART_COMPLETE, -1);
    }
    struct chart_layer *l = chart_layer(p, d->arena, CHART_BARS);
    figure_show(l, &m);
    l->trial = NULL;
    l->low = low;
    l->high = high;
}

static void draw_target(struct chart *ret, const struct importance_of *d, const struct importance_target *t)
{
    struct chart_panel *p = chart_panel(ret, d->arena);
    p->title = surface_target_name(d->study, t->target);
    p->x = (struct axis){.name = "share of the differences, %", .unit = "", .low = 0, .high = 100};
    p->y = (struct axis){.name = "", .unit = "", .scale = AXIS_ROWS, .n_rows = d->rows, .row = row_names(d)};
    draw_bars(p, d, t);
}

/* ---- words ---- */

/* Is the larger one sure to be so? */
static bool is_apart(const struct share *larger, const struct share *other)
{
    return !other || !(other->high >= larger->low);
}

const char *figure_importance_says(const struct importance *x, size_t target, struct arena *a)
{
    const struct study *study = x->surface->memory->study;
    const struct importance_target *t = &x->target[target];
    const struct share *first = &t->row[0].share, *second = study->space.n > 1 ? &t->row[1].share : NULL;
    const char *metric = surface_target_name(study, t->target), *name = study->space.param[t->row[0].param].name;
    if (t->note || !is_known(t)) return t->note ? t->note : arena_printf(a, "nothing is known of %s", metric);
    const char *maybe = is_apart(first, second) ? "" : "probably ";
    if (first->low < 0.02 && (!second || second->low < 0.02))
        return arena_printf(a, "it is open what matters for %s", metric);
    if (second && second->middle >= first->low)
        return arena_printf(a, "%s and %s %smatter most for %s: %s and %s", name,
                            study->space.param[t->row[1].param].name, maybe, metric, report_share(first, a),
                            report_share(second, a));
    if (first->middle >= 0.5 && !*maybe)
        return arena_printf(a, "%s decides %s: %s", name, metric, report_share(first, a));
    return arena_printf(a, "%s %smatters most for %s: %s", name, maybe, metric, report_share(first, a));
}

static const char *title_of(const struct importance_of *d)
{
    const char *all = "";
    for (size_t i = 0; i < d->n; i++)
        all = arena_printf(d->arena, "%s%s%s", all, *all ? "; " : "",
                           figure_importance_says(d->x, (size_t)(d->target[i] - d->x->target), d->arena));
    return figure_sentence(all, d->arena);
}

static const char *r2_text(const struct importance_of *d, const struct importance_target *t)
{
    const char *name = surface_target_name(d->study, t->target);
    return t->r2 < 0 ? arena_printf(d->arena, "%s below 0", name) : arena_printf(d->arena, "%s %.2f", name, t->r2);
}

static const char *caption_of(const struct importance_of *d)
{
    const char *quality = "", *more = "";
    for (size_t i = 0; i < d->n; i++)
        if (!isnan(d->target[i]->r2))
            quality = arena_printf(d->arena, "%s%s%s", quality,
                                   *quality ? ", " : "; R² of trials left out: ", r2_text(d, d->target[i]));
    if (d->study->space.n > d->rows)
        more = arena_printf(d->arena, " %zu that matter less are left out.", d->study->space.n - d->rows);
    return arena_printf(
        d->arena,
        "Of the differences over all that was searched, what would be left if everything but this one were fixed; line: "
        "90 %% interval. Beside each name what was searched. By a model of %s complete trials%s.%s",
        figure_count(d->x->trials, d->arena), quality, more);
}

/* ---- all ---- */

enum status figure_importance_of(const struct importance *x, struct arena *a, struct chart *ret, struct error *err)
{
    struct importance_of d = {.x = x, .study = x->surface->memory->study, .arena = a};
    ret->name = figure_name(FIGURE_IMPORTANCE);
    choose_targets(&d);
    if (d.n == 0)
        return error_set(err, STATUS_NOT_FOUND, "%s",
                         x->n && x->target[0].note ? x->target[0].note : "of no metric it is known what matters");
    choose_rows(&d);
    for (size_t i = 0; i < d.n; i++) draw_target(ret, &d, d.target[i]);
    ret->title = title_of(&d);
    ret->caption = caption_of(&d);
    return STATUS_OK;
}

enum status figure_importance(const struct figure_wish *wish, struct arena *a, struct chart *ret, struct error *err)
{
    struct surface *f = NULL;
    struct importance x;
    size_t only = SIZE_MAX;
    enum status st = wish->metric ? figure_target(wish, &only, err) : STATUS_OK;
    if (!st) st = importance_ready(wish->memory, err);
    if (!st) st = surface_make(wish->memory, &f, err);
    if (!st) st = importance_make(f, only, a, &x, err);
    if (!st) st = figure_importance_of(&x, a, ret, err);
    surface_free(f);
    return st;
}
