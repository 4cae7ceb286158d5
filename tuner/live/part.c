#include "tuner/live/part.h"

#include "tuner/base/digest.h"
#include "tuner/base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const KIND[PART_KINDS] = {"flag", "score", "usage", "root", "spoiled", "settled"};
static const char *const TEXT[PART_TEXTS] = {"id",   "trace",   "rollout", "unit",    "variant", "response",
                                             "name", "context", "user",    "enduser", "session", "conversation"};
static const char *const AMOUNT[AMOUNTS] = {"input", "output", "reasoning"};

void part_texts(struct part *p, const char **ret[PART_TEXTS])
{
    const char **each[] = {&p->id, &p->trace, &p->rollout, &p->unit, &p->variant, &p->response, &p->name};
    memcpy(ret, each, sizeof each);
    for (size_t i = 0; i < WHOS; i++) ret[PART_TEXTS - WHOS + i] = &p->who[i];
}

void part_init(struct part *p, enum part_kind kind, const char *trace, int64_t at_ms)
{
    const char **text[PART_TEXTS];
    *p = (struct part){.kind = kind, .at_ms = at_ms};
    part_texts(p, text);
    for (size_t i = 0; i < PART_TEXTS; i++) *text[i] = "";
    p->trace = trace;
    for (size_t i = 0; i < AMOUNTS; i++) p->amount[i] = NAN;
}

/* ---- ids ---- */

static const char *hashed(const char *text, struct arena *arena)
{
    unsigned char bytes[DIGEST_BYTES];
    char hex[DIGEST_HEX];
    digest(text, strlen(text), bytes);
    return arena_strdup(arena, digest_hex(bytes, hex));
}

/* A unit is given the same variant in the same trace as often as the program looks at the flag: once is enough. */
static const char *flag_id(const struct part *p, struct arena *arena)
{
    long long when = *p->trace ? 0 : p->at_ms;
    const char *all = arena_printf(arena, "%s %lld %zu %s %zu %s %d %s", p->trace, when, strlen(p->rollout), p->rollout,
                                   strlen(p->variant), p->variant, p->counted, p->unit);
    return arena_printf(arena, "flag/%s", hashed(all, arena));
}

static const char *first_who(const struct part *p)
{
    for (size_t i = 0; i < WHOS; i++)
        if (*p->who[i]) return p->who[i];
    return "";
}

/* What was judged, and by which name: judged again, it is the same. */
static const char *score_id(const struct part *p, const char *span, struct arena *arena)
{
    bool bare = !*p->trace && !*p->response;
    const char *what = bare ? arena_printf(arena, "%s@%lld", first_who(p), (long long)p->at_ms) : p->response;
    const char *id = arena_printf(arena, "%s/%s/%s/%s", p->trace, span, what, p->name);
    return strlen(id) <= PART_ID_MAX ? id : arena_printf(arena, "%s/%s", p->trace, hashed(id, arena));
}

void part_name(struct part *p, const char *span, struct arena *arena)
{
    switch (p->kind) {
    case PART_FLAG: p->id = flag_id(p, arena); return;
    case PART_SCORE: p->id = score_id(p, span, arena); return;
    case PART_USAGE: p->id = arena_printf(arena, "%s/%s/usage", p->trace, span); return;
    case PART_ROOT:
    case PART_SPOILED:
    case PART_SETTLED: p->id = arena_printf(arena, "%s/%s", p->trace, KIND[p->kind]); return;
    case PART_KINDS: return;
    }
}

/* ---- as JSON ---- */

static void set_text(json_t *o, const char *key, const char *text)
{
    if (*text) json_object_set_new(o, key, json_string(text));
}

static void set_number(json_t *o, const char *key, double v)
{
    if (!isnan(v)) json_object_set_new(o, key, json_amount(v));
}

char *part_write(const struct part *p)
{
    struct part own = *p;
    const char **text[PART_TEXTS];
    json_t *o = json_object();
    part_texts(&own, text);
    set_text(o, "kind", KIND[p->kind]);
    for (size_t i = 0; i < PART_TEXTS; i++) set_text(o, TEXT[i], *text[i]);
    json_object_set_new(o, "at_ms", json_integer(p->at_ms));
    if (p->counted) json_object_set_new(o, "counted", json_true());
    if (p->kind == PART_SCORE) set_number(o, "value", p->value);
    for (size_t i = 0; i < AMOUNTS; i++) set_number(o, AMOUNT[i], p->amount[i]);
    char *line = json_tight(o);
    json_decref(o);
    return line;
}

/* False: it is no text, or too long. */
static bool get_text(const json_t *o, const char *key, struct arena *arena, const char **ret)
{
    const json_t *v = json_object_get(o, key);
    *ret = v ? json_string_value(v) : "";
    if (!*ret || strlen(*ret) > PART_TEXT_MAX) return false;
    *ret = arena_strdup(arena, *ret);
    return true;
}

static bool get_kind(const json_t *o, enum part_kind *ret)
{
    const char *name = json_string_value(json_object_get(o, "kind"));
    for (int k = 0; name && k < PART_KINDS; k++)
        if (strcmp(name, KIND[k]) == 0) {
            *ret = (enum part_kind)k;
            return true;
        }
    return false;
}

static bool is_whole(const struct part *p)
{
    bool spent = false;
    for (size_t i = 0; i < AMOUNTS; i++) spent = spent || p->amount[i] >= 0;
    switch (p->kind) {
    case PART_FLAG: return *p->rollout && *p->unit && (*p->variant || !p->counted);
    case PART_SCORE: return *p->name && isfinite(p->value);
    case PART_USAGE: return *p->trace && spent;
    case PART_ROOT:
    case PART_SPOILED:
    case PART_SETTLED: return *p->trace != 0;
    case PART_KINDS: break;
    }
    return false;
}

static bool get_all(const json_t *o, struct arena *arena, struct part *p)
{
    const json_t *at = json_object_get(o, "at_ms");
    const char **text[PART_TEXTS];
    enum part_kind kind;
    bool ok = true;
    if (!get_kind(o, &kind) || !json_is_integer(at)) return false;
    part_init(p, kind, "", json_integer_value(at));
    p->counted = json_is_true(json_object_get(o, "counted"));
    p->value = json_number_at(o, "value");
    for (size_t i = 0; i < AMOUNTS; i++) p->amount[i] = json_number_at(o, AMOUNT[i]);
    part_texts(p, text);
    for (size_t i = 0; ok && i < PART_TEXTS; i++) ok = get_text(o, TEXT[i], arena, text[i]);
    return ok && *p->id && is_whole(p);
}

enum status part_read(const char *text, struct arena *arena, struct part *ret, struct error *err)
{
    json_t *o = NULL;
    struct part p;
    enum status s = json_parse_object(text, strlen(text), &o, err);
    if (s) return s;
    bool ok = get_all(o, arena, &p);
    json_decref(o);
    if (!ok) return error_set(err, STATUS_INVALID, "'%.200s' is no part of an outcome", text);
    *ret = p;
    return STATUS_OK;
}
