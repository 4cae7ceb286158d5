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

enum status form_fail_with(const struct form *f, const struct yaml_node *at, const struct error *inner)
{
    return form_fail(f, at, "%s", inner->text);
}

enum status form_unknown(const struct form *f, const struct yaml_node *at, const char *what, const char *const *known,
                         size_t n)
{
    const char *near = words_nearest(at->text, known, n);
    return form_fail(f, at, "%s%s%s%s", what, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
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

enum status form_only(const struct form *f, const struct yaml_node *map, const char *name, const char *const *keys,
                      size_t n)
{
    char what[200];
    enum status s = form_need(f, map, YAML_MAP, name);
    for (size_t i = 0; !s && i < map->n; i++) {
        if (is_among(map->key[i]->text, keys, n)) continue;
        snprintf(what, sizeof what, "unknown key '%.60s' in '%.60s'", map->key[i]->text, name);
        s = form_unknown(f, map->key[i], what, keys, n);
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

enum status form_whole(const struct form *f, const struct yaml_node *v, const char *name, struct form_range range,
                       long *ret)
{
    double x = 0;
    enum status s = form_number(f, v, name, range, &x);
    if (!s && x != floor(x)) s = form_fail(f, v, "'%.60s' must be a whole number, not %.15g", name, x);
    if (!s) *ret = (long)x;
    return s;
}

enum status form_size(const struct form *f, const struct yaml_node *v, const char *name, struct form_range range,
                      double *ret)
{
    double x = 0;
    enum status s = form_need(f, v, YAML_TEXT, name);
    if (s) return s;
    if (!words_size(v->text, &x))
        return form_fail(f, v, "'%.60s' must be a size such as 64 MiB, 300 MB or 1e6 (bytes), not '%.60s'", name,
                         v->text);
    if (!(x >= range.min && x <= range.max))
        return form_fail(f, v, "'%.60s' must be from %.6g to %.6g bytes, not '%.60s'", name, range.min, range.max,
                         v->text);
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
    return form_unknown(f, v, what, choice, n);
}

/* ---- of a key that may be there ---- */

enum status form_number_at(const struct form *f, const struct yaml_node *map, const char *key, struct form_range range,
                           double *ret)
{
    const struct yaml_node *v = yaml_get(map, key);
    return v ? form_number(f, v, key, range, ret) : STATUS_OK;
}

enum status form_whole_at(const struct form *f, const struct yaml_node *map, const char *key, struct form_range range,
                          long *ret)
{
    const struct yaml_node *v = yaml_get(map, key);
    return v ? form_whole(f, v, key, range, ret) : STATUS_OK;
}

enum status form_duration_at(const struct form *f, const struct yaml_node *map, const char *key, int64_t *ret_ms)
{
    const struct yaml_node *v = yaml_get(map, key);
    if (!v) return STATUS_OK;
    if (v->kind == YAML_TEXT && strcmp(v->text, "0") == 0) return *ret_ms = 0, STATUS_OK;
    return form_duration(f, v, key, ret_ms);
}

enum status form_choice_at(const struct form *f, const struct yaml_node *map, const char *key,
                           const char *const *choice, size_t n, size_t *ret)
{
    const struct yaml_node *v = yaml_get(map, key);
    return v ? form_choice(f, v, key, choice, n, ret) : STATUS_OK;
}

enum status form_flag_at(const struct form *f, const struct yaml_node *map, const char *key, bool *ret)
{
    static const char *const words[] = {"false", "true"};
    size_t word = *ret;
    enum status s = form_choice_at(f, map, key, words, 2, &word);
    *ret = word == 1;
    return s;
}

enum status form_pair_at(const struct form *f, const struct yaml_node *map, const char *key, struct form_range range,
                         double ret[2])
{
    const struct yaml_node *v = yaml_get(map, key);
    double pair[2];
    if (!v) return STATUS_OK;
    enum status s = form_need(f, v, YAML_LIST, key);
    if (!s && v->n != 2) s = form_fail(f, v, "'%.60s' takes two numbers, such as [0, 1]", key);
    for (size_t i = 0; !s && i < 2; i++) s = form_number(f, v->value[i], key, range, &pair[i]);
    if (!s && !(pair[0] < pair[1])) s = form_fail(f, v, "'%.60s' must grow: [0, 1], not [1, 0]", key);
    if (!s) memcpy(ret, pair, sizeof pair);
    return s;
}
