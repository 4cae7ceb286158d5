#include "tuner/study/choice.h"

#include "tuner/base/json.h"
#include "tuner/base/words.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- values ---- */

static bool is_among(const char *text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(text, words[i]) == 0) return true;
    return false;
}

static json_t *number_of(const char *text)
{
    const char *digits = text + (*text == '-' || *text == '+');
    bool whole = *digits && strspn(digits, "0123456789") == strlen(digits);
    double v;
    errno = 0;
    long long exact = strtoll(text, NULL, 10);
    if (whole && errno == 0) return json_integer(exact);
    if (!words_number(text, &v)) return NULL;
    return strpbrk(text, "xX") ? json_amount(v) : json_real(v);
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

/* Whole reals as integers, at any depth. */
static json_t *canonical(const json_t *v)
{
    json_t *out, *item;
    const char *key;
    size_t i;
    switch (json_typeof(v)) {
    case JSON_REAL: {
        double x = json_real_value(v);
        bool whole = x == floor(x) && fabs(x) < 9223372036854775808.0;
        return whole ? json_integer((json_int_t)x) : json_real(x);
    }
    case JSON_ARRAY:
        out = json_array();
        json_array_foreach((json_t *)v, i, item) json_array_append_new(out, canonical(item));
        return out;
    case JSON_OBJECT:
        out = json_object();
        json_object_foreach((json_t *)v, key, item) json_object_set_new(out, key, canonical(item));
        return out;
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

enum status choice_read(const struct yaml_node *node, size_t max, struct arena *arena, struct choice *ret,
                        struct error *err)
{
    json_t *v = value_of(node);
    char *json = json_text(v), *key = key_of(v);
    ret->json = arena_strdup(arena, json);
    ret->key = arena_strdup(arena, key);
    ret->text = node->kind == YAML_TEXT && (*node->text || node->quoted) ? node->text : ret->json;
    free(json);
    free(key);
    json_decref(v);
    if (strlen(ret->text) > max || strlen(ret->json) > 2 * max + 2)
        return error_set(err, STATUS_INVALID, "a value is over %zu bytes long", max);
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
