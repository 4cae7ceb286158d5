#include "tuner/live/salvage.h"

#include "tuner/live/intake.h"

#include "tuner/base/arena.h"
#include "tuner/base/json.h"

#include <stdlib.h>
#include <string.h>

/* ---- items ---- */

struct scan {
    const char *at, *end;
};

static void skip_space(struct scan *s)
{
    while (s->at < s->end && memchr(" \t\r\n", *s->at, 4)) s->at++;
}

static bool skip(struct scan *s, const char *text)
{
    size_t n = strlen(text);
    skip_space(s);
    if ((size_t)(s->end - s->at) < n || memcmp(s->at, text, n) != 0) return false;
    s->at += n;
    return true;
}

/* To its closing quote, or the end. */
static void skip_text(struct scan *s)
{
    for (s->at++; s->at < s->end && *s->at != '"'; s->at++)
        if (*s->at == '\\' && s->at + 1 < s->end) s->at++;
}

/* Up to the comma or bracket behind it. False: there is none. */
static bool skip_item(struct scan *s)
{
    for (size_t depth = 0; s->at < s->end; s->at++) {
        if (depth == 0 && (*s->at == ',' || *s->at == ']')) return true;
        if (*s->at == '"') skip_text(s);
        if (s->at >= s->end) return false;
        if (*s->at == '{' || *s->at == '[') depth++;
        if (*s->at == '}' || *s->at == ']') {
            if (depth == 0) return false;
            depth--;
        }
    }
    return false;
}

static json_t *item(const char *text, size_t n)
{
    json_t *out = NULL;
    struct error ignored;
    return json_parse_object(text, n, &out, &ignored) == STATUS_OK ? out : json_null();
}

static bool read_items(struct scan *s, json_t *into)
{
    if (skip(s, "]")) return true;
    while (json_array_size(into) < INTAKE_ITEMS_MAX) {
        skip_space(s);
        const char *from = s->at;
        if (!skip_item(s)) return false;
        json_array_append_new(into, item(from, (size_t)(s->at - from)));
        if (*s->at++ == ']') return true;
    }
    return false;
}

bool salvage_outcomes(const char *text, size_t n, json_t **ret)
{
    struct scan s = {text, text + n};
    json_t *items = json_array();
    bool whole = skip(&s, "{") && skip(&s, "\"outcomes\"") && skip(&s, ":") && skip(&s, "[") && read_items(&s, items) &&
                 skip(&s, "}") && (skip_space(&s), s.at == s.end);
    if (whole)
        *ret = json_pack("{s:o}", "outcomes", items);
    else
        json_decref(items);
    return whole;
}

/* ---- values ---- */

/* Bytes of the text, word or number that begins here; 0: it is none of them. A text without an end takes the rest:
 * nothing is read twice. */
static size_t value_length(const char *text, const char *end)
{
    struct scan s = {text, end};
    if (*text == '"') {
        skip_text(&s);
        return (size_t)((s.at < end ? s.at + 1 : end) - text);
    }
    while (s.at < end && *s.at && !strchr(" \t\r\n,:[]{}\"", *s.at)) s.at++;
    return (size_t)(s.at - text);
}

static bool is_value(const char *text, size_t n)
{
    json_t *v = json_loadb(text, n, JSON_DECODE_ANY, NULL);
    json_decref(v);
    return v != NULL;
}

bool salvage_values(const char *text, size_t n, json_t **ret)
{
    static const char nothing[] = "null";
    struct error ignored;
    char *own = must_alloc(sizeof nothing * (n + 1), 1);
    size_t length = 0;
    for (size_t i = 0, k; i < n; i += k) {
        k = value_length(text + i, text + n);
        bool lost = k && !is_value(text + i, k);
        if (k == 0) k = 1;
        memcpy(own + length, lost ? nothing : text + i, lost ? strlen(nothing) : k);
        length += lost ? strlen(nothing) : k;
    }
    bool whole = json_parse_object(own, length, ret, &ignored) == STATUS_OK;
    free(own);
    return whole;
}
