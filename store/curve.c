/* A report is: step, after_ms, known, and its metrics (pack.h). Four to six bytes a report and five to ten a metric. */
#include "store/curve.h"

#include "tuner/base/arena.h"
#include "tuner/base/json.h"

#include <stdlib.h>
#include <string.h>

/* ---- reading ---- */

/* The reports of one row; `u` has the names of the row before. */
static bool read_row(struct unpack *u, const struct packed_row *row, store_report_fn *fn, void *data)
{
    unpack_begin(u, row->bytes, row->n);
    for (long k = 0; unpack_more(u); k++) {
        struct store_report out = {.lease = row->lease, .number = row->first + k};
        out.step = (long)unpack_number(u);
        out.after_ms = (int64_t)unpack_number(u);
        out.known = (int64_t)unpack_number(u);
        struct pack_metrics m = unpack_metrics(u);
        out.n = m.n;
        out.name = m.name;
        out.value = m.value;
        if (!u->bad) fn(data, &out);
    }
    return !u->bad;
}

bool packed_row_read(const struct packed_row *row, store_report_fn *fn, void *data)
{
    struct unpack *u = must_alloc(1, sizeof *u);
    bool sound = read_row(u, row, fn, data);
    free(u);
    return sound;
}

/* ---- adding ---- */

void report_row_add(struct report_row *c, const struct store_report *r)
{
    pack_number(&c->pack, (uint64_t)r->step);
    pack_number(&c->pack, (uint64_t)(r->after_ms > 0 ? r->after_ms : 0));
    pack_number(&c->pack, (uint64_t)(r->known > 0 ? r->known : 0));
    pack_metrics(&c->pack, &(struct pack_metrics){r->n, r->name, r->value}, r->same_names);
}

/* ---- rows ---- */

enum status report_row_insert(struct store *store, int64_t study, const struct report_row *c, struct error *err)
{
    static const char sql[] = "INSERT INTO curve (study, lease, seq, body) VALUES (?1, ?2, ?3, ?4)";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, study);
    statement_int(q, 2, c->lease);
    statement_int(q, 3, c->first);
    statement_blob(q, 4, c->pack.bytes, c->pack.n);
    statement_row(q);
    return statement_end(q, err);
}

struct scanning {
    int64_t from, end; /* numbers of reports; without `end` */
    store_report_fn *fn;
    void *data;
};

static void pass_wanted(void *data, const struct store_report *r)
{
    const struct scanning *x = data;
    if (r->number >= x->from && r->number < x->end) x->fn(x->data, r);
}

/* From the first row on, because a row has names of rows before it. */
enum status store_reports_scan(struct store *store, const struct store_scan *scan, int64_t lease, store_report_fn *fn,
                               void *data, struct error *err)
{
    static const char sql[] = "SELECT seq, body FROM curve WHERE study = ?1 AND lease = ?2 ORDER BY seq";
    struct statement *q = statement_get(store, sql, err);
    struct scanning x = {scan->from, scan->limit ? scan->from + scan->limit : INT64_MAX, fn, data};
    bool sound = true;
    if (!q) return err->status;
    struct unpack *u = must_alloc(1, sizeof *u);
    statement_int(q, 1, scan->study);
    statement_int(q, 2, lease);
    while (statement_row(q)) {
        struct packed_row row = {.lease = lease, .first = (long)column_int(q, 0)};
        row.bytes = column_blob(q, 1, &row.n);
        sound &= row.first >= x.end || read_row(u, &row, pass_wanted, &x);
        if (scan->stop && *scan->stop) break;
    }
    free(u);
    enum status s = statement_end(q, err);
    return !s && !sound ? error_set(err, STATUS_IO, "%s: damaged reports", store->path) : s;
}

enum status store_reports(struct store *store, int64_t study, int64_t lease, store_report_fn *fn, void *data,
                          struct error *err)
{
    return store_reports_scan(store, &(struct store_scan){.study = study}, lease, fn, data, err);
}

/* ---- migration ---- */

static void pack_json(sqlite3_context *context, int n, sqlite3_value **arg)
{
    const char *text = (const char *)sqlite3_value_text(arg[1]), *name;
    const char *names[PACK_METRICS_MAX];
    double values[PACK_METRICS_MAX];
    struct store_report r = {.step = (long)sqlite3_value_int64(arg[0]), .name = names, .value = values};
    struct report_row c = {0};
    json_t *metrics = NULL, *v;
    (void)n;
    if (json_parse_object(text ? text : "", text ? strlen(text) : 0, &metrics, NULL)) {
        sqlite3_result_error(context, "a stored report is not JSON", -1);
        return;
    }
    json_object_foreach(metrics, name, v)
    {
        if (r.n == PACK_METRICS_MAX || !json_is_number(v)) continue;
        names[r.n] = name;
        values[r.n++] = json_number_value(v);
    }
    report_row_add(&c, &r);
    sqlite3_result_blob(context, c.pack.bytes, (int)c.pack.n, SQLITE_TRANSIENT);
    free(c.pack.bytes);
    json_decref(metrics);
}

void report_row_register(sqlite3 *db)
{
    sqlite3_create_function(db, "nocturne_curve", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, pack_json, NULL, NULL);
}
