#include "tuner/study/study.h"

#include "tuner/base/words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- one argument ---- */

/* Of {input} and {input.STAGE}; NULL: there is no such input. Its path is NULL if it does not exist now. */
static const struct stage_input *find_input(const struct stage_run *x, const char *name)
{
    if (strcmp(name, "input") == 0) return x->n_inputs ? &x->input[0] : NULL;
    for (size_t i = 0; strncmp(name, "input.", 6) == 0 && i < x->n_inputs; i++)
        if (strcmp(name + 6, x->input[i].stage) == 0) return &x->input[i];
    return NULL;
}

static const char *lookup_stage(const struct stage_run *x, const char *name)
{
    if (!x) return NULL;
    if (strcmp(name, "stage") == 0) return x->name;
    if (strcmp(name, "output") == 0) return x->output;
    const struct stage_input *input = find_input(x, name);
    return input ? input->path ? input->path : "" : NULL;
}

/* Text that stands for {name}, or NULL. buf: SPACE_TEXT_MAX bytes. */
static const char *lookup(const struct study *study, const char *name, const struct study_run *run, char *buf)
{
    int p = space_find(&study->space, name);
    if (p >= 0) return param_text(&study->space.param[p], run->config[p], buf);
    if (strcmp(name, "study") == 0) return study->name;
    if (strcmp(name, "dir") == 0) return run->dir;
    if (strcmp(name, "trial") == 0)
        snprintf(buf, SPACE_TEXT_MAX, "%ld", run->trial);
    else if (strcmp(name, "attempt") == 0)
        snprintf(buf, SPACE_TEXT_MAX, "%ld", run->attempt);
    else if (strcmp(name, "slot") == 0)
        snprintf(buf, SPACE_TEXT_MAX, "%ld", run->slot);
    else if (strcmp(name, "seed") == 0)
        snprintf(buf, SPACE_TEXT_MAX, "%llu", (unsigned long long)run->seed);
    else
        return lookup_stage(run->stage, name);
    return buf;
}

struct filling {
    const struct study *study;
    const struct study_run *run;
    char *text; /* NULL: only measured */
    size_t n;
};

static void put(struct filling *f, const char *bytes, size_t n)
{
    if (f->text) memcpy(f->text + f->n, bytes, n);
    f->n += n;
}

static enum status unknown(const struct study *study, const char *name, struct error *err)
{
    static const char *const own[] = {"args", "study", "dir", "trial", "attempt", "slot", "seed"};
    const char *names[SPACE_PARAMS_MAX + 7];
    size_t n = 0;
    for (; n < study->space.n; n++) names[n] = study->space.param[n].name;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) names[n++] = own[i];
    const char *near = words_nearest(name, names, n);
    return error_set(err, STATUS_INVALID, "{%s} is not a parameter%s%s%s", name, near ? "; did you mean {" : "",
                     near ? near : "", near ? "}?" : "");
}

/* {name} at `c`; *ret_used: its bytes. */
static enum status put_value(struct filling *f, const char *argument, const char *c, size_t *ret_used,
                             struct error *err)
{
    char name[64], buf[SPACE_TEXT_MAX];
    size_t n = strcspn(c + 1, "{}");
    if (n == 0 || n >= sizeof name || c[1 + n] != '}')
        return error_set(err, STATUS_INVALID, "'%.80s': a brace is not closed; write {{ for a brace itself", c);
    snprintf(name, sizeof name, "%.*s", (int)n, c + 1);
    const char *text = lookup(f->study, name, f->run, buf);
    if (!text && strncmp(name, "args", 4) == 0 && (!name[4] || name[4] == ':'))
        return error_set(err, STATUS_INVALID,
                         "'%.80s': {args} must stand alone: \"{args}\" is an argument of its own and becomes all "
                         "parameters, as --name value; \"{args: --name=value}\" has each in one word, and "
                         "\"{args: name=value}\" has no dashes; one parameter is \"--x={x}\"",
                         argument);
    if (!text && strncmp(name, "input", 5) == 0 && f->run->stage)
        return error_set(err, STATUS_INVALID, "{%s}: stage '%s' has no such input; 'input: [STAGE, …]' names them",
                         name, f->run->stage->name);
    if (!text) return unknown(f->study, name, err);
    put(f, text, strlen(text));
    *ret_used = n + 2;
    return STATUS_OK;
}

static enum status fill(struct filling *f, const char *argument, struct error *err)
{
    enum status s = STATUS_OK;
    for (const char *c = argument; *c && !s;) {
        size_t n = strcspn(c, "{}");
        if (n) {
            put(f, c, n);
        } else if (c[1] == c[0]) {
            put(f, c, 1);
            n = 2;
        } else if (*c == '{') {
            s = put_value(f, argument, c, &n, err);
        } else {
            s = error_set(err, STATUS_INVALID, "'%.80s': a brace closes nothing; write }} for a brace itself", c);
        }
        c += n;
    }
    return s;
}

enum status command_fill_one(const struct study *study, const char *argument, const struct study_run *run,
                             struct arena *arena, char **ret, struct error *err)
{
    struct filling f = {.study = study, .run = run};
    enum status s = fill(&f, argument, err); /* measured first */
    if (s) return s;
    f.text = arena_alloc(arena, f.n + 1);
    f.n = 0;
    s = fill(&f, argument, err);
    if (!s) *ret = f.text;
    return s;
}

/* ---- {args} ---- */

struct form {
    char before[8]; /* the name: "--", "-", "" */
    char between;   /* name and value: '=', or ' ' for two arguments */
    char spelling;  /* '-' or '_' for both; 0: as in the study file */
};

/* A parameter may be called args, too. */
static bool is_args(const struct study *study, const char *argument)
{
    return space_find(&study->space, "args") < 0 && strncmp(argument, "{args", 5) == 0 &&
           (argument[5] == '}' || argument[5] == ':');
}

/* "{args}" or "{args: BEFOREname[= ]value[, SPELLING]}" */
static enum status read_form(const char *argument, struct form *ret, struct error *err)
{
    const char *c = argument + 6;
    char spelling[16] = "";
    int used = 0;
    *ret = (struct form){.before = "--", .between = ' '};
    if (argument[5] == '}' && !argument[6]) return STATUS_OK;
    c += strspn(c, " ");
    size_t n = strspn(c, "-+");
    bool known = argument[5] == ':' && n < sizeof ret->before && strncmp(c + n, "name", 4) == 0 &&
                 (c[n + 4] == '=' || c[n + 4] == ' ') && strncmp(c + n + 5, "value", 5) == 0;
    if (known) {
        snprintf(ret->before, sizeof ret->before, "%.*s", (int)n, c);
        ret->between = c[n + 4];
        c += n + 10;
        if (sscanf(c, " , %15[a-z]%n", spelling, &used) == 1) c += used;
        c += strspn(c, " ");
        known = strcmp(c, "}") == 0;
    }
    if (strcmp(spelling, "hyphens") == 0) ret->spelling = '-';
    if (strcmp(spelling, "underscores") == 0) ret->spelling = '_';
    if (known && (!*spelling || ret->spelling)) return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "'%.80s': a form looks like {args}, {args: --name=value}, {args: name=value} or {args: --name "
                     "value, hyphens} (or underscores)",
                     argument);
}

struct arguments {
    char **arg;
    size_t n;
    struct arena *arena;
};

static void add(struct arguments *a, char *text)
{
    a->arg[a->n++] = text;
}

static char *spelt(const char *name, char spelling, struct arena *arena)
{
    char *out = arena_strdup(arena, name);
    for (char *c = out; spelling && *c; c++)
        if (*c == '-' || *c == '_') *c = spelling;
    return out;
}

static void add_pair(struct arguments *a, const struct form *form, const struct param *p, double value)
{
    char buf[SPACE_TEXT_MAX];
    const char *text = param_text(p, value, buf), *name = spelt(p->name, form->spelling, a->arena);
    bool flag = p->type == PARAM_BOOL && *form->before == '-';
    if (flag && value == 0) return;
    if (flag)
        add(a, arena_printf(a->arena, "%s%s", form->before, name));
    else if (form->between == '=' || (*text == '-' && strcmp(form->before, "--") == 0)) /* "--x -1e-5" is two options */
        add(a, arena_printf(a->arena, "%s%s=%s", form->before, name, text));
    else {
        add(a, arena_printf(a->arena, "%s%s", form->before, name));
        add(a, arena_strdup(a->arena, text));
    }
}

static void add_pairs(struct arguments *a, const struct form *form, const struct space *space, const double *config)
{
    for (size_t i = 0; i < space->n; i++)
        if (!isnan(config[i])) add_pair(a, form, &space->param[i], config[i]);
}

/* ---- options ---- */

/* Does this parameter, or this input, not exist now? */
static bool is_absent(const struct study *study, const char *name, const struct study_run *run)
{
    int p = space_find(&study->space, name);
    const struct stage_input *input = p < 0 && run->stage ? find_input(run->stage, name) : NULL;
    return p >= 0 ? isnan(run->config[p]) : input && !input->path;
}

/* Is it the "{name}" or "…={name}" of what does not exist now? *ret_whole: nothing is in front of it. */
static bool lacks_value(const struct study *study, const char *argument, const struct study_run *run, bool *ret_whole)
{
    char name[64];
    size_t before = strcspn(argument, "{"), n = argument[before] ? strcspn(argument + before + 1, "{}") : 0;
    const char *end = argument + before + 1 + n;
    if (n == 0 || n >= sizeof name || strcmp(end, "}") != 0 || (before > 0 && argument[before - 1] != '='))
        return false;
    snprintf(name, sizeof name, "%.*s", (int)n, argument + before + 1);
    *ret_whole = before == 0;
    return is_absent(study, name, run);
}

static bool is_option(const char *argument)
{
    return argument[0] == '-' && argument[1] && strcmp(argument, "--") != 0 && !strpbrk(argument, "={");
}

/* Is this argument left out? Then so is, of "--name" "{name}", the one in front of it. */
static bool is_left_out(const struct study *study, size_t i, const struct study_run *run, bool *ret_with_option)
{
    bool whole = false;
    if (!lacks_value(study, study->arg[i], run, &whole)) return false;
    *ret_with_option = whole && i > 0 && is_option(study->arg[i - 1]);
    return !whole || *ret_with_option;
}

/* ---- all ---- */

enum status command_fill(const struct study *study, const struct study_run *run, struct arena *arena, char ***ret,
                         size_t *ret_n, struct error *err)
{
    size_t pairs = 0;
    enum status s = STATUS_OK;
    for (size_t i = 0; i < study->n_args; i++) pairs += is_args(study, study->arg[i]);
    struct arguments a = {arena_array(arena, study->n_args + pairs * 2 * study->space.n + 1, sizeof(char *)), 0, arena};
    for (size_t i = 0; !s && i < study->n_args; i++) {
        struct form form;
        bool with_option = false;
        char *text = NULL;
        if (is_args(study, study->arg[i])) {
            s = read_form(study->arg[i], &form, err);
            if (!s) add_pairs(&a, &form, &study->space, run->config);
        } else if (is_left_out(study, i, run, &with_option)) {
            a.n -= with_option;
        } else {
            s = command_fill_one(study, study->arg[i], run, arena, &text, err);
            if (!s) add(&a, text);
        }
    }
    a.arg[a.n] = NULL;
    *ret = a.arg;
    *ret_n = a.n;
    return s;
}

bool command_has_parameters(const struct study *study)
{
    for (size_t i = 0; i < study->n_args; i++) {
        if (is_args(study, study->arg[i])) return true;
        for (const char *c = study->arg[i]; (c = strchr(c, '{')); c += c[1] == '{' ? 2 : 1) {
            char name[64];
            size_t n = strcspn(c + 1, "{}");
            if (n == 0 || n >= sizeof name) continue;
            snprintf(name, sizeof name, "%.*s", (int)n, c + 1);
            if (space_find(&study->space, name) >= 0) return true;
        }
    }
    return false;
}

void command_pairs(const struct study *study, const double *config, struct arena *arena, char ***ret, size_t *ret_n)
{
    const struct form form = {.before = "--", .between = ' '};
    struct arguments a = {arena_array(arena, 2 * study->space.n + 1, sizeof(char *)), 0, arena};
    add_pairs(&a, &form, &study->space, config);
    *ret = a.arg;
    *ret_n = a.n;
}
