#include "tuner/base/json.h"

#include "tuner/base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Python's json.dumps writes NaN and Infinity, which JSON does not have: say that, not "invalid token". */
static const char *hint(const char *text, size_t len)
{
    return memmem(text, len, "NaN", 3) || memmem(text, len, "nan", 3) || memmem(text, len, "Infinity", 8)
               ? " (NaN and infinity are not numbers in JSON)"
               : "";
}

size_t json_marks(const char *text, size_t len)
{
    size_t n = 0;
    bool quoted = false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '"') quoted = !quoted;
        if (quoted && text[i] == '\\') i++;
        n += !quoted && (text[i] == ',' || text[i] == ':' || text[i] == '[' || text[i] == '{');
    }
    return n;
}

enum status json_parse_object(const char *text, size_t len, json_t **ret, struct error *err)
{
    json_error_t at;
    json_t *v = json_loadb(text, len, JSON_REJECT_DUPLICATES, &at);
    if (!v) return error_set(err, STATUS_INVALID, "not JSON: %s at column %d%s", at.text, at.column, hint(text, len));
    if (!json_is_object(v)) {
        json_decref(v);
        return error_set(err, STATUS_INVALID, "not a JSON object");
    }
    *ret = v;
    return STATUS_OK;
}

static bool is_listed(const char *key, va_list keys)
{
    bool found = false;
    va_list all;
    va_copy(all, keys);
    for (const char *k; !found && (k = va_arg(all, const char *));) found = strcmp(k, key) == 0;
    va_end(all);
    return found;
}

static enum status unknown_key(const char *key, va_list keys, struct error *err)
{
    char list[400] = "";
    for (const char *k; (k = va_arg(keys, const char *));)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%s\"%s\"", *list ? ", " : "", k);
    return error_set(err, STATUS_INVALID, "\"%.60s\" is not known here; %s%s", key, *list ? "known: " : "nothing is",
                     list);
}

enum status json_only(const json_t *object, struct error *err, ...)
{
    enum status s = STATUS_OK;
    const char *key;
    json_t *v;
    va_list keys;
    va_start(keys, err);
    json_object_foreach((json_t *)object, key, v)
    {
        if (!s && !is_listed(key, keys)) s = unknown_key(key, keys, err);
        if (s) break;
    }
    va_end(keys);
    return s;
}

static char *dump(const json_t *value, size_t digits)
{
    char *s = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
    return s ? s : must_strdup("null");
}

char *json_exact(const json_t *value)
{
    return dump(value, 17);
}

char *json_pretty_numbers(const json_t *value)
{
    return dump(value, 15);
}

/* ---- tight ---- */

struct text {
    char *bytes;
    size_t n, room;
};

static void put(struct text *t, const char *bytes, size_t n)
{
    if (t->n + n + 1 > t->room) {
        t->room = 2 * (t->n + n) + 128;
        t->bytes = must_grow(t->bytes, t->room, 1);
    }
    memcpy(t->bytes + t->n, bytes, n);
    t->bytes[t->n += n] = 0;
}

const char *json_shortest(double v, char *buf)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(buf, 40, "%.*g", digits, v);
        if (strtod(buf, NULL) == v) break;
    }
    return buf;
}

static void put_real(struct text *t, double v)
{
    char buf[43];
    json_shortest(v, buf);
    if (!strpbrk(buf, ".e")) strcat(buf, ".0"); /* a real stays one */
    put(t, buf, strlen(buf));
}

static void put_string(struct text *t, const json_t *value)
{
    char *s = json_dumps(value, JSON_ENCODE_ANY);
    put(t, s ? s : "null", s ? strlen(s) : 4);
    free(s);
}

static void put_value(struct text *t, const json_t *value);

static void put_object(struct text *t, const json_t *object)
{
    const char *key, *comma = "";
    json_t *v;
    put(t, "{", 1);
    json_object_foreach((json_t *)object, key, v)
    {
        json_t *name = json_string(key);
        put(t, comma, strlen(comma));
        put_string(t, name);
        put(t, ":", 1);
        put_value(t, v);
        json_decref(name);
        comma = ",";
    }
    put(t, "}", 1);
}

static void put_array(struct text *t, const json_t *array)
{
    put(t, "[", 1);
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i) put(t, ",", 1);
        put_value(t, json_array_get(array, i));
    }
    put(t, "]", 1);
}

static void put_value(struct text *t, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: put_object(t, value); return;
    case JSON_ARRAY: put_array(t, value); return;
    case JSON_REAL: put_real(t, json_real_value(value)); return;
    case JSON_STRING:
    case JSON_INTEGER:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL: put_string(t, value); return;
    }
}

char *json_tight(const json_t *value)
{
    struct text t = {0};
    put_value(&t, value);
    return t.bytes;
}
