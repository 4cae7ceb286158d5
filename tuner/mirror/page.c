#include "tuner/mirror/page.h"

#include "tuner/base/arena.h"
#include "tuner/base/json.h"

#include "tuner/history/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MARKS_MAX = 300000 /* of a line: its values */, NAME_MAX_BYTES = 255 };

/* BEGINS ──study──▶ READS ──end──▶ ENDED */
enum place { PLACE_BEGINS, PLACE_READS, PLACE_ENDED };

struct page {
    struct page_hooks hooks;
    enum place place;
    char *line; /* that has not ended yet */
    size_t n, capacity;
    size_t bytes; /* in all */
    int64_t seq;  /* of the last event */
    struct page_end end;
};

struct page *page_create(const struct page_hooks *hooks)
{
    struct page *p = must_alloc(1, sizeof *p);
    p->hooks = *hooks;
    return p;
}

void page_free(struct page *p)
{
    if (!p) return;
    free(p->line);
    free(p);
}

size_t page_bytes(const struct page *p)
{
    return p->bytes;
}

/* ---- values ---- */

/* A whole number of the object, from `min` to 2^53. */
static bool get_whole(const json_t *o, const char *key, int64_t min, int64_t *ret)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v)) return false;
    *ret = json_integer_value(v);
    return *ret >= min && *ret <= (int64_t)1 << PAGE_SEQ_BITS;
}

/* A text, or NULL where there may be none. */
static bool get_text(const json_t *o, const char *key, bool may_lack, const char **ret)
{
    const json_t *v = json_object_get(o, key);
    *ret = json_string_value(v);
    return *ret || (!v && may_lack);
}

static enum status strange(const char *what, struct error *err)
{
    return error_set(err, STATUS_IO, "the answer has %s that is none", what);
}

/* ---- lines ---- */

/* Seeds have 64 bits, of which JSON's integers keep all but what is above 2^63: they come as a text. */
static bool get_seed(const json_t *o, uint64_t *ret)
{
    const char *text = json_string_value(json_object_get(o, "seed"));
    char *end = NULL;
    if (!text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 20 || !*text) return false;
    *ret = strtoull(text, &end, 10);
    return true;
}

static enum status read_study(struct page *p, const json_t *line, struct error *err)
{
    const json_t *o = json_object_get(line, "study");
    struct page_study s = {.running = json_is_true(json_object_get(o, "running"))};
    bool ok = get_text(o, "name", false, &s.row.name) && study_is_name(s.row.name) &&
              get_text(o, "version", false, &s.version) && get_text(o, "path", true, &s.row.path) &&
              get_text(o, "file", true, &s.row.file) && get_text(o, "identity", true, &s.row.identity) &&
              get_text(o, "state", true, &s.row.state) && get_seed(o, &s.row.seed) &&
              get_whole(o, "created_ms", 0, &s.row.created_ms);
    s.disk_free = json_number_at(o, "disk_free");
    if (!(s.disk_free > 0) || !isfinite(s.disk_free)) s.disk_free = 0;
    ok = ok && !s.row.file == !s.row.identity && !s.row.file == !s.row.path;
    if (!ok || (s.row.state && json_marks(s.row.state, strlen(s.row.state)) > MARKS_MAX))
        return strange("a study", err);
    p->place = PLACE_READS;
    return p->hooks.study(p->hooks.data, &s, err);
}

static bool is_known(int64_t kind)
{
    return kind > 0 && kind <= INT16_MAX && strcmp(event_name((enum event_kind)kind), "unknown") != 0;
}

static enum status read_event(struct page *p, const json_t *line, struct error *err)
{
    int64_t kind, trial = -1;
    struct store_event e = {.trial = -1};
    bool ok = get_whole(line, "seq", 1, &e.seq) && get_whole(line, "kind", 1, &kind) &&
              get_whole(line, "at_ms", INT64_MIN, &e.at_ms) && get_text(line, "body", false, &e.body) &&
              e.seq > p->seq && (!json_object_get(line, "trial") || get_whole(line, "trial", 0, &trial));
    if (!ok || json_marks(e.body, strlen(e.body)) > MARKS_MAX) return strange("an event", err);
    if (!is_known(kind))
        return error_set(err, STATUS_FAILED, "event %lld is of kind %lld, which this version does not know",
                         (long long)e.seq, (long long)kind);
    e.kind = (int)kind;
    e.trial = (long)trial;
    p->seq = e.seq;
    return p->hooks.event(p->hooks.data, &e, err);
}

struct names {
    size_t n;
    const char *name[PAGE_METRICS_MAX];
};

static bool get_names(const json_t *line, struct names *ret)
{
    const json_t *all = json_object_get(line, "metrics");
    ret->n = json_array_size(all);
    if (!json_is_array(all) || ret->n > PAGE_METRICS_MAX) return false;
    for (size_t i = 0; i < ret->n; i++) {
        ret->name[i] = json_string_value(json_array_get(all, i));
        if (!ret->name[i] || !*ret->name[i] || strlen(ret->name[i]) > NAME_MAX_BYTES) return false;
    }
    return true;
}

static bool get_number(const json_t *row, size_t i, int64_t *ret)
{
    const json_t *v = json_array_get(row, i);
    *ret = json_integer_value(v);
    return json_is_integer(v) && *ret >= 0 && *ret <= (int64_t)1 << PAGE_SEQ_BITS;
}

/* [step, after_ms, known, a value for each name] */
static bool get_report(const json_t *row, const struct names *names, double *value, struct store_report *ret)
{
    int64_t step = 0;
    bool ok = json_array_size(row) == 3 + names->n && get_number(row, 0, &step) && get_number(row, 1, &ret->after_ms) &&
              get_number(row, 2, &ret->known);
    for (size_t i = 0; ok && i < names->n; i++) {
        const json_t *v = json_array_get(row, 3 + i);
        ok = json_is_number(v) || json_is_null(v);
        value[i] = json_number_read(v);
    }
    ret->step = (long)step;
    return ok;
}

static enum status read_reports(struct page *p, const json_t *line, struct error *err)
{
    double value[PAGE_METRICS_MAX];
    const json_t *rows = json_object_get(line, "reports"), *row;
    struct names names;
    int64_t lease, first;
    size_t i;
    bool ok = get_names(line, &names) && get_whole(line, "lease", 1, &lease) && get_whole(line, "first", 0, &first) &&
              json_is_array(rows);
    if (!ok) return strange("reports", err);
    json_array_foreach(rows, i, row)
    {
        struct store_report r = {
            .lease = lease, .number = (long)first + (long)i, .n = names.n, .name = names.name, .value = value};
        if (!get_report(row, &names, value, &r)) return strange("a report", err);
        enum status s = p->hooks.report(p->hooks.data, &r, err);
        if (s) return s;
    }
    return STATUS_OK;
}

static enum status read_end(struct page *p, const json_t *line, struct error *err)
{
    bool ok = get_whole(line, "end", 0, &p->end.seq) && p->end.seq >= p->seq &&
              (!json_object_get(line, "lease") || get_whole(line, "lease", 1, &p->end.lease));
    if (!ok) return strange("an end", err);
    p->end.more = json_is_true(json_object_get(line, "more"));
    p->place = PLACE_ENDED;
    return STATUS_OK;
}

static enum status read_line(struct page *p, const json_t *line, struct error *err)
{
    if (p->place == PLACE_BEGINS) return read_study(p, line, err);
    if (p->place == PLACE_ENDED) return error_set(err, STATUS_IO, "the answer goes on behind its end");
    if (json_object_get(line, "seq")) return read_event(p, line, err);
    if (json_object_get(line, "reports")) return read_reports(p, line, err);
    if (json_object_get(line, "end")) return read_end(p, line, err);
    return strange("a line", err);
}

/* ---- bytes ---- */

static enum status end_line(struct page *p, struct error *err)
{
    json_t *line = NULL;
    struct error why;
    size_t n = p->n;
    p->n = 0;
    if (json_marks(p->line, n) > MARKS_MAX) return strange("a line", err);
    if (json_parse_object(p->line, n, &line, &why))
        return error_set(err, STATUS_IO, "the answer is damaged: %.300s", why.text);
    enum status s = read_line(p, line, err);
    json_decref(line);
    return s;
}

enum status page_take(struct page *p, const char *bytes, size_t n, struct error *err)
{
    enum status s = STATUS_OK;
    p->bytes += n;
    if (p->bytes > PAGE_BYTES_MAX)
        return error_set(err, STATUS_IO, "the answer has more than %d bytes", PAGE_BYTES_MAX);
    while (!s && n > 0) {
        const char *end = memchr(bytes, '\n', n);
        size_t k = end ? (size_t)(end - bytes) : n, taken = end ? k + 1 : k;
        if (p->n + k > PAGE_LINE_MAX)
            return error_set(err, STATUS_IO, "the answer has a line of more than %d bytes", PAGE_LINE_MAX);
        p->line = must_reserve(p->line, p->n + k + 1, &p->capacity, 1);
        memcpy(p->line + p->n, bytes, k);
        p->n += k;
        if (end) s = end_line(p, err);
        bytes += taken;
        n -= taken;
    }
    return s;
}

enum status page_finish(struct page *p, struct page_end *ret, struct error *err)
{
    if (p->place != PLACE_ENDED || p->n) return error_set(err, STATUS_IO, "the answer was cut");
    *ret = p->end;
    return STATUS_OK;
}
