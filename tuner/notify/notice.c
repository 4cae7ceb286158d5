#include "tuner/notify/notice.h"

#include "tuner/base/plain.h"
#include "tuner/base/redact.h"
#include "tuner/base/words.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
#define NOTICE_KIND(NAME, name, when) [NOTICE_##NAME] = (name),
    NOTICE_KINDS(NOTICE_KIND)
#undef NOTICE_KIND
};

static const char *const whens[] = {
#define NOTICE_KIND(NAME, name, when) [NOTICE_##NAME] = (when),
    NOTICE_KINDS(NOTICE_KIND)
#undef NOTICE_KIND
};

static const char *const levels[] = {[NOTICE_FINE] = "fine", [NOTICE_LOOK] = "look", [NOTICE_WRONG] = "wrong"};

const char *notice_kind_name(enum notice_kind kind)
{
    return names[kind];
}

const char *notice_kind_when(enum notice_kind kind)
{
    return whens[kind];
}

bool notice_kind_parse(const char *name, enum notice_kind *ret)
{
    for (int i = 0; i < NOTICE_KINDS_ALL; i++)
        if (strcmp(name, names[i]) == 0) return *ret = (enum notice_kind)i, true;
    return false;
}

const char *notice_level_name(enum notice_level level)
{
    return levels[level];
}

/* ---- text ---- */

const char *notice_clean(const char *text, struct arena *a)
{
    if (!text) return NULL;
    char *copy = arena_strdup(a, text);
    redact(copy, strlen(copy));
    return plain_bounded(a, plain_shown(a, copy), NOTICE_BYTES);
}

const char *notice_line(const struct notice *n, struct arena *a)
{
    return *n->study ? arena_printf(a, "%s: %s", n->study, n->is.sentence) : n->is.sentence;
}

static const char *part_text(const struct notice_part *p, struct arena *a)
{
    return arena_printf(a, "%s\n%s%s%s", p->sentence, p->action ? "  → " : "", p->action ? p->action : "",
                        p->action ? "\n" : "");
}

const char *notice_text(const struct notice *n, struct arena *a)
{
    const struct notice_part first = {notice_line(n, a), n->is.action};
    const char *all = part_text(&first, a);
    for (size_t i = 0; i < n->n_more && strlen(all) < NOTICE_TEXT_BYTES; i++)
        all = arena_printf(a, "%s\n%s", all, part_text(&n->more[i], a));
    return plain_bounded(a, all, NOTICE_TEXT_BYTES);
}

/* ---- JSON ---- */

static json_t *part_json(const struct notice_part *p)
{
    return json_pack("{s:s, s:s?}", "sentence", p->sentence, "action", p->action);
}

json_t *notice_json(const struct notice *n)
{
    struct arena a = {0};
    json_t *more = json_array();
    for (size_t i = 0; i < n->n_more; i++) json_array_append_new(more, part_json(&n->more[i]));
    json_t *out =
        json_pack("{s:s, s:s, s:s, s:I, s:s, s:s?, s:o, s:s, s:s}", "kind", names[n->kind], "level", levels[n->level],
                  "study", n->study, "at_ms", (json_int_t)n->at_ms, "sentence", n->is.sentence, "action", n->is.action,
                  "more", more, "key", n->key, "text", notice_text(n, &a));
    arena_done(&a);
    return out;
}

static const char *text_at(const json_t *json, const char *key, struct arena *a)
{
    return notice_clean(json_string_value(json_object_get(json, key)), a);
}

static bool read_level(const json_t *json, enum notice_level *ret)
{
    const char *name = json_string_value(json_object_get(json, "level"));
    for (int i = 0; name && i <= NOTICE_WRONG; i++)
        if (strcmp(name, levels[i]) == 0) return *ret = (enum notice_level)i, true;
    return false;
}

static bool read_more(const json_t *json, struct arena *a, struct notice *ret)
{
    const json_t *list = json_object_get(json, "more"), *one;
    size_t i, n = json_array_size(list);
    if (n > NOTICE_MORE_MAX) return false;
    struct notice_part *more = arena_array(a, n + 1, sizeof *more);
    json_array_foreach((json_t *)(uintptr_t)list, i, one)
    {
        more[i] = (struct notice_part){text_at(one, "sentence", a), text_at(one, "action", a)};
        if (!more[i].sentence) return false;
    }
    ret->n_more = n;
    ret->more = more;
    return true;
}

enum status notice_read(const json_t *json, struct arena *a, struct notice *ret, struct error *err)
{
    struct notice n = {.study = text_at(json, "study", a),
                       .key = text_at(json, "key", a),
                       .at_ms = json_integer_value(json_object_get(json, "at_ms")),
                       .is = {text_at(json, "sentence", a), text_at(json, "action", a)}};
    const char *kind = json_string_value(json_object_get(json, "kind"));
    if (!kind || !notice_kind_parse(kind, &n.kind) || !read_level(json, &n.level) || !n.study || !n.key ||
        !n.is.sentence || !read_more(json, a, &n))
        return error_set(err, STATUS_INVALID, "this is no notice");
    *ret = n;
    return STATUS_OK;
}

/* ---- several as one ---- */

static struct notice_part part_copy(const struct notice_part *p, struct arena *a)
{
    return (struct notice_part){arena_strdup(a, p->sentence), p->action ? arena_strdup(a, p->action) : NULL};
}

struct notice notice_copy(const struct notice *n, struct arena *a)
{
    struct notice out = *n;
    struct notice_part *more = arena_array(a, n->n_more + 1, sizeof *more);
    for (size_t i = 0; i < n->n_more; i++) more[i] = part_copy(&n->more[i], a);
    out.study = arena_strdup(a, n->study);
    out.key = arena_strdup(a, n->key);
    out.is = part_copy(&n->is, a);
    out.more = more;
    return out;
}

struct notice notice_digest(const struct notice *each, size_t n, int64_t at_ms, struct arena *a)
{
    size_t shown = n < NOTICE_MORE_MAX ? n : NOTICE_MORE_MAX;
    struct notice_part *more = arena_array(a, shown, sizeof *more);
    struct notice out = {.kind = NOTICE_DIGEST, .study = each[0].study, .key = "digest", .at_ms = at_ms};
    for (size_t i = 0; i < n; i++) {
        if (strcmp(each[i].study, out.study) != 0) out.study = "";
        if (each[i].level > out.level) out.level = each[i].level;
    }
    for (size_t i = 0; i < shown; i++)
        more[i] =
            (struct notice_part){*out.study ? each[n - shown + i].is.sentence : notice_line(&each[n - shown + i], a),
                                 each[n - shown + i].is.action};
    out.is.sentence =
        arena_printf(a, "%zu notice%s held back meanwhile, the worst of them %s", n, n == 1 ? " was" : "s were",
                     out.level == NOTICE_WRONG  ? "of something that is wrong"
                     : out.level == NOTICE_LOOK ? "of something to look at"
                                                : "good to know");
    out.n_more = shown;
    out.more = more;
    return out;
}
