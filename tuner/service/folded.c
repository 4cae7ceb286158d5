#include "tuner/service/folded.h"


#include <malloc.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct folded_study shown; /* first */
    struct entry *next;
    char *name, *path;
    struct study *study;
    struct history *history; /* NULL: not folded yet */
    struct fitted fitted;
    size_t bytes, fitted_bytes;
};

struct folded {
    const struct clock *clock;
    struct entry *first; /* by their last use, the newest first: it is the one that is read */
};

struct folded *folded_create(const struct clock *clock)
{
    struct folded *f = must_alloc(1, sizeof *f);
    f->clock = clock;
    return f;
}

static void unfold(struct entry *e)
{
    fitted_drop(&e->fitted);
    history_free(e->history);
    study_free(e->study);
    free(e->path);
    e->history = NULL;
    e->study = NULL;
    e->path = NULL;
}

static void entry_free(struct entry *e)
{
    unfold(e);
    free(e->name);
    free(e);
}

void folded_free(struct folded *f)
{
    if (!f) return;
    while (f->first) {
        struct entry *e = f->first;
        f->first = e->next;
        entry_free(e);
    }
    free(f);
}

/* ---- the list ---- */

static struct entry *find(const struct folded *f, const char *name)
{
    struct entry *e = f->first;
    while (e && strcmp(e->name, name) != 0) e = e->next;
    return e;
}

static void unlink_entry(struct folded *f, struct entry *e)
{
    struct entry **at = &f->first;
    while (*at != e) at = &(*at)->next;
    *at = e->next;
}

/* To the front, anew if need be. */
static struct entry *bring_forward(struct folded *f, const char *name)
{
    struct entry *e = find(f, name);
    if (e) {
        unlink_entry(f, e);
    } else {
        e = must_alloc(1, sizeof *e);
        e->name = must_strdup(name);
    }
    e->next = f->first;
    f->first = e;
    return e;
}

/* The one that was not used for the longest time, if all are too many and it is not the only one. */
static struct entry *too_much(const struct folded *f)
{
    struct entry *oldest = NULL;
    size_t bytes = 0;
    for (struct entry *e = f->first; e; e = e->next) {
        bytes += e->bytes;
        if (e != f->first) oldest = e;
    }
    return bytes > FOLDED_BYTES ? oldest : NULL;
}

/* Of those that were asked last as much as there is room for, and the last one in any case. */
static void thin_out(struct folded *f)
{
    size_t bytes = 0;
    for (struct entry *e = f->first; e; e = e->next) {
        if (e == f->first || bytes + e->fitted_bytes <= FITTED_BYTES) {
            bytes += e->fitted_bytes;
            continue;
        }
        fitted_drop(&e->fitted);
        e->fitted_bytes = 0;
    }
}

static void forget(struct folded *f, struct entry *e)
{
    unlink_entry(f, e);
    entry_free(e);
}

static void forget_old(struct folded *f)
{
    bool trim = false;
    for (struct entry *old; (old = too_much(f)); trim = true) forget(f, old);
    if (trim) malloc_trim(0);
}

static void give(struct folded *f, struct entry *e)
{
    if (!e->history) {
        forget(f, e);
        return;
    }
    e->bytes = history_bytes(e->history);
    e->fitted_bytes = fitted_bytes(&e->fitted);
    thin_out(f);
    forget_old(f);
}

void folded_give(struct folded *f, struct folded_study *x)
{
    if (x) give(f, (struct entry *)x);
}

/* ---- folding ---- */

/* Is what is folded this row, or was the study deleted and made anew, or its file changed? */
static bool is_of(const struct entry *e, const struct store_study *row)
{
    return e->history && history_memory(e->history)->study_id == row->id && strcmp(e->path, row->path) == 0 &&
           strcmp(e->study->text, row->file) == 0;
}

static enum status bring_up(struct folded *f, struct store *store, struct entry *e, struct error *err)
{
    struct arena a = {0};
    struct store_study row;
    enum status st = store_study_find(store, e->name, &a, &row, err);
    if (!st && is_of(e, &row)) {
        st = history_catch_up(e->history, store, err);
        if (!st) fitted_keep(&e->fitted, history_memory(e->history));
    } else if (!st) {
        unfold(e);
        e->path = must_strdup(row.path);
        st = history_load(store, e->name, f->clock, &e->study, &e->history, err);
    }
    if (st) unfold(e);
    arena_done(&a);
    return st;
}

enum status folded_take(struct folded *f, struct store *store, const char *name, struct folded_study **ret,
                        struct error *err)
{
    struct entry *e = bring_forward(f, name);
    enum status st = bring_up(f, store, e, err);
    if (st) {
        give(f, e);
        return st;
    }
    e->shown = (struct folded_study){e->study, history_memory(e->history), &e->fitted};
    *ret = &e->shown;
    return STATUS_OK;
}

enum status folded_look(struct folded_study *x, struct store *store, struct error *err)
{
    return history_load_reports(((struct entry *)x)->history, store, err);
}

static enum status state_of_fold(struct folded *f, struct store *store, const char *name, json_t **ret,
                                 struct error *err)
{
    struct folded_study *x = NULL;
    struct arena a = {0};
    enum status st = folded_take(f, store, name, &x, err);
    if (!st) st = folded_look(x, store, err);
    if (!st) {
        const struct document d = document_of(x->history, &a);
        *ret = document_kept_json(&d);
    }
    folded_give(f, x);
    arena_done(&a);
    return st;
}

/* Instead of what is kept, which is behind; or that with a word why, where this version cannot read the rest. */
static enum status say_by_fold(struct folded *f, struct store *store, const char *name, json_t **kept,
                               struct error *err)
{
    json_t *state = NULL;
    enum status st = state_of_fold(f, store, name, &state, err);
    if (st && st != STATUS_BUSY && st != STATUS_NOT_FOUND && *kept) {
        json_object_set_new(*kept, "problem", json_string(err->text));
        return STATUS_OK;
    }
    json_decref(*kept);
    *kept = state;
    return st;
}

enum status folded_state(struct folded *f, struct store *store, const char *name, const struct document_host *host,
                         json_t **ret, struct error *err)
{
    struct arena a = {0};
    struct store_study row;
    json_t *state = NULL;
    int64_t last = 0;
    bool held = !host->hosted && store_hold_taken(store, name); /* by another process, which keeps the state */
    enum status st = store_study_find(store, name, &a, &row, err);
    if (!st) st = store_last_event(store, row.id, &last, err);
    if (!st && !(snapshot_kept_json(&row, last, held, &state) && document_show(state, held, host)))
        st = say_by_fold(f, store, name, &state, err);
    if (!st) document_show(state, host->hosted || held, host);
    arena_done(&a);
    *ret = state;
    return st;
}
