#include "tuner/analysis/slice.h"

#include "tuner/base/json.h"

#include <math.h>
#include <string.h>

/* ---- what is asked ---- */

static enum status find_param(const struct study *study, const char *name, size_t *ret, struct error *err)
{
    int at = space_find(&study->space, name);
    struct arena a = {0};
    const char *list = "";
    if (at >= 0) {
        *ret = (size_t)at;
        return STATUS_OK;
    }
    for (size_t i = 0; i < study->space.n; i++)
        list = arena_printf(&a, "%s%s%s", list, i ? ", " : "", study->space.param[i].name);
    enum status s =
        error_set(err, STATUS_INVALID, "study '%s' has no parameter '%.100s'; it has %s", study->name, name, list);
    arena_done(&a);
    return s;
}

enum status slice_wish_read(const struct study *study, const struct slice_names *names, struct slice_wish *ret,
                            struct error *err)
{
    struct slice_wish w = *ret;
    w.target = study->objective.n_metrics;
    if (!names->param) return error_set(err, STATUS_INVALID, "which parameter?");
    enum status s = find_param(study, names->param, &w.param, err);
    if (!s && names->other) s = find_param(study, names->other, &w.other, err);
    if (!s && names->other && w.other == w.param)
        s = error_set(err, STATUS_INVALID, "a contour needs two parameters, not '%s' twice",
                      study->space.param[w.param].name);
    if (!s && names->metric) s = surface_target(study, names->metric, &w.target, err);
    if (!s) *ret = w;
    return s;
}

/* ---- values ---- */

/* A share of the way from the lower end to the upper one, on the parameter's scale. */
static double on_the_way(const struct param *p, double share)
{
    double v = p->log ? exp(log(p->lo) + share * (log(p->hi) - log(p->lo))) : p->lo + share * (p->hi - p->lo);
    if (share == 0) v = p->lo;
    if (share == 1) v = p->hi;
    return param_nearest(p, v);
}

size_t slice_values(const struct param *p, size_t n, struct arena *arena, double **ret)
{
    double levels = p->n_values ? (double)p->n_values : param_levels(p), step = p->step > 0 ? p->step : 1;
    bool all = p->n_values || (levels > 0 && levels <= (double)n);
    size_t most = all ? (size_t)levels : n, m = 0;
    double *x = arena_array(arena, most + 1, sizeof *x);
    for (size_t i = 0; i < most; i++) {
        double v = p->n_values ? (double)i
                   : all       ? param_nearest(p, p->lo + (double)i * step)
                               : on_the_way(p, (double)i / (double)(most - 1));
        if (m == 0 || v > x[m - 1]) x[m++] = v;
    }
    *ret = x;
    return m;
}

static size_t points_of(size_t wished, size_t usual, size_t most)
{
    size_t n = wished ? wished : usual;
    return n < 2 ? 2 : n > most ? most : n;
}

/* ---- where the others stand ---- */

static bool has_both(const struct trial *t, const size_t *param, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isnan(t->config[param[i]])) return false;
    return true;
}

/* The best trial in which they exist; NULL: there is none. */
static const struct trial *best_with(const struct surface *f, const size_t *param, size_t n)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->best[i]->role != ROLE_CONFIRM && has_both(f->best[i], param, n)) return f->best[i];
    return NULL;
}

static enum status find_place(const struct surface *f, long at, const size_t *param, size_t n, const struct trial **ret,
                              struct error *err)
{
    const struct study *study = f->memory->study;
    const struct trial *t = at < 0 ? f->winner : memory_trial(f->memory, at);
    if (!t) return error_set(err, STATUS_NOT_FOUND, "study '%s' has no trial %ld", study->name, at);
    if (t->outside)
        return error_set(err, STATUS_INVALID, "trial %ld is outside of the space as it is now: %s", at, t->outside);
    if (at < 0 && !has_both(t, param, n)) t = best_with(f, param, n);
    for (size_t i = 0; i < n; i++)
        if (!t || isnan(t->config[param[i]]))
            return error_set(err, STATUS_INVALID, "'%s' exists only when %s, which is not so in %s",
                             study->space.param[param[i]].name, study->space.param[param[i]].when_text,
                             at < 0 ? "any complete trial" : "that trial");
    *ret = t;
    return STATUS_OK;
}

/* ---- slices ---- */

static double target_of(const struct surface *f, const struct trial *t, size_t target)
{
    const struct objective *o = &f->memory->study->objective;
    return target < o->n_metrics ? t->value[target] : objective_known_utility(o, t->value, memory_baseline(f->memory));
}

static void add_trials(const struct surface *f, struct slice *s, struct arena *arena)
{
    const struct memory *m = f->memory;
    struct slice_trial *list = arena_array(arena, SLICE_TRIALS_MAX, sizeof *list);
    for (size_t i = 0; i < m->n_seen && s->n_trials < SLICE_TRIALS_MAX; i++) {
        const struct trial *t = m->seen_trial[i];
        if (!t || t->state != TRIAL_COMPLETE || isnan(t->config[s->param])) continue;
        double y = target_of(f, t, s->target);
        if (isfinite(y)) list[s->n_trials++] = (struct slice_trial){t->number, t->config[s->param], y};
    }
    s->trial = list;
}

static const struct landscape_value unknown = {NAN, NAN, NAN, NAN};

enum status slice_make(const struct surface *f, const struct slice_wish *wish, struct arena *arena, struct slice *ret,
                       struct error *err)
{
    const struct study *study = f->memory->study;
    size_t d = study->space.n;
    const struct trial *at = NULL;
    enum status st = find_place(f, wish->at, &wish->param, 1, &at, err);
    if (st) return st;
    struct slice s = {.param = wish->param, .target = wish->target, .at = at->number};
    double *x;
    s.n =
        slice_values(&study->space.param[s.param], points_of(wish->points, SLICE_POINTS, SLICE_POINTS_MAX), arena, &x);
    double *config = arena_array(arena, s.n * d, sizeof *config);
    struct landscape_view *v = arena_array(arena, s.n, sizeof *v);
    struct landscape_value *y = arena_array(arena, s.n, sizeof *y);
    for (size_t i = 0; i < s.n; i++) {
        memcpy(config + i * d, at->config, d * sizeof *config);
        config[i * d + s.param] = x[i];
        surface_settle(f, config + i * d);
    }
    landscape_look(f->landscape, config, s.n, LANDSCAPE_MEAN, v);
    for (size_t i = 0; i < s.n; i++)
        y[i] = isnan(config[i * d + s.param]) ? unknown : *surface_value(study, &v[i], s.target);
    s.x = x;
    s.y = y;
    add_trials(f, &s, arena);
    *ret = s;
    return STATUS_OK;
}

/* ---- contours ---- */

/* One row: all x at one value of y. */
static void fill_row(const struct surface *f, const struct contour *c, const double *from, size_t row,
                     struct landscape_value *ret)
{
    const struct study *study = f->memory->study;
    size_t d = study->space.n, n = c->n[0];
    struct arena a = {0};
    double *config = arena_array(&a, n * d, sizeof *config);
    struct landscape_view *v = arena_array(&a, n, sizeof *v);
    for (size_t i = 0; i < n; i++) {
        memcpy(config + i * d, from, d * sizeof *config);
        config[i * d + c->param[0]] = c->x[0][i];
        config[i * d + c->param[1]] = c->x[1][row];
        surface_settle(f, config + i * d);
    }
    landscape_look(f->landscape, config, n, LANDSCAPE_MEAN, v);
    for (size_t i = 0; i < n; i++) {
        bool exists = !isnan(config[i * d + c->param[0]]) && !isnan(config[i * d + c->param[1]]);
        ret[i] = exists ? *surface_value(study, &v[i], c->target) : unknown;
    }
    arena_done(&a);
}

enum status contour_make(const struct surface *f, const struct slice_wish *wish, struct arena *arena,
                         struct contour *ret, struct error *err)
{
    const struct space *space = &f->memory->study->space;
    struct contour c = {.param = {wish->param, wish->other}, .target = wish->target};
    const struct trial *at = NULL;
    enum status st = find_place(f, wish->at, c.param, 2, &at, err);
    if (st) return st;
    c.at = at->number;
    for (size_t k = 0; k < 2; k++) {
        double *x;
        c.n[k] = slice_values(&space->param[c.param[k]], points_of(wish->points, CONTOUR_POINTS, CONTOUR_POINTS_MAX),
                              arena, &x);
        c.x[k] = x;
    }
    struct landscape_value *z = arena_array(arena, c.n[0] * c.n[1], sizeof *z);
    for (size_t row = 0; row < c.n[1]; row++) fill_row(f, &c, at->config, row, z + row * c.n[0]);
    c.z = z;
    *ret = c;
    return STATUS_OK;
}

/* ---- JSON ---- */

static json_t *values_json(const struct param *p, const double *x, size_t n)
{
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(out, param_to_json(p, x[i]));
    return out;
}

enum part { MIDDLE, SD, LOW, HIGH };

static json_t *part_json(const struct landscape_value *y, size_t n, enum part part)
{
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++) {
        const double of[] = {[MIDDLE] = y[i].middle, [SD] = y[i].sd, [LOW] = y[i].low, [HIGH] = y[i].high};
        json_array_append_new(out, json_number(of[part]));
    }
    return out;
}

json_t *slice_json(const struct surface *f, const struct slice *s)
{
    const struct study *study = f->memory->study;
    const struct param *p = &study->space.param[s->param];
    json_t *trials = json_array();
    for (size_t i = 0; i < s->n_trials; i++)
        json_array_append_new(trials, json_pack("{s:I, s:o, s:o}", "trial", (json_int_t)s->trial[i].trial, "x",
                                                param_to_json(p, s->trial[i].x), "y", json_number(s->trial[i].y)));
    json_t *out = json_pack("{s:s, s:s, s:b, s:I, s:o, s:o}", "parameter", p->name, "metric",
                            surface_target_name(study, s->target), "log", p->log, "at", (json_int_t)s->at, "x",
                            values_json(p, s->x, s->n), "trials", trials);
    json_object_set_new(out, "mean", part_json(s->y, s->n, MIDDLE));
    json_object_set_new(out, "sd", part_json(s->y, s->n, SD));
    json_object_set_new(out, "low", part_json(s->y, s->n, LOW));
    json_object_set_new(out, "high", part_json(s->y, s->n, HIGH));
    return out;
}

static json_t *rows_json(const struct contour *c, enum part part)
{
    json_t *out = json_array();
    for (size_t row = 0; row < c->n[1]; row++)
        json_array_append_new(out, part_json(c->z + row * c->n[0], c->n[0], part));
    return out;
}

json_t *contour_json(const struct surface *f, const struct contour *c)
{
    const struct study *study = f->memory->study;
    const struct param *x = &study->space.param[c->param[0]], *y = &study->space.param[c->param[1]];
    json_t *out = json_pack("{s:[s,s], s:s, s:[b,b], s:I}", "parameters", x->name, y->name, "metric",
                            surface_target_name(study, c->target), "log", x->log, y->log, "at", (json_int_t)c->at);
    json_object_set_new(out, "x", values_json(x, c->x[0], c->n[0]));
    json_object_set_new(out, "y", values_json(y, c->x[1], c->n[1]));
    json_object_set_new(out, "mean", rows_json(c, MIDDLE));
    json_object_set_new(out, "sd", rows_json(c, SD));
    return out;
}
