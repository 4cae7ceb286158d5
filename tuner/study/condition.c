#include "tuner/study/condition.h"

#include "tuner/base/words.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum kind { KIND_AND, KIND_OR, KIND_NOT, KIND_IN, KIND_BELOW, KIND_AT_MOST, KIND_ABOVE, KIND_AT_LEAST };

enum { DEPTH_MAX = 32, TESTS_MAX = 64 };

struct condition {
    enum kind kind;
    const struct condition *left, *right; /* and, or; not: left */
    size_t param;
    size_t n_values; /* in */
    const double *value;
};

bool condition_holds(const struct condition *c, const double *config)
{
    if (!c) return true;
    switch (c->kind) {
    case KIND_AND: return condition_holds(c->left, config) && condition_holds(c->right, config);
    case KIND_OR: return condition_holds(c->left, config) || condition_holds(c->right, config);
    case KIND_NOT: return !condition_holds(c->left, config);
    case KIND_IN:
        for (size_t i = 0; i < c->n_values; i++)
            if (config[c->param] == c->value[i]) return true;
        return false;
    case KIND_BELOW: return config[c->param] < c->value[0]; /* false for NaN, as all of these */
    case KIND_AT_MOST: return config[c->param] <= c->value[0];
    case KIND_ABOVE: return config[c->param] > c->value[0];
    case KIND_AT_LEAST: return config[c->param] >= c->value[0];
    }
    return false;
}

bool condition_is_categorical(const struct condition *c, const struct space *s)
{
    switch (c->kind) {
    case KIND_AND:
    case KIND_OR: return condition_is_categorical(c->left, s) && condition_is_categorical(c->right, s);
    case KIND_NOT: return condition_is_categorical(c->left, s);
    case KIND_IN: return s->param[c->param].type == PARAM_CATEGORICAL || s->param[c->param].type == PARAM_BOOL;
    case KIND_BELOW:
    case KIND_AT_MOST:
    case KIND_ABOVE: return false;
    case KIND_AT_LEAST: return c->value[0] == -HUGE_VAL && s->param[c->param].type != PARAM_INT; /* "exists", in != */
    }
    return false;
}

void condition_params(const struct condition *c, bool *ret)
{
    if (!c) return;
    switch (c->kind) {
    case KIND_AND:
    case KIND_OR: condition_params(c->right, ret); __attribute__((fallthrough));
    case KIND_NOT: condition_params(c->left, ret); return;
    case KIND_IN:
    case KIND_BELOW:
    case KIND_AT_MOST:
    case KIND_ABOVE:
    case KIND_AT_LEAST: ret[c->param] = true; return;
    }
}

/* ---- reading ---- */

struct reader {
    const struct space *space;
    const char *at;
    struct arena *arena;
    struct error *err;
    int depth, tests;
};

static enum status read_or(struct reader *r, const struct condition **ret);

static void skip_blanks(struct reader *r)
{
    while (isspace((unsigned char)*r->at)) r->at++;
}

static bool take(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    skip_blanks(r);
    if (strncmp(r->at, word, n) != 0) return false;
    if (isalpha((unsigned char)*word) && (isalnum((unsigned char)r->at[n]) || r->at[n] == '_')) return false;
    r->at += n;
    return true;
}

static enum status fail(struct reader *r, const char *what)
{
    return error_set(r->err, STATUS_INVALID,
                     "'when' expects %s at '%.40s'; it looks like \"model in [mlp, gru] and layers >= 2\"", what,
                     r->at);
}

/* End of a list or map that begins here; NULL: it does not end. */
static const char *skip_brackets(const char *c)
{
    int depth = 0;
    bool quoted = false;
    for (; *c; c++) {
        if (*c == '"') quoted = !quoted;
        if (quoted && *c == '\\' && c[1]) c++;
        if (quoted) continue;
        depth += (*c == '[' || *c == '{') - (*c == ']' || *c == '}');
        if (depth == 0) return c + 1;
    }
    return NULL;
}

/* With the escapes of JSON, which are YAML's. */
static char *read_json_string(struct reader *r)
{
    const char *start = r->at, *end = start + 1;
    while (*end && *end != '"') end += *end == '\\' && end[1] ? 2 : 1;
    if (!*end) return NULL;
    r->at = end + 1;
    json_t *v = json_loadb(start, (size_t)(r->at - start), JSON_DECODE_ANY, NULL);
    char *out = v ? arena_strdup(r->arena, json_string_value(v))
                  : arena_printf(r->arena, "%.*s", (int)(end - start - 1), start + 1);
    json_decref(v);
    return out;
}

/* A word, text in quotes, or a list as one of a parameter's values. */
static char *read_word(struct reader *r)
{
    skip_blanks(r);
    const char *start = r->at;
    if (*start == '[' || *start == '{') {
        const char *end = skip_brackets(start);
        if (end) r->at = end;
        return end ? arena_printf(r->arena, "%.*s", (int)(end - start), start) : NULL;
    }
    if (*start == '"') return read_json_string(r);
    if (*start == '\'') {
        const char *end = strchr(start + 1, *start);
        if (!end) return NULL;
        r->at = end + 1;
        return arena_printf(r->arena, "%.*s", (int)(end - start - 1), start + 1);
    }
    while (*r->at && !isspace((unsigned char)*r->at) && !strchr("()[],=!<>", *r->at)) r->at++;
    return r->at > start ? arena_printf(r->arena, "%.*s", (int)(r->at - start), start) : NULL;
}

static enum status read_value(struct reader *r, const struct param *p, double *ret)
{
    struct error inner;
    const char *word = read_word(r);
    if (!word) return fail(r, "a value");
    if (p->n_values == 0 ? !words_number(word, ret) : param_parse(p, word, ret, &inner))
        return p->n_values ? error_set(r->err, STATUS_INVALID, "'when': %s", inner.text) : fail(r, "a number");
    return STATUS_OK;
}

static enum status read_param_name(struct reader *r, size_t *ret)
{
    const char *name = read_word(r), *names[SPACE_PARAMS_MAX];
    if (!name) return fail(r, "a parameter");
    int k = space_find(r->space, name);
    if (k >= 0) {
        *ret = (size_t)k;
        return STATUS_OK;
    }
    for (size_t i = 0; i < r->space->n; i++) names[i] = r->space->param[i].name;
    const char *near = words_nearest(name, names, r->space->n);
    return error_set(r->err, STATUS_INVALID, "'when' refers to '%.60s', which is not a parameter above this one%s%s%s",
                     name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static const struct condition *make(struct reader *r, struct condition c)
{
    struct condition *out = arena_alloc(r->arena, sizeof *out);
    *out = c;
    return out;
}

static enum status read_list(struct reader *r, size_t param, const struct condition **ret)
{
    double value[SPACE_VALUES_MAX];
    size_t n = 0;
    if (!take(r, "[")) return fail(r, "'['");
    do {
        if (n == SPACE_VALUES_MAX) return fail(r, "fewer values");
        enum status s = read_value(r, &r->space->param[param], &value[n++]);
        if (s) return s;
    } while (take(r, ","));
    if (!take(r, "]")) return fail(r, "',' or ']'");
    double *copy = arena_array(r->arena, n, sizeof *copy);
    memcpy(copy, value, n * sizeof *copy);
    *ret = make(r, (struct condition){.kind = KIND_IN, .param = param, .n_values = n, .value = copy});
    return STATUS_OK;
}

static enum status read_test(struct reader *r, const struct condition **ret)
{
    static const struct {
        const char *sign;
        enum kind kind;
        bool negated;
    } signs[] = {{"==", KIND_IN, false},   {"!=", KIND_IN, true},        {"<=", KIND_AT_MOST, false},
                 {"<", KIND_BELOW, false}, {">=", KIND_AT_LEAST, false}, {">", KIND_ABOVE, false}};
    size_t param = 0, i = 0;
    if (++r->tests > TESTS_MAX) return fail(r, "at most 64 comparisons, and the end");
    enum status s = read_param_name(r, &param);
    if (s) return s;
    if (take(r, "in")) return read_list(r, param, ret);
    while (i < 6 && !take(r, signs[i].sign)) i++;
    if (i == 6) return fail(r, "one of ==, !=, <, <=, >, >=, in");
    const struct param *p = &r->space->param[param];
    if (signs[i].kind != KIND_IN && (p->type == PARAM_CATEGORICAL || p->type == PARAM_BOOL))
        return error_set(r->err, STATUS_INVALID, "'when': the values of '%s' have no order; use == or in", p->name);
    double *value = arena_alloc(r->arena, sizeof *value);
    s = read_value(r, p, value);
    if (s) return s;
    struct condition test = {.kind = signs[i].kind, .param = param, .n_values = 1, .value = value};
    *ret = make(r, test);
    if (!signs[i].negated) return STATUS_OK;
    /* x != v holds only where x exists: it is "in all the others" */
    const struct condition *equal = *ret;
    double lowest = -HUGE_VAL, *bottom = arena_alloc(r->arena, sizeof *bottom);
    *bottom = lowest;
    const struct condition *exists =
        make(r, (struct condition){.kind = KIND_AT_LEAST, .param = param, .n_values = 1, .value = bottom});
    *ret = make(r, (struct condition){.kind = KIND_AND,
                                      .left = exists,
                                      .right = make(r, (struct condition){.kind = KIND_NOT, .left = equal})});
    return STATUS_OK;
}

static enum status read_not(struct reader *r, const struct condition **ret)
{
    const struct condition *inner = NULL;
    if (++r->depth > DEPTH_MAX) return fail(r, "less nesting");
    enum status s;
    if (take(r, "not")) {
        s = read_not(r, &inner);
        if (!s) *ret = make(r, (struct condition){.kind = KIND_NOT, .left = inner});
    } else if (take(r, "(")) {
        s = read_or(r, ret);
        if (!s && !take(r, ")")) s = fail(r, "')'");
    } else
        s = read_test(r, ret);
    r->depth--;
    return s;
}

static enum status read_and(struct reader *r, const struct condition **ret)
{
    const struct condition *left = NULL, *right = NULL;
    enum status s = read_not(r, &left);
    while (!s && take(r, "and")) {
        s = read_not(r, &right);
        if (!s) left = make(r, (struct condition){.kind = KIND_AND, .left = left, .right = right});
    }
    if (!s) *ret = left;
    return s;
}

static enum status read_or(struct reader *r, const struct condition **ret)
{
    const struct condition *left = NULL, *right = NULL;
    enum status s = read_and(r, &left);
    while (!s && take(r, "or")) {
        s = read_and(r, &right);
        if (!s) left = make(r, (struct condition){.kind = KIND_OR, .left = left, .right = right});
    }
    if (!s) *ret = left;
    return s;
}

enum status condition_parse(const struct space *space, const char *text, struct arena *arena,
                            const struct condition **ret, struct error *err)
{
    struct reader r = {.space = space, .at = text, .arena = arena, .err = err};
    const struct condition *c = NULL;
    enum status s = read_or(&r, &c);
    skip_blanks(&r);
    if (!s && *r.at) s = fail(&r, "'and', 'or' or the end");
    if (!s) *ret = c;
    return s;
}
