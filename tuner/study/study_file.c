/* The study file: YAML in, struct study out. Every error is "file:line:column: message".
 *
 * Each section is a table of keys; a key that is not in the table is an error that names
 * the nearest key that is. Sections are read in the order of the `root` table, not of the
 * file, because later ones refer to earlier ones (the baseline to the parameters, …).
 */
#include "tuner/study/study.h"

#include "tuner/base/words.h"
#include "tuner/base/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct file {
    struct study *study;
    const struct yaml_node *root;
    struct error *err;
};

struct key {
    const char *name;
    enum status (*read)(struct file *f, const struct yaml_node *value); /* NULL: comes in a later version */
};

enum { KEYS_MAX = 24, GRACE_MS = 5000, TRIALS_DEFAULT = 100, INT_EXACT = 1000000000 };

static enum status fail(struct file *f, const struct yaml_node *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static enum status fail(struct file *f, const struct yaml_node *at, const char *fmt, ...)
{
    char text[700];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return error_set(f->err, STATUS_INVALID, "%s:%d:%d: %s", f->study->path, at->line, at->column, text);
}

/* Puts the position before an error that a library without positions has set. */
static enum status at_node(struct file *f, const struct yaml_node *at, const struct error *inner)
{
    return fail(f, at, "%s", inner->text);
}

/* ---- scalars ---- */

static enum status need(struct file *f, const struct yaml_node *v, enum yaml_kind kind, const char *name)
{
    if (v->kind == kind) return STATUS_OK;
    return fail(f, v, "'%s' must be %s, not %s", name, yaml_kind_name(kind), yaml_kind_name(v->kind));
}

static enum status read_number(struct file *f, const struct yaml_node *v, const char *name, double min, double max,
                               double *ret)
{
    double x = 0;
    enum status s = need(f, v, YAML_TEXT, name);
    if (s) return s;
    if (v->quoted || !words_number(v->text, &x)) return fail(f, v, "'%s' must be a number, not '%.60s'", name, v->text);
    if (!(x >= min && x <= max)) return fail(f, v, "'%s' must be from %.6g to %.6g, not %.15g", name, min, max, x);
    *ret = x;
    return STATUS_OK;
}

static enum status read_whole(struct file *f, const struct yaml_node *v, const char *name, double min, double max,
                              long *ret)
{
    double x = 0;
    enum status s = read_number(f, v, name, min, max, &x);
    if (s) return s;
    if (x != floor(x)) return fail(f, v, "'%s' must be a whole number, not %.15g", name, x);
    *ret = (long)x;
    return STATUS_OK;
}

static enum status read_duration(struct file *f, const struct yaml_node *v, const char *name, int64_t *ret)
{
    enum status s = need(f, v, YAML_TEXT, name);
    if (s) return s;
    if (!words_duration_ms(v->text, ret))
        return fail(f, v, "'%s' must be a duration such as 90s, 10m, 9h or 1h30m, not '%.60s'", name, v->text);
    return STATUS_OK;
}

/* YAML 1.1 booleans. */
static bool boolean(const struct yaml_node *v, bool *ret)
{
    static const char *const no[] = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"};
    if (v->kind != YAML_TEXT || v->quoted) return false;
    for (size_t i = 0; i < 9; i++) {
        if (strcmp(v->text, no[i]) == 0) return *ret = false, true;
        if (strcmp(v->text, yes[i]) == 0) return *ret = true, true;
    }
    return false;
}

static bool is_name(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_') return false;
    size_t n = 0;
    for (; s[n]; n++)
        if (!isalnum((unsigned char)s[n]) && s[n] != '_' && s[n] != '-') return false;
    return n <= 48;
}

static enum status check_name(struct file *f, const struct yaml_node *v, const char *what)
{
    if (v->kind == YAML_TEXT && is_name(v->text)) return STATUS_OK;
    return fail(f, v, "%s must be a name of letters, digits, _ and -, at most 48, starting with a letter", what);
}

/* ---- sections ---- */

static enum status unknown_key(struct file *f, const struct yaml_node *key, const char *section, const struct key *keys,
                               size_t n)
{
    const char *names[KEYS_MAX];
    for (size_t i = 0; i < n; i++) names[i] = keys[i].name;
    const char *near = words_nearest(key->text, names, n);
    return fail(f, key, "unknown key '%.60s' in %s%s%s%s", key->text, section, near ? "; did you mean '" : "",
                near ? near : "", near ? "'?" : "");
}

static enum status check_keys(struct file *f, const struct yaml_node *map, const char *section, const struct key *keys,
                              size_t n)
{
    enum status s = need(f, map, YAML_MAP, section);
    for (size_t i = 0; !s && i < map->n; i++) {
        size_t k = 0;
        while (k < n && strcmp(keys[k].name, map->key[i]->text) != 0) k++;
        if (k == n)
            s = unknown_key(f, map->key[i], section, keys, n);
        else if (!keys[k].read)
            s = fail(f, map->key[i], "'%s' in %s is not supported in this version", keys[k].name, section);
    }
    return s;
}

static enum status read_section(struct file *f, const struct yaml_node *map, const char *section,
                                const struct key *keys, size_t n)
{
    enum status s = check_keys(f, map, section, keys, n);
    for (size_t k = 0; !s && k < n; k++) {
        const struct yaml_node *v = yaml_get(map, keys[k].name);
        if (v) s = keys[k].read(f, v);
    }
    return s;
}

#define READ_SECTION(f, map, section, keys) read_section(f, map, section, keys, sizeof keys / sizeof *keys)

/* ---- trial ---- */

static enum status read_command(struct file *f, const struct yaml_node *v)
{
    struct study *s = f->study;
    enum status st = need(f, v, YAML_LIST, "command");
    if (st) return st;
    if (v->n == 0) return fail(f, v, "'command' is empty; it is a list such as [./train, --lr, \"{learning_rate}\"]");
    s->n_args = v->n;
    s->arg = arena_array(&s->arena, v->n, sizeof *s->arg);
    for (size_t i = 0; i < v->n; i++) {
        if (v->value[i]->kind != YAML_TEXT)
            return fail(f, v->value[i], "an argument of 'command' must be text; put quotes around \"{name}\"");
        s->arg[i] = v->value[i]->text;
    }
    return STATUS_OK;
}

static enum status read_timeout(struct file *f, const struct yaml_node *v)
{
    return read_duration(f, v, "timeout", &f->study->timeout_ms);
}

static enum status read_grace(struct file *f, const struct yaml_node *v)
{
    return read_duration(f, v, "grace", &f->study->grace_ms);
}

static enum status read_retries(struct file *f, const struct yaml_node *v)
{
    return read_whole(f, v, "retries", 0, 100, &f->study->retries);
}

static enum status read_output_max(struct file *f, const struct yaml_node *v)
{
    return read_number(f, v, "max_output", 1e3, 1e12, &f->study->output_max);
}

static enum status read_trial(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {
        {"command", read_command}, {"timeout", read_timeout},       {"grace", read_grace}, {"retries", read_retries},
        {"resources", NULL},       {"max_output", read_output_max}, {"stages", NULL},      {"collect", NULL},
    };
    return READ_SECTION(f, v, "trial", keys);
}

/* Placeholders can be checked only when the parameters are known. */
static enum status check_placeholders(struct file *f)
{
    static const struct study_variable variable[] = {
        {"study", ""}, {"trial", ""}, {"attempt", ""}, {"seed", ""}, {"dir", ""}};
    double config[SPACE_PARAMS_MAX] = {0};
    const struct yaml_node *trial = yaml_get(f->root, "trial");
    const struct yaml_node *command = trial ? yaml_get(trial, "command") : NULL;
    for (size_t i = 0; i < f->study->n_args; i++) {
        struct arena scratch = {0};
        struct error inner;
        char *out;
        enum status s = study_fill(f->study, f->study->arg[i], config, variable, 5, &scratch, &out, &inner);
        arena_done(&scratch);
        if (s) return at_node(f, command->value[i], &inner);
    }
    return STATUS_OK;
}

/* ---- parameters ---- */

static const char *const type_names[] = {"int", "float", "categorical", "ordinal", "bool"};

static enum status read_type(struct file *f, const struct yaml_node *node, struct param *p)
{
    const struct yaml_node *v = yaml_get(node, "type");
    if (!v) return fail(f, node, "parameter '%s' has no type; one of int, float, categorical, ordinal, bool", p->name);
    for (int i = 0; i < 5 && v->kind == YAML_TEXT; i++)
        if (strcmp(v->text, type_names[i]) == 0) {
            p->type = (enum param_type)i;
            return STATUS_OK;
        }
    const char *near = v->kind == YAML_TEXT ? words_nearest(v->text, type_names, 5) : NULL;
    return fail(f, v, "unknown type of parameter '%s'%s%s%s", p->name, near ? "; did you mean '" : "", near ? near : "",
                near ? "'?" : "; one of int, float, categorical, ordinal, bool");
}

static enum status read_range(struct file *f, const struct yaml_node *node, struct param *p)
{
    const struct yaml_node *v = yaml_get(node, "range"), *scale = yaml_get(node, "scale");
    double limit = p->type == PARAM_INT ? INT_EXACT : 1e300;
    if (!v) return fail(f, node, "parameter '%s' needs a range such as [1, 20]", p->name);
    if (v->kind != YAML_LIST || v->n != 2) return fail(f, v, "'range' must be a list of two numbers, [low, high]");
    enum status s = read_number(f, v->value[0], "range", -limit, limit, &p->lo);
    if (!s) s = read_number(f, v->value[1], "range", -limit, limit, &p->hi);
    if (s) return s;
    if (p->type == PARAM_INT && (p->lo != floor(p->lo) || p->hi != floor(p->hi)))
        return fail(f, v, "the range of the int '%s' must be whole numbers", p->name);
    if (p->lo > p->hi) return fail(f, v, "the range of '%s' is empty: %.15g is above %.15g", p->name, p->lo, p->hi);
    if (p->lo == p->hi)
        return fail(f, v, "the range of '%s' holds one value; write it into the command instead", p->name);
    if (!scale) return STATUS_OK;
    if (scale->kind != YAML_TEXT || (strcmp(scale->text, "log") != 0 && strcmp(scale->text, "linear") != 0))
        return fail(f, scale, "'scale' must be log or linear");
    p->log = strcmp(scale->text, "log") == 0;
    if (p->log && p->lo <= 0) return fail(f, v, "a log scale needs bounds above 0, not %.15g", p->lo);
    return STATUS_OK;
}

static enum status read_values(struct file *f, const struct yaml_node *node, struct param *p)
{
    struct arena *a = &f->study->arena;
    const struct yaml_node *v = yaml_get(node, "values");
    if (!v) return fail(f, node, "parameter '%s' needs values such as [small, large]", p->name);
    if (v->kind != YAML_LIST || v->n < 2) return fail(f, v, "'values' must be a list of at least two");
    if (v->n > SPACE_VALUES_MAX) return fail(f, v, "'values' may hold at most %d", SPACE_VALUES_MAX);
    p->n_values = v->n;
    p->value = arena_array(a, v->n, sizeof *p->value);
    p->is_number = arena_array(a, v->n, sizeof *p->is_number);
    for (size_t i = 0; i < v->n; i++) {
        const struct yaml_node *one = v->value[i];
        double x;
        if (one->kind != YAML_TEXT) return fail(f, one, "a value of '%s' must be text or a number", p->name);
        if (strlen(one->text) >= SPACE_TEXT_MAX)
            return fail(f, one, "a value is over %d bytes long", SPACE_TEXT_MAX - 1);
        for (size_t k = 0; k < i; k++)
            if (strcmp(p->value[k], one->text) == 0) return fail(f, one, "value '%.60s' appears twice", one->text);
        p->value[i] = one->text;
        p->is_number[i] = !one->quoted && words_number(one->text, &x);
    }
    return STATUS_OK;
}

static void set_bool(struct arena *a, struct param *p)
{
    p->n_values = 2;
    p->value = arena_array(a, 2, sizeof *p->value);
    p->is_number = arena_array(a, 2, sizeof *p->is_number);
    p->value[0] = "false";
    p->value[1] = "true";
}

static enum status present(struct file *f, const struct yaml_node *v) /* read where the type is known */
{
    (void)f;
    (void)v;
    return STATUS_OK;
}

static enum status read_param(struct file *f, const struct yaml_node *key, const struct yaml_node *node,
                              struct param *p)
{
    static const struct key number_keys[] = {{"type", present}, {"range", present}, {"scale", present}, {"when", NULL}};
    static const struct key value_keys[] = {{"type", present}, {"values", present}, {"when", NULL}};
    static const struct key bool_keys[] = {{"type", present}, {"when", NULL}};
    enum status s = check_name(f, key, "a parameter");
    if (!s && strchr(key->text, '-')) s = fail(f, key, "a parameter's name cannot hold '-': it becomes a variable");
    if (s) return s;
    p->name = key->text;
    s = need(f, node, YAML_MAP, p->name);
    if (!s) s = read_type(f, node, p);
    if (s) return s;
    switch (p->type) {
    case PARAM_INT:
    case PARAM_FLOAT: s = check_keys(f, node, p->name, number_keys, 4); return s ? s : read_range(f, node, p);
    case PARAM_CATEGORICAL:
    case PARAM_ORDINAL: s = check_keys(f, node, p->name, value_keys, 3); return s ? s : read_values(f, node, p);
    case PARAM_BOOL: set_bool(&f->study->arena, p); return check_keys(f, node, p->name, bool_keys, 2);
    }
    return s;
}

static enum status read_parameters(struct file *f, const struct yaml_node *v)
{
    struct space *space = &f->study->space;
    enum status s = need(f, v, YAML_MAP, "parameters");
    if (s) return s;
    if (v->n == 0) return fail(f, v, "'parameters' is empty; there is nothing to tune");
    if (v->n > SPACE_PARAMS_MAX) return fail(f, v, "more than %d parameters", SPACE_PARAMS_MAX);
    space->param = arena_array(&f->study->arena, v->n, sizeof *space->param);
    for (size_t i = 0; !s && i < v->n; i++) {
        s = read_param(f, v->key[i], v->value[i], &space->param[i]);
        space->n = i + 1;
    }
    return s;
}

/* ---- metrics, objective, constraints ---- */

static enum status read_choice(struct file *f, const struct yaml_node *v, const char *name, const char *const *choice,
                               size_t n, size_t *ret)
{
    enum status s = need(f, v, YAML_TEXT, name);
    if (s) return s;
    for (size_t i = 0; i < n; i++)
        if (strcmp(v->text, choice[i]) == 0) return *ret = i, STATUS_OK;
    const char *near = words_nearest(v->text, choice, n);
    return fail(f, v, "'%s' cannot be '%.60s'%s%s%s", name, v->text, near ? "; did you mean '" : "", near ? near : "",
                near ? "'?" : "");
}

static enum status read_metric(struct file *f, const struct yaml_node *key, const struct yaml_node *node,
                               struct metric *m)
{
    static const struct key keys[] = {{"goal", present}, {"kind", present}, {"of", present}};
    static const char *const goals[] = {"minimize", "maximize"}, *const kinds[] = {"value", "proportion", "count"};
    size_t goal = 0, kind = METRIC_VALUE;
    enum status s = check_name(f, key, "a metric");
    if (!s) s = check_keys(f, node, key->text, keys, 3);
    if (s) return s;
    const struct yaml_node *g = yaml_get(node, "goal"), *k = yaml_get(node, "kind"), *of = yaml_get(node, "of");
    if (!g) return fail(f, node, "metric '%s' needs a goal: minimize or maximize", key->text);
    s = read_choice(f, g, "goal", goals, 2, &goal);
    if (!s && k) s = read_choice(f, k, "kind", kinds, 3, &kind);
    if (!s && of) s = read_number(f, of, "of", 1, 1e12, &m->of);
    if (!s && of && kind != METRIC_PROPORTION) s = fail(f, of, "'of' belongs to kind: proportion");
    m->name = key->text;
    m->goal = goal ? GOAL_MAXIMIZE : GOAL_MINIMIZE;
    m->kind = (enum metric_kind)kind;
    return s;
}

static enum status read_metrics(struct file *f, const struct yaml_node *v)
{
    struct objective *o = &f->study->objective;
    enum status s = need(f, v, YAML_MAP, "metrics");
    if (!s && v->n > METRICS_MAX) s = fail(f, v, "more than %d metrics", METRICS_MAX);
    for (size_t i = 0; !s && i < v->n; i++) {
        s = read_metric(f, v->key[i], v->value[i], &o->metric[i]);
        o->n_metrics = i + 1;
    }
    return s;
}

/* The metric that a node names; the error lists the nearest. */
static enum status find_metric(struct file *f, const struct yaml_node *at, const char *name, size_t *ret)
{
    const struct objective *o = &f->study->objective;
    const char *names[METRICS_MAX];
    int m = objective_find_metric(o, name);
    if (m >= 0) return *ret = (size_t)m, STATUS_OK;
    for (size_t i = 0; i < o->n_metrics; i++) names[i] = o->metric[i].name;
    const char *near = words_nearest(name, names, o->n_metrics);
    return fail(f, at, "'%.60s' is not a metric%s%s%s", name, near ? "; did you mean '" : "", near ? near : "",
                near ? "'?" : "; list it under 'metrics'");
}

static enum status read_weights(struct file *f, const struct yaml_node *v)
{
    struct objective *o = &f->study->objective;
    double sum = 0;
    enum status s = need(f, v, YAML_MAP, "weights");
    for (size_t i = 0; !s && i < v->n; i++) {
        size_t m = 0;
        double w = 0;
        s = find_metric(f, v->key[i], v->key[i]->text, &m);
        if (!s) s = read_number(f, v->value[i], v->key[i]->text, 0, 1, &w);
        if (!s) sum += o->weight[m] = w;
    }
    if (!s && fabs(sum - 1) > 1e-6) s = fail(f, v, "weights must sum to 1; these sum to %.6g", sum);
    o->form = OBJECTIVE_WEIGHTS;
    return s;
}

static enum status read_exchange(struct file *f, const struct yaml_node *v)
{
    struct error inner;
    double r = 0;
    enum status s = read_number(f, v, "exchange", 1e-9, 1e9, &r);
    if (!s && objective_set_exchange(&f->study->objective, r, &inner)) s = at_node(f, v, &inner);
    return s;
}

/* objective: {minimize: loss} declares the metric if 'metrics' does not. */
static enum status read_single(struct file *f, const struct yaml_node *v, enum goal goal)
{
    struct objective *o = &f->study->objective;
    enum status s = check_name(f, v, "a metric");
    if (s) return s;
    if (o->n_metrics == 0) o->metric[o->n_metrics++] = (struct metric){.name = v->text, .goal = goal};
    s = find_metric(f, v, v->text, &o->gain);
    if (!s && o->metric[o->gain].goal != goal)
        s = fail(f, v, "the goal of '%s' under 'metrics' says the opposite", v->text);
    o->form = OBJECTIVE_SINGLE;
    return s;
}

static enum status read_minimize(struct file *f, const struct yaml_node *v)
{
    return read_single(f, v, GOAL_MINIMIZE);
}

static enum status read_maximize(struct file *f, const struct yaml_node *v)
{
    return read_single(f, v, GOAL_MAXIMIZE);
}

static enum status read_objective(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {{"weights", read_weights},
                                      {"exchange", read_exchange},
                                      {"minimize", read_minimize},
                                      {"maximize", read_maximize},
                                      {"pareto", NULL}};
    enum status s = check_keys(f, v, "objective", keys, 5);
    if (!s && v->n != 1) s = fail(f, v, "'objective' takes exactly one of weights, exchange, minimize, maximize");
    return s ? s : READ_SECTION(f, v, "objective", keys);
}

/* Grammar: METRIC (>=|<=) BOUND, where BOUND is NUMBER, or baseline, or baseline (+|-) NUMBER,
 * or NUMBER * baseline. */
static bool parse_bound(const char *text, struct constraint *c)
{
    double x;
    int used = 0;
    char sign;
    size_t n = strlen(text);
    if (words_number(text, &c->offset)) return c->factor = 0, true;
    if (strcmp(text, "baseline") == 0) return c->factor = 1, true;
    if (sscanf(text, "baseline %c %lf%n", &sign, &x, &used) == 2 && (size_t)used == n && (sign == '+' || sign == '-'))
        return c->factor = 1, c->offset = sign == '+' ? x : -x, isfinite(x);
    used = 0;
    if (sscanf(text, "%lf * baseline%n", &x, &used) == 1 && (size_t)used == n)
        return c->factor = x, isfinite(x) && x != 0;
    return false;
}

static enum status read_constraint(struct file *f, const struct yaml_node *v, struct constraint *c)
{
    char name[64], sense[3];
    int used = 0;
    enum status s = need(f, v, YAML_TEXT, "constraints");
    if (s) return s;
    *c = (struct constraint){.text = v->text};
    if (sscanf(v->text, "%63[^<>= ] %2[<>=] %n", name, sense, &used) != 2 || used == 0 ||
        (strcmp(sense, ">=") != 0 && strcmp(sense, "<=") != 0) || !parse_bound(v->text + used, c))
        return fail(f, v,
                    "a constraint looks like 'em >= baseline - 0.005', 'tokens <= 0.5 * baseline' or 'em >= 0.6'");
    c->sense = *sense == '>' ? AT_LEAST : AT_MOST;
    return find_metric(f, v, name, &c->metric);
}

static enum status read_constraints(struct file *f, const struct yaml_node *v)
{
    struct objective *o = &f->study->objective;
    enum status s = need(f, v, YAML_LIST, "constraints");
    if (!s && v->n > CONSTRAINTS_MAX) s = fail(f, v, "more than %d constraints", CONSTRAINTS_MAX);
    for (size_t i = 0; !s && i < v->n; i++) {
        s = read_constraint(f, v->value[i], &o->constraint[i]);
        o->n_constraints = i + 1;
    }
    return s;
}

/* ---- configurations ---- */

static enum status config_value(struct file *f, const struct yaml_node *v, const struct param *p, double *ret)
{
    struct error inner;
    bool b;
    enum status s = need(f, v, YAML_TEXT, p->name);
    if (s) return s;
    if (p->type == PARAM_BOOL) {
        if (!boolean(v, &b)) return fail(f, v, "'%s' must be true or false, not '%.60s'", p->name, v->text);
        *ret = b;
        return STATUS_OK;
    }
    return param_parse(p, v->text, ret, &inner) ? at_node(f, v, &inner) : STATUS_OK;
}

static enum status read_config(struct file *f, const struct yaml_node *v, const char *what, double **ret)
{
    const struct space *space = &f->study->space;
    enum status s = need(f, v, YAML_MAP, what);
    if (s) return s;
    double *config = arena_array(&f->study->arena, space->n, sizeof *config);
    for (size_t i = 0; i < v->n; i++)
        if (space_find(space, v->key[i]->text) < 0) {
            const char *names[SPACE_PARAMS_MAX];
            for (size_t k = 0; k < space->n; k++) names[k] = space->param[k].name;
            const char *near = words_nearest(v->key[i]->text, names, space->n);
            return fail(f, v->key[i], "'%.60s' in %s is not a parameter%s%s%s", v->key[i]->text, what,
                        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        }
    for (size_t i = 0; !s && i < space->n; i++) {
        const struct yaml_node *one = yaml_get(v, space->param[i].name);
        s = one ? config_value(f, one, &space->param[i], &config[i])
                : fail(f, v, "%s lacks the parameter '%s'", what, space->param[i].name);
    }
    if (!s) *ret = config;
    return s;
}

static enum status read_baseline(struct file *f, const struct yaml_node *v)
{
    return read_config(f, v, "baseline", &f->study->baseline);
}

static enum status read_references(struct file *f, const struct yaml_node *v)
{
    struct study *study = f->study;
    enum status s = need(f, v, YAML_MAP, "references");
    if (s) return s;
    study->reference = arena_array(&study->arena, v->n, sizeof *study->reference);
    for (size_t i = 0; !s && i < v->n; i++) {
        s = check_name(f, v->key[i], "a reference");
        study->reference[i].name = v->key[i]->text;
        if (!s) s = read_config(f, v->value[i], study->reference[i].name, &study->reference[i].config);
        study->n_references = i + 1;
    }
    return s;
}

/* ---- budget, confirm, search, workers ---- */

static enum status read_budget_trials(struct file *f, const struct yaml_node *v)
{
    return read_whole(f, v, "trials", 1, 1e9, &f->study->budget.trials);
}

static enum status read_budget_tokens(struct file *f, const struct yaml_node *v)
{
    return read_number(f, v, "tokens", 1, 1e300, &f->study->budget.tokens);
}

static enum status read_budget_wall(struct file *f, const struct yaml_node *v)
{
    return read_duration(f, v, "wall", &f->study->budget.wall_ms);
}

static enum status read_budget_until(struct file *f, const struct yaml_node *v)
{
    if (v->kind != YAML_TEXT || !words_time_of_day(v->text, &f->study->budget.until_minutes))
        return fail(f, v, "'until' must be a time of day such as \"07:00\"");
    return STATUS_OK;
}

static enum status read_budget(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {
        {"trials", read_budget_trials}, {"until", read_budget_until}, {"tokens", read_budget_tokens},
        {"wall", read_budget_wall},     {"patience", NULL},           {"price", NULL}};
    f->study->budget.trials = 0;
    enum status s = READ_SECTION(f, v, "budget", keys);
    if (!s && v->n == 0) s = fail(f, v, "'budget' is empty; give trials, until, tokens or wall");
    return s;
}

static enum status read_confirm_top(struct file *f, const struct yaml_node *v)
{
    return read_whole(f, v, "top", 0, 100, &f->study->confirm_top);
}

static enum status read_confirm_seeds(struct file *f, const struct yaml_node *v)
{
    return read_whole(f, v, "seeds", 0, 1000, &f->study->confirm_seeds);
}

static enum status read_confirm(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {{"top", read_confirm_top}, {"seeds", read_confirm_seeds}};
    return READ_SECTION(f, v, "confirm", keys);
}

static enum status read_sampler(struct file *f, const struct yaml_node *v)
{
    static const char *const names[] = {"gp", "sobol", "random"};
    size_t i = 0;
    enum status s = read_choice(f, v, "sampler", names, 3, &i);
    if (!s) f->study->sampler = (enum sampler)i;
    return s;
}

static enum status read_seed(struct file *f, const struct yaml_node *v)
{
    long seed = 0;
    enum status s = read_whole(f, v, "seed", 0, 9e15, &seed);
    if (!s) f->study->seed = (uint64_t)seed;
    return s;
}

static enum status read_search(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {{"sampler", read_sampler}, {"seed", read_seed}};
    return READ_SECTION(f, v, "search", keys);
}

static enum status read_local(struct file *f, const struct yaml_node *v)
{
    return read_whole(f, v, "local", 1, 256, &f->study->slots);
}

static enum status read_workers(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {{"local", read_local}, {"executor", NULL}, {"slurm", NULL}};
    return READ_SECTION(f, v, "workers", keys);
}

static enum status read_name(struct file *f, const struct yaml_node *v)
{
    f->study->name = v->text;
    return check_name(f, v, "'study'");
}

static enum status read_root(struct file *f)
{
    static const struct key root[] = {
        {"study", read_name},
        {"parameters", read_parameters},
        {"trial", read_trial},
        {"metrics", read_metrics},
        {"objective", read_objective},
        {"constraints", read_constraints},
        {"baseline", read_baseline},
        {"references", read_references},
        {"budget", read_budget},
        {"confirm", read_confirm},
        {"search", read_search},
        {"workers", read_workers},
        {"stopping", NULL},
        {"rollout", NULL},
        {"stages", NULL},
        {"executor", NULL},
        {"warm_start", NULL},
        {"price", NULL},
        {"watch", NULL},
    };
    static const char *const required[] = {"study", "parameters", "objective"};
    enum status s = check_keys(f, f->root, "the study file", root, sizeof root / sizeof *root);
    for (size_t i = 0; !s && i < 3; i++)
        if (!yaml_get(f->root, required[i])) s = fail(f, f->root, "'%s' is missing", required[i]);
    if (!s) s = READ_SECTION(f, f->root, "the study file", root);
    if (!s) s = check_placeholders(f);
    if (!s && objective_needs_baseline(&f->study->objective) && !f->study->baseline)
        s = fail(
            f, yaml_get(f->root, "objective"),
            "a weighted objective, an exchange or a bound on 'baseline' needs 'baseline:', the configuration to compare with");
    return s;
}

static void set_defaults(struct study *s)
{
    s->grace_ms = GRACE_MS;
    s->retries = 1;
    s->output_max = 64.0 * 1024 * 1024;
    s->budget = (struct budget){.trials = TRIALS_DEFAULT, .until_minutes = -1};
    s->confirm_top = 3;
    s->confirm_seeds = 3;
    s->slots = 1;
}

/* The folder that holds `path`, absolute; the current one if it cannot be resolved. */
static const char *folder_of(struct arena *a, const char *path)
{
    char *real = realpath(path, NULL);
    char *dir = arena_strdup(a, real ? dirname(real) : ".");
    free(real);
    return dir;
}

enum status study_parse(const char *path, const char *text, size_t len, struct study **ret, struct error *err)
{
    struct arena arena = {0};
    struct study *study = arena_alloc(&arena, sizeof *study);
    study->arena = arena;
    study->path = arena_strdup(&study->arena, path);
    study->dir = folder_of(&study->arena, path);
    set_defaults(study);
    struct yaml_node *root = NULL;
    enum status s = yaml_read(study->path, text, len, &study->arena, &root, err);
    if (!s) study->text = arena_printf(&study->arena, "%.*s", (int)len, text);
    if (!s) s = read_root(&(struct file){study, root, err});
    if (s)
        study_free(study);
    else
        *ret = study;
    return s;
}

enum status study_load(const char *path, struct study **ret, struct error *err)
{
    enum { ROOM = (1 << 20) + 1 };
    FILE *in = fopen(path, "rb");
    if (!in)
        return error_set(err, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, "%s: cannot read the study file: %s%s",
                         path, strerror(errno), errno == ENOENT ? "; 'nocturne init' writes one to start from" : "");
    char *text = must_alloc(ROOM, 1);
    size_t n = fread(text, 1, ROOM, in);
    enum status s = ferror(in) ? error_set(err, STATUS_IO, "%s: cannot read the study file: %s", path, strerror(errno))
                               : study_parse(path, text, n, ret, err);
    fclose(in);
    free(text);
    return s;
}
