/* /api/v1/studies/{study}/mirror: a study as it is stored, for who keeps a copy of it to read (tuner/mirror): the
 * study, what it has reported and logged since, line by line; the lines are drawn in tuner/mirror/page.h. */
#include "tuner/service/waking.h"

#include "tuner/base/host.h"
#include "tuner/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPEN_MAX_LEASES = 500, PAGE_BYTES = 2 << 20, ROWS_A_LINE = 500, METRICS_MAX_OF_REPORT = 64 };
#define SEQ_MAX 1000000000000

/* Of which reports are wanted from a number on. */
struct wanted_lease {
    int64_t lease;
    long from;
};

struct wanted {
    long since, limit; /* limit: −1: as many events as a page holds */
    bool reports;      /* of the leases that began since */
    struct wanted_lease open[OPEN_MAX_LEASES];
    size_t n_open;
};

/* A page as it is written. */
struct mirroring {
    struct request *r;
    const struct wanted *wanted;
    int64_t study, last; /* last: event */
    FILE *out;
    size_t bytes;
    bool full, broken; /* broken: what is stored is no text */
    int64_t lease;     /* whose reports are being written, or were cut off */
    json_t *rows;      /* of its line that is not written yet; NULL: none */
    size_t n_names;
    char name[METRICS_MAX_OF_REPORT][256];
    long first;
};

/* ---- lines ---- */

static void write_line(struct mirroring *m, json_t *line)
{
    char *text = line ? json_tight(line) : NULL;
    if (!text) m->broken = true;
    if (text) m->bytes += strlen(text) + 1;
    if (text) fprintf(m->out, "%s\n", text);
    m->full = m->bytes >= PAGE_BYTES;
    free(text);
    json_decref(line);
}

static void on_opened(void *data, const struct store_event *e)
{
    (void)e;
    *(bool *)data = true;
}

/* The file comes when it may be another than the client has. */
static enum status file_is_news(struct mirroring *m, bool *ret, struct error *err)
{
    *ret = m->wanted->since == 0;
    struct store_scan newest = {.study = m->study, .from = m->wanted->since + 1, .limit = 1};
    return *ret ? STATUS_OK : store_events_back(m->r->store, &newest, EVENT_OPENED, on_opened, ret, err);
}

static enum status write_study(struct mirroring *m, const struct store_study *row, struct error *err)
{
    bool file = false;
    enum status st = file_is_news(m, &file, err);
    if (st) return st;
    struct store *store = m->r->store;
    double disk_free = store_in_memory(store) ? 0 : host_disk_free(store_path(store));
    json_t *o = json_pack("{s:s, s:s, s:o, s:I, s:b, s:o, s:s*}", "name", row->name, "version", NOCTURNE_VERSION,
                          "seed", json_sprintf("%llu", (unsigned long long)row->seed), "created_ms",
                          (json_int_t)row->created_ms, "running", store_hold_taken(m->r->store, row->name), "disk_free",
                          json_number(disk_free), "state", row->state);
    if (file) {
        json_object_set_new(o, "path", json_string(row->path));
        json_object_set_new(o, "file", json_string(row->file));
        json_object_set_new(o, "identity", json_string(row->identity));
    }
    write_line(m, json_pack("{s:o}", "study", o));
    return STATUS_OK;
}

/* ---- reports ---- */

static void flush_rows(struct mirroring *m)
{
    if (!m->rows) return;
    json_t *names = json_array();
    for (size_t i = 0; i < m->n_names; i++) json_array_append_new(names, json_string(m->name[i]));
    write_line(m, json_pack("{s:I, s:I, s:o, s:o}", "lease", (json_int_t)m->lease, "first", (json_int_t)m->first,
                            "metrics", names, "reports", m->rows));
    m->rows = NULL;
}

static bool same_names(const struct mirroring *m, const struct store_report *x)
{
    if (!m->rows || m->n_names != x->n || json_array_size(m->rows) >= ROWS_A_LINE) return false;
    for (size_t i = 0; i < x->n; i++)
        if (strcmp(m->name[i], x->name[i]) != 0) return false;
    return true;
}

static void begin_rows(struct mirroring *m, const struct store_report *x)
{
    flush_rows(m);
    m->rows = json_array();
    m->first = x->number;
    m->n_names = x->n;
    for (size_t i = 0; i < x->n; i++) snprintf(m->name[i], sizeof m->name[i], "%s", x->name[i]);
}

static void on_report(void *data, const struct store_report *x)
{
    struct mirroring *m = data;
    if (m->full || x->n > METRICS_MAX_OF_REPORT) return; /* of the same row */
    if (!same_names(m, x)) begin_rows(m, x);
    if (m->full) { /* and the rest with the next page */
        json_decref(m->rows);
        m->rows = NULL;
        return;
    }
    json_t *row = json_pack("[I, I, I]", (json_int_t)x->step, (json_int_t)x->after_ms, (json_int_t)x->known);
    for (size_t i = 0; i < x->n; i++) json_array_append_new(row, json_number(x->value[i]));
    json_array_append_new(m->rows, row);
}

static enum status write_reports(struct mirroring *m, int64_t lease, long from, struct error *err)
{
    struct store_scan scan = {.study = m->study, .from = from, .stop = &m->full};
    m->lease = lease;
    enum status st = store_reports_scan(m->r->store, &scan, lease, on_report, m, err);
    if (!m->full) flush_rows(m);
    return st;
}

/* ---- events ---- */

struct logging {
    struct mirroring *m;
    long n;
    bool stop, cut; /* cut: in the middle of a lease's reports */
    enum status status;
    struct error *err;
};

static void on_event(void *data, const struct store_event *e)
{
    struct logging *l = data;
    struct mirroring *m = l->m;
    json_t *line = json_pack("{s:I, s:I, s:I, s:s}", "seq", (json_int_t)e->seq, "kind", (json_int_t)e->kind, "at_ms",
                             (json_int_t)e->at_ms, "body", e->body);
    if (line && e->trial >= 0) json_object_set_new(line, "trial", json_integer(e->trial));
    write_line(m, line);
    m->last = e->seq;
    bool was_full = m->full;
    if (m->wanted->reports && e->kind == EVENT_LEASED) {
        m->full = false; /* at least one line of them: its lease is known then */
        l->status = write_reports(m, e->seq, 0, l->err);
        l->cut = m->full;
        m->full |= was_full;
    }
    l->n++;
    l->stop = m->full || l->status || m->broken || l->n == m->wanted->limit;
}

static enum status write_events(struct mirroring *m, bool *ret_cut, struct error *err)
{
    struct logging l = {.m = m, .err = err};
    struct store_scan scan = {.study = m->study, .from = m->wanted->since + 1, .stop = &l.stop};
    enum status st = m->wanted->limit ? store_events_scan(m->r->store, &scan, on_event, &l, err) : STATUS_OK;
    *ret_cut = l.cut;
    return st ? st : l.status;
}

static enum status write_open(struct mirroring *m, bool *ret_cut, struct error *err)
{
    enum status st = STATUS_OK;
    for (size_t i = 0; !st && !m->full && i < m->wanted->n_open; i++) {
        st = write_reports(m, m->wanted->open[i].lease, m->wanted->open[i].from, err);
        *ret_cut = m->full;
    }
    return st;
}

/* ---- the page ---- */

static enum status write_page(struct mirroring *m, struct error *err)
{
    struct arena a = {0};
    struct store_study row;
    bool cut = false;
    enum status st = store_study_find(m->r->store, m->r->param[0], &a, &row, err);
    if (!st) m->study = row.id;
    if (!st) st = write_study(m, &row, err);
    if (!st) st = write_open(m, &cut, err);
    if (!st && !m->full) st = write_events(m, &cut, err);
    json_t *end = json_pack("{s:I}", "end", (json_int_t)m->last);
    if (m->full) json_object_set_new(end, "more", json_true());
    if (cut) json_object_set_new(end, "lease", json_integer(m->lease));
    if (st)
        json_decref(end);
    else
        write_line(m, end);
    if (!st && m->broken) st = error_set(err, STATUS_FAILED, "study '%s': something stored is no text", row.name);
    arena_done(&a);
    return st;
}

static void mirror(struct request *r)
{
    const struct wanted *w = r->state;
    struct mirroring *m = must_alloc(1, sizeof *m);
    struct error err;
    char *text = NULL;
    size_t n = 0;
    *m = (struct mirroring){.r = r, .wanted = w, .last = w->since, .out = open_memstream(&text, &n)};
    enum status st = write_page(m, &err);
    json_decref(m->rows);
    fclose(m->out);
    if (st == STATUS_NOT_FOUND)
        request_problem(r, 404, "there is no study '%s'", r->param[0]);
    else if (st)
        request_fail(r, &err);
    else
        request_text(r, 200, "application/jsonl", text, n);
    free(text);
    free(m);
}

/* ---- what is wanted ---- */

/* "12:0,19:340" */
static bool read_open(const char *text, struct wanted *w)
{
    while (*text) {
        char *colon, *end;
        if (w->n_open == OPEN_MAX_LEASES || *text < '0' || *text > '9') return false;
        struct wanted_lease *x = &w->open[w->n_open++];
        x->lease = strtoll(text, &colon, 10);
        if (*colon != ':' || colon[1] < '0' || colon[1] > '9') return false;
        x->from = strtol(colon + 1, &end, 10);
        if (x->lease < 1 || x->lease > SEQ_MAX || x->from > SEQ_MAX || (*end && (*end != ',' || !end[1]))) return false;
        text = *end ? end + 1 : end;
    }
    return true;
}

static void on_get_mirror(struct request *r)
{
    struct wanted *w = arena_alloc(&r->arena, sizeof *w);
    const char *open = request_query(r, "open");
    if (!request_number(r, "since", 0, 0, SEQ_MAX, &w->since) ||
        !request_number(r, "limit", -1, 0, 1000000000, &w->limit) || !request_boolean(r, "reports", true, &w->reports))
        return;
    if (open && (!*open || !read_open(open, w))) {
        request_problem(r, 422, "'open' takes at most %d leases and numbers of reports such as 12:0,19:340",
                        OPEN_MAX_LEASES);
        return;
    }
    if (waking_waits(r, r->param[0])) return;
    r->state = w;
    request_work(r, mirror, NULL);
}

const struct route api_mirror_routes[] = {
    {"GET", ROUTE_STUDY "/mirror", GRANT_VIEW, on_get_mirror, 0, BODY_NONE, false},
    {0},
};
