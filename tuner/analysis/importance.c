#include "tuner/analysis/importance.h"

#include "tuner/analysis/ped_anova.h"

#include "tuner/base/json.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static const double POOR = 0.1;

/* ---- enough trials? ---- */

/* Of the search, the baseline and the references among them; each configuration once. */
static bool is_result(const struct memory *s, size_t i)
{
    const struct trial *t = s->seen_trial[i];
    return t && t->state == TRIAL_COMPLETE && t->role != ROLE_CONFIRM;
}

static size_t count_results(const struct memory *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_seen; i++) n += is_result(s, i);
    return n;
}

enum status importance_ready(const struct memory *s, struct error *err)
{
    size_t n = count_results(s);
    if (n >= IMPORTANCE_LEAST) return STATUS_OK;
    return error_set(err, STATUS_EXHAUSTED, "study '%s': importance needs %d complete trials; %zu so far",
                     s->study->name, IMPORTANCE_LEAST, n);
}

/* ---- one target ---- */

/* How good a trial is by the target, larger is better; NaN: it has no result of it. */
static double goodness(const struct memory *s, const struct trial *t, size_t target)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = memory_baseline(s);
    if (target < o->n_metrics) return o->metric[target].goal * t->value[target];
    for (size_t i = 0; i < o->n_metrics; i++)
        if (objective_uses(o, i) && !isfinite(t->value[i])) return NAN;
    double u = objective_known_utility(o, t->value, baseline);
    return isnan(u) || objective_feasible(o, t->value, baseline) ? u : -HUGE_VAL;
}

static struct ped_trials trials_of(const struct memory *s, size_t target, struct arena *arena)
{
    double *good = arena_array(arena, s->n_seen + 1, sizeof *good);
    struct ped_trials t = {.config = arena_array(arena, s->n_seen + 1, sizeof *t.config), .good = good};
    for (size_t i = 0; i < s->n_seen; i++) {
        if (!is_result(s, i)) continue;
        double g = goodness(s, s->seen_trial[i], target);
        if (isnan(g)) continue;
        t.config[t.n] = s->seen[i].config;
        good[t.n++] = g;
    }
    return t;
}

static bool is_constant(const struct surface *f, size_t target)
{
    if (target < f->memory->study->objective.n_metrics) return landscape_is_constant(f->landscape, target);
    return false;
}

static const char *note_of(const struct surface *f, const struct importance_target *t, struct arena *arena)
{
    const struct study *study = f->memory->study;
    const char *name = surface_target_name(study, t->target);
    bool utility = t->target == study->objective.n_metrics;
    if (utility && !memory_baseline(f->memory) && objective_needs_baseline(&study->objective))
        return "the utility is relative to the baseline, which has no result";
    if (t->trials < IMPORTANCE_LEAST)
        return arena_printf(arena, "%zu of the complete trials have a result of %s; importance needs %d", t->trials,
                            name, IMPORTANCE_LEAST);
    if (is_constant(f, t->target))
        return arena_printf(arena, "%s is the same in every trial: nothing makes a difference", name);
    if (utility && !landscape_has_utility(f->landscape))
        return arena_printf(arena, "the utility is not known, or is the same in every trial");
    if (!(t->r2 >= POOR))
        return arena_printf(arena, "the model cannot predict %s, so the shares say little%s", name,
                            isnan(t->r2) ? "" : ": no better than the mean of all trials");
    return NULL;
}

static double size_of(const struct importance_row *r)
{
    return isnan(r->share.middle) ? isnan(r->best.middle) ? -1 : r->best.middle - 1 : r->share.middle;
}

static int by_share(const void *a, const void *b)
{
    const struct importance_row *x = a, *y = b;
    double p = size_of(x), q = size_of(y);
    if (p != q) return p > q ? -1 : 1;
    return (x->param > y->param) - (x->param < y->param);
}

static struct importance_target judge(const struct surface *f, size_t target, const struct sensitivity *said,
                                      struct arena *arena)
{
    const struct memory *s = f->memory;
    size_t n = s->study->space.n;
    struct importance_row *row = arena_array(arena, n, sizeof *row);
    struct share *best = arena_array(arena, n, sizeof *best);
    struct ped_trials t = trials_of(s, target, arena);
    const struct share unknown = {NAN, NAN, NAN};
    bool enough = t.n >= IMPORTANCE_LEAST;
    if (enough) ped_anova(&s->study->space, &t, s->seed, best);
    for (size_t i = 0; i < n; i++)
        row[i] = (struct importance_row){i, enough ? said[i].total : unknown, enough ? said[i].alone : unknown,
                                         enough ? best[i] : unknown};
    qsort(row, n, sizeof *row, by_share);
    struct importance_target out = {
        .target = target, .trials = t.n, .r2 = landscape_quality(f->landscape, target), .row = row};
    out.note = note_of(f, &out, arena);
    return out;
}

enum status importance_make(struct surface *f, size_t only, struct arena *arena, struct importance *ret,
                            struct error *err)
{
    const struct study *study = f->memory->study;
    size_t m = study->objective.n_metrics, d = study->space.n, n = 0;
    enum status s = importance_ready(f->memory, err);
    if (s) return s;
    struct sensitivity *said = arena_array(arena, (m + 1) * d, sizeof *said);
    struct importance_target *target = arena_array(arena, m + 1, sizeof *target);
    struct flat *flat = NULL;
    struct importance x = {.surface = f, .trials = count_results(f->memory), .target = target};
    landscape_vary(f->landscape);
    sensitivity_of(f->landscape, study, only, said);
    for (size_t i = 0; i <= m; i++)
        if (only == i || (only == SIZE_MAX && surface_lists(study, i))) target[n++] = judge(f, i, said + i * d, arena);
    if (flat_make(f, arena, &flat, &x.margin)) x.flat = flat;
    x.n = n;
    *ret = x;
    return STATUS_OK;
}

/* ---- JSON ---- */

static json_t *share_json(const struct share *s)
{
    return json_pack("{s:o, s:o, s:o}", "share", json_number(s->middle), "low", json_number(s->low), "high",
                     json_number(s->high));
}

static json_t *rows_json(const struct space *space, const struct importance_target *t)
{
    json_t *out = json_array();
    for (size_t i = 0; i < space->n; i++) {
        const struct importance_row *r = &t->row[i];
        json_t *x = share_json(&r->share);
        json_object_set_new(x, "parameter", json_string(space->param[r->param].name));
        json_object_set_new(x, "alone", share_json(&r->alone));
        json_object_set_new(x, "best", share_json(&r->best));
        json_object_set_new(x, "range", surface_range_json(&space->param[r->param]));
        json_object_set_new(x, "log", json_boolean(space->param[r->param].log));
        json_array_append_new(out, x);
    }
    return out;
}

static const char METHOD[] =
    "share: Sobol total index on a Gaussian process; alone: first-order index; best: PED-ANOVA of the best tenth of the "
    "complete trials; intervals of nominally 90 %";

json_t *importance_json(const struct importance *x)
{
    const struct study *study = x->surface->memory->study;
    json_t *metrics = json_object(), *quality = json_object(), *notes = json_object();
    for (size_t i = 0; i < x->n; i++) {
        const struct importance_target *t = &x->target[i];
        const char *name = surface_target_name(study, t->target);
        json_object_set_new(metrics, name, rows_json(&study->space, t));
        json_object_set_new(quality, name,
                            json_pack("{s:o, s:I}", "r2", json_number(t->r2), "trials", (json_int_t)t->trials));
        if (t->note) json_object_set_new(notes, name, json_string(t->note));
    }
    return json_pack("{s:o, s:s, s:I, s:I, s:o, s:o, s:o, s:o}", "metrics", metrics, "method", METHOD, "trials",
                     (json_int_t)x->trials, "winner", (json_int_t)x->surface->winner->number, "flat",
                     x->flat ? flat_json(x->surface, x->flat) : json_array(), "margin",
                     json_number(x->flat ? x->margin : NAN), "quality", quality, "notes", notes);
}
