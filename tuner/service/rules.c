#include "tuner/service/rules.h"

#include "tuner/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of a rollout that is killed from memory. */
struct killed {
    struct killed *next;
    char *name;
};

struct rules {
    const struct clock *clock;
    struct served *first; /* by name */
    struct arena arena;   /* of the path */
    const char *path;
    struct arena list_arena;
    struct kill_list list;
    struct killed *killed;
    struct flag_text text;
};

struct rules *rules_create(const char *db, const struct clock *clock)
{
    struct rules *x = must_alloc(1, sizeof *x);
    x->clock = clock;
    x->path = kill_file_path(db, &x->arena);
    rules_look_at_switch(x);
    return x;
}

/* ---- rollouts ---- */

static void forget(struct served *s)
{
    ruleset_free(s->set);
    flag_free(s->flag);
    free(s->text);
    free(s->tag);
}

static void served_free(struct served *s)
{
    forget(s);
    free(s->name);
    free(s);
}

static void killed_free(struct killed **at)
{
    struct killed *k = *at;
    *at = k->next;
    free(k->name);
    free(k);
}

void rules_free(struct rules *x)
{
    if (!x) return;
    while (x->killed) killed_free(&x->killed);
    for (struct served *s = x->first, *next; s; s = next) {
        next = s->next;
        served_free(s);
    }
    free(x->text.bytes);
    arena_done(&x->list_arena);
    arena_done(&x->arena);
    free(x);
}

/* Where it is, or would be. */
static struct served **place_of(struct rules *x, const char *name)
{
    struct served **at = &x->first;
    while (*at && strcmp((*at)->name, name) < 0) at = &(*at)->next;
    return at;
}

static bool is_it(const struct served *s, const char *name)
{
    return s && strcmp(s->name, name) == 0;
}

static struct served *ensure(struct rules *x, const char *name)
{
    struct served **at = place_of(x, name);
    if (is_it(*at, name)) return *at;
    struct served *s = must_alloc(1, sizeof *s);
    *s = (struct served){.next = *at, .name = must_strdup(name)};
    return *at = s;
}

static char *tag_of(const struct served *s)
{
    char tag[32];
    snprintf(tag, sizeof tag, "\"%lld\"", (long long)s->version);
    return must_strdup(tag);
}

void rules_put(struct rules *x, const char *name, struct ruleset *set)
{
    struct served *s = ensure(x, name);
    forget(s);
    s->set = set;
    s->flag = flag_create(set);
    s->version = json_integer_value(json_object_get(ruleset_document(set), "version"));
    s->seen_ms = clock_mono_ms(x->clock);
    s->text = json_text(ruleset_document(set));
    s->n = strlen(s->text);
    s->tag = tag_of(s);
}

void rules_seen(struct rules *x, const char *name)
{
    struct served *s = *place_of(x, name);
    if (is_it(s, name)) s->seen_ms = clock_mono_ms(x->clock);
}

void rules_drop(struct rules *x, const char *name)
{
    struct served **at = place_of(x, name), *s = *at;
    if (!is_it(s, name)) return;
    *at = s->next;
    served_free(s);
}

const struct served *rules_find(const struct rules *x, const char *name)
{
    const struct served *s = x->first;
    while (s && !is_it(s, name)) s = s->next;
    return s;
}

const struct served *rules_first(const struct rules *x)
{
    return x->first;
}

/* ---- the switch ---- */

static bool is_other(const struct kill_list *a, const struct kill_list *b)
{
    bool other = a->all != b->all || a->n != b->n || strcmp(a->why, b->why) != 0;
    for (size_t i = 0; !other && i < a->n; i++) other = strcmp(a->name[i], b->name[i]) != 0;
    return other;
}

static struct killed **killed_at(struct rules *x, const char *name)
{
    struct killed **at = &x->killed;
    while (*at && strcmp((*at)->name, name) != 0) at = &(*at)->next;
    return at;
}

static void settle(struct rules *x)
{
    struct error ignored;
    for (struct killed **at = &x->killed; *at;)
        if (kill_file_add(x->path, (*at)->name, &ignored) == STATUS_OK)
            killed_free(at);
        else
            at = &(*at)->next;
}

bool rules_look_at_switch(struct rules *x)
{
    settle(x);
    struct arena arena = {0};
    const struct kill_list nothing = {.why = ""}, list = kill_file_read(x->path, &arena);
    bool other = is_other(x->list.why ? &x->list : &nothing, &list);
    arena_done(&x->list_arena);
    x->list_arena = arena;
    x->list = list;
    return other;
}

const char *rules_switch(const struct rules *x)
{
    return x->path;
}

void rules_kill(struct rules *x, const char *name)
{
    struct killed **at = killed_at(x, name);
    if (*at) return;
    *at = must_alloc(1, sizeof **at);
    **at = (struct killed){.name = must_strdup(name)};
}

void rules_revive(struct rules *x, const char *name)
{
    struct killed **at = killed_at(x, name);
    struct error ignored;
    if (*at) killed_free(at);
    kill_file_remove(x->path, name, &ignored);
}

static bool is_remembered(const struct rules *x, const char *name)
{
    const struct killed *k = x->killed;
    while (k && strcmp(k->name, name) != 0) k = k->next;
    return k != NULL;
}

const char *rules_killed_by(const struct rules *x, const char *name, struct arena *arena)
{
    if (!is_remembered(x, name)) return arena_printf(arena, "the file %s", x->path);
    return arena_printf(arena, "this service, only until it ends: %s cannot be written", x->path);
}

struct flag_text *rules_text(struct rules *x)
{
    x->text.n = 0;
    return &x->text;
}

/* ---- what holds ---- */

enum rules_word rules_word(const struct rules *x, const struct served *of)
{
    if (kill_list_has(&x->list, of->name) || is_remembered(x, of->name)) return RULES_KILLED;
    return clock_mono_ms(x->clock) - of->seen_ms > RULESET_VALID_MS ? RULES_AWAY : RULES_HOLD;
}

struct assigned rules_assign(const struct rules *x, const struct served *of, const char *unit)
{
    if (rules_word(x, of) == RULES_HOLD) return ruleset_assign(of->set, unit);
    return (struct assigned){.variant = "champion", .reason = REASON_DISABLED};
}
