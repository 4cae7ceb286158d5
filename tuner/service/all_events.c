#include "tuner/service/all_events.h"

#include "tuner/service/streams.h"

#include "tuner/base/words.h"
#include "tuner/study/study.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NAME_MAX_BYTES = 49,     /* study_is_name */
    OFTEN_BYTES = 1024,      /* a longer cursor is told with the pulse only, or … */
    OFTEN_EVENTS = 256,      /* … after so many events */
    CURSOR_BYTES = 16 << 10, /* as a header that comes back; of more studies it has the newest */
    CURSOR_MOST = CURSOR_BYTES + NAME_MAX_BYTES + 32,
    HELD_BYTES = 4096, /* what a reader keeps between two events */
    CATCHING_MAX = 8,  /* studies whose logs a reader reads at once */
};

#define NUMBER_MAX 999999999999 /* in a cursor: twelve digits */

/* A study as a reader knows it. */
struct place {
    int64_t study, seq, end; /* seq: of the last event that it has been told; end: … that is known */
    char name[NAME_MAX_BYTES];
    bool at_work;                /* here */
    bool catching;               /* up with its log: few do at once */
    uint64_t round;              /* in which it came */
    struct event_reader *reader; /* NULL: it knows all that there is, or waits until others have been told */
};

/* The last of a rollout. */
struct change {
    struct change *next;
    char *rollout;
    int64_t version;
    uint64_t number; /* of all changes */
};

struct all_reader {
    struct all_reader *next;
    struct all_events *all;
    struct place *place; /* by study */
    size_t n, capacity;
    size_t turn;     /* whose it is */
    size_t catching; /* so many places */
    char who[EVENT_STREAM_WHO_MAX];
    const char *scope;
    bool once, pulse, moved; /* moved: since the last cursor … */
    size_t events;           /* … by so many of them */
    size_t cursor_n;         /* bytes of the last one */
    uint64_t told;           /* the last change of a rollout that it knows */
    bool waits;              /* somebody has to wait for a page */
    char *text;              /* what is being told */
    size_t n_text, text_at, capacity_text;
    void (*wake)(void *data);
    void *data;
};

struct all_events {
    struct service *service;
    struct all_reader *reader;
    struct change *change; /* of each rollout */
    uint64_t changes;
    struct work work; /* it looks where the logs end */
    bool looking;
    uint64_t round; /* of looking */
    struct arena arena;
    struct store_end *end;
    size_t n;
    bool known; /* they are */
};

struct all_events *all_events_create(struct service *s)
{
    struct all_events *x = must_alloc(1, sizeof *x);
    x->service = s;
    return x;
}

void all_events_free(struct all_events *x)
{
    if (!x) return;
    for (struct change *c = x->change, *next; c; c = next) {
        next = c->next;
        free(c->rollout);
        free(c);
    }
    arena_done(&x->arena);
    free(x);
}

/* ---- cursors ---- */

/* "g2p:120" */
static bool read_place(char *text, struct store_end *ret)
{
    char *colon = strchr(text, ':');
    long seq;
    if (!colon) return false;
    *colon = 0;
    *ret = (struct store_end){.name = text};
    if (!study_is_name(text) || !words_whole(colon + 1, 0, NUMBER_MAX, &seq)) return false;
    ret->seq = seq;
    return true;
}

static bool read_places(char *text, struct arena *arena, struct all_start *ret)
{
    size_t n = 1;
    for (const char *at = text; *at; at++) n += *at == ',';
    ret->at = arena_array(arena, n, sizeof *ret->at);
    for (char *one; (one = strsep(&text, ","));)
        if (!read_place(one, &ret->at[ret->n++])) return false;
    return true;
}

enum status all_events_parse(const char *text, struct arena *arena, struct all_start *ret, struct error *err)
{
    struct all_start x = {.each = -1, .newest = -1};
    char *copy = arena_strdup(arena, text), *slash = strchr(copy, '/');
    long number;
    bool ok;
    if (strlen(text) > CURSOR_MOST)
        return error_set(err, STATUS_INVALID, "a place in all logs has at most %d bytes", CURSOR_MOST);
    if (slash) *slash = 0;
    if (!slash && words_whole(copy, 0, NUMBER_MAX, &number)) {
        x.each = number;
        ok = true;
    } else {
        ok = !slash || words_whole(copy, 0, NUMBER_MAX, &number);
        if (ok && slash) x.newest = number;
        char *list = slash ? slash + 1 : copy;
        ok = ok && ((slash && !*list) || read_places(list, arena, &x));
    }
    if (!ok)
        return error_set(
            err, STATUS_INVALID,
            "a place in all logs is a number or as in an id of event cursor, 17/g2p:120,demo:3, not '%.60s'", text);
    *ret = x;
    return STATUS_OK;
}

/* What was told before is gone. */
static void begin_text(struct all_reader *r)
{
    r->n_text = r->text_at = 0;
    if (r->capacity_text <= HELD_BYTES) return;
    free(r->text);
    r->text = NULL;
    r->capacity_text = 0;
}

static void add_bytes(struct all_reader *r, const char *text, size_t n)
{
    r->text = must_reserve(r->text, r->n_text + n, &r->capacity_text, 1);
    memcpy(r->text + r->n_text, text, n);
    r->n_text += n;
}

static void add_text(struct all_reader *r, const char *text)
{
    add_bytes(r, text, strlen(text));
}

/* The newest first: those that have to be left out are told from now on. */
static void tell_cursor(struct all_reader *r)
{
    char text[NAME_MAX_BYTES + 32];
    begin_text(r);
    snprintf(text, sizeof text, "id: %lld/", (long long)(r->n ? r->place[r->n - 1].study : 0));
    add_text(r, text);
    for (size_t i = r->n; i-- > 0 && r->n_text < CURSOR_BYTES;) {
        snprintf(text, sizeof text, "%s%s:%lld", i + 1 < r->n ? "," : "", r->place[i].name, (long long)r->place[i].seq);
        add_text(r, text);
    }
    add_text(r, "\nevent: cursor\ndata: {}\n\n");
    r->cursor_n = r->n_text;
    r->events = 0;
    r->moved = false;
}

/* ---- places ---- */

static void caught_up(struct all_reader *r, struct place *p)
{
    r->catching -= p->catching;
    p->catching = false;
}

static void leave(struct all_reader *r, struct place *p)
{
    caught_up(r, p);
    if (p->reader) event_stream_close(p->reader);
    p->reader = NULL;
}

/* False: others have to be told first. */
static bool read_log(struct all_reader *r, struct place *p)
{
    if (p->reader) return true;
    if (r->catching == CATCHING_MAX) return false;
    struct event_stream *stream = streams_of(r->all->service, p->name, p->study);
    p->reader = event_stream_open(stream, p->seq, false, r->who, r->wake, r->data);
    p->catching = true;
    r->catching++;
    return true;
}

static void forget(struct all_reader *r, size_t at)
{
    leave(r, &r->place[at]);
    memmove(&r->place[at], &r->place[at + 1], (r->n - at - 1) * sizeof *r->place);
    r->n--;
    r->moved = true;
}

/* Where it is, or would be. */
static size_t find(const struct all_reader *r, int64_t study)
{
    size_t lo = 0, hi = r->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (r->place[mid].study < study)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool is_there(const struct all_reader *r, size_t at, int64_t study, const char *name)
{
    return at < r->n && r->place[at].study == study && strcmp(r->place[at].name, name) == 0;
}

/* A number is given again when the newest study was deleted: what is in its place then was another. */
static struct place *ensure(struct all_reader *r, int64_t study, const char *name, int64_t seq)
{
    size_t at = find(r, study);
    if (is_there(r, at, study, name)) return &r->place[at];
    if (at < r->n && r->place[at].study == study) {
        leave(r, &r->place[at]);
    } else {
        r->place = must_reserve(r->place, r->n + 1, &r->capacity, sizeof *r->place);
        memmove(&r->place[at + 1], &r->place[at], (r->n - at) * sizeof *r->place);
        r->n++;
    }
    struct place *p = &r->place[at];
    *p = (struct place){.study = study, .seq = seq, .round = r->all->round};
    snprintf(p->name, sizeof p->name, "%s", name);
    r->moved = true;
    return p;
}

/* ---- telling ---- */

/* Its own stream's text, with "study" as the first of its data and without its id. */
static void tell_event(struct all_reader *r, const struct place *p, const struct event_text *e)
{
    static const char data[] = "\ndata: {";
    const char *kind = e->seq ? (const char *)memchr(e->bytes, '\n', e->n) + 1 : e->bytes,
               *from = (const char *)memmem(e->bytes, e->n, data, sizeof data - 1) + sizeof data - 1;
    begin_text(r);
    add_bytes(r, kind, (size_t)(from - kind));
    add_text(r, "\"study\": \"");
    add_text(r, p->name);
    add_text(r, "\", ");
    add_bytes(r, from, e->n - (size_t)(from - e->bytes));
    if (e->seq) {
        r->moved = true;
        r->events++;
    }
}

/* False: there is nothing of this one now. */
static bool take_from(struct all_reader *r, size_t at)
{
    struct place *p = &r->place[at];
    struct event_text e;
    if (!p->reader && !p->at_work && p->seq >= p->end) return false;
    if (!read_log(r, p)) {
        r->waits = true;
        return false;
    }
    switch (event_stream_next(p->reader, &e)) {
    case EVENT_TURN_HERE:
        tell_event(r, p, &e);
        if (e.seq) p->seq = e.seq;
        return true;
    case EVENT_TURN_WAITS: r->waits = true; return false;
    case EVENT_TURN_TOLD:
        p->end = p->seq;
        caught_up(r, p);
        if (!p->at_work) leave(r, p);
        return false;
    case EVENT_TURN_ENDED: forget(r, at); return false;
    }
    return false;
}

/* Studies in turn: one that has much to tell does not keep another from being heard. */
static bool take_event(struct all_reader *r)
{
    r->waits = false;
    for (size_t left = r->n; left && r->n; left--) {
        size_t n = r->n, catching = r->catching;
        r->turn = (r->turn + 1) % r->n;
        if (take_from(r, r->turn)) return true;
        if (r->catching < catching) left = r->n + 1;                 /* whoever has waited for that can go on */
        if (r->n && r->n < n) r->turn = (r->turn + r->n - 1) % r->n; /* another is in its place */
    }
    return false;
}

/* The oldest that it does not know. */
static const struct change *next_change(const struct all_reader *r)
{
    const struct change *oldest = NULL;
    for (const struct change *c = r->all->change; c; c = c->next)
        if (c->number > r->told && (!oldest || c->number < oldest->number) && words_lists(r->scope, c->rollout)) oldest = c;
    return oldest;
}

static bool take_change(struct all_reader *r)
{
    char text[200];
    const struct change *c = r->told == r->all->changes ? NULL : next_change(r);
    if (!c) return false;
    r->told = c->number;
    begin_text(r);
    snprintf(text, sizeof text, "event: rollout\ndata: {\"rollout\": \"%.100s\", \"version\": %lld}\n\n", c->rollout,
             (long long)c->version);
    add_text(r, text);
    return true;
}

static bool is_cursor_due(const struct all_reader *r)
{
    return r->moved && (r->events >= OFTEN_EVENTS || r->pulse || (!r->waits && r->cursor_n <= OFTEN_BYTES));
}

/* False: nothing now. */
static bool take_next(struct all_reader *r)
{
    if (take_change(r) || (r->events < OFTEN_EVENTS && take_event(r))) return true;
    bool cursor = is_cursor_due(r);
    if (!cursor && !r->pulse) {
        begin_text(r);
        return false;
    }
    if (cursor) {
        tell_cursor(r);
    } else {
        begin_text(r);
        add_text(r, ": still here\n\n");
    }
    r->pulse = false;
    return true;
}

ssize_t all_events_read(struct all_reader *r, char *buf, size_t max)
{
    size_t n = 0;
    while (n < max && (r->text_at < r->n_text || take_next(r))) {
        size_t left = r->n_text - r->text_at, k = left < max - n ? left : max - n;
        memcpy(buf + n, r->text + r->text_at, k);
        r->text_at += k;
        n += k;
    }
    return n == 0 && r->once && !r->waits ? -1 : (ssize_t)n;
}

/* ---- readers ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct store_end *)a)->name, ((const struct store_end *)b)->name);
}

int64_t *all_events_begin(const struct all_start *start, const struct store_end *end, size_t n, struct arena *arena)
{
    int64_t *out = arena_array(arena, n + 1, sizeof *out);
    if (start->n) qsort(start->at, start->n, sizeof *start->at, by_name);
    for (size_t i = 0; i < n; i++) {
        const struct store_end *named =
            start->n ? bsearch(&end[i], start->at, start->n, sizeof *start->at, by_name) : NULL;
        bool is_new = start->newest >= 0 && end[i].study > start->newest;
        int64_t seq = named ? named->seq : start->each >= 0 ? start->each : is_new ? 0 : end[i].seq;
        out[i] = seq < end[i].seq ? seq : end[i].seq;
    }
    return out;
}

struct all_reader *all_events_open(struct all_events *x, const struct all_opening *how)
{
    struct all_reader *r = must_alloc(1, sizeof *r);
    *r = (struct all_reader){.next = x->reader,
                             .all = x,
                             .scope = how->scope,
                             .once = how->once,
                             .pulse = true,
                             .told = x->changes,
                             .wake = how->wake,
                             .data = how->data};
    snprintf(r->who, sizeof r->who, "%s events", how->token);
    x->reader = r;
    for (size_t i = 0; i < how->n; i++) {
        struct place *p = ensure(r, how->end[i].study, how->end[i].name, how->after[i]);
        p->end = how->end[i].seq;
    }
    r->moved = true;
    return r;
}

void all_events_close(struct all_reader *r)
{
    struct all_reader **at = &r->all->reader;
    while (*at != r) at = &(*at)->next;
    *at = r->next;
    for (size_t i = 0; i < r->n; i++) leave(r, &r->place[i]);
    free(r->place);
    free(r->text);
    free(r);
}

void all_events_follow(struct all_reader *r, const char *study, int64_t id)
{
    if (r->once || !words_lists(r->scope, study)) return;
    ensure(r, id, study, 0)->at_work = true;
    r->wake(r->data);
}

void all_events_join(struct all_events *x, const char *study, int64_t id)
{
    for (struct all_reader *r = x->reader; r; r = r->next) all_events_follow(r, study, id);
}

static struct change *change_of(struct all_events *x, const char *rollout)
{
    struct change *c = x->change;
    while (c && strcmp(c->rollout, rollout) != 0) c = c->next;
    if (c) return c;
    c = must_alloc(1, sizeof *c);
    *c = (struct change){.next = x->change, .rollout = must_strdup(rollout)};
    return x->change = c;
}

void all_events_rollout(struct all_events *x, const char *rollout, int64_t version)
{
    struct change *c = change_of(x, rollout);
    c->version = version;
    c->number = ++x->changes;
    for (struct all_reader *r = x->reader; r; r = r->next)
        if (!r->once && words_lists(r->scope, rollout)) r->wake(r->data);
}

void all_events_pulse(struct all_events *x, bool (*kept)(const struct service *s, const char *study))
{
    for (struct all_reader *r = x->reader; r; r = r->next) {
        for (size_t i = 0; i < r->n; i++)
            if (r->place[i].at_work && !kept(x->service, r->place[i].name)) r->place[i].at_work = false;
        r->pulse = true;
        r->wake(r->data);
    }
}

/* ---- looking ---- */

/* Those that came after it was looked stay. */
static void forget_deleted(struct all_reader *r, const struct store_end *end, size_t n, uint64_t round)
{
    size_t k = 0;
    for (size_t i = 0; i < r->n;) {
        const struct place *p = &r->place[i];
        while (k < n && end[k].study < p->study) k++;
        bool there = k < n && end[k].study == p->study && strcmp(end[k].name, p->name) == 0;
        if (there || p->round >= round)
            i++;
        else
            forget(r, i);
    }
}

static void catch_up(struct all_reader *r, const struct all_events *x)
{
    bool more = false;
    if (r->once) return;
    forget_deleted(r, x->end, x->n, x->round);
    for (size_t i = 0; i < x->n; i++) {
        if (!words_lists(r->scope, x->end[i].name)) continue;
        struct place *p = ensure(r, x->end[i].study, x->end[i].name, 0);
        p->end = x->end[i].seq;
        more |= p->seq < p->end;
    }
    if (more) r->wake(r->data);
}

static bool look(struct work *w, struct store *store)
{
    struct all_events *x = w->data;
    struct error ignored;
    enum status st = store_study_ends(store, &x->arena, &x->end, &x->n, &ignored);
    x->known = st == STATUS_OK;
    return st == STATUS_BUSY;
}

static void looked(struct work *w)
{
    struct all_events *x = w->data;
    x->looking = false;
    for (struct all_reader *r = x->reader; r && x->known && !w->unable; r = r->next) catch_up(r, x);
    arena_done(&x->arena);
    x->arena = (struct arena){0};
}

void all_events_look(struct all_events *x)
{
    if (x->looking || !x->reader) return;
    x->looking = true;
    x->known = false;
    x->round++;
    x->work = (struct work){.who = "events", .data = x, .run = look, .done = looked};
    works_add(x->service->works, &x->work);
}
