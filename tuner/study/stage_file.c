/* The sections stages and checkpoints. */
#include "tuner/study/condition.h"
#include "tuner/study/file.h"

#include "tuner/base/rng.h"
#include "tuner/base/words.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum { TRIES = 4096 };

struct reading { /* one stage */
    struct file *f;
    const struct yaml_node *section, *node; /* node: the stage's */
    size_t at;
    struct stage *stage;
    struct study *alone; /* its own parts; the rest comes when all is read */
};

/* ---- names ---- */

static const char *near_name(const char *name, const struct yaml_node *section)
{
    const char *names[STAGES_MAX];
    for (size_t i = 0; i < section->n; i++) names[i] = section->key[i]->text;
    return words_nearest(name, names, section->n);
}

static int find(const struct yaml_node *section, const char *name)
{
    for (size_t i = 0; i < section->n; i++)
        if (strcmp(section->key[i]->text, name) == 0) return (int)i;
    return -1;
}

/* a-b and a_b would be one variable. */
static bool share_variable(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        char x = isalnum((unsigned char)*a) ? (char)toupper((unsigned char)*a) : '_',
             y = isalnum((unsigned char)*b) ? (char)toupper((unsigned char)*b) : '_';
        if (x != y) return false;
    }
    return *a == *b;
}

static enum status check_names(struct file *f, const struct yaml_node *v)
{
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < v->n; i++) {
        s = file_check_name(f, v->key[i], "a stage");
        for (size_t k = 0; !s && k < i; k++)
            if (share_variable(v->key[i]->text, v->key[k]->text))
                s = form_fail(&f->form, v->key[i], "the stages '%s' and '%s' would share the variable NOCTURNE_INPUT_…",
                              v->key[k]->text, v->key[i]->text);
    }
    return s;
}

/* ---- inputs ---- */

/* Does `input:` of the stage at `from` lead to `to`, by names? *ret_via: the way there. */
static bool leads_to(const struct reading *r, size_t from, size_t to, size_t depth, const char **ret_via)
{
    const struct yaml_node *v = yaml_get(r->section->value[from], "input");
    const size_t n = !v ? from > 0 : v->kind == YAML_LIST ? v->n : 1;
    const char *own = r->section->key[from]->text;
    if (from == to && depth > 0) return *ret_via = own, true;
    for (size_t i = 0; depth <= STAGES_MAX && i < n; i++) {
        const struct yaml_node *one = v && v->kind == YAML_LIST ? v->value[i] : v;
        int next = !v ? (int)from - 1 : one->kind == YAML_TEXT ? find(r->section, one->text) : -1;
        if (next < 0 || !leads_to(r, (size_t)next, to, depth + 1, ret_via)) continue;
        *ret_via = arena_printf(&r->f->study->arena, "%s ← %s", own, *ret_via);
        return true;
    }
    return false;
}

static enum status add_input(struct reading *r, const struct yaml_node *v)
{
    const char *own = r->stage->name, *way = "";
    enum status s = form_need(&r->f->form, v, YAML_TEXT, "input");
    if (s) return s;
    int k = find(r->section, v->text);
    const char *near = k < 0 ? near_name(v->text, r->section) : NULL;
    if (k < 0)
        return form_fail(&r->f->form, v, "'%.60s' is not a stage%s%s%s", v->text, near ? "; did you mean '" : "",
                         near ? near : "", near ? "'?" : "");
    if ((size_t)k >= r->at && leads_to(r, r->at, r->at, 0, &way))
        return form_fail(&r->f->form, v, "the stages wait for each other: %s", way);
    if ((size_t)k >= r->at)
        return form_fail(&r->f->form, v, "'%s' comes after '%s': a stage takes the checkpoints of stages above it",
                         v->text, own);
    for (size_t i = 0; i < r->stage->n_inputs; i++)
        if (r->stage->input[i] == (size_t)k)
            return form_fail(&r->f->form, v, "'input' of '%s' names '%s' twice", own, v->text);
    r->stage->input[r->stage->n_inputs++] = (size_t)k;
    return STATUS_OK;
}

/* By default the one above. */
static enum status read_inputs(struct reading *r)
{
    const struct yaml_node *v = yaml_get(r->node, "input");
    enum status s = STATUS_OK;
    if (!v && r->at > 0) r->stage->input[r->stage->n_inputs++] = r->at - 1;
    if (!v) return STATUS_OK;
    if (v->kind == YAML_TEXT) return add_input(r, v);
    s = form_need(&r->f->form, v, YAML_LIST, "input");
    for (size_t i = 0; !s && i < v->n; i++) s = add_input(r, v->value[i]);
    return s;
}

/* ---- parameters ---- */

static enum status name_param(struct reading *r, const struct yaml_node *v)
{
    const struct space *space = &r->f->study->space;
    const char *names[SPACE_PARAMS_MAX];
    enum status s = form_need(&r->f->form, v, YAML_TEXT, "parameters");
    if (s) return s;
    int p = space_find(space, v->text);
    for (size_t i = 0; i < space->n; i++) names[i] = space->param[i].name;
    const char *near = p < 0 ? words_nearest(v->text, names, space->n) : NULL;
    if (p < 0)
        return form_fail(&r->f->form, v, "stage '%s' names '%.60s', which is not a parameter%s%s%s", r->stage->name,
                         v->text, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    if (r->stage->names[p]) file_note(r->f, v, "stage '%s' names '%s' twice", r->stage->name, v->text);
    r->stage->names[p] = true;
    return STATUS_OK;
}

static enum status read_params(struct reading *r)
{
    const struct yaml_node *v = yaml_get(r->node, "parameters");
    enum status s = v ? form_need(&r->f->form, v, YAML_LIST, "parameters") : STATUS_OK;
    for (size_t i = 0; v && !s && i < v->n; i++) s = name_param(r, v->value[i]);
    return s;
}

/* ---- when ---- */

/* Some value of each parameter that exists. */
static void draw(const struct space *space, struct rng *rng, double *ret)
{
    for (size_t i = 0; i < space->n; i++) {
        const struct param *p = &space->param[i];
        double u = rng_unit(rng);
        double between = p->log ? p->lo * exp(u * log(p->hi / p->lo)) : p->lo + u * (p->hi - p->lo);
        ret[i] = p->n_values ? floor(u * (double)p->n_values)
                             : param_nearest(p, u < 0.1   ? p->lo
                                                : u > 0.9 ? p->hi
                                                          : between);
        if (!condition_holds(p->when, ret)) ret[i] = NAN;
    }
}

/* A test of what does not exist itself is false: together they may never hold. Tried only where that can be. */
static enum status check_when(struct reading *r)
{
    const struct space *space = &r->f->study->space;
    const struct param *inactive = NULL;
    struct rng rng = rng_derive(0, "when", r->at);
    bool used[SPACE_PARAMS_MAX] = {false};
    double config[SPACE_PARAMS_MAX];
    condition_params(r->stage->when, used);
    for (size_t i = 0; i < space->n; i++)
        if (used[i] && space->param[i].when) inactive = &space->param[i];
    for (size_t k = 0; inactive && k < TRIES; k++) {
        draw(space, &rng, config);
        if (condition_holds(r->stage->when, config)) inactive = NULL;
    }
    if (!inactive) return STATUS_OK;
    return form_fail(&r->f->form, yaml_get(r->node, "when"),
                     "stage '%s' would never run: '%s' exists only when %s, and a test of what does not exist is false",
                     r->stage->name, inactive->name, inactive->when_text);
}

/* ---- a stage ---- */

static enum status read_timeout(struct reading *r)
{
    const struct yaml_node *v = yaml_get(r->node, "timeout");
    return v ? form_duration(&r->f->form, v, "timeout", &r->alone->limits.timeout_ms) : STATUS_OK;
}

static enum status read_files(struct reading *r)
{
    const struct yaml_node *v = yaml_get(r->node, "files");
    return v ? file_patterns(r->f, v, &r->alone->files) : STATUS_OK;
}

static enum status read_command(struct reading *r)
{
    const struct yaml_node *v = yaml_get(r->node, "command");
    if (!v) return form_fail(&r->f->form, r->node, "stage '%s' has no command", r->stage->name);
    return file_command(r->f, v, &r->alone->n_args, &r->alone->arg);
}

static enum status read_stage(struct reading *r)
{
    static const struct key keys[] = {{"command", file_present}, {"parameters", file_present},
                                      {"when", file_present},    {"input", file_present},
                                      {"files", file_present},   {"timeout", file_present}};
    enum status s = form_need(&r->f->form, r->node, YAML_MAP, r->stage->name);
    if (!s) s = file_check_keys(r->f, r->node, r->stage->name, keys, sizeof keys / sizeof *keys);
    if (!s) s = read_params(r);
    if (!s) s = file_when(r->f, r->node, &r->stage->when, &r->stage->when_text);
    if (!s) s = check_when(r);
    if (!s) s = read_inputs(r);
    if (!s) s = read_timeout(r);
    if (!s) s = read_files(r);
    return s ? s : read_command(r);
}

/* What no stage sees and no `when` asks for changes nothing. */
static enum status check_used(struct file *f, const struct yaml_node *v)
{
    const struct space *space = &f->study->space;
    bool used[SPACE_PARAMS_MAX] = {false};
    for (size_t k = 0; k < f->study->pipeline.n; k++) {
        condition_params(f->study->pipeline.stage[k].when, used);
        for (size_t i = 0; i < space->n; i++) used[i] |= f->study->pipeline.stage[k].names[i];
    }
    for (size_t i = 0; i < space->n; i++) condition_params(space->param[i].when, used);
    for (size_t i = 0; i < space->n; i++)
        if (!used[i])
            return form_fail(&f->form, v,
                             "no stage names the parameter '%s': add it to the 'parameters' of the one that uses it",
                             space->param[i].name);
    return STATUS_OK;
}

enum status file_stages(struct file *f, const struct yaml_node *v)
{
    struct pipeline *p = &f->study->pipeline;
    enum status s = form_need(&f->form, v, YAML_MAP, "stages");
    if (!s && v->n == 0)
        s = form_fail(&f->form, v, "'stages' is empty; a stage looks like train: {command: […], parameters: […]}");
    if (!s && v->n > STAGES_MAX) s = form_fail(&f->form, v, "more than %d stages", STAGES_MAX);
    if (!s) s = check_names(f, v);
    if (s) return s;
    p->stage = arena_array(&f->study->arena, v->n, sizeof *p->stage);
    for (size_t i = 0; !s && i < v->n; i++) {
        struct study *alone = arena_alloc(&f->study->arena, sizeof *alone);
        p->stage[i].name = v->key[i]->text;
        p->stage[i].alone = alone;
        s = read_stage(&(struct reading){f, v, v->value[i], i, &p->stage[i], alone});
        for (size_t k = 0; k < p->stage[i].n_inputs; k++) p->stage[p->stage[i].input[k]].leads_on = true;
    }
    p->n = v->n;
    return s ? s : check_used(f, v);
}

/* ---- when all else is read ---- */

static enum status check_named(struct file *f, const struct stage *x, const struct yaml_node *command)
{
    const struct space *space = &f->study->space;
    for (size_t i = 0; i < space->n; i++) {
        char mark[SPACE_NAME_MAX + 3];
        snprintf(mark, sizeof mark, "{%s}", space->param[i].name);
        for (size_t k = 0; !x->names[i] && k < x->alone->n_args; k++)
            if (strstr(x->alone->arg[k], mark))
                return form_fail(&f->form, command->value[k],
                                 "stage '%s' uses %s, which is not among its 'parameters': what it does would change "
                                 "with something that does not tell its checkpoints apart",
                                 x->name, mark);
    }
    return STATUS_OK;
}

static enum status check_command(struct file *f, const struct stage *x, const struct yaml_node *command)
{
    const double config[SPACE_PARAMS_MAX] = {0};
    struct stage_run stage = {.name = x->name, .n_inputs = x->n_inputs, .output = ""};
    for (size_t i = 0; i < x->n_inputs; i++)
        stage.input[i] = (struct stage_input){f->study->pipeline.stage[x->input[i]].name, ""};
    const struct study_run run = {.config = config, .dir = "", .stage = &stage};
    enum status s = check_named(f, x, command);
    return s ? s : file_check_command(f, command, x->alone, &run);
}

/* The whole study, but for what is the stage's own. It has no arena: nothing is added to it. */
static void complete(const struct study *study, struct study *alone)
{
    struct study own = *alone;
    *alone = *study;
    alone->arena = (struct arena){0};
    alone->pipeline = (struct pipeline){0};
    alone->arg = own.arg;
    alone->n_args = own.n_args;
    if (own.files.n) alone->files = own.files;
    if (own.limits.timeout_ms) alone->limits.timeout_ms = own.limits.timeout_ms;
}

enum status file_settle_stages(struct file *f)
{
    struct pipeline *p = &f->study->pipeline;
    const struct yaml_node *section = yaml_get(f->root, "stages");
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < p->n; i++) {
        complete(f->study, (struct study *)p->stage[i].alone); /* const for everybody else */
        s = check_command(f, &p->stage[i], yaml_get(section->value[i], "command"));
    }
    return s;
}

/* ---- checkpoints, cost ---- */

static enum status read_keep(struct file *f, const struct yaml_node *v)
{
    return form_size(&f->form, v, "keep", (struct form_range){1, 1e18}, &f->study->pipeline.keep);
}

static enum status read_reuse(struct file *f, const struct yaml_node *v)
{
    bool reuse;
    if (!file_boolean(v, &reuse)) return form_fail(&f->form, v, "'reuse' must be true or false");
    f->study->pipeline.anew = !reuse;
    return STATUS_OK;
}

enum status file_checkpoints(struct file *f, const struct yaml_node *v)
{
    static const struct key keys[] = {{"keep", read_keep}, {"reuse", read_reuse}};
    if (!f->study->pipeline.n)
        return form_fail(&f->form, v, "'checkpoints' are what 'stages' leave, and this study has none");
    return FILE_SECTION(f, v, "checkpoints", keys);
}

enum status file_search_cost(struct file *f, const struct yaml_node *v)
{
    static const char *const names[] = {"auto", "ignore"};
    size_t i = 0;
    enum status s = file_choice(f, v, "cost", names, 2, &i);
    f->study->pipeline.cost_blind = i == 1;
    return s;
}
