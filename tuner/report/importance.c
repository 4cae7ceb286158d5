/* What matters: a table for each metric, with bars, and what does not matter around the winner. */
#include "tuner/report/report.h"

#include "tuner/report/grid.h"

#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <math.h>
#include <string.h>

enum { BAR = 12 };

/* ---- values ---- */

static const char *show_value(const struct param *p, double v, struct arena *a)
{
    return plain_shown(a, report_value(p, v, a));
}

static const char *show_range(const struct param *p, struct arena *a)
{
    const char *out = "";
    if (!p->n_values) return arena_printf(a, "%s to %s", show_value(p, p->lo, a), show_value(p, p->hi, a));
    for (size_t i = 0; i < p->n_values; i++)
        out = arena_printf(a, "%s%s%s", out, i ? ", " : "", show_value(p, (double)i, a));
    return out;
}

/* What it does alone, and then what it does together with others. */
static const char *show_bar(const struct importance_row *r, const struct screen *s, struct arena *a)
{
    const char *out = "", *full = s->unicode ? "█" : "#", *light = s->unicode ? "░" : "-";
    if (isnan(r->share.middle)) return "";
    int all = (int)lround(BAR * r->share.middle), alone = (int)lround(BAR * fmin(r->alone.middle, r->share.middle));
    for (int i = 0; i < all; i++) out = arena_printf(a, "%s%s", out, i < alone ? full : light);
    return out;
}

/* ---- tables ---- */

static const char *show_quality(double r2, struct arena *a)
{
    if (isnan(r2)) return "";
    return arena_printf(a, "; the model predicts it with R² %.2f on trials left out", r2);
}

static void print_target(FILE *out, const struct study *study, const struct importance_target *t)
{
    struct grid g = {.n_columns = 0};
    struct screen s = screen_of(out);
    const char *name = t->target < study->objective.n_metrics ? study->objective.metric[t->target].name : "utility";
    fprintf(out, "%s: %zu trials%s\n", plain_shown(&g.arena, name), t->trials, show_quality(t->r2, &g.arena));
    if (t->note) fprintf(out, "  %s\n", plain_shown(&g.arena, t->note));
    bool known = !isnan(t->row[0].share.middle) || !isnan(t->row[0].best.middle);
    grid_column(&g, "  parameter", false, 9);
    grid_column(&g, "searched", false, 5);
    grid_column(&g, "", false, 6);
    grid_column(&g, "share", false, 8);
    grid_column(&g, "among the best", false, 4);
    for (size_t i = 0; known && i < study->space.n; i++) {
        const struct importance_row *r = &t->row[i];
        const struct param *p = &study->space.param[r->param];
        struct grid_cell *c = grid_row(&g);
        c[0].text = arena_printf(&g.arena, "  %s", plain_shown(&g.arena, p->name));
        c[1].text = show_range(p, &g.arena);
        c[2].text = show_bar(r, &s, &g.arena);
        c[3].text = report_share(&r->share, &g.arena);
        c[4].text = report_share(&r->best, &g.arena);
    }
    if (known) grid_print(out, &g, &s);
    fputc('\n', out);
    grid_done(&g);
}

static void explain(FILE *out, const struct screen *s)
{
    fprintf(
        out,
        "share: of the differences over all that was searched, what would be left if everything but this one were "
        "fixed; %s alone, %s only together with others. among the best: its part in being in the best tenth, by the "
        "trials alone. In brackets: 90 %% intervals. What was searched in a narrow range matters little.\n",
        s->unicode ? "█" : "#", s->unicode ? "░" : "-");
}

/* ---- what does not matter ---- */

static void print_flat(FILE *out, const struct importance *x)
{
    const struct space *space = &x->surface->memory->study->space;
    struct arena a = {0};
    size_t n = 0;
    char buf[40];
    if (!x->flat) return;
    fprintf(out, "Around the winner (trial %ld), one parameter changed and the others as they are:\n",
            x->surface->winner->number);
    for (size_t i = 0; i < space->n; i++) {
        const char *text = report_flat(&space->param[i], &x->flat[i], &a);
        if (text) fprintf(out, "  %s\n", plain_shown(&a, text));
        n += text != NULL;
    }
    if (n)
        fprintf(out, "is all the same: within %s of its utility, with a chance of 75 %% or more.\n\n",
                report_utility(x->margin, buf, sizeof buf) + 1);
    else
        fputs("  of no other value is it known that it is as good.\n\n", out);
    arena_done(&a);
}

/* The utility of a single metric is that metric, which has been said. */
static bool repeats(const struct study *study, const struct importance *x, size_t i)
{
    const struct objective *o = &study->objective;
    return o->form == OBJECTIVE_SINGLE && x->target[i].target == o->n_metrics && x->n > 1;
}

void report_importance(FILE *out, const struct importance *x)
{
    const struct study *study = x->surface->memory->study;
    struct screen s = screen_of(out);
    fprintf(out, "Study %s: what matters, by %zu complete trials\n\n", study->name, x->trials);
    for (size_t i = 0; i < x->n; i++)
        if (!repeats(study, x, i)) print_target(out, study, &x->target[i]);
    print_flat(out, x);
    explain(out, &s);
}
