#include "tuner/analysis/snapshot.h"

#include "tuner/base/json.h"

#include "tuner/history/history.h"

#include <stdlib.h>
#include <string.h>

static json_t *kept_json(const struct memory *s)
{
    struct arena arena = {0};
    const struct document d = document_of(s, &arena);
    json_t *out = document_kept_json(&d);
    arena_done(&arena);
    return out;
}

void snapshot_keep(struct history *s)
{
    json_t *state = kept_json(history_memory(s));
    char *text = json_tight(state);
    journal_state(history_journal(s), text);
    free(text);
    json_decref(state);
}

static json_int_t seq_of(const json_t *state)
{
    return json_integer_value(json_object_get(state, "seq"));
}

/* For the next who asks, if nobody runs the study, who would do it himself. Whether it succeeds is not important. */
static void keep_if_free(struct history *h)
{
    const struct memory *s = history_memory(h);
    struct store_hold *hold = NULL;
    struct error ignored;
    int64_t last = 0;
    if (store_hold_take(s->store, s->study->name, &hold, &ignored)) return;
    if (store_last_event(s->store, s->study_id, &last, &ignored) == STATUS_OK && last == s->seq) {
        snapshot_keep(h);
        history_flush(h, &ignored);
    }
    store_hold_release(hold);
}

static enum status load_by_log(struct store *store, const char *name, const struct clock *clock, struct snapshot *ret,
                               struct error *err)
{
    struct history *s = NULL;
    enum status st = history_load(store, name, clock, &ret->study, &s, err);
    if (!st) ret->document = document_of(history_memory(s), &ret->arena);
    if (!st) keep_if_free(s);
    history_free(s);
    return st;
}

void snapshot_done(struct snapshot *x)
{
    study_free(x->study);
    arena_done(&x->arena);
    *x = (struct snapshot){0};
}

/* False, and *ret untouched: it is older than the last event and not `trusted`, or there is none that this version can
 * read; then the log says it. */
static bool read_kept(const struct store_study *row, int64_t last_event, bool trusted, struct snapshot *ret)
{
    struct error unread;
    struct snapshot x = {0};
    if (!row->state) return false;
    bool read = !study_parse(row->path, row->file, strlen(row->file), &x.study, &unread) &&
                !document_read(x.study, row->state, &x.arena, &x.document, &unread) &&
                (trusted || x.document.seq == last_event);
    if (read)
        *ret = x;
    else
        snapshot_done(&x);
    return read;
}

/* Somebody keeps it up to date, or it is all that is here. */
static bool is_trusted(struct store *store, const char *name, int64_t last_event)
{
    return last_event == 0 || store_hold_taken(store, name);
}

enum status snapshot_load(struct store *store, const char *name, const struct clock *clock, struct snapshot *ret,
                          struct error *err)
{
    struct arena arena = {0};
    struct store_study row;
    int64_t last = 0;
    *ret = (struct snapshot){0};
    enum status st = store_study_find(store, name, &arena, &row, err);
    if (!st) st = store_last_event(store, row.id, &last, err);
    if (!st && !read_kept(&row, last, is_trusted(store, name, last), ret))
        st = load_by_log(store, name, clock, ret, err);
    arena_done(&arena);
    return st;
}

bool snapshot_kept_json(const struct store_study *row, int64_t last_event, bool trusted, json_t **ret)
{
    *ret = NULL;
    if (!row->state || json_parse_object(row->state, strlen(row->state), ret, NULL)) return false;
    return trusted || seq_of(*ret) == last_event;
}

/* Instead of what is kept, which is behind. */
static enum status json_by_log(struct store *store, const char *name, const struct clock *clock, json_t **kept,
                               struct error *err)
{
    struct snapshot x = {0};
    enum status st = load_by_log(store, name, clock, &x, err);
    json_decref(*kept);
    *kept = st ? NULL : document_kept_json(&x.document);
    snapshot_done(&x);
    return st;
}

enum status snapshot_json(struct store *store, const char *name, const struct clock *clock, json_t **ret,
                          struct error *err)
{
    struct arena arena = {0};
    struct store_study row;
    json_t *state = NULL;
    int64_t last = 0;
    bool running = store_hold_taken(store, name);
    enum status st = store_study_find(store, name, &arena, &row, err);
    if (!st) st = store_last_event(store, row.id, &last, err);
    if (!st &&
        !(snapshot_kept_json(&row, last, is_trusted(store, name, last), &state) && document_show(state, running, NULL)))
        st = json_by_log(store, name, clock, &state, err);
    if (!st) document_show(state, running, NULL);
    arena_done(&arena);
    *ret = state;
    return st;
}

/* Text of the first key that differs, or NULL. Numbers are compared as numbers. */
static char *difference(const json_t *kept, const json_t *right, bool in_flight)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)right, key, v)
    {
        if (strcmp(key, "run") == 0) continue;
        if (in_flight && (strcmp(key, "tokens") == 0 || strcmp(key, "budgets") == 0)) continue; /* go on by reports */
        json_t *other = json_object_get(kept, key);
        char *a = json_text(v), *b = other ? json_text(other) : must_strdup("nothing");
        bool same = strcmp(a, b) == 0;
        struct arena arena = {0};
        char *text = same ? NULL : must_strdup(arena_printf(&arena, "%s: kept %.200s, the log says %.200s", key, b, a));
        arena_done(&arena);
        free(a);
        free(b);
        if (text) return text;
    }
    return NULL;
}

enum status snapshot_rebuild(struct store *store, const char *name, const struct clock *clock, char **ret_difference,
                             struct error *err)
{
    struct arena arena = {0};
    struct store_study x;
    struct history *s = NULL;
    struct study *study = NULL;
    json_t *kept = NULL, *right = NULL;
    char *found = NULL;
    enum status st = store_study_find(store, name, &arena, &x, err);
    if (!st) st = history_load(store, name, clock, &study, &s, err);
    if (!st) {
        right = kept_json(history_memory(s));
        bool readable = x.state && json_parse_object(x.state, strlen(x.state), &kept, NULL) == STATUS_OK;
        bool behind =
            !x.state || (readable && seq_of(kept) < history_memory(s)->seq); /* a crash came before the refresh */
        if (!readable && x.state) found = must_strdup("the kept state is not JSON");
        if (readable && !behind) found = difference(kept, right, memory_in_flight(history_memory(s)) > 0);
        if (found || (behind && !store_hold_taken(store, name))) { /* who runs it refreshes it, by what is newer */
            snapshot_keep(s);
            st = history_flush(s, err);
        }
    }
    if (!st)
        *ret_difference = found;
    else
        free(found);
    json_decref(kept);
    json_decref(right);
    history_free(s);
    study_free(study);
    arena_done(&arena);
    return st;
}
