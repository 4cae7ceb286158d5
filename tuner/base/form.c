#include "tuner/base/form.h"

#include "tuner/base/words.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum status form_fail(const struct form *f, const struct yaml_node *at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = must_vprintf(fmt, args);
    va_end(args);
    enum status s = error_set(f->err, STATUS_INVALID, "%s:%d:%d: %s", f->file, at->line, at->column, text);
    free(text);
    return s;
}

enum status form_need(const struct form *f, const struct yaml_node *v, enum yaml_kind kind, const char *name)
{
    if (v->kind == kind) return STATUS_OK;
    return form_fail(f, v, "'%.60s' must be %s, not %s", name, yaml_kind_name(kind), yaml_kind_name(v->kind));
}

static bool is_among(const char *word, const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(keys[i], word) == 0) return true;
    return false;
}

static enum status unknown(const struct form *f, const struct yaml_node *at, const char *what, const char *const *known,
                           size_t n)
{
    const char *near = words_nearest(at->text, known, n);
    return form_fail(f, at, "%s%s%s%s", what, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

enum status form_only(const struct form *f, const struct yaml_node *map, const char *name, const char *const *keys,
                      size_t n)
{
    char what[200];
    enum status s = form_need(f, map, YAML_MAP, name);
    for (size_t i = 0; !s && i < map->n; i++) {
        if (is_among(map->key[i]->text, keys, n)) continue;
        snprintf(what, sizeof what, "unknown key '%.60s' in '%.60s'", map->key[i]->text, name);
        s = unknown(f, map->key[i], what, keys, n);
    }
    return s;
}

enum status form_number(const struct form *f, const struct yaml_node *v, const char *name, struct form_range range,
                        double *ret)
{
    double x = 0;
    enum status s = form_need(f, v, YAML_TEXT, name);
    if (s) return s;
    if (v->quoted || words_core(v->text, &x) == CORE_TEXT || !isfinite(x))
        return form_fail(f, v, "'%.60s' must be a number, not '%.60s'", name, v->text);
    if (!(x >= range.min && x <= range.max))
        return form_fail(f, v, "'%.60s' must be from %.6g to %.6g, not %.15g", name, range.min, range.max, x);
    *ret = x;
    return STATUS_OK;
}

enum status form_duration(const struct form *f, const struct yaml_node *v, const char *name, int64_t *ret_ms)
{
    enum status s = form_need(f, v, YAML_TEXT, name);
    if (s || words_duration_ms(v->text, ret_ms)) return s;
    return form_fail(f, v, "'%.60s' must be a duration such as 90s, 10m, 9h or 1h30m, not '%.60s'", name, v->text);
}

enum status form_choice(const struct form *f, const struct yaml_node *v, const char *name, const char *const *choice,
                        size_t n, size_t *ret)
{
    char what[400];
    enum status s = form_need(f, v, YAML_TEXT, name);
    if (s) return s;
    for (size_t i = 0; i < n; i++)
        if (strcmp(v->text, choice[i]) == 0) return *ret = i, STATUS_OK;
    int used = snprintf(what, sizeof what, "'%.60s' must be one of", name);
    for (size_t i = 0; i < n && used < (int)sizeof what; i++)
        used += snprintf(what + used, sizeof what - (size_t)used, "%s %s", i ? "," : "", choice[i]);
    if (used < (int)sizeof what) snprintf(what + used, sizeof what - (size_t)used, ", not '%.60s'", v->text);
    return unknown(f, v, what, choice, n);
}
