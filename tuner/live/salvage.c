#include "tuner/live/salvage.h"

#include "tuner/live/intake.h"

#include "tuner/base/json.h"

#include <string.h>

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
