#include "tuner/analysis/comparison.h"

#include "tuner/analysis/ancestry.h"
#include "tuner/analysis/caution.h"

#include "tuner/base/bounded.h"
#include "tuner/base/json.h"

#include "tuner/history/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- verdicts ---- */

/* The baseline itself is no better than the baseline; and of what was measured once only the winner is looked at. */
static void judge(struct comparison_row *row, const struct objective *o, const struct ranking *all,
                  const struct ranked *x, struct arena *arena)
{
    struct verdict *each = NULL;
    if (x != all->baseline && (x->confirmed || x == all->winner))
        row->n_against = verdict_each(o, all, x, arena, &each);
    row->against = each;
    row->verdict = row->n_against       ? verdict_of(each, row->n_against)
                   : x == all->baseline ? VERDICT_NO_BETTER
                                        : VERDICT_NONE;
    if (row->verdict == VERDICT_NONE && !x->confirmed) row->verdict = VERDICT_NOT_CONFIRMED;
}

/* ---- broken constraints ---- */

/* As the study file would be read. */
static double as_written(double v)
{
    char text[40];
    snprintf(text, sizeof text, "%.10g", v);
    return strtod(text, NULL);
}

/* From `from` beyond `v`, in steps of the second digit of what lies between; `further` more of them. */
static double outward(double v, double from, enum bound_sense sense, int further)
{
    double apart = v - from, digit = apart != 0 ? pow(10, floor(log10(fabs(apart))) - 1) : fabs(v) * 1e-9;
    double steps = digit > 0 ? apart / digit : 0, whole = round(steps);
    if (fabs(steps - whole) > 1e-9) whole = sense == AT_LEAST ? floor(steps) : ceil(steps);
    return as_written(from + (whole + (sense == AT_LEAST ? -further : further)) * digit);
}

/* The same constraint, but for its number. */
static struct constraint loosen(const struct constraint *c, double v, double baseline, int further)
{
    struct constraint out = *c;
    bool upright = (c->sense == AT_LEAST) == (baseline > 0);
    if (c->factor != 0 && c->offset == 0 && c->factor != 1 && baseline != 0)
        out.factor = outward(v / baseline, c->factor, upright ? AT_LEAST : AT_MOST, further);
    else if (c->factor != 0) {
        out.factor = 1;
        out.offset = outward(v - baseline, 0, c->sense, further);
    } else
        out.offset = outward(v, c->offset, c->sense, further);
    return out;
}

static bool holds(const struct constraint *c, double v, double baseline)
{
    return constraint_allows(c, c->factor * baseline + c->offset, v);
}

/* The constraint in the study file's words that `v` satisfies. */
static const char *relaxed(const struct objective *o, const struct constraint *c, double v, double baseline,
                           struct arena *arena)
{
    const char *name = o->metric[c->metric].name, *sense = c->sense == AT_LEAST ? ">=" : "<=";
    struct constraint x = loosen(c, v, baseline, 0);
    for (int further = 1; further < 4 && !holds(&x, v, baseline); further++) x = loosen(c, v, baseline, further);
    if (x.factor == 0) return arena_printf(arena, "%s %s %.10g", name, sense, x.offset);
    if (x.factor != 1) return arena_printf(arena, "%s %s %.10g * baseline", name, sense, x.factor);
    if (x.offset == 0) return arena_printf(arena, "%s %s baseline", name, sense);
    return arena_printf(arena, "%s %s baseline %c %.10g", name, sense, x.offset < 0 ? '-' : '+', fabs(x.offset));
}

static void find_breaches(struct comparison_row *row, const struct objective *o, const double *baseline,
                          struct arena *arena)
{
    struct breach *all = arena_array(arena, o->n_constraints, sizeof *all);
    for (size_t i = 0; i < o->n_constraints; i++) {
        const struct constraint *c = &o->constraint[i];
        if (c->factor != 0 && !baseline) continue;
        double bound = constraint_bound(c, baseline), v = row->mean[c->metric];
        if (constraint_allows(c, bound, v)) continue;
        all[row->n_breaches++] =
            (struct breach){.constraint = c->text,
                            .metric = c->metric,
                            .bound = bound,
                            .by = bounded(c->sense == AT_LEAST ? bound - v : v - bound),
                            .would_hold = relaxed(o, c, v, baseline ? baseline[c->metric] : 0, arena)};
    }
    row->breach = all;
}

/* ---- rows ---- */

static const double *copied(const double *v, size_t n, struct arena *arena)
{
    double *own = arena_array(arena, n, sizeof *own);
    return memcpy(own, v, n * sizeof *own);
}

static const char *stages_of(const struct memory *s, const struct trial *t, struct arena *arena)
{
    if (!t->left) return NULL;
    struct ancestry all = ancestry_of(s, t, arena);
    json_t *list = ancestry_json(s->study, &all);
    char *text = json_tight(list);
    const char *out = arena_strdup(arena, text);
    free(text);
    json_decref(list);
    return out;
}

/* Of what was chosen for it: the best of many noisy measurements flatters itself. */
static double searched(const struct objective *o, const struct ranking *all, const struct ranked *x)
{
    const double *baseline = all->baseline ? all->baseline->mean : NULL;
    if (!x->confirmed || x->label || o->form == OBJECTIVE_PARETO) return NAN;
    return objective_known_utility(o, x->trial->value, baseline);
}

static struct comparison_row row_of(const struct memory *s, const struct objective *o, const struct ranking *all,
                                    const struct ranked *x, struct arena *arena)
{
    const struct trial *t = x->trial;
    struct comparison_row row = {.trial = t->number,
                                 .config = copied(t->config, s->study->space.n, arena),
                                 .mean = copied(x->mean, o->n_metrics, arena),
                                 .sd = x->confirmed > 1 ? copied(x->sd, o->n_metrics, arena) : NULL,
                                 .utility = x->utility,
                                 .searched = searched(o, all, x),
                                 .feasible = x->feasible,
                                 .seeds = x->confirmed,
                                 .repeats = x->repeats,
                                 .label = x->label ? arena_strdup(arena, x->label) : NULL,
                                 .on_front = x->on_front,
                                 .winner = x == all->winner,
                                 .baseline = x == all->baseline};
    row.caution = caution_of(s, all, x, arena);
    judge(&row, o, all, x, arena);
    find_breaches(&row, o, all->baseline ? all->baseline->mean : NULL, arena);
    row.stages = stages_of(s, t, arena);
    if (t->segment.parent >= 0 || t->trajectory.n) row.schedule = lineage_whole(s, t, arena);
    return row;
}

/* Of a hundred thousand ranked trials there are a handful. */
static bool is_shown(const struct ranking *all, const struct ranked *x)
{
    return x->label || x->on_front || x->confirmed || x == all->winner;
}

struct comparison comparison_make(const struct memory *s, const struct objective *o, const struct ranking *all,
                                  struct arena *arena)
{
    size_t n = 0, shown = 0;
    for (size_t i = 0; i < all->n; i++) shown += is_shown(all, &all->all[i]);
    struct comparison_row *row = arena_array(arena, shown + 1, sizeof *row);
    for (size_t i = 0; i < all->n; i++)
        if (is_shown(all, &all->all[i])) row[n++] = row_of(s, o, all, &all->all[i], arena);
    return comparison_of(s->study, n, row);
}

struct comparison comparison_of(const struct study *study, size_t n, const struct comparison_row *row)
{
    struct comparison c = {.study = study, .n = n, .row = row};
    for (size_t i = 0; i < n; i++) {
        if (row[i].winner) c.winner = &row[i];
        if (row[i].baseline) c.baseline = &row[i];
    }
    return c;
}
