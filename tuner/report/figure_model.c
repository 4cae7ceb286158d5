#include "tuner/report/figure_model.h"

#include "tuner/report/text.h"

#include <math.h>
#include <string.h>

enum { RANGE_MAX = 40 /* bytes */ };

/* ---- what is meant ---- */

enum status figure_target(const struct figure_wish *wish, size_t *ret, struct error *err)
{
    const struct memory *s = wish->memory;
    const struct objective *o = &s->study->objective;
    int metric = FIGURE_UTILITY;
    if (o->form == OBJECTIVE_SINGLE || o->form == OBJECTIVE_PARETO || figure_lacks_baseline(s))
        metric = figure_gain(o, figure_cost(o));
    enum status st = wish->metric ? figure_metric(s, wish->metric, &metric, err) : STATUS_OK;
    if (!st) *ret = metric < 0 ? o->n_metrics : (size_t)metric;
    return st;
}

int figure_target_metric(const struct study *study, size_t target)
{
    return target < study->objective.n_metrics ? (int)target : FIGURE_UTILITY;
}

static enum status find_param(const struct space *space, const char *name, size_t *ret, struct error *err)
{
    struct arena a = {0};
    const char *all = "";
    int at = space_find(space, name);
    *ret = (size_t)at;
    if (at >= 0) return STATUS_OK;
    for (size_t i = 0; i < space->n; i++) all = arena_printf(&a, "%s%s%s", all, i ? ", " : "", space->param[i].name);
    error_set(err, STATUS_INVALID, "there is no parameter '%.64s'; there are %s", name, all);
    arena_done(&a);
    return STATUS_INVALID;
}

static bool is_taken(const size_t *taken, size_t n, size_t param)
{
    for (size_t i = 0; i < n; i++)
        if (taken[i] == param) return true;
    return false;
}

static enum status take_wished(const struct figure_wish *wish, size_t n, size_t *ret, struct error *err)
{
    const struct space *space = &wish->memory->study->space;
    if (wish->n_parameters > n)
        return error_set(err, STATUS_INVALID, "that is drawn over %zu parameter%s, not %zu", n, n == 1 ? "" : "s",
                         wish->n_parameters);
    if (space->n < n)
        return error_set(err, STATUS_INVALID, "that is drawn over %zu parameters; study '%s' has %zu", n,
                         wish->memory->study->name, space->n);
    for (size_t i = 0; i < wish->n_parameters; i++) {
        enum status st = find_param(space, wish->parameter[i], &ret[i], err);
        if (st) return st;
        if (is_taken(ret, i, ret[i]))
            return error_set(err, STATUS_INVALID, "that is drawn over %zu parameters, not '%.64s' twice", n,
                             wish->parameter[i]);
    }
    return STATUS_OK;
}

enum status figure_params(const struct figure_wish *wish, struct surface *f, size_t target, size_t n, size_t *ret,
                          struct error *err)
{
    const struct space *space = &f->memory->study->space;
    enum status st = take_wished(wish, n, ret, err);
    size_t taken = wish->n_parameters;
    struct arena a = {0};
    struct importance x = {.n = 0};
    struct error none;
    if (!st && taken < n && !importance_ready(f->memory, &none)) st = importance_make(f, target, &a, &x, err);
    for (size_t i = 0; !st && taken < n && i < space->n; i++) {
        size_t param = x.n ? x.target[0].row[i].param : i;
        if (!is_taken(ret, taken, param)) ret[taken++] = param;
    }
    arena_done(&a);
    return st;
}

const char *figure_chosen(const struct figure_wish *wish, const size_t *param, size_t n, struct arena *a)
{
    const struct space *space = &wish->memory->study->space;
    const char *names = "";
    struct error why;
    if (wish->n_parameters >= n || !importance_ready(wish->memory, &why)) return "";
    for (size_t i = wish->n_parameters; i < n; i++)
        names = arena_printf(a, "%s%s%s", names, *names ? " and " : "", space->param[param[i]].name);
    return arena_printf(a, " First in the study file: %s; what matters most is not known yet (%s).", names, why.text);
}

/* ---- parameters ---- */

struct axis figure_param_axis(const struct param *p)
{
    struct axis x = {.name = p->name,
                     .unit = "",
                     .scale = p->log ? AXIS_LOG : AXIS_LINEAR,
                     .whole = p->type == PARAM_INT,
                     .low = p->lo,
                     .high = p->hi};
    double ends[2] = {p->lo, p->hi};
    if (!(p->lo < p->hi)) axis_fit(&x, ends, 2);
    axis_pad(&x, 0.03);
    return x;
}

const char *figure_range_text(const struct param *p, struct arena *a)
{
    const char *all = "";
    if (!p->n_values) return arena_printf(a, "%s–%s", report_value(p, p->lo, a), report_value(p, p->hi, a));
    for (size_t i = 0; i < p->n_values; i++) {
        const char *more = arena_printf(a, "%s%s%s", all, i ? ", " : "", report_value(p, (double)i, a));
        if (strlen(more) > RANGE_MAX)
            return i ? arena_printf(a, "%s, …", all) : arena_printf(a, "%zu values", p->n_values);
        all = more;
    }
    return all;
}

const char *const *figure_choice_names(const struct param *p, struct arena *a)
{
    const char **name = arena_array(a, p->n_values + 1, sizeof *name);
    for (size_t i = 0; i < p->n_values; i++) name[i] = report_value(p, (double)i, a);
    return name;
}

/* ---- words ---- */

const char *figure_others(const struct surface *f, long at, struct arena *a)
{
    return arena_printf(a, "all else as in %s %ld", at == f->winner->number ? "the winner, trial" : "trial", at);
}

const char *figure_quality(const struct surface *f, size_t target, struct arena *a)
{
    double r2 = landscape_quality(f->landscape, target);
    const char *name = surface_target_name(f->memory->study, target);
    if (isnan(r2)) return "";
    if (r2 < 0.1)
        return arena_printf(a, " The model cannot predict %s of trials that were left out: do not believe it.", name);
    return arena_printf(a, " It predicts %s of trials that were left out with R² %.2f.", name, r2);
}

const char *figure_sentence(const char *text, struct arena *a)
{
    bool begins = strncmp(text, "it ", 3) == 0 || strncmp(text, "the ", 4) == 0 || strncmp(text, "nothing ", 8) == 0;
    return begins ? arena_printf(a, "%c%s", text[0] - 'a' + 'A', text + 1) : text;
}
