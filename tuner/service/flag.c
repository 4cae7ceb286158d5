#include "tuner/service/flag.h"

#include "tuner/base/arena.h"
#include "tuner/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct piece {
    const char *text;
    size_t n;
};

struct flag_variant {
    const char *name;
    struct piece *begin; /* of each flag: its key and value */
    struct piece end;    /* variant, hash, version */
};

struct flag {
    struct arena arena;
    size_t n;          /* flags */
    const char **name; /* of the parameters, from 1 on */
    size_t n_variants;
    struct flag_variant *variant; /* the champion first */
    struct piece experiment;      /* and period; "" without one */
};

void flag_text_add(struct flag_text *t, const char *bytes, size_t n)
{
    t->bytes = must_reserve(t->bytes, t->n + n, &t->capacity, 1);
    memcpy(t->bytes + t->n, bytes, n);
    t->n += n;
}

/* ---- making ---- */

static struct piece piece_of(const char *text)
{
    return (struct piece){text, strlen(text)};
}

static void add_parameters(struct flag *f, const json_t *params)
{
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)params, name, v)
    {
        size_t i = 1;
        while (i < f->n && strcmp(f->name[i], name) != 0) i++;
        if (i < f->n) continue;
        f->name = arena_more(&f->arena, f->name, f->n, sizeof *f->name);
        f->name[f->n++] = arena_strdup(&f->arena, name);
    }
}

/* "{"key":"g2p.threshold","value":0.02" */
static struct piece begin_of(struct flag *f, const char *key, const json_t *value)
{
    json_t *quoted = json_string(key);
    char *name = json_tight(quoted), *text = value && !json_is_null(value) ? json_tight(value) : NULL;
    struct piece p = piece_of(
        arena_printf(&f->arena, "{\"key\":%s%s%s", name, text ? ",\"value\":" : "", text ? text : ""));
    free(text);
    free(name);
    json_decref(quoted);
    return p;
}

static void fill_variant(struct flag *f, const char *rollout, const char *name, const json_t *v, int64_t version)
{
    struct flag_variant *to = &f->variant[f->n_variants++];
    const json_t *params = json_object_get(v, "parameters");
    to->name = arena_strdup(&f->arena, name);
    to->begin = arena_array(&f->arena, f->n, sizeof *to->begin);
    to->begin[0] = begin_of(f, rollout, params);
    for (size_t i = 1; i < f->n; i++)
        to->begin[i] =
            begin_of(f, arena_printf(&f->arena, "%s.%s", rollout, f->name[i]), json_object_get(params, f->name[i]));
    to->end = piece_of(arena_printf(&f->arena, "\",\"variant\":\"%s\",\"metadata\":{\"hash\":\"%s\",\"version\":%lld", name,
                                    json_string_value(json_object_get(v, "hash")), (long long)version));
}

static struct piece experiment_of(struct flag *f, const json_t *document)
{
    const json_t *number = json_object_get(document, "experiment"), *period = json_object_get(document, "period");
    if (!number) return piece_of("");
    return piece_of(arena_printf(&f->arena, ",\"experiment\":%lld,\"period\":%lld", (long long)json_integer_value(number),
                                 (long long)json_integer_value(period)));
}

struct flag *flag_create(const struct ruleset *set)
{
    struct flag *f = must_alloc(1, sizeof *f);
    const json_t *document = ruleset_document(set);
    json_t *variants = json_object_get(document, "variants"), *v;
    const char *rollout = json_string_value(json_object_get(document, "rollout")), *name;
    int64_t version = json_integer_value(json_object_get(document, "version"));
    f->name = arena_more(&f->arena, NULL, 0, sizeof *f->name);
    f->n = 1;
    json_object_foreach(variants, name, v) add_parameters(f, json_object_get(v, "parameters"));
    f->variant = arena_array(&f->arena, json_object_size(variants), sizeof *f->variant);
    json_object_foreach(variants, name, v) fill_variant(f, rollout, name, v, version);
    f->experiment = experiment_of(f, document);
    return f;
}

void flag_free(struct flag *f)
{
    if (!f) return;
    arena_done(&f->arena);
    free(f);
}

/* ---- asking ---- */

size_t flag_count(const struct flag *f)
{
    return f->n;
}

int flag_find(const struct flag *f, const char *rest)
{
    if (!*rest) return 0;
    for (size_t i = 1; *rest == '.' && i < f->n; i++)
        if (strcmp(f->name[i], rest + 1) == 0) return (int)i;
    return -1;
}

static const struct flag_variant *find_variant(const struct flag *f, const char *name)
{
    size_t i = 0;
    while (i + 1 < f->n_variants && strcmp(f->variant[i].name, name) != 0) i++;
    return &f->variant[i];
}

static void add_piece(struct flag_text *t, const struct piece *p)
{
    flag_text_add(t, p->text, p->n);
}

void flag_write(const struct flag *f, size_t which, const struct assigned *a, struct flag_text *ret)
{
    static const char yes[] = ",\"counted\":true}}", no[] = ",\"counted\":false}}", reason[] = ",\"reason\":\"";
    const struct flag_variant *v = find_variant(f, a->variant);
    const char *word = ruleset_reason_name(a->reason);
    add_piece(ret, &v->begin[which]);
    flag_text_add(ret, reason, sizeof reason - 1);
    flag_text_add(ret, word, strlen(word));
    add_piece(ret, &v->end);
    if (a->reason != REASON_DISABLED) add_piece(ret, &f->experiment);
    flag_text_add(ret, a->counted ? yes : no, a->counted ? sizeof yes - 1 : sizeof no - 1);
}
