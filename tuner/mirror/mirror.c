#include "tuner/mirror/mirror.h"

#include "tuner/base/words.h"

#include "tuner/history/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMED_MAX = 300 /* leases in one question */, STUDIES_MAX = 100000, PAGE_OF_STUDIES = 1000 };

/* An attempt that may have more to report than is here. */
struct watched {
    int64_t lease;
    long trial, next; /* next: number of the report that is not here yet */
    bool open;        /* it has not ended */
    bool fresh;       /* it began since the last refresh: its reports are not asked for yet */
    bool due;         /* to be named with the next question */
};

struct mirror {
    struct caller *caller;
    struct mirror_wish wish;
    char *study, *version; /* version: of the service */
    struct store *store, *before;
    int64_t id, created_ms, seq;
    double bytes; /* of what is being fetched, so far */
    bool anew;    /* something has to be read again, and the caller has not heard of it */
    struct watched *watched;
    size_t n, capacity;
};

/* A page on its way in. */
struct incoming {
    struct mirror *m;
    struct page *page;
    struct journal *journal;
    bool anew;
    int64_t began; /* where the log ended before it */
    size_t reports;
    struct error err;
};

/* ---- who is watched ---- */

static struct watched *find_lease(const struct mirror *m, int64_t lease)
{
    for (size_t i = m->n; i-- > 0;)
        if (m->watched[i].lease == lease) return &m->watched[i];
    return NULL;
}

static void begin_attempt(struct mirror *m, const struct store_event *e)
{
    m->watched = must_reserve(m->watched, m->n + 1, &m->capacity, sizeof *m->watched);
    m->watched[m->n++] = (struct watched){.lease = e->seq, .trial = e->trial, .open = true, .fresh = true};
}

/* What it said last may have come between two pages. */
static void end_attempt(const struct incoming *in, long trial)
{
    const struct mirror *m = in->m;
    for (size_t i = m->n; i-- > 0;) {
        struct watched *w = &m->watched[i];
        if (w->trial != trial || !w->open) continue;
        w->open = false;
        w->due = m->wish.depth == MIRROR_ALL && w->lease <= in->began;
        return;
    }
}

static void watch(const struct incoming *in, const struct store_event *e)
{
    switch ((enum event_kind)e->kind) {
    case EVENT_LEASED: begin_attempt(in->m, e); break;
    case EVENT_RETURNED:
    case EVENT_FINISHED:
    case EVENT_STAGED: end_attempt(in, e->trial); break;
    case EVENT_OPENED:
    case EVENT_ADDED:
    case EVENT_STARTED:
    case EVENT_RENEWED:
    case EVENT_CONDEMNED:
    case EVENT_PHASE:
    case EVENT_NOTE:
    case EVENT_ADJUSTED:
    case EVENT_CHECKPOINT:
    case EVENT_ANNOUNCED:
    case EVENT_RETRIED:
    case EVENT_HALTED:
    case EVENT_RESUMED:
    case EVENT_EVICTED:
    case EVENT_NOTED: break;
    }
}

static bool is_wanted(const struct mirror *m, const struct watched *w)
{
    bool wanted = false;
    switch (m->wish.depth) {
    case MIRROR_ROW: break;
    case MIRROR_RUNNING: wanted = w->open; break;
    case MIRROR_TRIAL: wanted = w->open || w->trial == m->wish.trial; break;
    case MIRROR_ALL: break; /* it comes with its lease */
    }
    return wanted && w->fresh;
}

/* Those that are over and known. */
static void forget_ended(struct mirror *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct watched *w = &m->watched[i];
        if (w->open || w->due || is_wanted(m, w)) m->watched[kept++] = *w;
    }
    m->n = kept;
}

/* ---- what comes in ---- */

static enum status begin(struct mirror *m, const struct page_study *s, struct error *err)
{
    if (!s->row.file) return error_set(err, STATUS_IO, "the answer has no study file");
    enum status st = store_open(":memory:", STORE_CREATE, &m->store, err);
    if (!st) st = store_study_insert(m->store, &s->row, &m->id, err);
    m->created_ms = s->row.created_ms;
    return st;
}

/* Can this version read it? */
static enum status check_file(const struct store_study *row, struct error *err)
{
    struct study *study = NULL;
    if (!row->file || study_parse(row->path, row->file, strlen(row->file), &study, err) == STATUS_OK) {
        study_free(study);
        return STATUS_OK;
    }
    err->status = STATUS_FAILED;
    return STATUS_FAILED;
}

static enum status on_study(void *data, const struct page_study *s, struct error *err)
{
    struct incoming *in = data;
    struct mirror *m = in->m;
    bool first = !m->store;
    enum status st;
    free(m->version);
    m->version = must_strdup(s->version);
    if (strcmp(s->row.name, m->study) != 0) return error_set(err, STATUS_IO, "the answer is about another study");
    if (m->store && m->created_ms != s->row.created_ms)
        return error_set(err, STATUS_CONFLICT, "study '%s' was deleted and made anew", m->study);
    st = check_file(&s->row, err);
    if (!st && first) st = begin(m, s, err);
    if (st) return st;
    store_set_elsewhere(m->store, &(struct store_elsewhere){caller_url(m->caller), s->running, s->disk_free});
    in->journal = journal_create(m->store, m->id);
    if (s->row.file && !first) journal_study(in->journal, s->row.path, s->row.file, s->row.identity);
    in->anew = s->row.file && !first;
    if (s->row.state) journal_state(in->journal, s->row.state);
    return STATUS_OK;
}

static enum status on_event(void *data, const struct store_event *e, struct error *err)
{
    struct incoming *in = data;
    if (e->seq <= in->m->seq) return error_set(err, STATUS_IO, "the answer repeats event %lld", (long long)e->seq);
    journal_event(in->journal, e);
    watch(in, e);
    in->m->seq = e->seq;
    return STATUS_OK;
}

static enum status on_report(void *data, const struct store_report *r, struct error *err)
{
    struct incoming *in = data;
    struct watched *w = find_lease(in->m, r->lease);
    if (!w || w->next != r->number)
        return error_set(err, STATUS_IO, "the answer has report %ld of lease %lld, which is not the next", r->number,
                         (long long)r->lease);
    journal_report(in->journal, r);
    w->next++;
    in->reports++;
    return STATUS_OK;
}

static bool take(void *data, const char *bytes, size_t n)
{
    struct incoming *in = data;
    return page_take(in->page, bytes, n, &in->err) == STATUS_OK;
}

/* ---- asking ---- */

/* Those that are due, as far as one question goes. In the arena; *ret_n: so many of the first. */
static const char *name_due(const struct mirror *m, struct arena *arena, size_t *ret_n)
{
    size_t named = 0, room = NAMED_MAX * 48, at = 0;
    char *text = arena_alloc(arena, room);
    *ret_n = 0;
    for (; *ret_n < m->n && named < NAMED_MAX; ++*ret_n) {
        const struct watched *w = &m->watched[*ret_n];
        if (w->due)
            at += (size_t)snprintf(text + at, room - at, "%s%lld:%ld", named++ ? "," : "&open=", (long long)w->lease,
                                   w->next);
    }
    return text;
}

static const char *question(const struct mirror *m, struct arena *a, size_t *ret_named)
{
    const char *due = name_due(m, a, ret_named);
    return arena_printf(a, "/api/v1/studies/%s/mirror?since=%lld&reports=%s%s%s", caller_escaped(a, m->study),
                        (long long)m->seq, m->wish.depth == MIRROR_ALL ? "true" : "false",
                        m->wish.depth == MIRROR_ROW ? "&limit=0" : "", due);
}

/* What a failed page has done to the list is undone, too. */
struct kept {
    struct watched *watched;
    size_t n;
    int64_t seq;
};

static struct kept keep(const struct mirror *m)
{
    struct kept k = {must_alloc(m->n + 1, sizeof *k.watched), m->n, m->seq};
    if (m->n) memcpy(k.watched, m->watched, m->n * sizeof *k.watched);
    return k;
}

static void put_back(struct mirror *m, const struct kept *k)
{
    if (k->n) memcpy(m->watched, k->watched, k->n * sizeof *k->watched);
    m->n = k->n;
    m->seq = k->seq;
}

/* Where it came from, and that nothing is lost by asking again. */
static enum status damaged(const struct mirror *m, const struct error *why, struct error *err)
{
    if (why->status == STATUS_FAILED) {
        *err = *why;
        return mirror_blame(m, err);
    }
    return error_set(err, why->status, "%.200s: study '%.60s': %.600s; try again%s", caller_url(m->caller), m->study,
                     why->text, why->status == STATUS_IO ? ", and look at what is between here and there" : "");
}

static enum status fetch(struct incoming *in, const char *path, struct page_end *end, struct error *err)
{
    struct mirror *m = in->m;
    struct error why = {0};
    enum status st = caller_read(m->caller, path, take, in, &why);
    if (in->err.status) return damaged(m, &in->err, err);
    if (st) {
        *err = why;
        return st;
    }
    if (page_finish(in->page, end, &why) || journal_flush(in->journal, &why)) return damaged(m, &why, err);
    return STATUS_OK;
}

/* The first `named` of the list were asked about; an end in the middle of them leaves the rest for the next page. */
static enum status settle(struct incoming *in, const struct page_end *end, size_t named, struct error *err)
{
    struct mirror *m = in->m;
    struct watched *w = end->lease ? find_lease(m, end->lease) : NULL;
    if (end->more && m->seq == in->began && !in->reports)
        return error_set(err, STATUS_IO, "%.200s: study '%.60s': the answer says that there is more, and gives nothing",
                         caller_url(m->caller), m->study);
    for (size_t i = 0; i < named && &m->watched[i] != w; i++) m->watched[i].due = false;
    if (w) w->due = true;
    return STATUS_OK;
}

/* One page. */
static enum status turn(struct mirror *m, struct page_end *end, struct error *err)
{
    struct arena a = {0};
    struct incoming in = {.m = m, .began = m->seq};
    size_t named;
    struct kept kept = keep(m);
    in.page = page_create(&(struct page_hooks){on_study, on_event, on_report, &in});
    enum status st = fetch(&in, question(m, &a, &named), end, err);
    if (!st) st = settle(&in, end, named, err);
    m->bytes += (double)page_bytes(in.page);
    if (st) put_back(m, &kept);
    m->anew |= !st && in.anew;
    journal_free(in.journal);
    page_free(in.page);
    free(kept.watched);
    arena_done(&a);
    return st;
}

static bool any_due(const struct mirror *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->watched[i].due) return true;
    return false;
}

/* Of those that have begun since, what the wish wants, now that it is known who runs. */
static void call_fresh(struct mirror *m)
{
    for (size_t i = 0; i < m->n; i++) {
        struct watched *w = &m->watched[i];
        w->due |= is_wanted(m, w);
        w->fresh = false;
    }
}

static enum status catch_up(struct mirror *m, struct error *err)
{
    struct page_end end = {.more = true};
    enum status st = STATUS_OK;
    m->bytes = 0;
    do {
        if (m->bytes > MIRROR_BYTES_MAX)
            return error_set(err, STATUS_IO, "%.200s: study '%.60s' has more than %.0f GB of log",
                             caller_url(m->caller), m->study, MIRROR_BYTES_MAX / 1e9);
        st = turn(m, &end, err);
        if (st) break;
        if (!end.more) call_fresh(m);
        forget_ended(m);
    } while (m->wish.depth != MIRROR_ROW && (end.more || any_due(m)));
    return st;
}

/* ---- the list ---- */

static bool is_over(const json_t *one)
{
    const char *name = json_string_value(json_object_get(one, "phase"));
    enum study_phase phase;
    return name && study_phase_parse(name, &phase) && (phase == STUDY_COMPLETE || phase == STUDY_STOPPED) &&
           json_is_false(json_object_get(one, "running"));
}

static size_t add_listed(const json_t *page, struct arena *arena, struct mirror_listed *all, size_t n)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(page, "studies"), i, one)
    {
        const char *text = json_string_value(json_object_get(one, "study"));
        if (text && study_is_name(text) && n < STUDIES_MAX)
            all[n++] = (struct mirror_listed){arena_strdup(arena, text), is_over(one),
                                              json_integer_value(json_object_get(one, "seq"))};
    }
    return n;
}

enum status mirror_list(struct caller *c, struct arena *arena, struct mirror_listed **ret, size_t *ret_n,
                        struct error *err)
{
    struct mirror_listed *all = NULL;
    size_t n = 0, capacity = 0, total = 1;
    enum status st = STATUS_OK;
    for (size_t at = 0; !st && at < total && at < STUDIES_MAX; at += PAGE_OF_STUDIES) {
        json_t *page = NULL;
        const char *path = arena_printf(arena, "/api/v1/studies?limit=%d&offset=%zu", PAGE_OF_STUDIES, at);
        st = caller_ask(c, &(struct question){"GET", path, NULL}, &page, err);
        total = (size_t)json_integer_value(json_object_get(page, "total"));
        all = must_reserve(all, n + json_array_size(json_object_get(page, "studies")) + 1, &capacity, sizeof *all);
        n = add_listed(page, arena, all, n);
        json_decref(page);
    }
    *ret = arena_array(arena, n + 1, sizeof *all);
    if (n) memcpy(*ret, all, n * sizeof *all);
    *ret_n = n;
    free(all);
    return st;
}

enum status mirror_names(struct caller *c, struct arena *arena, const char ***ret, size_t *ret_n, struct error *err)
{
    struct mirror_listed *all;
    enum status st = mirror_list(c, arena, &all, ret_n, err);
    *ret = arena_array(arena, *ret_n + 1, sizeof **ret);
    for (size_t i = 0; i < *ret_n; i++) (*ret)[i] = all[i].name;
    return st;
}

/* A service that has the study but no mirrors is an older one. */
static enum status not_found(struct mirror *m, struct error *err)
{
    struct arena a = {0};
    const char **name;
    size_t n;
    if (mirror_names(m->caller, &a, &name, &n, NULL) == STATUS_OK) {
        const char *near = words_nearest(m->study, name, n);
        bool there = near && strcmp(near, m->study) == 0;
        if (there)
            error_set(err, STATUS_FAILED,
                      "%.200s is older than this nocturne (" NOCTURNE_VERSION
                      ") and cannot be read from here; update the service",
                      caller_url(m->caller));
        else
            error_set(err, STATUS_NOT_FOUND, "%.200s: no study '%.60s'%s%s%s", caller_url(m->caller), m->study,
                      near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    arena_done(&a);
    return err->status;
}

/* ---- life ---- */

static struct mirror *create(struct caller *c, const char *study, const struct mirror_wish *wish)
{
    struct mirror *m = must_alloc(1, sizeof *m);
    m->caller = c;
    m->study = must_strdup(study);
    m->version = must_strdup("");
    m->wish = *wish;
    return m;
}

enum status mirror_open(struct caller *c, const char *study, const struct mirror_wish *wish, struct mirror **ret,
                        struct error *err)
{
    struct mirror *m = create(c, study, wish);
    struct error why;
    enum status st = catch_up(m, &why);
    if (st == STATUS_NOT_FOUND) st = not_found(m, &why);
    if (st) {
        mirror_free(m);
        return error_set(err, st, "%s", why.text);
    }
    *ret = m;
    return STATUS_OK;
}

void mirror_free(struct mirror *m)
{
    if (!m) return;
    store_close(m->store);
    store_close(m->before);
    free(m->watched);
    free(m->version);
    free(m->study);
    free(m);
}

/* It is another study, of which nothing is here yet. */
static enum status begin_again(struct mirror *m, struct error *err)
{
    struct mirror fresh = {.caller = m->caller, .wish = m->wish, .study = m->study, .version = must_strdup("")};
    enum status st = catch_up(&fresh, err);
    if (st) {
        store_close(fresh.store);
        free(fresh.watched);
        free(fresh.version);
        return st;
    }
    fresh.before = m->before ? m->before : m->store;
    if (m->before) store_close(m->store); /* nobody has made anything of it */
    free(m->watched);
    free(m->version);
    *m = fresh;
    m->anew = true;
    return STATUS_OK;
}

enum status mirror_refresh(struct mirror *m, bool *ret_anew, struct error *err)
{
    for (size_t i = 0; i < m->n; i++) m->watched[i].due = true;
    enum status st = catch_up(m, err);
    if (st == STATUS_CONFLICT) st = begin_again(m, err);
    if (st) return st;
    *ret_anew = m->anew;
    return STATUS_OK;
}

void mirror_settle(struct mirror *m)
{
    store_close(m->before);
    m->before = NULL;
    m->anew = false;
}

struct store *mirror_store(const struct mirror *m)
{
    return m->store;
}

const char *mirror_study(const struct mirror *m)
{
    return m->study;
}

enum status mirror_blame(const struct mirror *m, struct error *err)
{
    struct error why = *err;
    if (strncmp(why.text, caller_url(m->caller), strlen(caller_url(m->caller))) == 0 &&
        (strcmp(m->version, NOCTURNE_VERSION) == 0 || !*m->version))
        return why.status;
    if (strcmp(m->version, NOCTURNE_VERSION) != 0 && *m->version)
        error_set(err, STATUS_FAILED,
                  "%.200s: nocturne %.40s there, " NOCTURNE_VERSION " here: %.500s; update the older of the two",
                  caller_url(m->caller), m->version, why.text);
    else
        error_set(err, why.status, "%.200s: study '%.60s': %.600s", caller_url(m->caller), m->study, why.text);
    return err->status;
}
