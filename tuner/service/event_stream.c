#include "tuner/service/event_stream.h"

#include "tuner/base/arena.h"
#include "tuner/base/json.h"

#include "tuner/history/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RING = 2048,
    RING_BYTES = 1 << 20,
    TEXT_MAX = 64 << 10, /* of one that is kept in the ring */
    PAGE = 1024,         /* events */
    PAGE_BYTES = 128 << 10,
    SHELF_BYTES = 16 << 20,
    SHELF_PAGES = 512,
};

/* What several readers may be at. */
struct text {
    size_t refs, n;
    char bytes[];
};

struct entry {
    int64_t seq; /* 0: a report */
    uint64_t batch;
    struct text *text; /* NULL: too large, it is read from the database */
};

/* Events after `after`, read by a work. */
struct page {
    struct page *next;
    struct event_stream *stream; /* NULL: it is no more */
    struct shelf *shelf;
    struct work work;
    char who[EVENT_STREAM_WHO_MAX];
    int64_t study, after, last;
    long rows;
    bool ready, failed, full;
    bool whole;   /* there were no more then */
    bool durable; /* what was recorded unseen was so before */
    char *text;
    size_t n, capacity;
};

struct shelf {
    struct works *works;
    struct page *page; /* by their last use, the newest first */
};

struct event_stream {
    struct shelf *shelf;
    struct store *store;
    int64_t study;
    struct entry *ring;  /* RING of them; NULL: nobody reads */
    uint64_t first, end; /* places of the oldest entry and of the next one */
    uint64_t visible;    /* before this place all is durable */
    size_t bytes;        /* of the ring's texts */
    struct entry unseen; /* the last event that was recorded while nobody read */
    bool hidden;         /* it is not durable yet */
    struct event_reader *reader;
    bool ended;
};

struct event_reader {
    struct event_reader *next;
    struct event_stream *stream;
    char who[EVENT_STREAM_WHO_MAX];
    int64_t seq; /* of the last event that it has been given */
    bool live;   /* reads the ring from `at`; else the page after `seq`, from `page_at` */
    bool waits;  /* for that page */
    bool fresh;  /* that page was read when it had asked */
    uint64_t at;
    size_t page_at;
    bool pulse, once;
    struct text *rest; /* of the ring, which did not fit */
    size_t rest_at;
    void (*wake)(void *data);
    void *data;
};

json_t *event_stream_json(const struct store_event *e)
{
    json_t *body = NULL, *out;
    if (*e->body) json_parse_object(e->body, strlen(e->body), &body, NULL);
    json_object_del(body, "file"); /* pages long */
    out = json_pack("{s:I, s:s, s:I, s:o}", "seq", (json_int_t)e->seq, "event", event_name((enum event_kind)e->kind),
                    "at_ms", (json_int_t)e->at_ms, "body", body ? body : json_object());
    if (e->trial >= 0) json_object_set_new(out, "trial", json_integer(e->trial));
    return out;
}

static char *sse(const char *kind, int64_t seq, json_t *data, size_t *ret_n)
{
    char *text = json_text(data), *out = must_alloc(strlen(text) + 96, 1);
    int n = seq ? sprintf(out, "id: %lld\nevent: %s\ndata: %s\n\n", (long long)seq, kind, text)
                : sprintf(out, "event: %s\ndata: %s\n\n", kind, text);
    free(text);
    json_decref(data);
    *ret_n = (size_t)n;
    return out;
}

/* ---- what readers share ---- */

static struct text *text_of(char *bytes, size_t n)
{
    struct text *t = must_alloc(1, sizeof *t + n);
    t->refs = 1;
    t->n = n;
    memcpy(t->bytes, bytes, n);
    free(bytes);
    return t;
}

static void text_drop(struct text *t)
{
    if (t && --t->refs == 0) free(t);
}

static void page_free(struct page *p)
{
    free(p->text);
    free(p);
}

struct shelf *shelf_create(struct works *works)
{
    struct shelf *s = must_alloc(1, sizeof *s);
    s->works = works;
    return s;
}

void shelf_free(struct shelf *s)
{
    while (s && s->page) {
        struct page *p = s->page;
        s->page = p->next;
        page_free(p);
    }
    free(s);
}

static void take_off(struct page *p)
{
    struct page **at = &p->shelf->page;
    while (*at != p) at = &(*at)->next;
    *at = p->next;
}

/* Those used least go; their readers know where they were, and get them again. */
static void make_room(struct shelf *s)
{
    size_t bytes = 0, pages = 0;
    for (struct page **at = &s->page; *at;) {
        struct page *p = *at;
        bytes += p->n;
        if (!p->ready || p == s->page || (bytes <= SHELF_BYTES && pages < SHELF_PAGES)) {
            pages++;
            at = &p->next;
            continue;
        }
        bytes -= p->n;
        *at = p->next;
        page_free(p);
    }
}

struct event_stream *event_stream_create(struct shelf *shelf, struct store *store, int64_t study)
{
    struct event_stream *f = must_alloc(1, sizeof *f);
    f->shelf = shelf;
    f->store = store;
    f->study = study;
    return f;
}

void event_stream_free(struct event_stream *f)
{
    if (!f) return;
    for (struct page **at = &f->shelf->page; *at;) {
        struct page *p = *at;
        if (p->stream == f) p->stream = NULL;
        if (p->stream || !p->ready) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        page_free(p);
    }
    free(f);
}

bool event_stream_is_read(const struct event_stream *f)
{
    return f->reader != NULL;
}

/* ---- writing ---- */

static void hide(struct event_stream *f, int64_t seq, uint64_t batch)
{
    f->unseen = (struct entry){.seq = seq, .batch = batch};
    f->hidden = true;
}

static void drop_first(struct event_stream *f)
{
    struct entry *e = &f->ring[f->first++ % RING];
    f->bytes -= e->text ? e->text->n : 0;
    text_drop(e->text);
    e->text = NULL;
    if (f->visible < f->first) f->visible = f->first;
}

static void put(struct event_stream *f, int64_t seq, uint64_t batch, struct text *text)
{
    f->bytes += text ? text->n : 0;
    while (f->end - f->first == RING || (f->bytes > RING_BYTES && f->first < f->end)) drop_first(f);
    f->ring[f->end++ % RING] = (struct entry){seq, batch, text};
}

/* Nobody reads it: what a later reader wants is in the database, or will be. */
static void drop_ring(struct event_stream *f)
{
    for (uint64_t at = f->visible; at < f->end; at++)
        if (f->ring[at % RING].seq) hide(f, f->ring[at % RING].seq, f->ring[at % RING].batch);
    while (f->first < f->end) drop_first(f);
    f->visible = f->end;
    free(f->ring);
    f->ring = NULL;
}

void event_stream_add(struct event_stream *f, const struct store_event *e, uint64_t batch)
{
    size_t n;
    if (!f->reader) {
        hide(f, e->seq, batch);
        return;
    }
    if (strlen(e->body) > TEXT_MAX) {
        put(f, e->seq, batch, NULL);
        return;
    }
    char *text = sse(event_name((enum event_kind)e->kind), e->seq, event_stream_json(e), &n);
    put(f, e->seq, batch, text_of(text, n));
}

void event_stream_report(struct event_stream *f, long trial, long step, const json_t *metrics, uint64_t batch)
{
    size_t n;
    if (!f->reader) return;
    char *text = sse("report", 0,
                     json_pack("{s:I, s:I, s:O}", "trial", (json_int_t)trial, "step", (json_int_t)step, "metrics",
                               (json_t *)metrics),
                     &n);
    put(f, 0, batch, text_of(text, n));
}

static void wake_all(struct event_stream *f)
{
    for (struct event_reader *r = f->reader; r; r = r->next) r->wake(r->data);
}

void event_stream_durable(struct event_stream *f, uint64_t batch)
{
    uint64_t before = f->visible;
    bool appears = f->hidden && f->unseen.batch <= batch;
    if (appears) f->hidden = false;
    for (; f->visible < f->end && f->ring[f->visible % RING].batch <= batch; f->visible++) {
    }
    if (f->visible > before || appears) wake_all(f);
}

void event_stream_pulse(struct event_stream *f)
{
    for (struct event_reader *r = f->reader; r; r = r->next) {
        if (r->pulse) continue; /* it has not come to it yet, or reads whole events and has a pulse of its own */
        r->pulse = true;
        r->wake(r->data);
    }
}

void event_stream_end(struct event_stream *f)
{
    f->ended = true;
    wake_all(f);
}

/* ---- reading ---- */

struct event_reader *event_stream_open(struct event_stream *f, int64_t seq, bool once, const char *who,
                                       void (*wake)(void *data), void *data)
{
    struct event_reader *r = must_alloc(1, sizeof *r);
    struct error ignored;
    *r = (struct event_reader){
        .next = f->reader, .stream = f, .seq = seq, .wake = wake, .data = data, .pulse = true, .once = once};
    snprintf(r->who, sizeof r->who, "%s", who);
    if (seq < 0) { /* durable ones that this process has not seen are in the past, too */
        r->seq = 0;
        store_last_event(f->store, f->study, &r->seq, &ignored);
    }
    f->reader = r;
    if (!f->ring) f->ring = must_alloc(RING, sizeof *f->ring);
    return r;
}

void event_stream_close(struct event_reader *r)
{
    struct event_reader **at = &r->stream->reader;
    while (*at != r) at = &(*at)->next;
    *at = r->next;
    if (!r->stream->reader) drop_ring(r->stream);
    text_drop(r->rest);
    free(r);
}

/* The place in the ring where events after r->seq begin. */
static void join_ring(struct event_reader *r)
{
    struct event_stream *f = r->stream;
    r->at = f->first;
    while (r->at < f->end && (f->ring[r->at % RING].seq == 0 || f->ring[r->at % RING].seq <= r->seq)) r->at++;
    r->live = true;
}

/* ---- pages ---- */

static void on_event(void *data, const struct store_event *e)
{
    struct page *p = data;
    size_t n;
    char *text = sse(event_name((enum event_kind)e->kind), e->seq, event_stream_json(e), &n);
    p->text = must_reserve(p->text, p->n + n, &p->capacity, 1);
    memcpy(p->text + p->n, text, n);
    p->n += n;
    p->last = e->seq;
    p->rows++;
    p->full = p->n > PAGE_BYTES;
    free(text);
}

static bool read_page(struct work *w, struct store *store)
{
    struct page *p = w->data;
    struct error err;
    p->n = 0;
    p->rows = 0;
    p->last = p->after;
    p->full = false;
    struct store_scan scan = {.study = p->study, .from = p->after + 1, .limit = PAGE, .stop = &p->full};
    enum status s = store_events_scan(store, &scan, on_event, p, &err);
    p->failed = s != STATUS_OK;
    p->whole = !p->full && p->rows < PAGE;
    return s == STATUS_BUSY;
}

/* An empty page is the end of the log: what comes next is in the ring. */
static void on_page(struct work *w)
{
    struct page *p = w->data;
    struct event_stream *f = p->stream;
    p->ready = true;
    bool kept = f && !w->unable && !p->failed && p->rows > 0;
    bool end = f && !w->unable && !p->failed && p->rows == 0;
    if (end && p->durable) f->unseen.seq = 0; /* it is no more */
    for (struct event_reader *r = f ? f->reader : NULL; r; r = r->next) {
        if (!r->waits || r->seq != p->after) continue;
        r->waits = false;
        r->fresh = kept;
        if (end) join_ring(r);
        if (end || kept) r->wake(r->data);
    }
    take_off(p);
    if (!kept) {
        page_free(p);
        return;
    }
    p->next = p->shelf->page;
    p->shelf->page = p;
    make_room(p->shelf);
}

static void order_page(struct event_reader *r)
{
    struct shelf *s = r->stream->shelf;
    struct page *p = must_alloc(1, sizeof *p);
    *p = (struct page){.next = s->page,
                       .stream = r->stream,
                       .shelf = s,
                       .study = r->stream->study,
                       .after = r->seq,
                       .durable = !r->stream->hidden};
    snprintf(p->who, sizeof p->who, "%s", r->who);
    p->work = (struct work){.who = p->who, .data = p, .run = read_page, .done = on_page};
    s->page = p;
    works_add(s->works, &p->work);
}

static bool ring_has(const struct event_stream *f, int64_t seq)
{
    for (uint64_t at = f->first; at < f->end; at++)
        if (f->ring[at % RING].seq == seq) return true;
    return false;
}

/* It was the end of the log when another reader asked: what has come since was perhaps recorded while nobody read, or
 * by another process, and is in no ring. */
static bool is_stale(const struct event_reader *r, const struct page *p)
{
    return p->ready && p->whole && !r->page_at && !r->fresh && !ring_has(r->stream, p->last + 1);
}

/* The page that comes next for the reader; NULL: it has to wait. */
static struct page *next_page(struct event_reader *r)
{
    struct shelf *s = r->stream->shelf;
    struct page *p = s->page;
    while (p && !(p->stream == r->stream && p->after == r->seq)) p = p->next;
    if (p && is_stale(r, p)) {
        take_off(p);
        page_free(p);
        p = NULL;
    }
    r->waits = !p || !p->ready;
    if (!p) order_page(r);
    if (r->waits) return NULL;
    take_off(p);
    p->next = s->page;
    return s->page = p;
}

/* So many bytes of it have been taken. */
static void take_of_page(struct event_reader *r, const struct page *p, size_t n)
{
    r->page_at += n;
    if (r->page_at < p->n) return;
    r->page_at = 0;
    r->fresh = false;
    r->seq = p->last;
    if (p->whole) join_ring(r);
}

static size_t read_of_page(struct event_reader *r, char *buf, size_t max)
{
    const struct page *p = next_page(r);
    if (!p) return 0;
    size_t left = p->n - r->page_at, n = left < max ? left : max;
    memcpy(buf, p->text + r->page_at, n);
    take_of_page(r, p, n);
    return n;
}

/* ---- the ring ---- */

/* NULL: there is nothing, or (not live any more) the database has what comes next. */
static struct text *next_of_ring(struct event_reader *r)
{
    struct event_stream *f = r->stream;
    if (r->at < f->first) r->live = false;                     /* it was too slow */
    if (r->seq < f->unseen.seq && !f->hidden) r->live = false; /* its page was read before that was durable */
    while (r->live && r->at < f->visible) {
        const struct entry *e = &f->ring[r->at % RING];
        if (e->seq > r->seq + 1 || !e->text) r->live = false; /* recorded before anybody read, or too large */
        if (!r->live) break;
        r->at++;
        if (e->seq && e->seq <= r->seq) continue;
        if (e->seq) r->seq = e->seq;
        e->text->refs++;
        return e->text;
    }
    return NULL;
}

static size_t read_of_ring(struct event_reader *r, char *buf, size_t max)
{
    if (!r->rest) r->rest = next_of_ring(r);
    if (!r->rest) return 0;
    size_t left = r->rest->n - r->rest_at, n = left < max ? left : max;
    memcpy(buf, r->rest->bytes + r->rest_at, n);
    r->rest_at += n;
    if (n < left) return n;
    text_drop(r->rest);
    r->rest = NULL;
    r->rest_at = 0;
    return n;
}

ssize_t event_stream_read(struct event_reader *r, char *buf, size_t max)
{
    static const char pulse[] = ": still here\n\n";
    size_t n = 0, k;
    do {
        k = r->live || r->rest ? read_of_ring(r, buf + n, max - n) : 0;
        if (k == 0 && !r->live) k = read_of_page(r, buf + n, max - n);
        n += k;
    } while (n < max && k > 0);
    if (n == 0 && r->pulse && r->page_at == 0 && max >= sizeof pulse) {
        n = sizeof pulse - 1;
        memcpy(buf, pulse, n);
    }
    r->pulse = false;
    return n == 0 && (r->stream->ended || (r->once && r->live)) ? -1 : (ssize_t)n;
}

/* ---- whole events ---- */

/* What is left of the page is whole events, each ended by an empty line. */
static struct text *next_of_page(struct event_reader *r)
{
    const struct page *p = next_page(r);
    if (!p) return NULL;
    const char *from = p->text + r->page_at, *end = memmem(from, p->n - r->page_at, "\n\n", 2);
    size_t n = end ? (size_t)(end - from) + 2 : p->n - r->page_at;
    struct text *t = must_alloc(1, sizeof *t + n);
    t->refs = 1;
    t->n = n;
    memcpy(t->bytes, from, n);
    take_of_page(r, p, n);
    return t;
}

static int64_t seq_of(const struct text *t)
{
    return t->n > 4 && memcmp(t->bytes, "id: ", 4) == 0 ? strtoll(t->bytes + 4, NULL, 10) : 0;
}

enum event_turn event_stream_next(struct event_reader *r, struct event_text *ret)
{
    text_drop(r->rest);
    r->rest = r->live ? next_of_ring(r) : NULL;
    if (!r->rest && !r->live) r->rest = next_of_page(r);
    if (!r->rest) return r->stream->ended ? EVENT_TURN_ENDED : r->live ? EVENT_TURN_TOLD : EVENT_TURN_WAITS;
    *ret = (struct event_text){r->rest->bytes, r->rest->n, seq_of(r->rest)};
    return EVENT_TURN_HERE;
}
