#include "tuner/study/choice.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double TWO_63 = 9223372036854775808.0;

/* ---- values ---- */

static bool is_among(const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, words[i]) == 0) return true;
    return false;
}

static json_t *whole_of(const char *text, int base, double v)
{
    errno = 0;
    long long exact = strtoll(text, NULL, base);
    return errno ? json_real(v) : json_integer(exact);
}

/* NULL: it is none. */
static json_t *number_of(const char *text)
{
    double v;
    switch (words_core(text, &v)) {
    case CORE_OCTAL: return whole_of(text + 2, 8, v);
    case CORE_HEX: return whole_of(text + 2, 16, v);
    case CORE_WHOLE: return whole_of(text, 10, v);
    case CORE_REAL: return isfinite(v) ? json_real(v) : NULL;
    case CORE_TEXT: break;
    }
    return NULL;
}

/* What a plain scalar means, by the core schema of YAML 1.2: `no` and `on` are text. */
static json_t *scalar(const char *text)
{
    static const char *const null[] = {"", "~", "null", "Null", "NULL"}, *const yes[] = {"true", "True", "TRUE"},
                             *const no[] = {"false", "False", "FALSE"};
    if (is_among(text, null, 5)) return json_null();
    if (is_among(text, yes, 3)) return json_true();
    if (is_among(text, no, 3)) return json_false();
    json_t *number = number_of(text);
    return number ? number : json_string(text);
}

static json_t *value_of(const struct yaml_node *node)
{
    json_t *out;
    switch (node->kind) {
    case YAML_TEXT: return node->quoted ? json_string(node->text) : scalar(node->text);
    case YAML_LIST:
        out = json_array();
        for (size_t i = 0; i < node->n; i++) json_array_append_new(out, value_of(node->value[i]));
        return out;
    case YAML_MAP:
        out = json_object();
        for (size_t i = 0; i < node->n; i++) json_object_set_new(out, node->key[i]->text, value_of(node->value[i]));
        return out;
    }
    return json_null();
}

/* ---- keys ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A map has no order. Takes the reference to `map`. */
static json_t *sorted(json_t *map)
{
    size_t n = 0;
    const char **keys = must_alloc(json_object_size(map) + 1, sizeof *keys), *key;
    json_t *out = json_object(), *item;
    json_object_foreach(map, key, item) keys[n++] = key;
    qsort(keys, n, sizeof *keys, by_name);
    for (size_t i = 0; i < n; i++) json_object_set(out, keys[i], json_object_get(map, keys[i]));
    free(keys);
    json_decref(map);
    return out;
}

/* Whole reals as integers, maps by their names, at any depth. */
static json_t *canonical(const json_t *v)
{
    json_t *out, *item;
    const char *key;
    size_t i;
    switch (json_typeof(v)) {
    case JSON_REAL: {
        double x = json_real_value(v);
        bool whole = x == floor(x) && fabs(x) < TWO_63;
        return whole ? json_integer((json_int_t)x) : json_real(x);
    }
    case JSON_ARRAY:
        out = json_array();
        json_array_foreach((json_t *)v, i, item) json_array_append_new(out, canonical(item));
        return out;
    case JSON_OBJECT:
        out = json_object();
        json_object_foreach((json_t *)v, key, item) json_object_set_new(out, key, canonical(item));
        return sorted(out);
    case JSON_STRING:
    case JSON_INTEGER:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL: break;
    }
    return json_incref((json_t *)v);
}

static char *key_of(const json_t *v)
{
    json_t *same = canonical(v);
    char *key = json_tight(same);
    json_decref(same);
    return key;
}

/* ---- choices ---- */

static bool holds_control(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if ((*c < 32 && *c != '\t' && *c != '\n') || *c == 127) return true;
    return false;
}

/* The first number in it, at any depth, that no double is; NULL: there is none. */
static const struct yaml_node *find_unheld(const struct yaml_node *node)
{
    double v;
    const struct yaml_node *found = NULL;
    if (node->kind == YAML_TEXT) {
        enum words_core core = node->quoted ? CORE_TEXT : words_core(node->text, &v);
        bool huge = core == CORE_WHOLE && fabs(v) >= TWO_63 && words_is_rounded(node->text, v);
        return core != CORE_TEXT && (!isfinite(v) || huge) ? node : NULL;
    }
    for (size_t i = 0; !found && i < node->n; i++) found = find_unheld(node->value[i]);
    return found;
}

/* 1e-3 stays 1e-3 in a program's arguments; 0x1f, which few of them read, is 31. */
static bool is_as_written(const struct yaml_node *node)
{
    double v;
    if (node->kind != YAML_TEXT) return false;
    if (node->quoted) return true;
    enum words_core core = words_core(node->text, &v);
    return *node->text && core != CORE_OCTAL && core != CORE_HEX;
}

enum status choice_read(const struct yaml_node *node, size_t max, struct arena *arena, struct choice *ret,
                        struct error *err)
{
    json_t *v = value_of(node);
    char *json = json_text(v), *key = key_of(v);
    ret->json = arena_strdup(arena, json);
    ret->key = arena_strdup(arena, key);
    ret->text = is_as_written(node) ? node->text : ret->json;
    free(json);
    free(key);
    json_decref(v);
    if (strlen(ret->text) > max || strlen(ret->json) > 2 * max + 2)
        return error_set(err, STATUS_INVALID, "a value is over %zu bytes long", max);
    const struct yaml_node *unheld = find_unheld(node);
    if (unheld)
        return error_set(err, STATUS_INVALID,
                         "%.60s is no number that can be kept exactly; put it in quotes if it is text", unheld->text);
    if (holds_control(ret->text)) return error_set(err, STATUS_INVALID, "a value holds a control character");
    return STATUS_OK;
}

static size_t find_key(const struct choice *choice, size_t n, const json_t *value)
{
    char *key = key_of(value);
    size_t i = 0;
    while (i < n && strcmp(choice[i].key, key) != 0) i++;
    free(key);
    return i < n ? i : SIZE_MAX;
}

size_t choice_of_json(const struct choice *choice, size_t n, const json_t *value)
{
    size_t at = find_key(choice, n, value);
    const char *text = json_string_value(value);
    for (size_t i = 0; at == SIZE_MAX && text && i < n; i++) /* numbers and booleans as text */
        if (strcmp(choice[i].text, text) == 0) at = i;
    return at;
}

size_t choice_of_text(const struct choice *choice, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(choice[i].text, text) == 0) return i;
    json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);
    if (!v) v = scalar(text);
    size_t at = v ? find_key(choice, n, v) : SIZE_MAX;
    json_decref(v);
    return at;
}

json_t *choice_json(const struct choice *choice)
{
    return json_loads(choice->json, JSON_DECODE_ANY, NULL);
}
