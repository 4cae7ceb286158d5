/* The sections parameters, baseline and references. */
#include "tuner/study/condition.h"
#include "tuner/study/file.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <math.h>
#include <string.h>

enum { WHEN_BYTES_MAX = 4096, REFERENCES_MAX = 256 };

static const double INT_EXACT = 9007199254740992; /* 2^53: up to here a double counts */

static const char *const type_names[] = {"int", "float", "categorical", "ordinal", "bool"};

static enum status read_type(struct file *f, const struct yaml_node *node, struct param *p)
{
    const struct yaml_node *v = yaml_get(node, "type");
    if (!v)
        return form_fail(&f->form, node, "parameter '%s' has no type; one of int, float, categorical, ordinal, bool",
                         p->name);
    for (int i = 0; i < 5 && v->kind == YAML_TEXT; i++)
        if (strcmp(v->text, type_names[i]) == 0) {
            p->type = (enum param_type)i;
            return STATUS_OK;
        }
    const char *near = v->kind == YAML_TEXT ? words_nearest(v->text, type_names, 5) : NULL;
    return form_fail(&f->form, v, "unknown type of parameter '%s'%s%s%s", p->name, near ? "; did you mean '" : "",
                     near ? near : "", near ? "'?" : "; one of int, float, categorical, ordinal, bool");
}

static enum status read_step(struct file *f, const struct yaml_node *v, struct param *p)
{
    enum status s = form_number(&f->form, v, "step", (struct form_range){1e-300, 1e300}, &p->step);
    if (s) return s;
    if (p->type == PARAM_INT && p->step != floor(p->step))
        return form_fail(&f->form, v, "the step of the int '%s' must be a whole number", p->name);
    if (p->log) return form_fail(&f->form, v, "'%s' has steps and a log scale; list its values as an ordinal", p->name);
    if (param_levels(p) < 2)
        return form_fail(&f->form, v, "one step of '%s' is longer than its range, which then holds one value", p->name);
    return STATUS_OK;
}

static enum status read_scale(struct file *f, const struct yaml_node *range, const struct yaml_node *v, struct param *p)
{
    if (v->kind != YAML_TEXT || (strcmp(v->text, "log") != 0 && strcmp(v->text, "linear") != 0))
        return form_fail(&f->form, v, "'scale' must be log or linear");
    char lo[40];
    p->log = strcmp(v->text, "log") == 0;
    if (p->log && p->lo <= 0)
        return form_fail(&f->form, range, "a log scale needs bounds above 0, not %s", json_shortest(p->lo, lo));
    return STATUS_OK;
}

static enum status read_range(struct file *f, const struct yaml_node *node, struct param *p)
{
    const struct yaml_node *v = yaml_get(node, "range"), *scale = yaml_get(node, "scale"),
                           *step = yaml_get(node, "step");
    double limit = p->type == PARAM_INT ? INT_EXACT : 1e300;
    char lo[40], hi[40];
    if (!v) return form_fail(&f->form, node, "parameter '%s' needs a range such as [1, 20]", p->name);
    if (v->kind != YAML_LIST || v->n != 2)
        return form_fail(&f->form, v, "'range' must be a list of two numbers, [low, high]");
    enum status s = form_number(&f->form, v->value[0], "range", (struct form_range){-limit, limit}, &p->lo);
    if (!s) s = form_number(&f->form, v->value[1], "range", (struct form_range){-limit, limit}, &p->hi);
    if (s) return s;
    for (size_t i = 0; i < 2 && p->type == PARAM_INT; i++)
        if (words_is_rounded(v->value[i]->text, i ? p->hi : p->lo))
            return form_fail(&f->form, v->value[i], "%.60s is beyond 2^53, up to where whole numbers are exact",
                             v->value[i]->text);
    if (p->type == PARAM_INT && (p->lo != floor(p->lo) || p->hi != floor(p->hi)))
        return form_fail(&f->form, v, "the range of the int '%s' must be whole numbers", p->name);
    if (p->lo > p->hi)
        return form_fail(&f->form, v, "the range of '%s' is empty: %s is above %s", p->name, json_shortest(p->lo, lo),
                         json_shortest(p->hi, hi));
    if (p->lo == p->hi)
        return form_fail(&f->form, v, "the range of '%s' holds one value; write it into the command instead", p->name);
    if (scale) s = read_scale(f, v, scale, p);
    if (!s && step) s = read_step(f, step, p);
    return s;
}

/* Two values that are one, or that a program's arguments could not tell apart. */
static enum status check_apart(struct file *f, const struct yaml_node *at, const struct param *p, size_t i)
{
    const struct choice *a = &p->value[i];
    for (size_t k = 0; k < i; k++) {
        const struct choice *b = &p->value[k];
        if (strcmp(a->text, b->text) == 0 && strcmp(a->key, b->key) == 0)
            return form_fail(&f->form, at, "value '%.60s' appears twice", a->text);
        if (strcmp(a->key, b->key) == 0)
            return form_fail(&f->form, at,
                             "the values '%.60s' and '%.60s' of '%s' are the same; put them in quotes if they are "
                             "text",
                             b->text, a->text, p->name);
        if (strcmp(a->text, b->text) == 0)
            return form_fail(&f->form, at, "the values %.60s and %.60s of '%s' look the same to a program: '%.60s'",
                             b->json, a->json, p->name, a->text);
    }
    return STATUS_OK;
}

static enum status read_values(struct file *f, const struct yaml_node *node, struct param *p)
{
    struct arena *a = &f->study->arena;
    const struct yaml_node *v = yaml_get(node, "values");
    if (!v) return form_fail(&f->form, node, "parameter '%s' needs values such as [small, large]", p->name);
    if (v->kind != YAML_LIST || v->n < 2) return form_fail(&f->form, v, "'values' must be a list of at least two");
    if (v->n > SPACE_VALUES_MAX) return form_fail(&f->form, v, "'values' may hold at most %d", SPACE_VALUES_MAX);
    p->n_values = v->n;
    p->value = arena_array(a, v->n, sizeof *p->value);
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < v->n; i++) {
        struct error inner;
        if (choice_read(v->value[i], SPACE_TEXT_MAX - 1, a, &p->value[i], &inner))
            s = form_fail_with(&f->form, v->value[i], &inner);
        else
            s = check_apart(f, v->value[i], p, i);
    }
    return s;
}

static void set_bool(struct arena *a, struct param *p)
{
    p->n_values = 2;
    p->value = arena_array(a, 2, sizeof *p->value);
    p->value[0] = (struct choice){"false", "false", "false"};
    p->value[1] = (struct choice){"true", "true", "true"};
}

enum status file_when(struct file *f, const struct yaml_node *node, const struct condition **ret, const char **ret_text)
{
    const struct yaml_node *v = yaml_get(node, "when");
    struct error inner;
    if (!v) return STATUS_OK;
    enum status s = form_need(&f->form, v, YAML_TEXT, "when");
    if (!s && strlen(v->text) > WHEN_BYTES_MAX)
        s = form_fail(&f->form, v, "'when' is over %d bytes long", WHEN_BYTES_MAX);
    if (s) return s;
    *ret_text = v->text;
    return condition_parse(&f->study->space, v->text, &f->study->arena, ret, &inner)
               ? form_fail_with(&f->form, v, &inner)
               : STATUS_OK;
}

static enum status read_param(struct file *f, const struct yaml_node *key, const struct yaml_node *node,
                              struct param *p)
{
    static const struct key number_keys[] = {{"type", file_present},
                                             {"range", file_present},
                                             {"scale", file_present},
                                             {"step", file_present},
                                             {"when", file_present}};
    static const struct key value_keys[] = {{"type", file_present}, {"values", file_present}, {"when", file_present}};
    static const struct key bool_keys[] = {{"type", file_present}, {"when", file_present}};
    enum status s = file_check_quantity(f, key, "a parameter");
    if (s) return s;
    p->name = key->text;
    s = form_need(&f->form, node, YAML_MAP, p->name);
    if (!s) s = read_type(f, node, p);
    if (!s) s = file_when(f, node, &p->when, &p->when_text); /* the parameters above are in the space already */
    if (s) return s;
    switch (p->type) {
    case PARAM_INT:
    case PARAM_FLOAT: s = file_check_keys(f, node, p->name, number_keys, 5); return s ? s : read_range(f, node, p);
    case PARAM_CATEGORICAL:
    case PARAM_ORDINAL: s = file_check_keys(f, node, p->name, value_keys, 3); return s ? s : read_values(f, node, p);
    case PARAM_BOOL: set_bool(&f->study->arena, p); return file_check_keys(f, node, p->name, bool_keys, 2);
    }
    return s;
}

/* a.b, a-b and a_b would be one variable. */
static enum status check_variable(struct file *f, const struct yaml_node *key, size_t i)
{
    const struct space *space = &f->study->space;
    const char *own = space_variable(space, i, &f->study->arena);
    for (size_t k = 0; k < i; k++)
        if (strcmp(own, space_variable(space, k, &f->study->arena)) == 0)
            return form_fail(&f->form, key, "the parameters '%s' and '%s' would share the variable %s",
                             space->param[k].name, space->param[i].name, own);
    return STATUS_OK;
}

enum status file_parameters(struct file *f, const struct yaml_node *v)
{
    struct space *space = &f->study->space;
    enum status s = form_need(&f->form, v, YAML_MAP, "parameters");
    if (s) return s;
    if (v->n == 0) return form_fail(&f->form, v, "'parameters' is empty; there is nothing to tune");
    if (v->n > SPACE_PARAMS_MAX) return form_fail(&f->form, v, "more than %d parameters", SPACE_PARAMS_MAX);
    space->param = arena_array(&f->study->arena, v->n, sizeof *space->param);
    for (size_t i = 0; !s && i < v->n; i++) {
        s = read_param(f, v->key[i], v->value[i], &space->param[i]);
        space->n = i + 1;
    }
    for (size_t i = 0; !s && i < space->n; i++) s = check_variable(f, v->key[i], i);
    return s;
}

/* ---- configurations ---- */

/* By its value; a text may stand for a number, as ever. */
static enum status config_choice(struct file *f, const struct yaml_node *v, const struct param *p, double *ret)
{
    struct error inner;
    struct choice c;
    enum status s = choice_read(v, SPACE_TEXT_MAX - 1, &f->study->arena, &c, &inner);
    size_t i = 0;
    while (!s && i < p->n_values && strcmp(p->value[i].key, c.key) != 0) i++;
    if (!s && i < p->n_values) return *ret = (double)i, STATUS_OK;
    if (!s) s = param_parse(p, c.text, ret, &inner);
    return s ? form_fail_with(&f->form, v, &inner) : STATUS_OK;
}

static enum status config_value(struct file *f, const struct yaml_node *v, const struct param *p, double *ret)
{
    struct error inner;
    bool b;
    enum status s = STATUS_OK;
    if (p->type == PARAM_CATEGORICAL || p->type == PARAM_ORDINAL) return config_choice(f, v, p, ret);
    s = form_need(&f->form, v, YAML_TEXT, p->name);
    if (s) return s;
    if (p->type == PARAM_BOOL) {
        if (!file_boolean(v, &b))
            return form_fail(&f->form, v, "'%s' must be true or false, not '%.60s'", p->name, v->text);
        *ret = b;
        return STATUS_OK;
    }
    return param_parse(p, v->text, ret, &inner) ? form_fail_with(&f->form, v, &inner) : STATUS_OK;
}

static enum status read_config(struct file *f, const struct yaml_node *v, const char *what, double **ret)
{
    const struct space *space = &f->study->space;
    enum status s = form_need(&f->form, v, YAML_MAP, what);
    if (s) return s;
    double *config = arena_array(&f->study->arena, space->n, sizeof *config);
    for (size_t i = 0; i < v->n; i++)
        if (space_find(space, v->key[i]->text) < 0) {
            const char *names[SPACE_PARAMS_MAX];
            for (size_t k = 0; k < space->n; k++) names[k] = space->param[k].name;
            const char *near = words_nearest(v->key[i]->text, names, space->n);
            return form_fail(&f->form, v->key[i], "'%.60s' in %s is not a parameter%s%s%s", v->key[i]->text, what,
                             near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
        }
    for (size_t i = 0; !s && i < space->n; i++) {
        const struct yaml_node *one = yaml_get(v, space->param[i].name);
        bool exists = condition_holds(space->param[i].when, config);
        config[i] = NAN;
        if (!exists && one)
            s = form_fail(&f->form, one, "%s gives '%s', which exists only when %s", what, space->param[i].name,
                          space->param[i].when_text);
        if (!exists) continue;
        s = one ? config_value(f, one, &space->param[i], &config[i])
                : form_fail(&f->form, v, "%s lacks the parameter '%s'", what, space->param[i].name);
    }
    if (!s) *ret = config;
    return s;
}

enum status file_baseline(struct file *f, const struct yaml_node *v)
{
    return read_config(f, v, "baseline", &f->study->baseline);
}

enum status file_references(struct file *f, const struct yaml_node *v)
{
    struct study *study = f->study;
    enum status s = form_need(&f->form, v, YAML_MAP, "references");
    if (!s && v->n > REFERENCES_MAX) s = form_fail(&f->form, v, "more than %d references", REFERENCES_MAX);
    if (s) return s;
    study->reference = arena_array(&study->arena, v->n, sizeof *study->reference);
    for (size_t i = 0; !s && i < v->n; i++) {
        s = file_check_name(f, v->key[i], "a reference");
        study->reference[i].name = v->key[i]->text;
        if (!s) s = read_config(f, v->value[i], study->reference[i].name, &study->reference[i].config);
        study->n_references = i + 1;
    }
    return s;
}

/* What `nocturne export` has written; NULL: it has not. */
static const struct yaml_node *exported(const struct space *space, const struct yaml_node *root)
{
    static const char *const keys[] = {"parameters", "params"}; /* YAML, JSON */
    for (size_t i = 0; i < 2; i++) {
        const struct yaml_node *inner = yaml_get(root, keys[i]);
        if (inner && space_find(space, keys[i]) < 0) return inner;
    }
    return NULL;
}

enum status study_read_config(const struct study *study, const char *file, const char *text, double *ret,
                              struct error *err)
{
    struct study there = {.space = study->space};
    struct file f = {.form = {file, err}, .study = &there};
    struct yaml_node *root = NULL;
    double *config = NULL;
    there.path = arena_strdup(&there.arena, file);
    enum status s = yaml_read(file, text, strlen(text), &there.arena, &root, err);
    if (!s) s = form_need(&f.form, root, YAML_MAP, "parameters");
    const struct yaml_node *inner = s ? NULL : exported(&study->space, root);
    if (!s) s = read_config(&f, inner ? inner : root, "the file", &config);
    if (!s) memcpy(ret, config, study->space.n * sizeof *ret);
    arena_done(&there.arena);
    return s;
}
