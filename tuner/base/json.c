#include "tuner/base/json.h"

#include "tuner/base/arena.h"
#include "tuner/base/words.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
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

/* Bytes of the number at `c`; *ret_whole: it has neither point nor exponent. */
static size_t number_length(const char *c, const char *end, bool *ret_whole)
{
    const char *from = c;
    *ret_whole = true;
    for (; c < end && (isdigit((unsigned char)*c) || (*c && strchr("+-.eE", *c))); c++)
        if (*c == '.' || *c == 'e' || *c == 'E') *ret_whole = false;
    return (size_t)(c - from);
}

static bool is_beyond(const char *digits, size_t n)
{
    char text[24];
    if (n < 19) return false;
    if (n >= sizeof text) return true;
    memcpy(text, digits, n);
    text[n] = 0;
    errno = 0;
    strtoll(text, NULL, 10);
    return errno == ERANGE;
}

/* A copy in which whole numbers beyond 64 bits are written as reals. */
static char *with_reals(const char *text, size_t len, size_t *ret_len)
{
    char *out = must_alloc(len + 2 * (len / 19 + 1), 1);
    size_t n = 0;
    bool quoted = false;
    for (size_t i = 0, k; i < len; i += k) {
        bool whole = false;
        k = quoted ? 1 : number_length(text + i, text + len, &whole);
        if (k == 0) k = 1, whole = false;
        if (text[i] == '"') quoted = !quoted;
        if (quoted && text[i] == '\\' && i + 1 < len) k = 2;
        memcpy(out + n, text + i, k);
        n += k;
        if (whole && is_beyond(text + i, k)) memcpy(out + n, "e0", 2), n += 2;
    }
    *ret_len = n;
    return out;
}

/* Whole numbers beyond 64 bits are reals: a program counts as many FLOPs as it does. */
static json_t *load(const char *text, size_t len, json_error_t *at)
{
    json_t *v = json_loadb(text, len, JSON_REJECT_DUPLICATES, at);
    if (v || json_error_code(at) != json_error_numeric_overflow) return v;
    size_t n;
    char *other = with_reals(text, len, &n);
    v = json_loadb(other, n, JSON_REJECT_DUPLICATES, at);
    free(other);
    return v;
}

enum status json_parse_object(const char *text, size_t len, json_t **ret, struct error *err)
{
    json_error_t at;
    json_t *v = load(text, len, &at);
    if (!v) return error_set(err, STATUS_INVALID, "not JSON: %s at column %d%s", at.text, at.column, hint(text, len));
    if (!json_is_object(v)) {
        json_decref(v);
        return error_set(err, STATUS_INVALID, "not a JSON object");
    }
    *ret = v;
    return STATUS_OK;
}

/* Bytes of a word that Python writes for a number that is none; 0: no such word. */
static size_t nonsense_length(const char *text, size_t len)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < 3; i++)
        if (strlen(words[i]) <= len && memcmp(text, words[i], strlen(words[i])) == 0) return strlen(words[i]);
    return 0;
}

enum status json_parse_python(const char *text, size_t len, json_t **ret, struct error *err)
{
    char *own = must_alloc(2 * len + 1, 1);
    size_t n = 0;
    bool quoted = false;
    for (size_t i = 0, k; i < len; i += k) {
        size_t word = quoted ? 0 : nonsense_length(text + i, len - i);
        k = word ? word : quoted && text[i] == '\\' && i + 1 < len ? 2 : 1;
        if (text[i] == '"') quoted = !quoted;
        memcpy(own + n, word ? "null" : text + i, word ? 4 : k);
        n += word ? 4 : k;
    }
    enum status s = json_parse_object(own, n, ret, err);
    free(own);
    return s;
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

/* ---- writing ---- */

json_t *json_number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

double json_number_read(const json_t *v)
{
    return json_is_number(v) ? json_number_value(v) : NAN;
}

double json_number_at(const json_t *object, const char *key)
{
    return json_number_read(json_object_get(object, key));
}

json_t *json_numbers(const double *v, size_t n)
{
    json_t *out = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(out, json_number(v[i]));
    return out;
}

bool json_numbers_read(const json_t *v, double *ret, size_t n)
{
    if (json_array_size(v) != n) return false;
    for (size_t i = 0; i < n; i++) ret[i] = json_number_read(json_array_get(v, i));
    return true;
}

json_t *json_amount(double v)
{
    bool whole = v == floor(v) && fabs(v) <= 9007199254740992.0;
    return whole ? json_integer((json_int_t)v) : json_number(v);
}

json_t *json_pair(double low, double high)
{
    return json_pack("[o, o]", json_amount(low), json_amount(high));
}

json_t *json_duration(int64_t ms)
{
    char text[40];
    return ms ? json_string(words_give_duration(ms, text, sizeof text)) : json_integer(0);
}

enum layout { LAYOUT_TIGHT, LAYOUT_LINE, LAYOUT_INDENTED };

struct text {
    enum layout layout;
    size_t depth;
    char *bytes;
    size_t n, capacity;
};

static void put(struct text *t, const char *bytes, size_t n)
{
    t->bytes = must_reserve(t->bytes, t->n + n + 1, &t->capacity, 1);
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

/* With a point, also before an exponent: without one YAML 1.1 takes it for text. */
static void put_real(struct text *t, double v)
{
    char buf[40];
    json_shortest(v, buf);
    size_t mantissa = strcspn(buf, "e");
    put(t, buf, mantissa);
    if (!memchr(buf, '.', mantissa)) put(t, ".0", 2);
    put(t, buf + mantissa, strlen(buf + mantissa));
}

/* Bytes of a character that YAML does not allow, or takes for the end of a line, where JSON does not: DEL, C1, line and
 * paragraph separators, the byte order mark, non-characters. 0: it is another one. *ret_code: its number. */
static size_t is_special(const char *c, unsigned *ret_code)
{
    const unsigned char *u = (const unsigned char *)c;
    *ret_code = *u == 0xc2 ? u[1] : *u >= 0xe0 && *u < 0xf0 ? (*u & 15u) << 12 | (u[1] & 63u) << 6 | (u[2] & 63u) : *u;
    if (*u == 127) return 1;
    if (*u == 0xc2) return u[1] < 0xa0 ? 2 : 0;
    return *ret_code == 0x2028 || *ret_code == 0x2029 || *ret_code == 0xfeff || *ret_code >= 0xfffe ? 3 : 0;
}

/* Bytes, from the beginning, that are written as they are. */
static size_t plain_length(const char *text, size_t n)
{
    size_t k = 0;
    while (k < n && text[k] >= ' ' && text[k] < 127 && text[k] != '"' && text[k] != '\\') k++;
    return k;
}

static void put_escaped(struct text *t, const char *text, size_t n)
{
    json_t *value = json_stringn(text, n);
    char *s = json_dumps(value, JSON_ENCODE_ANY);
    for (const char *c = s ? s : "null"; *c;) {
        char escaped[12];
        unsigned code;
        size_t special = is_special(c, &code), plain = 1;
        while (!special && c[plain] && c[plain] != 127 && (unsigned char)c[plain] < 0xc2) plain++;
        if (special) put(t, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", code));
        if (!special) put(t, c, plain);
        c += special ? special : plain;
    }
    free(s);
    json_decref(value);
}

/* Nearly all are plain: a key or a value costs no more than its bytes then. */
static void put_string(struct text *t, const char *text, size_t n)
{
    if (plain_length(text, n) < n) {
        put_escaped(t, text, n);
        return;
    }
    put(t, "\"", 1);
    put(t, text, n);
    put(t, "\"", 1);
}

static void put_integer(struct text *t, json_int_t v)
{
    char buf[24];
    put(t, buf, (size_t)snprintf(buf, sizeof buf, "%" JSON_INTEGER_FORMAT, v));
}

/* What stands before an item or the end of a list. */
static void put_break(struct text *t, bool first)
{
    if (!first) put(t, ",", 1);
    if (t->layout == LAYOUT_LINE && !first) put(t, " ", 1);
    if (t->layout != LAYOUT_INDENTED) return;
    put(t, "\n", 1);
    for (size_t i = 0; i < t->depth; i++) put(t, "  ", 2);
}

static void put_end(struct text *t, bool empty, const char *bracket)
{
    t->depth--;
    if (!empty && t->layout == LAYOUT_INDENTED) put_break(t, true);
    put(t, bracket, 1);
}

static void put_value(struct text *t, const json_t *value);

static void put_object(struct text *t, const json_t *object)
{
    const char *key;
    json_t *v;
    bool first = true;
    put(t, "{", 1);
    t->depth++;
    json_object_foreach((json_t *)object, key, v)
    {
        put_break(t, first);
        put_string(t, key, strlen(key));
        put(t, ": ", t->layout == LAYOUT_TIGHT ? 1 : 2);
        put_value(t, v);
        first = false;
    }
    put_end(t, first, "}");
}

static void put_array(struct text *t, const json_t *array)
{
    size_t n = json_array_size(array);
    put(t, "[", 1);
    t->depth++;
    for (size_t i = 0; i < n; i++) {
        put_break(t, i == 0);
        put_value(t, json_array_get(array, i));
    }
    put_end(t, n == 0, "]");
}

static void put_value(struct text *t, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: put_object(t, value); return;
    case JSON_ARRAY: put_array(t, value); return;
    case JSON_REAL: put_real(t, json_real_value(value)); return;
    case JSON_STRING: put_string(t, json_string_value(value), json_string_length(value)); return;
    case JSON_INTEGER: put_integer(t, json_integer_value(value)); return;
    case JSON_TRUE: put(t, "true", 4); return;
    case JSON_FALSE: put(t, "false", 5); return;
    case JSON_NULL: put(t, "null", 4); return;
    }
}

static char *text_of(const json_t *value, enum layout layout)
{
    struct text t = {.layout = layout};
    if (value)
        put_value(&t, value);
    else
        put(&t, "null", 4);
    return t.bytes;
}

char *json_text(const json_t *value)
{
    return text_of(value, LAYOUT_LINE);
}

char *json_tight(const json_t *value)
{
    return text_of(value, LAYOUT_TIGHT);
}

char *json_indented(const json_t *value)
{
    return text_of(value, LAYOUT_INDENTED);
}
