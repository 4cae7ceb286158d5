#include "tuner/analysis/flat.h"

#include "tuner/analysis/slice.h"
#include "tuner/analysis/verdict.h"

#include "tuner/base/json.h"

#include <math.h>
#include <string.h>

enum { POINTS = 65, COLUMNS = LANDSCAPE_DRAWS + 1 };

/* ---- the margin ---- */

/* What the utility loses if every metric of it is worse by what a verdict lets go. */
static double let_go(const struct surface *f, const struct landscape_view *at)
{
    const struct objective *o = &f->memory->study->objective;
    const double *baseline = memory_baseline(f->memory);
    double before[METRICS_MAX] = {0}, after[METRICS_MAX] = {0};
    for (size_t i = 0; i < o->n_metrics; i++) {
        if (!objective_in_utility(o, i)) continue;
        bool ratio = o->metric[i].kind == METRIC_COUNT;
        double v = at->metric[i].middle, margin = verdict_margin(o, i, ratio, baseline ? baseline[i] : v);
        before[i] = v;
        after[i] = v - o->metric[i].goal * margin * (ratio ? v : 1);
    }
    double loss = objective_known_utility(o, before, baseline) - objective_known_utility(o, after, baseline);
    return isnan(loss) ? 0 : loss;
}

static double margin_of(const struct surface *f)
{
    struct landscape_view mean, once;
    landscape_look(f->landscape, f->winner->config, 1, LANDSCAPE_MEAN, &mean);
    landscape_look(f->landscape, f->winner->config, 1, LANDSCAPE_MEASUREMENT, &once);
    double noise = once.utility.sd * once.utility.sd - mean.utility.sd * mean.utility.sd;
    return fmax(sqrt(fmax(noise, 0)), let_go(f, &mean));
}

/* ---- along one parameter ---- */

struct line { /* the winner's value of a parameter, and all its values behind it; n 0: it does not exist there */
    size_t n;
    const double *x;
    bool *same;
};

static struct line line_along(const struct surface *f, size_t param, struct arena *arena)
{
    double winner = f->winner->config[param], *x;
    if (isnan(winner)) return (struct line){0};
    size_t n = slice_values(&f->memory->study->space.param[param], POINTS, arena, &x);
    double *all = arena_array(arena, n + 1, sizeof *all);
    all[0] = winner;
    memcpy(all + 1, x, n * sizeof *all);
    return (struct line){n + 1, all, arena_array(arena, n + 1, sizeof(bool))};
}

/* The chance that the utility at point i is within the margin of that at the first. */
static double chance(const double *u, size_t i, double margin)
{
    double n = 0;
    for (size_t s = 0; s < LANDSCAPE_DRAWS; s++) n += u[i * COLUMNS + s] >= u[s] - margin;
    return n / LANDSCAPE_DRAWS;
}

static void compare(const struct line *l, const struct landscape_view *v, const double *u, double margin)
{
    double least = fmin(0.5, v[0].feasible); /* NaN: no constraint is known */
    for (size_t i = 0; i < l->n; i++)
        l->same[i] = i == 0 || (chance(u, i, margin) >= FLAT_CHANCE && !(v[i].feasible < least));
}

/* All lines at once: what draws the functions asks the same of each model, however many points there are. */
static bool compare_all(const struct surface *f, const struct line *line, double margin)
{
    size_t d = f->memory->study->space.n, n = 0, at = 0;
    struct arena a = {0};
    for (size_t p = 0; p < d; p++) n += line[p].n;
    double *config = arena_array(&a, n * d + 1, sizeof *config), *u = arena_array(&a, n * COLUMNS + 1, sizeof *u);
    struct landscape_view *v = arena_array(&a, n + 1, sizeof *v);
    for (size_t p = 0; p < d; p++)
        for (size_t i = 0; i < line[p].n; i++) {
            double *to = config + at++ * d;
            memcpy(to, f->winner->config, d * sizeof *to);
            to[p] = line[p].x[i];
            surface_settle(f, to);
        }
    landscape_look(f->landscape, config, n, LANDSCAPE_MEAN, v);
    bool known = landscape_draw_configs(f->landscape, config, n, u);
    for (size_t p = at = 0; known && p < d; at += line[p++].n) compare(&line[p], v + at, u + at * COLUMNS, margin);
    arena_done(&a);
    return known;
}

/* From the winner's value outwards. */
static void grow(struct flat *flat, const struct line *l)
{
    size_t at = 1, lo, hi;
    while (at + 1 < l->n && l->x[at] < l->x[0]) at++; /* the first value that is not below, or the last */
    flat->low = flat->high = l->x[0];
    lo = l->x[at] < l->x[0] ? at + 1 : at;
    hi = l->x[at] > l->x[0] ? at - 1 : at; /* the winner's may lie between two */
    for (hi = hi + 1; hi < l->n && (l->x[hi] <= l->x[0] || l->same[hi]); hi++) flat->high = fmax(flat->high, l->x[hi]);
    for (; lo > 1 && (l->x[lo - 1] >= l->x[0] || l->same[lo - 1]); lo--) flat->low = fmin(flat->low, l->x[lo - 1]);
    flat->whole = flat->low <= l->x[1] && flat->high >= l->x[l->n - 1];
}

static void gather(struct flat *flat, const struct line *l, struct arena *arena)
{
    double *value = arena_array(arena, l->n, sizeof *value);
    for (size_t i = 1; i < l->n; i++)
        if (l->same[i] || l->x[i] == l->x[0]) value[flat->n++] = l->x[i];
    flat->value = value;
    flat->whole = flat->n == l->n - 1;
}

bool flat_make(const struct surface *f, struct arena *arena, struct flat **ret, double *ret_margin)
{
    const struct space *space = &f->memory->study->space;
    struct flat *flat = arena_array(arena, space->n, sizeof *flat);
    struct line *line = arena_array(arena, space->n, sizeof *line);
    if (!landscape_has_utility(f->landscape)) return false;
    double margin = margin_of(f);
    for (size_t i = 0; i < space->n; i++) line[i] = line_along(f, i, arena);
    if (!compare_all(f, line, margin)) return false;
    for (size_t i = 0; i < space->n; i++) {
        enum param_type type = space->param[i].type;
        flat[i] = (struct flat){.param = i, .winner = f->winner->config[i], .low = NAN, .high = NAN};
        if (line[i].n == 0) continue;
        if (type == PARAM_CATEGORICAL || type == PARAM_BOOL)
            gather(&flat[i], &line[i], arena);
        else
            grow(&flat[i], &line[i]);
    }
    *ret = flat;
    *ret_margin = margin;
    return true;
}

json_t *flat_json(const struct surface *f, const struct flat *flat)
{
    const struct space *space = &f->memory->study->space;
    json_t *out = json_array();
    for (size_t i = 0; i < space->n; i++) {
        const struct param *p = &space->param[i];
        const struct flat *x = &flat[i];
        json_t *values = json_array();
        for (size_t k = 0; k < x->n; k++) json_array_append_new(values, param_to_json(p, x->value[k]));
        if (x->n > 1)
            json_array_append_new(
                out, json_pack("{s:s, s:O, s:b}", "parameter", p->name, "values", values, "whole", x->whole));
        else if (x->n == 0 && x->high > x->low)
            json_array_append_new(out, json_pack("{s:s, s:o, s:o, s:b}", "parameter", p->name, "low",
                                                 param_to_json(p, x->low), "high", param_to_json(p, x->high), "whole",
                                                 x->whole));
        json_decref(values);
    }
    return out;
}
