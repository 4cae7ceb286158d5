#include "tuner/analysis/replay.h"

#include "tuner/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The whole log in memory, and which of its events are suggestions. */
struct tape {
    struct arena arena;
    size_t n, capacity;
    struct store_event *event;
    size_t suggestions;
};

struct player {
    struct store *store;
    const struct clock *clock;
    struct store_study row;
    struct tape tape;
    struct study *study;
    struct history *history;
    struct search *search;
    struct replay *out;
    struct error *err;
};

static void on_event(void *data, const struct store_event *e)
{
    struct tape *t = data;
    t->event = must_reserve(t->event, t->n + 1, &t->capacity, sizeof *t->event);
    t->event[t->n] = *e;
    t->event[t->n++].body = arena_strdup(&t->arena, e->body);
    t->suggestions += e->kind == EVENT_ADDED;
}

/* ---- the study as it was ---- */

static void put_away(struct player *p)
{
    search_free(p->search);
    history_free(p->history);
    study_free(p->study);
    p->search = NULL;
    p->history = NULL;
    p->study = NULL;
}

static enum status apply(struct player *p, const struct store_event *e)
{
    struct arena a = {0};
    struct event x;
    json_t *body = NULL;
    enum status s = event_read(e, p->study, &a, &body, &x, p->err);
    if (!s) s = apply_event(p->history, &x, p->err);
    if (!s) s = curve_recall(p->history, e->trial, p->err);
    json_decref(body);
    arena_done(&a);
    return s;
}

/* A process took the study with this file: what it read of the log, it read by this file's space. */
static enum status reopen(struct player *p, size_t at, const char *file)
{
    put_away(p);
    enum status s = study_parse(p->row.path, file, strlen(file), &p->study, p->err);
    if (s) return s;
    p->history = history_bare(p->store, p->study, p->row.id, p->row.seed, p->clock);
    for (size_t i = 0; !s && i <= at; i++) s = apply(p, &p->tape.event[i]);
    return s;
}

static enum status open_event(struct player *p, size_t at)
{
    const struct store_event *e = &p->tape.event[at];
    json_t *body = NULL;
    enum status s = json_parse_object(e->body, strlen(e->body), &body, p->err);
    const char *file = json_string_value(json_object_get(body, "file"));
    if (!s && !file && !p->history) s = error_set(p->err, STATUS_IO, "the log does not begin with a study file");
    if (!s) s = file ? reopen(p, at, file) : apply(p, e);
    json_decref(body);
    if (s) return s;
    search_free(p->search);
    s = warm_start_load(p->history, p->err);
    p->search = search_create(p->study, p->row.seed, history_memory(p->history)->priors.prior,
                              history_memory(p->history)->priors.n);
    return s;
}

/* ---- suggestions ---- */

struct wanted { /* a suggestion of the log */
    bool any;
    size_t at; /* its event */
    int64_t known;
};

/* What event `at` says, if it is a suggestion of the search; nothing of it is in a space. */
static bool is_suggestion(const struct player *p, size_t at, int64_t *ret_known)
{
    const struct store_event *e = &p->tape.event[at];
    json_t *body = NULL;
    if (e->kind != EVENT_ADDED || json_parse_object(e->body, strlen(e->body), &body, NULL)) return false;
    const char *role = json_string_value(json_object_get(body, "role"));
    bool own = !role || strcmp(role, trial_role_name(ROLE_SEARCH)) == 0;
    const json_t *known = json_object_get(body, "known");
    *ret_known = known ? json_integer_value(known) : e->seq - 1;
    json_decref(body);
    return own;
}

/* The next suggestion at or after event `from`. */
static struct wanted find_suggestion(struct player *p, size_t from)
{
    for (size_t i = from; i < p->tape.n; i++) {
        int64_t known;
        if (!is_suggestion(p, i, &known)) continue;
        if (known >= 0) return (struct wanted){true, i, known};
        p->out->skipped++;
    }
    return (struct wanted){0};
}

static void describe(char *buf, size_t size, const char *params, const char *source)
{
    snprintf(buf, size, "%.800s (%.160s)", params, source);
}

static enum status check(struct player *p, const struct wanted *w)
{
    struct search_history h = history_view(p->history);
    struct suggestion x;
    struct arena a = {0};
    struct event e;
    json_t *body = NULL;
    struct error why;
    enum status s = event_read(&p->tape.event[w->at], p->study, &a, &body, &e, p->err);
    if (s) return s;
    enum status made = search_suggest(p->search, &h, e.trial, &x, &why);
    json_t *params = made ? json_null() : space_to_json(&p->study->space, x.config);
    char *was = json_tight(e.added.params), *now = json_tight(params);
    const char *source = made ? why.text : x.source;
    p->out->checked++;
    if (strcmp(was, now) != 0 || strcmp(source, e.added.source ? e.added.source : "") != 0) {
        p->out->differs = e.trial;
        describe(p->out->was, sizeof p->out->was, was, e.added.source ? e.added.source : "");
        describe(p->out->now, sizeof p->out->now, now, source);
    }
    free(was);
    free(now);
    json_decref(params);
    json_decref(body);
    arena_done(&a);
    return STATUS_OK;
}

static enum status play(struct player *p, void (*progress)(size_t, size_t))
{
    struct wanted next = find_suggestion(p, 0);
    enum status s = STATUS_OK;
    for (size_t i = 0; !s && i < p->tape.n && p->out->differs < 0; i++) {
        s = p->tape.event[i].kind == EVENT_OPENED ? open_event(p, i) : apply(p, &p->tape.event[i]);
        while (!s && next.any && next.known == p->tape.event[i].seq && p->out->differs < 0) {
            s = check(p, &next);
            next = find_suggestion(p, next.at + 1);
            if (progress) progress(p->out->checked, p->tape.suggestions);
        }
    }
    return s;
}

static void suggest_next(struct player *p)
{
    struct search_history h = history_view(p->history);
    struct suggestion x;
    if (search_suggest(p->search, &h, (long)history_memory(p->history)->n, &x, NULL)) return;
    p->out->next = json_pack("{s:I, s:o, s:s}", "trial", (json_int_t)history_memory(p->history)->n, "params",
                             space_to_json(&p->study->space, x.config), "source", x.source);
}

enum status replay_study(struct store *store, const char *name, const struct clock *clock,
                         void (*progress)(size_t done, size_t all), struct replay *ret, struct error *err)
{
    struct replay out = {.differs = -1};
    struct player p = {.store = store, .clock = clock, .out = &out, .err = err};
    enum status s = store_study_find(store, name, &p.tape.arena, &p.row, err);
    if (!s) s = store_events(store, p.row.id, -1, on_event, &p.tape, err);
    if (!s) s = play(&p, progress);
    if (!s && p.history && out.differs < 0) suggest_next(&p);
    if (!s) *ret = out;
    put_away(&p);
    free(p.tape.event);
    arena_done(&p.tape.arena);
    return s ? error_context(err, "%s: study '%s'", store_path(store), name) : STATUS_OK;
}
