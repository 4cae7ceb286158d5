#include "tuner/service/feed.h"

#include "tuner/base/arena.h"
#include "tuner/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RING = 2048, PAGE = 64 };

struct entry {
    int64_t seq; /* 0: a report */
    uint64_t batch;
    char *text;
    size_t n;
};

struct feed {
    struct store *store;
    int64_t study;
    struct entry ring[RING];
    uint64_t first, end; /* places of the oldest entry and of the next one */
    uint64_t visible;    /* before this place all is durable */
    struct feed_reader *reader;
    bool ended;
};

struct feed_reader {
    struct feed_reader *next;
    struct feed *feed;
    int64_t seq; /* of the last event that it has been given */
    bool live;   /* reads the ring from `at`; else the database after `seq` */
    uint64_t at;
    bool pulse, once;
    char *rest; /* of a text that did not fit */
    size_t rest_n, rest_at;
    void (*wake)(void *data);
    void *data;
};

json_t *feed_event_json(const struct store_event *e)
{
    json_t *body = NULL, *out;
    if (*e->body) json_parse_object(e->body, strlen(e->body), &body, NULL);
    json_object_del(body, "file"); /* pages long */
    out = json_pack("{s:I, s:s, s:I, s:o}", "seq", (json_int_t)e->seq, "event", logged_name(e->kind), "at_ms",
                    (json_int_t)e->at_ms, "body", body ? body : json_object());
    if (e->trial >= 0) json_object_set_new(out, "trial", json_integer(e->trial));
    return out;
}

static char *sse(const char *kind, int64_t seq, json_t *data, size_t *ret_n)
{
    char *text = json_pretty_numbers(data), *out = must_alloc(strlen(text) + 96, 1);
    int n = seq ? sprintf(out, "id: %lld\nevent: %s\ndata: %s\n\n", (long long)seq, kind, text)
                : sprintf(out, "event: %s\ndata: %s\n\n", kind, text);
    free(text);
    json_decref(data);
    *ret_n = (size_t)n;
    return out;
}

struct feed *feed_create(struct store *store, int64_t study)
{
    struct feed *f = must_alloc(1, sizeof *f);
    f->store = store;
    f->study = study;
    return f;
}

void feed_free(struct feed *f)
{
    if (!f) return;
    for (size_t i = 0; i < RING; i++) free(f->ring[i].text);
    free(f);
}

bool feed_is_read(const struct feed *f)
{
    return f->reader != NULL;
}

/* ---- writing ---- */

static void put(struct feed *f, int64_t seq, uint64_t batch, char *text, size_t n)
{
    struct entry *e = &f->ring[f->end % RING];
    if (f->end - f->first == RING) f->first++;
    if (f->visible < f->first) f->visible = f->first;
    free(e->text);
    *e = (struct entry){seq, batch, text, n};
    f->end++;
}

/* Nobody reads it: what a later reader wants is in the database. */
static bool is_idle(struct feed *f)
{
    if (f->reader) return false;
    f->first = f->visible = f->end;
    return true;
}

void feed_event(struct feed *f, const struct store_event *e, uint64_t batch)
{
    size_t n;
    if (is_idle(f)) return;
    char *text = sse(logged_name(e->kind), e->seq, feed_event_json(e), &n);
    put(f, e->seq, batch, text, n);
}

void feed_report(struct feed *f, long trial, long step, const json_t *metrics, uint64_t batch)
{
    size_t n;
    if (is_idle(f)) return;
    char *text = sse("report", 0,
                     json_pack("{s:I, s:I, s:O}", "trial", (json_int_t)trial, "step", (json_int_t)step, "metrics",
                               (json_t *)metrics),
                     &n);
    put(f, 0, batch, text, n);
}

static void wake_all(struct feed *f)
{
    for (struct feed_reader *r = f->reader; r; r = r->next) r->wake(r->data);
}

void feed_durable(struct feed *f, uint64_t batch)
{
    uint64_t before = f->visible;
    for (; f->visible < f->end && f->ring[f->visible % RING].batch <= batch; f->visible++) {
    }
    if (f->visible > before) wake_all(f);
}

void feed_pulse(struct feed *f)
{
    for (struct feed_reader *r = f->reader; r; r = r->next) r->pulse = true;
    wake_all(f);
}

void feed_end(struct feed *f)
{
    f->ended = true;
    wake_all(f);
}

/* ---- reading ---- */

struct feed_reader *feed_open(struct feed *f, int64_t seq, bool once, void (*wake)(void *data), void *data)
{
    struct feed_reader *r = must_alloc(1, sizeof *r);
    struct error ignored;
    *r = (struct feed_reader){
        .next = f->reader, .feed = f, .seq = seq, .wake = wake, .data = data, .pulse = true, .once = once};
    if (seq < 0) { /* durable ones that this process has not seen are in the past, too */
        r->seq = 0;
        store_last_event(f->store, f->study, &r->seq, &ignored);
    }
    f->reader = r;
    return r;
}

void feed_close(struct feed_reader *r)
{
    struct feed_reader **at = &r->feed->reader;
    while (*at != r) at = &(*at)->next;
    *at = r->next;
    free(r->rest);
    free(r);
}

struct page {
    char *text;
    size_t n, room;
    int64_t seq;
    long rows;
};

static void on_event(void *data, const struct store_event *e)
{
    struct page *p = data;
    size_t n;
    char *text = sse(logged_name(e->kind), e->seq, feed_event_json(e), &n);
    if (p->n + n > p->room) {
        p->room = 2 * (p->n + n);
        p->text = must_grow(p->text, p->room, 1);
    }
    memcpy(p->text + p->n, text, n);
    p->n += n;
    p->seq = e->seq;
    p->rows++;
    free(text);
}

/* The place in the ring where events after r->seq begin. */
static void join_ring(struct feed_reader *r)
{
    struct feed *f = r->feed;
    r->at = f->first;
    while (r->at < f->end && (f->ring[r->at % RING].seq == 0 || f->ring[r->at % RING].seq <= r->seq)) r->at++;
    r->live = true;
}

static char *copy(const struct entry *e, size_t *ret_n)
{
    char *text = must_alloc(e->n, 1);
    memcpy(text, e->text, e->n);
    *ret_n = e->n;
    return text;
}

/* Of the ring; NULL: there is nothing, or (not live any more) the database has what comes next. */
static char *next_of_ring(struct feed_reader *r, size_t *ret_n)
{
    struct feed *f = r->feed;
    if (r->at < f->first) r->live = false; /* it was too slow */
    while (r->live && r->at < f->visible) {
        const struct entry *e = &f->ring[r->at % RING];
        if (e->seq > r->seq + 1) r->live = false; /* recorded before anybody read */
        if (!r->live) break;
        r->at++;
        if (e->seq && e->seq <= r->seq) continue;
        if (e->seq) r->seq = e->seq;
        return copy(e, ret_n);
    }
    return NULL;
}

/* The next text for a reader, its own; NULL: none now. */
static char *next_text(struct feed_reader *r, size_t *ret_n)
{
    struct page p = {.seq = r->seq};
    struct error ignored;
    char *text = r->live ? next_of_ring(r, ret_n) : NULL;
    if (text || r->live) return text;
    if (store_events_after(r->feed->store, r->feed->study, r->seq, PAGE, on_event, &p, NULL, &ignored)) return NULL;
    r->seq = p.seq;
    if (p.rows < PAGE) join_ring(r);
    if (!p.text) return r->live ? next_of_ring(r, ret_n) : NULL;
    *ret_n = p.n;
    return p.text;
}

ssize_t feed_read(struct feed_reader *r, char *buf, size_t max)
{
    static const char pulse[] = ": still here\n\n";
    size_t n = 0;
    while (n < max) {
        if (!r->rest) {
            r->rest_at = 0;
            r->rest = next_text(r, &r->rest_n);
            if (!r->rest && n == 0 && r->pulse) {
                r->rest = must_strdup(pulse);
                r->rest_n = sizeof pulse - 1;
            }
            r->pulse = false;
            if (!r->rest) break;
        }
        size_t k = r->rest_n - r->rest_at < max - n ? r->rest_n - r->rest_at : max - n;
        memcpy(buf + n, r->rest + r->rest_at, k);
        n += k;
        r->rest_at += k;
        if (r->rest_at < r->rest_n) break;
        free(r->rest);
        r->rest = NULL;
    }
    return n == 0 && (r->feed->ended || r->once) ? -1 : (ssize_t)n;
}
