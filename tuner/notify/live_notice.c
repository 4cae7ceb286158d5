#include "tuner/notify/live_notice.h"

#include <string.h>

/* By kind of event. What people have done themselves they know. */
static const struct row {
    const char *kind;
    enum notice_level level;
    const char *begins; /* the sentence, before the reason */
    const char *action; /* with the rollout's name; NULL: none */
    bool own;           /* told only if nobody asked for it */
} rows[] = {
    {"drift", NOTICE_LOOK, "what is live has drifted: ", "'nocturne loop %s' shows what happens next", false},
    {"evaluating", NOTICE_FINE, "after the drift: ", "'nocturne loop %s' shows what happens next", false},
    {"tuning", NOTICE_FINE, "tuned anew: ", "'nocturne loop %s' shows what happens next", false},
    {"trying", NOTICE_LOOK, "", "'nocturne rollout events %s' has the whole story", false},
    {"ready", NOTICE_LOOK,
     "a challenger has proven itself and waits: ", "'nocturne rollout promote %s' makes it the champion", true},
    {"promoted", NOTICE_FINE, "a challenger is the champion now: ", NULL, true},
    {"rolled back", NOTICE_LOOK, "a challenger was taken back: ", "'nocturne rollout status %s' says more", true},
    {"paused", NOTICE_LOOK, "the experiment is paused: ", "'nocturne rollout resume %s' goes on", true},
};

static const struct row *find(const char *kind)
{
    for (size_t i = 0; kind && i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].kind, kind) == 0) return &rows[i];
    return NULL;
}

static const char *text_at(const json_t *event, const char *key)
{
    const char *text = json_string_value(json_object_get(event, key));
    return text ? text : "";
}

/* The actions of the table have one place for a name. */
static const char *action_of(const char *pattern, const char *name, struct arena *a)
{
    const char *at = strstr(pattern, "%s");
    return arena_printf(a, "%.*s%s%s", (int)(at - pattern), pattern, name, at + 2);
}

static struct notice begin(const struct live_subject *of, struct arena *a)
{
    return (struct notice){.kind = NOTICE_DRIFT, .study = arena_strdup(a, of->study)};
}

bool live_notice(const struct live_subject *of, const json_t *event, struct arena *a, struct notice *ret)
{
    const struct row *row = find(json_string_value(json_object_get(event, "kind")));
    const char *why = text_at(event, "why"), *by = text_at(event, "by");
    if (!row || (row->own && *by && strcmp(by, "nocturne") != 0)) return false;
    *ret = begin(of, a);
    ret->level = row->level;
    ret->at_ms = json_integer_value(json_object_get(event, "at_ms"));
    ret->key =
        arena_printf(a, "live/%s/%lld", of->rollout, (long long)json_integer_value(json_object_get(event, "seq")));
    ret->is.sentence = notice_clean(arena_printf(a, "%s%s", row->begins, *why ? why : row->kind), a);
    if (row->action) ret->is.action = action_of(row->action, of->rollout, a);
    return true;
}

void live_notice_asks(const struct live_subject *of, const char *step, int64_t since_ms, struct arena *a,
                      struct notice *ret)
{
    *ret = begin(of, a);
    ret->level = NOTICE_LOOK;
    ret->at_ms = since_ms;
    ret->key = arena_printf(a, "live/%s/asks/%lld", of->rollout, (long long)since_ms);
    ret->is.sentence = arena_printf(a, "the watch of %s waits for you before it goes on (%s)", of->rollout, step);
    ret->is.action = arena_printf(a, "'nocturne rollout approve %s' lets it; 'nocturne rollout decline %s' does not, and "
                                     "what is usual now is learnt",
                                  of->rollout, of->rollout);
}
