#include "tuner/analysis/comparison.h"

#include "tuner/analysis/verdict.h"

#include "tuner/base/bounded.h"
#include "tuner/base/json.h"

#include "tuner/history/history.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Whole counts as integers, everything else as it is. */
static json_t *metric_number(const struct metric *m, double v)
{
    return m->kind == METRIC_COUNT ? json_amount(v) : json_number(v);
}

static json_t *values(const struct memory *s, const double *v)
{
    const struct objective *o = &s->study->objective;
    json_t *out = json_object();
    for (size_t i = 0; i < o->n_metrics; i++)
        if (isfinite(v[i])) json_object_set_new(out, o->metric[i].name, metric_number(&o->metric[i], v[i]));
    return out;
}

/* ---- verdicts ---- */

static json_t *difference_json(const struct difference *d, double margin)
{
    json_t *out = json_pack("{s:o}", d->ratio ? "ratio" : "difference", json_number(d->by));
    if (isfinite(d->low)) json_object_set_new(out, "low", json_number(d->low));
    if (isfinite(d->high)) json_object_set_new(out, "high", json_number(d->high));
    json_object_set_new(out, "margin", json_number(margin));
    return out;
}

static json_t *verdict_json(const struct objective *o, const struct verdict *v)
{
    json_t *metrics = json_object();
    for (size_t i = 0; i < o->n_metrics; i++)
        if (isfinite(v->apart[i].by))
            json_object_set_new(metrics, o->metric[i].name, difference_json(&v->apart[i], v->margin[i]));
    json_t *out =
        json_pack("{s:s, s:I, s:s, s:o}", "reference", v->reference->label, "trial",
                  (json_int_t)v->reference->trial->number, "verdict", verdict_name(v->word), "metrics", metrics);
    if (v->seeds) json_object_set_new(out, "seeds_to_decide", json_integer((json_int_t)v->seeds));
    return out;
}

/* The baseline itself is no better than the baseline; and of what was measured once only the winner is looked at. */
static void add_verdict(json_t *row, const struct objective *o, const struct ranking *all, const struct ranked *x)
{
    struct arena arena = {0};
    struct verdict *each;
    bool worth = x != all->baseline && (x->confirmed || x == all->winner);
    size_t n = worth ? verdict_each(o, all, x, &arena, &each) : 0;
    enum verdict_word word = n ? verdict_of(each, n) : x == all->baseline ? VERDICT_NO_BETTER : VERDICT_NONE;
    json_t *against = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(against, verdict_json(o, &each[i]));
    if (word == VERDICT_NONE && !x->confirmed) word = VERDICT_NOT_CONFIRMED;
    if (word) json_object_set_new(row, "verdict", json_string(verdict_name(word)));
    json_object_set_new(row, "against", against);
    arena_done(&arena);
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
static json_t *relaxed(const struct objective *o, const struct constraint *c, double v, double baseline)
{
    char text[160];
    const char *name = o->metric[c->metric].name, *sense = c->sense == AT_LEAST ? ">=" : "<=";
    struct constraint x = loosen(c, v, baseline, 0);
    for (int further = 1; further < 4 && !holds(&x, v, baseline); further++) x = loosen(c, v, baseline, further);
    if (x.factor == 0)
        snprintf(text, sizeof text, "%s %s %.10g", name, sense, x.offset);
    else if (x.factor != 1)
        snprintf(text, sizeof text, "%s %s %.10g * baseline", name, sense, x.factor);
    else if (x.offset == 0)
        snprintf(text, sizeof text, "%s %s baseline", name, sense);
    else
        snprintf(text, sizeof text, "%s %s baseline %c %.10g", name, sense, x.offset < 0 ? '-' : '+', fabs(x.offset));
    return json_string(text);
}

static json_t *broken_json(const struct objective *o, const struct constraint *c, double bound, double v,
                           double baseline)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "constraint", c->text, "metric", o->metric[c->metric].name, "bound",
                     json_number(bound), "by", json_number(bounded(c->sense == AT_LEAST ? bound - v : v - bound)),
                     "would_hold", relaxed(o, c, v, baseline));
}

static void add_broken(json_t *row, const struct objective *o, const struct ranking *all, const struct ranked *x)
{
    const double *baseline = all->baseline ? all->baseline->mean : NULL;
    json_t *broken = json_array();
    for (size_t i = 0; i < o->n_constraints; i++) {
        const struct constraint *c = &o->constraint[i];
        if (c->factor != 0 && !baseline) continue;
        double bound = constraint_bound(c, baseline), v = x->mean[c->metric];
        if (!constraint_allows(c, bound, v))
            json_array_append_new(broken, broken_json(o, c, bound, v, baseline ? baseline[c->metric] : 0));
    }
    if (json_array_size(broken)) json_object_set(row, "breaks", broken);
    json_decref(broken);
}

/* ---- rows ---- */

json_t *comparison_row(const struct memory *s, const struct objective *o, const struct ranking *all,
                       const struct ranked *x)
{
    json_t *out =
        json_pack("{s:I, s:o, s:o, s:o, s:b, s:I}", "trial", (json_int_t)x->trial->number, "params",
                  space_to_json(&s->study->space, x->trial->config), "metrics", values(s, x->mean), "utility",
                  json_number(x->utility), "feasible", x->feasible, "confirmed_seeds", (json_int_t)x->confirmed);
    if (x->confirmed > 1) json_object_set_new(out, "sd", values(s, x->sd));
    if (x->confirmed) json_object_set_new(out, "repeats", json_boolean(x->repeats));
    if (x->label) json_object_set_new(out, "label", json_string(x->label));
    if (x->on_front) json_object_set_new(out, "front", json_true());
    add_verdict(out, o, all, x);
    add_broken(out, o, all, x);
    if (x->trial->parent >= 0 || x->trial->trajectory.n)
        json_object_set_new(out, "schedule", lineage_json(s, x->trial));
    return out;
}

json_t *comparison_rows(const struct memory *s, const struct objective *o, const struct ranking *all)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < all->n; i++) {
        const struct ranked *x = &all->all[i];
        if (!x->label && !x->on_front && !x->confirmed && x != all->winner) continue;
        json_t *row = comparison_row(s, o, all, x);
        if (x == all->winner) json_object_set_new(row, "winner", json_true());
        if (x == all->baseline) json_object_set_new(row, "baseline", json_true());
        json_array_append_new(rows, row);
    }
    return rows;
}

json_t *comparison_weights(const struct objective *o)
{
    json_t *out = json_object();
    for (size_t i = 0; i < o->n_metrics; i++)
        if (o->weight[i] > 0) json_object_set_new(out, o->metric[i].name, json_number(o->weight[i]));
    return out;
}
