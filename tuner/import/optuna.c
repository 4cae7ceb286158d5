/* An Optuna study as ours. Its space is defined by its trials: each says the distribution of every parameter that it
 * used. What all of them span becomes the study file. */
#include "tuner/import/import.h"

#include "tuner/base/json.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IMPORT_NUMBER_MAX = 100000000 };
enum { COLUMNS_MAX = SPACE_PARAMS_MAX, LEVELS_MAX = SPACE_VALUES_MAX };

enum column_kind { COLUMN_FLOAT, COLUMN_INT, COLUMN_CHOICE };

struct column { /* a parameter of theirs */
    const char *name, *ours;
    enum column_kind kind;
    double lo, hi, step; /* step 0: none */
    bool log;
    json_t *choices;
    size_t trials; /* that have it */
};

struct columns {
    size_t n;
    struct column column[COLUMNS_MAX];
    struct arena *arena;
    const char *note;
};

__attribute__((format(printf, 2, 3))) static void note(struct columns *c, const char *format, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    c->note = arena_printf(c->arena, "%s%s%s", c->note, *c->note ? "; " : "", text);
}

/* A name as study files have them. In the arena. */
static const char *clean(struct arena *arena, const char *name)
{
    char *out = arena_printf(arena, "%s%.47s", isalpha((unsigned char)*name) || *name == '_' ? "" : "p", name);
    for (char *c = out; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("_-.", *c)) *c = '_';
    out[strlen(out) > 48 ? 48 : strlen(out)] = 0;
    return out;
}

/* The same without points: it becomes a file's and a folder's name. */
static const char *study_name(struct arena *arena, const char *name)
{
    char *out = arena_strdup(arena, clean(arena, name));
    for (char *c = out; *c; c++)
        if (*c == '.') *c = '_';
    return out;
}

static struct column *find(struct columns *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->column[i].name, name) == 0) return &c->column[i];
    return NULL;
}

/* ---- reading distributions ---- */

static double number(const json_t *o, const char *key)
{
    return json_number_value(json_object_get(o, key));
}

/* Optuna 3's Float, Int, Categorical, and the older names. */
static bool read_distribution(const char *text, struct column *ret, json_t **ret_json)
{
    if (json_parse_object(text, strlen(text), ret_json, NULL)) return false;
    const char *name = json_string_value(json_object_get(*ret_json, "name"));
    const json_t *a = json_object_get(*ret_json, "attributes");
    if (!name || !json_is_object(a)) return false;
    ret->choices = json_object_get(a, "choices");
    ret->kind = ret->choices ? COLUMN_CHOICE : strncmp(name, "Int", 3) == 0 ? COLUMN_INT : COLUMN_FLOAT;
    ret->lo = number(a, "low");
    ret->hi = number(a, "high");
    ret->step = number(a, json_object_get(a, "q") ? "q" : "step");
    ret->log = json_is_true(json_object_get(a, "log")) || strstr(name, "Log") != NULL;
    return ret->choices ? json_is_array(ret->choices) : ret->hi >= ret->lo;
}

static bool is_taken(const struct columns *c, const char *ours)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->column[i].ours, ours) == 0) return true;
    return false;
}

/* What no study file could hold is refused before it is compared with all the others. */
static enum status check_choices(const char *name, const json_t *choices, struct error *err)
{
    const json_t *v;
    size_t i;
    if (json_array_size(choices) > LEVELS_MAX)
        return error_set(err, STATUS_INVALID, "parameter '%.60s' has more than %d choices", name, LEVELS_MAX);
    json_array_foreach((json_t *)choices, i, v)
    {
        if (json_string_length(v) >= SPACE_TEXT_MAX)
            return error_set(err, STATUS_INVALID, "a choice of parameter '%.60s' is over %d bytes long", name,
                             SPACE_TEXT_MAX - 1);
    }
    return STATUS_OK;
}

static enum status add_use(struct columns *c, const struct optuna_param *p, struct error *err)
{
    struct column x = {.name = p->name}, *have = find(c, p->name);
    json_t *json = NULL;
    enum status s = STATUS_OK;
    if (have) have->trials++;
    x.ours = clean(c->arena, p->name);
    for (int i = 2; !have && is_taken(c, x.ours); i++) x.ours = arena_printf(c->arena, "%.44s_%d", x.ours, i);
    if (!read_distribution(p->distribution, &x, &json))
        s = error_set(err, STATUS_INVALID, "parameter '%s' has a distribution that is not known: %.200s", p->name,
                      p->distribution);
    else if (check_choices(p->name, x.choices, err) || (have && check_choices(p->name, have->choices, err)))
        s = STATUS_INVALID;
    else if (have) {
        double apart = have->step > 0 ? (x.lo - have->lo) / have->step : 0;
        if (have->step != x.step || fabs(apart - round(apart)) > 1e-9) have->step = 0; /* not one grid */
        have->lo = fmin(have->lo, x.lo);
        have->hi = fmax(have->hi, x.hi);
        for (size_t i = 0; i < json_array_size(x.choices); i++) { /* choices that came later */
            bool known = false;
            for (size_t k = 0; k < json_array_size(have->choices); k++)
                known |= json_equal(json_array_get(x.choices, i), json_array_get(have->choices, k));
            if (!known && have->choices) json_array_append(have->choices, json_array_get(x.choices, i));
        }
    } else if (c->n == COLUMNS_MAX)
        s = error_set(err, STATUS_INVALID, "more than %d parameters", COLUMNS_MAX);
    else {
        if (strcmp(x.ours, x.name) != 0) note(c, "parameter '%.60s' is called %s here", x.name, x.ours);
        x.choices = x.choices ? json_deep_copy(x.choices) : NULL;
        x.trials = 1;
        c->column[c->n++] = x;
    }
    json_decref(json);
    return s;
}

static enum status gather(const struct optuna_study *from, struct columns *c, struct error *err)
{
    const char *last[COLUMNS_MAX] = {0}; /* most trials repeat the distributions of the one before */
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < from->n; i++)
        for (size_t k = 0; !s && k < from->trial[i].n_params; k++) {
            const struct optuna_param *p = &from->trial[i].param[k];
            struct column *have = find(c, p->name);
            size_t at = have ? (size_t)(have - c->column) : c->n;
            if (have && last[at] && strcmp(last[at], p->distribution) == 0)
                have->trials++;
            else
                s = add_use(c, p, err);
            if (!s && at < COLUMNS_MAX) last[at] = p->distribution;
        }
    return s;
}

static void columns_done(struct columns *c)
{
    for (size_t i = 0; i < c->n; i++) json_decref(c->column[i].choices);
}

static bool is_constant(const struct column *x)
{
    return x->kind == COLUMN_CHOICE ? json_array_size(x->choices) < 2 : x->lo == x->hi;
}

/* ---- conditions ---- */

static double value_in(const struct optuna_trial *t, const char *name)
{
    for (size_t k = 0; k < t->n_params; k++)
        if (strcmp(t->param[k].name, name) == 0) return t->param[k].value;
    return NAN;
}

/* Is `x` there exactly for some choices of `q`? Marks them. */
static bool depends_on(const struct optuna_study *from, const struct column *x, const struct column *q, bool *with)
{
    bool without[LEVELS_MAX] = {0};
    size_t n = json_array_size(q->choices);
    for (size_t k = 0; k < n; k++) with[k] = false;
    for (size_t i = 0; i < from->n; i++) {
        double choice = value_in(&from->trial[i], q->name);
        if (from->trial[i].n_params == 0) continue;
        if (!(choice >= 0 && choice < (double)n)) return false;
        if (isnan(value_in(&from->trial[i], x->name)))
            without[(size_t)choice] = true;
        else
            with[(size_t)choice] = true;
    }
    for (size_t k = 0; k < n; k++)
        if (with[k] && without[k]) return false;
    return true;
}

/* ---- the study file ---- */

/* JSON is YAML; its numbers and words mean there what they mean here (study/choice.h). */
static const char *choice_yaml(struct arena *arena, const json_t *v)
{
    char *text = json_text(v);
    const char *kept = arena_strdup(arena, text);
    free(text);
    return kept;
}

/* In single quotes, where backslashes mean nothing. */
static const char *quoted(struct arena *arena, const char *text)
{
    char *out = arena_alloc(arena, 2 * strlen(text) + 3), *c = out;
    *c++ = '\'';
    for (; *text; text++) {
        if (*text == '\'') *c++ = '\'';
        *c++ = *text;
    }
    *c++ = '\'';
    return out;
}

static const char *choices_yaml(struct arena *arena, const struct column *x, const bool *only)
{
    const char *out = "[", *comma = "";
    for (size_t i = 0; i < json_array_size(x->choices); i++) {
        if (only && !only[i]) continue;
        out = arena_printf(arena, "%s%s%s", out, comma, choice_yaml(arena, json_array_get(x->choices, i)));
        comma = ", ";
    }
    return arena_printf(arena, "%s]", out);
}

static const char *range_yaml(struct arena *arena, const struct column *x)
{
    char lo[40], hi[40], step[40];
    bool whole = x->kind == COLUMN_INT, stepped = x->step > 0 && !(whole && x->step == 1) && !x->log;
    return arena_printf(arena, "type: %s, range: [%s, %s]%s%s%s", whole ? "int" : "float", json_shortest(x->lo, lo),
                        json_shortest(x->hi, hi), stepped ? ", step: " : "",
                        stepped ? json_shortest(x->step, step) : "", x->log ? ", scale: log" : "");
}

/* Is `x` there exactly where the number `q` is at least (or at most) *ret_bound? As units_l2 is for n_layers >= 3. */
static bool depends_on_number(const struct optuna_study *from, const struct column *x, const struct column *q,
                              bool at_least, double *ret_bound)
{
    double with = HUGE_VAL, without = -HUGE_VAL, sign = at_least ? 1 : -1;
    for (size_t i = 0; i < from->n; i++) {
        double v = sign * value_in(&from->trial[i], q->name);
        bool there = !isnan(value_in(&from->trial[i], x->name));
        if (from->trial[i].n_params == 0 || (isnan(v) && !there)) continue;
        if (isnan(v)) return false;
        with = there ? fmin(with, v) : with;
        without = there ? without : fmax(without, v);
    }
    *ret_bound = sign * with;
    return with < HUGE_VAL && without < with;
}

/* ", when: …" by the parameter `q`; NULL: it does not say when `x` is there. */
static const char *condition_by(const struct optuna_study *from, struct columns *c, const struct column *x,
                                const struct column *q)
{
    bool with[LEVELS_MAX];
    double bound;
    char text[40];
    if (q == x || is_constant(q) || q->trials < x->trials) return NULL;
    if (q->kind == COLUMN_CHOICE) {
        if (json_array_size(q->choices) > LEVELS_MAX || !depends_on(from, x, q, with)) return NULL;
        return arena_printf(
            c->arena, ", when: %s",
            quoted(c->arena, arena_printf(c->arena, "%s in %s", q->ours, choices_yaml(c->arena, q, with))));
    }
    for (int at_least = 1; at_least >= 0; at_least--)
        if (depends_on_number(from, x, q, at_least, &bound))
            return arena_printf(c->arena, ", when: '%s %s %s'", q->ours,
                                at_least ? ">=" : "<=", json_shortest(bound, text));
    return NULL;
}

/* By a choice if there is one, else by a number. */
static const char *condition_yaml(const struct optuna_study *from, struct columns *c, const struct column *x)
{
    for (int numbers = 0; numbers < 2; numbers++)
        for (size_t i = 0; i < c->n; i++) {
            const struct column *q = &c->column[i];
            const char *when = (q->kind != COLUMN_CHOICE) == numbers ? condition_by(from, c, x, q) : NULL;
            if (when) return when;
        }
    note(c, "'%s' is missing in some trials, and no other parameter says why: those trials are left out", x->name);
    return "";
}

static size_t with_params(const struct optuna_study *from)
{
    size_t n = 0;
    for (size_t i = 0; i < from->n; i++) n += from->trial[i].n_params > 0;
    return n;
}

static const char *parameters_yaml(const struct optuna_study *from, struct columns *c)
{
    const char *out = "";
    size_t all = with_params(from);
    for (int conditional = 0; conditional < 2; conditional++) /* what a condition names comes first */
        for (size_t i = 0; i < c->n; i++) {
            const struct column *x = &c->column[i];
            if ((x->trials < all) != conditional) continue;
            if (is_constant(x)) {
                note(c, "'%s' has one value only and is left out", x->name);
                continue;
            }
            const char *what = x->kind == COLUMN_CHOICE ? arena_printf(c->arena, "type: categorical, values: %s",
                                                                       choices_yaml(c->arena, x, NULL))
                                                        : range_yaml(c->arena, x);
            const char *when = conditional ? condition_yaml(from, c, x) : "";
            out = arena_printf(c->arena, "%s  %s: {%s%s}\n", out, x->ours, what, when);
        }
    return out;
}

/* Theirs, or "value", "value_0", "value_1". */
static const char *metric_name(const struct optuna_study *from, size_t i, struct arena *arena)
{
    if (from->metric_name[i]) return clean(arena, from->metric_name[i]);
    return from->n_objectives == 1 ? "value" : arena_printf(arena, "value_%zu", i);
}

static const char *constraint_name(struct arena *arena, const char *theirs)
{
    return clean(arena, arena_printf(arena, "constraint_%.30s", theirs));
}

/* The names of all constraints that some trial has. */
static size_t constraint_names(const struct optuna_study *from, const char *ret[CONSTRAINTS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < from->n; i++)
        for (size_t k = 0; k < from->trial[i].n_constraints; k++) {
            const char *name = from->trial[i].constraint[k].name;
            size_t at = 0;
            while (at < n && strcmp(ret[at], name) != 0) at++;
            if (at == n && n < CONSTRAINTS_MAX) ret[n++] = name;
        }
    return n;
}

static const char *constraints_yaml(const struct optuna_study *from, struct columns *c, const char **ret_metrics)
{
    const char *name[CONSTRAINTS_MAX], *list = "";
    size_t n = constraint_names(from, name);
    for (size_t i = 0; i < n; i++) {
        const char *ours = constraint_name(c->arena, name[i]);
        *ret_metrics = arena_printf(c->arena, "%s  %s: {goal: minimize}\n", *ret_metrics, ours);
        list = arena_printf(c->arena, "%s%s'%s <= 0'", list, i ? ", " : "", ours);
    }
    return n ? arena_printf(c->arena, "constraints: [%s]\n", list) : "";
}

static const char *objective_yaml(const struct optuna_study *from, struct columns *c)
{
    const char *metrics = "", *objective;
    size_t n = from->n_objectives;
    for (size_t i = 0; i < n; i++)
        metrics = arena_printf(c->arena, "%s  %s: {goal: %s}\n", metrics, metric_name(from, i, c->arena),
                               from->maximize[i] ? "maximize" : "minimize");
    const char *constraints = constraints_yaml(from, c, &metrics);
    if (n > 2) note(c, "of %zu objectives the first is searched for, the others are kept as metrics", n);
    if (n == 2)
        objective = arena_printf(c->arena, "{pareto: [%s, %s]}", metric_name(from, 0, c->arena),
                                 metric_name(from, 1, c->arena));
    else
        objective = arena_printf(c->arena, "{%s: %s}", from->maximize[0] ? "maximize" : "minimize",
                                 metric_name(from, 0, c->arena));
    return arena_printf(c->arena, "metrics:\n%sobjective: %s\n%s", metrics, objective, constraints);
}

/* More trials than it has, so that a run has something to do. */
static const char *budget_yaml(const struct optuna_study *from, struct arena *arena)
{
    return arena_printf(arena, "budget: {trials: %zu}  # %zu are there\n", from->n + 100, from->n);
}

enum status import_optuna_file(const struct optuna_study *from, struct arena *arena, char **ret_text,
                               const char **ret_note, struct error *err)
{
    struct columns *c = arena_alloc(arena, sizeof *c);
    c->arena = arena;
    c->note = "";
    enum status s = from->n_objectives ? gather(from, c, err) : error_set(err, STATUS_INVALID, "it has no objective");
    const char *parameters = s ? "" : parameters_yaml(from, c);
    if (!s && !*parameters) s = error_set(err, STATUS_INVALID, "none of its trials has a parameter to tune");
    if (!s) {
        const char *name = study_name(arena, from->name);
        *ret_text =
            arena_printf(arena,
                         "# made by nocturne import from the Optuna study '%s'\n"
                         "study: %s\n"
                         "# To run trials, take out the two comment signs and name your program; {args} stands for "
                         "--name value of each parameter:\n"
                         "# trial:\n"
                         "#   command: [python3, train.py, \"{args}\"]\n"
                         "parameters:\n%s%s%s",
                         clean(arena, from->name), name, parameters, objective_yaml(from, c), budget_yaml(from, arena));
        *ret_note = c->note;
    }
    columns_done(c);
    return s ? error_context(err, "study '%.100s'", from->name) : STATUS_OK;
}

/* ---- the trials ---- */

static double param_value(const struct param *p, const struct optuna_param *theirs)
{
    json_t *json = NULL;
    double v = NAN;
    if (!p->n_values) return theirs->value;
    if (json_parse_object(theirs->distribution, strlen(theirs->distribution), &json, NULL) == STATUS_OK) {
        const json_t *choices = json_object_get(json_object_get(json, "attributes"), "choices");
        size_t at = choice_of_json(p->value, p->n_values, json_array_get(choices, (size_t)theirs->value));
        if (at < p->n_values) v = (double)at;
    }
    json_decref(json);
    return v;
}

/* Which parameter of ours a name of theirs became. */
static int find_ours(const struct memory *s, const char *name, struct arena *arena)
{
    return space_find(&s->study->space, clean(arena, name));
}

/* As enqueue_trial was given it; values in `config`. */
static void read_fixed(const struct memory *s, const char *text, double *config, struct arena *arena)
{
    json_t *all = NULL, *v;
    const char *name;
    if (json_parse_object(text, strlen(text), &all, NULL)) return;
    json_object_foreach(all, name, v)
    {
        int at = find_ours(s, name, arena);
        if (at >= 0 && param_from_json(&s->study->space.param[at], v, &config[at], NULL)) config[at] = NAN;
    }
    json_decref(all);
}

/* False: it lacks a parameter, or one is outside. */
static bool read_config(const struct memory *s, const struct optuna_trial *t, double *config, struct arena *arena)
{
    const struct space *space = &s->study->space;
    for (size_t i = 0; i < space->n; i++) config[i] = NAN;
    if (t->fixed && t->n_params == 0) read_fixed(s, t->fixed, config, arena);
    for (size_t k = 0; k < t->n_params; k++) {
        int at = find_ours(s, t->param[k].name, arena);
        if (at >= 0) config[at] = param_value(&space->param[at], &t->param[k]);
    }
    for (size_t i = 0; i < space->n; i++)
        if (condition_holds(space->param[i].when, config) == isnan(config[i])) return false;
    return true;
}

/* *ret_whole: every objective and constraint has a finite value. */
static json_t *values_json(const struct memory *s, const struct optuna_trial *t, bool *ret_whole)
{
    const struct objective *o = &s->study->objective;
    struct arena arena = {0};
    json_t *out = json_object();
    for (size_t i = 0; i < t->n_values && i < o->n_metrics; i++)
        if (isfinite(t->value[i])) json_object_set_new(out, o->metric[i].name, json_real(t->value[i]));
    for (size_t i = 0; i < t->n_constraints; i++)
        if (isfinite(t->constraint[i].value))
            json_object_set_new(out, constraint_name(&arena, t->constraint[i].name), json_real(t->constraint[i].value));
    *ret_whole = true;
    for (size_t i = 0; i < o->n_metrics; i++) *ret_whole &= json_object_get(out, o->metric[i].name) != NULL;
    arena_done(&arena);
    return out;
}

static void add_curve(struct history *s, const struct trial *t, const struct optuna_trial *from)
{
    for (size_t k = 0; k < from->n_steps; k++) {
        json_t *m =
            json_pack("{s:o}", history_memory(s)->study->objective.metric[0].name, json_number(from->intermediate[k]));
        history_report(s, t, from->step[k] >= 0 ? from->step[k] : 0, m);
        json_decref(m);
    }
}

static enum status finish(struct history *h, const struct trial *t, const struct optuna_trial *from, struct error *err)
{
    const struct memory *s = history_memory(h);
    bool whole = false, bounded = from->n_constraints >= s->study->objective.n_constraints;
    json_t *values = values_json(s, from, &whole);
    enum status st;
    if (from->state == OPTUNA_COMPLETE && whole)
        st = history_finish(h, t, &(struct ending){.state = TRIAL_COMPLETE, .metrics = values}, err);
    else if (from->state == OPTUNA_COMPLETE && !bounded)
        st = history_finish(
            h, t, &(struct ending){.state = TRIAL_INFEASIBLE, .reason = "its constraints were never computed"}, err);
    else if (from->state == OPTUNA_PRUNED)
        st = history_finish(h, t, &(struct ending){.state = TRIAL_PRUNED, .reason = "pruned by Optuna"}, err);
    else
        st = history_finish(h, t,
                            &(struct ending){.state = TRIAL_FAILED,
                                             .reason = from->state == OPTUNA_COMPLETE ? "a value that is not finite"
                                                                                      : "failed in Optuna"},
                            err);
    json_decref(values);
    return st;
}

static const char SOURCE[] = "imported: trial ";

/* Numbers of theirs that are trials of ours already; `n`: one above the greatest. */
static bool *known_numbers(const struct memory *s, size_t n, struct arena *arena)
{
    bool *known = arena_array(arena, n + 1, sizeof *known);
    for (size_t i = 0; i < s->n; i++) {
        const char *source = s->trial[i]->source;
        bool ours = strncmp(source, SOURCE, sizeof SOURCE - 1) == 0;
        long number = ours ? strtol(source + sizeof SOURCE - 1, NULL, 10) : -1;
        if (number >= 0 && (size_t)number < n) known[number] = true;
    }
    return known;
}

/* A trial of the study that is there already, from an import before, is left alone. */
static enum status take(struct history *s, const struct optuna_trial *from, const bool *known, struct imported *out,
                        struct error *err)
{
    double config[SPACE_PARAMS_MAX];
    struct arena arena = {0};
    enum status st = STATUS_OK;
    char source[60];
    snprintf(source, sizeof source, "%s%ld", SOURCE, from->number);
    bool fits = read_config(history_memory(s), from, config, &arena);
    if (known[from->number]) {
        out->known++;
    } else if (fits && from->state != OPTUNA_RUNNING) {
        const struct trial *t =
            history_add(s, &(struct addition){.role = ROLE_ENQUEUED, .config = config, .source = source});
        out->trials++;
        if (from->state != OPTUNA_WAITING) {
            st = history_lease(s, t, NULL, 0, err);
            history_backdate(s, t, from->took_ms);
            add_curve(s, t, from);
            out->reports += from->n_steps;
            if (!st) st = finish(s, t, from, err);
        }
    } else
        out->skipped++;
    arena_done(&arena);
    return st;
}

enum status import_optuna(struct history *s, const struct optuna_study *from, struct imported *ret, struct error *err)
{
    struct imported out = {0};
    struct arena arena = {0};
    long most = -1;
    enum status st = STATUS_OK;
    for (size_t i = 0; i < from->n; i++) {
        if (from->trial[i].number < 0 || from->trial[i].number > IMPORT_NUMBER_MAX)
            return error_set(err, STATUS_INVALID, "study '%.100s': a trial has the number %ld", from->name,
                             from->trial[i].number);
        if (from->trial[i].number > most) most = from->trial[i].number;
    }
    const bool *known = known_numbers(history_memory(s), (size_t)(most + 1), &arena);
    for (size_t i = 0; !st && i < from->n; i++) st = take(s, &from->trial[i], known, &out, err);
    arena_done(&arena);
    if (!st) *ret = out;
    return st;
}
