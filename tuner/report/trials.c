/* The list of trials: which, in which order, and what of them. */
#include "tuner/report/report.h"

#include "tuner/report/grid.h"
#include "tuner/report/screen.h"

#include "tuner/base/json.h"
#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- columns ---- */

enum key { /* those before KEY_METRIC in the order of their names */
           KEY_TRIAL,
           KEY_STATE,
           KEY_ROLE,
           KEY_UTILITY,
           KEY_DURATION,
           KEY_ATTEMPTS,
           KEY_SOURCE,
           KEY_REASON,
           KEY_CONFIGURATION,
           KEY_METRIC, /* of the study */
           KEY_PARAM
};

static const char *const names[] = {"trial",    "state",  "role",   "utility",      "duration",
                                    "attempts", "source", "reason", "configuration"};

struct column {
    enum key key;
    size_t index;     /* of the metric or parameter */
    const char *name; /* as it was asked for */
};

struct listing {
    const struct memory *s;
    const struct trials_wish *wish;
    struct arena arena;
    struct column column[GRID_COLUMNS_MAX];
    size_t n_columns;
    struct column sort;
    bool sorted, descending;
    struct ordered *place;
    size_t n;
};

static bool find_own(const char *name, struct column *ret)
{
    if (strcmp(name, "number") == 0) name = names[KEY_TRIAL];
    for (size_t i = 0; i < KEY_METRIC; i++)
        if (strcmp(name, names[i]) == 0) return ret->key = (enum key)i, true;
    return false;
}

/* A name of ours, of a metric, of a parameter; where two are alike "metrics.NAME" and "params.NAME" tell them apart. */
static bool find_column(const struct study *study, const char *name, struct column *ret)
{
    int metric = strncmp(name, "params.", 7) == 0
                     ? -1
                     : objective_find_metric(&study->objective, strncmp(name, "metrics.", 8) ? name : name + 8);
    int param = space_find(&study->space, strncmp(name, "params.", 7) ? name : name + 7);
    ret->name = name;
    ret->index = 0;
    if (find_own(name, ret)) return true;
    ret->key = metric >= 0 ? KEY_METRIC : KEY_PARAM;
    ret->index = metric >= 0 ? (size_t)metric : (size_t)(param < 0 ? 0 : param);
    return metric >= 0 || param >= 0;
}

/* "no 'lr': trial, state, …; did you mean …?" */
static enum status no_column(struct listing *l, const char *option, const char *name, size_t n_own, struct error *err)
{
    const struct study *study = l->s->study;
    const char *all[KEY_METRIC + METRICS_MAX + SPACE_PARAMS_MAX], *text = "";
    size_t n = 0;
    for (size_t i = 0; i < n_own; i++) all[n++] = names[i];
    for (size_t i = 0; i < study->objective.n_metrics; i++) all[n++] = study->objective.metric[i].name;
    for (size_t i = 0; i < study->space.n; i++) all[n++] = study->space.param[i].name;
    for (size_t i = 0; i < n; i++) text = arena_printf(&l->arena, "%s%s%s", text, i ? ", " : "", all[i]);
    const char *near = words_nearest(name, all, n);
    return error_set(err, STATUS_INVALID, "%s: no '%.60s'%s%s%s; there are %s", option, name,
                     near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "", text);
}

static enum status read_columns(struct listing *l, struct error *err)
{
    char *rest = arena_strdup(&l->arena, l->wish->columns), *name;
    while ((name = strsep(&rest, ","))) {
        if (l->n_columns == GRID_COLUMNS_MAX)
            return error_set(err, STATUS_INVALID, "--columns: %d at most", GRID_COLUMNS_MAX);
        if (!find_column(l->s->study, name, &l->column[l->n_columns]))
            return no_column(l, "--columns", name, KEY_METRIC, err);
        l->n_columns++;
    }
    return STATUS_OK;
}

static void add_column(struct listing *l, enum key key, size_t index, const char *name)
{
    l->column[l->n_columns++] = (struct column){key, index, name};
}

static void usual_columns(struct listing *l)
{
    const struct objective *o = &l->s->study->objective;
    for (enum key k = KEY_TRIAL; k <= KEY_ROLE; k++) add_column(l, k, 0, names[k]);
    for (size_t i = 0; i < o->n_metrics; i++) add_column(l, KEY_METRIC, i, o->metric[i].name);
    add_column(l, KEY_UTILITY, 0, names[KEY_UTILITY]);
    add_column(l, KEY_CONFIGURATION, 0, names[KEY_CONFIGURATION]);
}

/* What the rest of the line is worth: the configuration and what is optimized most, the role least. */
static int weight_of(const struct listing *l, const struct column *c)
{
    if (l->wish->columns) return 0; /* the last goes first */
    switch (c->key) {
    case KEY_TRIAL: return 9;
    case KEY_CONFIGURATION: return 8;
    case KEY_STATE: return 7;
    case KEY_UTILITY: return 6;
    case KEY_METRIC: return objective_uses(&l->s->study->objective, c->index) ? 5 : 1;
    case KEY_ROLE:
    case KEY_DURATION:
    case KEY_ATTEMPTS:
    case KEY_SOURCE:
    case KEY_REASON:
    case KEY_PARAM: break;
    }
    return 2;
}

/* ---- which, and in which order ---- */

static enum status read_sort(struct listing *l, struct error *err)
{
    const char *sort = l->wish->sort;
    if (!sort && l->wish->top > 0) sort = "-utility"; /* the best */
    if (!sort) return STATUS_OK;
    l->sorted = true;
    l->descending = *sort == '-';
    sort += l->descending;
    bool found = find_column(l->s->study, sort, &l->sort);
    bool ordered = l->sort.key != KEY_SOURCE && l->sort.key != KEY_REASON && l->sort.key != KEY_CONFIGURATION;
    return found && ordered ? STATUS_OK : no_column(l, "--sort", sort, KEY_SOURCE, err);
}

static enum status no_state(const char *name, struct error *err)
{
    char all[200] = "";
    const char *each[TRIAL_STATES];
    for (int i = 0; i < TRIAL_STATES; i++) {
        each[i] = trial_state_name((enum trial_state)i);
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", each[i]);
    }
    const char *near = words_nearest(name, each, TRIAL_STATES);
    return error_set(err, STATUS_INVALID, "--state: no '%.60s'%s%s%s; there are %s", name,
                     near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "", all);
}

static enum status read_states(struct listing *l, bool *ret, struct error *err)
{
    char *rest = l->wish->states ? arena_strdup(&l->arena, l->wish->states) : NULL, *name;
    for (int i = 0; i < TRIAL_STATES; i++) ret[i] = !rest;
    while ((name = strsep(&rest, ","))) {
        enum trial_state state;
        if (!trial_state_parse(name, &state)) return no_state(name, err);
        ret[state] = true;
    }
    return STATUS_OK;
}

static double number_of(const struct memory *s, const struct trial *t, const struct column *c)
{
    switch (c->key) {
    case KEY_TRIAL: return (double)t->number;
    case KEY_STATE: return (double)t->state;
    case KEY_ROLE: return (double)t->role;
    case KEY_UTILITY: return document_trial_of(s, t).utility;
    case KEY_DURATION: return t->effort.attempts || t->effort.busy_ms > 0 ? (double)memory_took_ms(s, t) : NAN;
    case KEY_ATTEMPTS: return (double)t->effort.attempts;
    case KEY_METRIC: return t->value[c->index];
    case KEY_PARAM: return t->config[c->index];
    case KEY_SOURCE:
    case KEY_REASON:
    case KEY_CONFIGURATION: break;
    }
    return NAN;
}

static enum order_by order_of(const struct listing *l)
{
    if (!l->sorted) return ORDER_BY_FACT;
    return l->sort.key == KEY_UTILITY  ? ORDER_BY_UTILITY
           : l->sort.key == KEY_METRIC ? ORDER_BY_METRIC
                                       : ORDER_BY_FACT;
}

static enum status choose(struct listing *l, struct error *err)
{
    bool wanted[TRIAL_STATES];
    enum status s = read_sort(l, err);
    if (!s) s = read_states(l, wanted, err);
    if (!s && l->wish->columns) s = read_columns(l, err);
    if (s) return s;
    if (!l->wish->columns) usual_columns(l);
    l->place = arena_array(&l->arena, l->s->n + 1, sizeof *l->place);
    for (size_t i = 0; i < l->s->n; i++) {
        const struct trial *t = l->s->trial[i];
        if (wanted[t->state]) l->place[l->n++] = order_place(l->s, t, order_of(l), number_of(l->s, t, &l->sort));
    }
    if (l->sorted) order_sort(l->place, l->n, l->descending);
    if (l->wish->top > 0 && (size_t)l->wish->top < l->n) l->n = (size_t)l->wish->top;
    return STATUS_OK;
}

/* ---- as a table ---- */

/* What it is compared with: the best, and the best itself with the baseline. */
static const double *compared(const struct memory *s, const struct trial *t)
{
    double utility;
    const struct trial *best = ranking_incumbent(s, &utility);
    return best && best != t ? best->config : s->study->baseline;
}

static const char *configuration(const struct memory *s, const struct trial *t, struct arena *a)
{
    const char *why = t->reason ? t->reason : t->outside,
               *config = report_config_near(&s->study->space, t->config, compared(s, t), a);
    return why ? arena_printf(a, "%s%s%s", plain_shown(a, why), *config ? " — " : "", config) : config;
}

static const char *text_of(const struct memory *s, const struct trial *t, const struct column *c, struct arena *a)
{
    const struct objective *o = &s->study->objective;
    char buf[SPACE_TEXT_MAX], small[64];
    double v = number_of(s, t, c);
    switch (c->key) {
    case KEY_TRIAL:
    case KEY_ATTEMPTS: return arena_printf(a, "%.0f", v);
    case KEY_STATE: return trial_state_name(t->state);
    case KEY_ROLE: return trial_role_name(t->role);
    case KEY_UTILITY: return arena_strdup(a, report_utility(v, small, sizeof small));
    case KEY_DURATION: return isnan(v) ? "-" : arena_strdup(a, words_show_duration((int64_t)v, small, sizeof small));
    case KEY_SOURCE: return plain_shown(a, t->source);
    case KEY_REASON: return plain_shown(a, t->reason ? t->reason : t->outside ? t->outside : "-");
    case KEY_CONFIGURATION: return configuration(s, t, a);
    case KEY_METRIC: return arena_strdup(a, report_metric(&o->metric[c->index], v, small, sizeof small));
    case KEY_PARAM:
        return isnan(v) ? "-" : plain_shown(a, arena_strdup(a, param_text(&s->study->space.param[c->index], v, buf)));
    }
    return "";
}

static bool is_right(const struct study *study, const struct column *c)
{
    if (c->key == KEY_PARAM) return study->space.param[c->index].type <= PARAM_FLOAT;
    return c->key == KEY_TRIAL || c->key == KEY_UTILITY || c->key == KEY_DURATION || c->key == KEY_ATTEMPTS ||
           c->key == KEY_METRIC;
}

/* Where it is said that a trial breaks a constraint: with its state, else in the first column. */
static size_t marked_column(const struct listing *l)
{
    for (size_t k = 0; k < l->n_columns; k++)
        if (l->column[k].key == KEY_STATE) return k;
    return 0;
}

static void print_table(FILE *out, struct listing *l)
{
    static const char *const heads[] = {"results:", "what breaks a constraint:", "confirmations, on fresh seeds:",
                                        "stopped early, as they were then:", "without a result:"};
    struct grid g = {.n_columns = 0};
    struct screen screen = screen_of(out);
    bool any = false;
    for (size_t k = 0; k < l->n_columns; k++)
        grid_column(&g, l->column[k].name, is_right(l->s->study, &l->column[k]), weight_of(l, &l->column[k]));
    for (size_t i = 0; i < l->n; i++) {
        const struct trial *t = l->place[i].trial;
        enum order_group group = l->place[i].group;
        if (group != (i ? l->place[i - 1].group : ORDER_RESULTS)) grid_line(&g, heads[group]);
        struct grid_cell *row = grid_row(&g);
        bool breaks = document_trial_of(l->s, t).breaks;
        any |= breaks;
        for (size_t k = 0; k < l->n_columns; k++) {
            row[k].text = text_of(l->s, t, &l->column[k], &g.arena);
            if (breaks && k == marked_column(l)) row[k].text = arena_printf(&g.arena, "%s ✕", row[k].text);
            if (l->column[k].key == KEY_STATE) row[k].mark = screen_state(&screen, t->state, &g.arena);
        }
    }
    grid_print(out, &g, &screen);
    if (any) fputs("✕ breaks a constraint as it was measured, so it is not the best\n", out);
    grid_done(&g);
}

/* ---- as JSON ---- */

static json_t *param_json(const struct document_trial *x, const char *name)
{
    json_t *all = document_trial_params(x), *one = json_incref(json_object_get(all, name));
    json_decref(all);
    return one ? one : json_null();
}

static json_t *value_json(const struct document_trial *x, const struct column *c)
{
    const struct trial *t = x->trial;
    double v = number_of(x->memory, t, c);
    const char *text;
    switch (c->key) {
    case KEY_STATE: return json_string(trial_state_name(t->state));
    case KEY_ROLE: return json_string(trial_role_name(t->role));
    case KEY_SOURCE: return json_string(t->source);
    case KEY_REASON: text = t->reason ? t->reason : t->outside; return text ? json_string(text) : json_null();
    case KEY_CONFIGURATION: return document_trial_params(x);
    case KEY_PARAM: return param_json(x, x->memory->study->space.param[c->index].name);
    case KEY_TRIAL:
    case KEY_ATTEMPTS: return json_integer((json_int_t)v);
    case KEY_DURATION: return isnan(v) ? json_null() : json_integer((json_int_t)v); /* milliseconds */
    case KEY_UTILITY:
    case KEY_METRIC: break;
    }
    return isfinite(v) ? json_amount(v) : json_null();
}

static json_t *row_json(const struct listing *l, const struct trial *t)
{
    const struct document_trial x = document_trial_of(l->s, t);
    if (!l->wish->columns) return document_trial_json(&x);
    json_t *out = json_object();
    for (size_t k = 0; k < l->n_columns; k++)
        json_object_set_new(out, l->column[k].name, value_json(&x, &l->column[k]));
    return out;
}

static void print_json(FILE *out, const struct listing *l)
{
    json_t *all = json_array();
    for (size_t i = 0; i < l->n; i++) json_array_append_new(all, row_json(l, l->place[i].trial));
    json_t *value = json_pack("{s:s, s:o}", "study", l->s->study->name, "trials", all);
    char *text = json_text(value);
    fprintf(out, "%s\n", text);
    free(text);
    json_decref(value);
}

enum status report_trials(FILE *out, const struct memory *s, const struct trials_wish *wish, bool json,
                          struct error *err)
{
    struct listing l = {.s = s, .wish = wish};
    enum status st = choose(&l, err);
    if (!st && json) print_json(out, &l);
    if (!st && !json) print_table(out, &l);
    arena_done(&l.arena);
    return st;
}
