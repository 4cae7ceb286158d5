#include "tuner/study/file.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { KEYS_MAX = 24 };

void file_note(struct file *f, const struct yaml_node *at, const char *fmt, ...)
{
    struct study *s = f->study;
    char text[700];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    s->note = arena_printf(&s->arena, "%s%s%s:%d:%d: %s", s->note ? s->note : "", s->note ? "; " : "", s->path,
                           at->line, at->column, text);
}

bool file_boolean(const struct yaml_node *v, bool *ret)
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

static bool is_name_with(const char *s, const char *more)
{
    if (!isalpha((unsigned char)*s) && *s != '_') return false;
    size_t n = 0;
    for (; s[n]; n++)
        if (!isalnum((unsigned char)s[n]) && !strchr(more, s[n])) return false;
    return n <= SPACE_NAME_MAX;
}

bool study_is_name(const char *s)
{
    return is_name_with(s, "_-");
}

enum status file_check_name(struct file *f, const struct yaml_node *v, const char *what)
{
    if (v->kind == YAML_TEXT && study_is_name(v->text)) return STATUS_OK;
    return form_fail(&f->form, v, "%s must be a name of letters, digits, _ and -, at most 48, starting with a letter",
                     what);
}

enum status file_check_quantity(struct file *f, const struct yaml_node *v, const char *what)
{
    if (v->kind == YAML_TEXT && is_name_with(v->text, "_-.")) return STATUS_OK;
    return form_fail(&f->form, v,
                     "%s must be a name of letters, digits, _, - and points, at most 48, starting with a letter", what);
}

static enum status unknown_key(struct file *f, const struct yaml_node *key, const char *section, const struct key *keys,
                               size_t n)
{
    const char *names[KEYS_MAX];
    char what[200];
    for (size_t i = 0; i < n; i++) names[i] = keys[i].name;
    snprintf(what, sizeof what, "unknown key '%.60s' in %.60s", key->text, section);
    return form_unknown(&f->form, key, what, names, n);
}

enum status file_check_keys(struct file *f, const struct yaml_node *map, const char *section, const struct key *keys,
                            size_t n)
{
    enum status s = form_need(&f->form, map, YAML_MAP, section);
    for (size_t i = 0; !s && i < map->n; i++) {
        size_t k = 0;
        while (k < n && strcmp(keys[k].name, map->key[i]->text) != 0) k++;
        if (k == n)
            s = unknown_key(f, map->key[i], section, keys, n);
        else if (!keys[k].read)
            s = form_fail(&f->form, map->key[i], "'%s' in %s is not supported in this version", keys[k].name, section);
    }
    return s;
}

enum status file_section(struct file *f, const struct yaml_node *map, const char *section, const struct key *keys,
                         size_t n)
{
    enum status s = file_check_keys(f, map, section, keys, n);
    for (size_t k = 0; !s && k < n; k++) {
        const struct yaml_node *v = yaml_get(map, keys[k].name);
        if (v) s = keys[k].read(f, v);
    }
    return s;
}

enum status file_choice(struct file *f, const struct yaml_node *v, const char *name, const char *const *choice,
                        size_t n, size_t *ret)
{
    enum status s = form_need(&f->form, v, YAML_TEXT, name);
    if (s) return s;
    for (size_t i = 0; i < n; i++)
        if (strcmp(v->text, choice[i]) == 0) return *ret = i, STATUS_OK;
    char all[200] = "";
    size_t at = 0;
    for (size_t i = 0; i < n && at < sizeof all; i++)
        at += (size_t)snprintf(all + at, sizeof all - at, "%s%s", i == 0 ? "" : i + 1 == n ? " or " : ", ", choice[i]);
    return form_fail(&f->form, v, "'%s' cannot be '%.60s'; it is %s", name, v->text, all);
}

enum status file_present(struct file *f, const struct yaml_node *v) /* read where the type is known */
{
    (void)f;
    (void)v;
    return STATUS_OK;
}
