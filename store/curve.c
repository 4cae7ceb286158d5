/* A report is: step, after_ms, known, n as varints (7 bits a byte, low first, top bit: more); then n metrics, each the
 * length of its name, the name, and the value: eight bytes of an IEEE 754 double, little endian, of which a count says
 * how many low ones are zero and left out. A name that is the same as that of the metric at the same place of the
 * lease's report before is left out: its length is 0. Four to six bytes a report and five to ten a metric. */
#include "store/curve.h"

#include "tuner/base/arena.h"
#include "tuner/base/json.h"

#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

static void put(struct report_row *c, const void *bytes, size_t n)
{
    c->bytes = must_reserve(c->bytes, c->n + n, &c->capacity, 1);
    memcpy(c->bytes + c->n, bytes, n);
    c->n += n;
}

static void put_varint(struct report_row *c, uint64_t v)
{
    do {
        unsigned char byte = (unsigned char)((v & 127) | (v > 127 ? 128 : 0));
        put(c, &byte, 1);
        v >>= 7;
    } while (v);
}

static void put_double(struct report_row *c, double v)
{
    uint64_t bits;
    unsigned char bytes[9];
    memcpy(&bits, &v, sizeof bits);
    unsigned zeros = bits ? (unsigned)__builtin_ctzll(bits) / 8 : 8;
    bytes[0] = (unsigned char)zeros;
    for (unsigned i = zeros; i < 8; i++) bytes[1 + i - zeros] = (unsigned char)(bits >> 8 * i);
    put(c, bytes, 9 - zeros);
}

/* ---- reading ---- */

struct reader {
    const unsigned char *at, *end;
    bool bad;
};

static uint64_t get_varint(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (r->at == r->end) break;
        unsigned char byte = *r->at++;
        v |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128)) return v;
    }
    r->bad = true;
    return 0;
}

static double get_double(struct reader *r)
{
    unsigned zeros = r->at < r->end ? *r->at++ : 9;
    uint64_t bits = 0;
    double v;
    if (zeros > 8 || r->end - r->at < 8 - (ptrdiff_t)zeros) {
        r->bad = true;
        return 0;
    }
    for (unsigned i = zeros; i < 8; i++) bits |= (uint64_t)*r->at++ << 8 * i;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* Names and values of one report. */
struct unpacked {
    size_t n;
    char text[CURVE_METRICS_MAX][CURVE_NAME_MAX + 1];
    const char *name[CURVE_METRICS_MAX];
    double value[CURVE_METRICS_MAX];
};

static void get_metrics(struct reader *r, struct unpacked *u)
{
    size_t n = (size_t)get_varint(r);
    if (n > CURVE_METRICS_MAX) r->bad = true;
    for (size_t i = 0; i < n && !r->bad; i++) {
        size_t length = (size_t)get_varint(r);
        if (length > CURVE_NAME_MAX || (size_t)(r->end - r->at) < length) {
            r->bad = true;
            return;
        }
        if (length) {
            memcpy(u->text[i], r->at, length);
            u->text[i][length] = 0;
            r->at += length;
        }
        u->name[i] = u->text[i];
        u->value[i] = get_double(r);
    }
    u->n = n;
}

/* The reports of one row; `u` has the names of the row before. */
static bool read_row(struct unpacked *u, const struct packed_row *row, store_report_fn *fn, void *data)
{
    struct reader r = {row->bytes, row->bytes + row->n, false};
    for (long k = 0; r.at < r.end && !r.bad; k++) {
        struct store_report out = {.lease = row->lease, .number = row->first + k};
        out.step = (long)get_varint(&r);
        out.after_ms = (int64_t)get_varint(&r);
        out.known = (int64_t)get_varint(&r);
        get_metrics(&r, u);
        out.n = u->n;
        out.name = u->name;
        out.value = u->value;
        if (!r.bad) fn(data, &out);
    }
    return !r.bad;
}

bool packed_row_read(const struct packed_row *row, store_report_fn *fn, void *data)
{
    struct unpacked *u = must_alloc(1, sizeof *u);
    bool sound = read_row(u, row, fn, data);
    free(u);
    return sound;
}

/* ---- adding ---- */

static void put_name(struct report_row *c, size_t place, const char *name)
{
    size_t length = strnlen(name, CURVE_NAME_MAX);
    if (place < c->n_names && c->name[place].length == length &&
        memcmp(c->bytes + c->name[place].at, name, length) == 0) {
        put_varint(c, 0);
        return;
    }
    put_varint(c, length);
    c->name[place].at = (uint32_t)c->n;
    c->name[place].length = (uint32_t)length;
    put(c, name, length);
}

void report_row_add(struct report_row *c, const struct store_report *r)
{
    size_t n = r->n < CURVE_METRICS_MAX ? r->n : CURVE_METRICS_MAX;
    put_varint(c, (uint64_t)r->step);
    put_varint(c, (uint64_t)(r->after_ms > 0 ? r->after_ms : 0));
    put_varint(c, (uint64_t)(r->known > 0 ? r->known : 0));
    put_varint(c, n);
    for (size_t i = 0; i < n; i++) {
        if (r->same_names)
            put_varint(c, 0);
        else
            put_name(c, i, r->name[i]);
        put_double(c, r->value[i]);
    }
    if (!r->same_names) c->n_names = n;
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
    statement_blob(q, 4, c->bytes, c->n);
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
    struct unpacked *u = must_alloc(1, sizeof *u);
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
    const char *names[CURVE_METRICS_MAX];
    double values[CURVE_METRICS_MAX];
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
        if (r.n == CURVE_METRICS_MAX || !json_is_number(v)) continue;
        names[r.n] = name;
        values[r.n++] = json_number_value(v);
    }
    report_row_add(&c, &r);
    sqlite3_result_blob(context, c.bytes, (int)c.n, SQLITE_TRANSIENT);
    free(c.bytes);
    json_decref(metrics);
}

void report_row_register(sqlite3 *db)
{
    sqlite3_create_function(db, "nocturne_curve", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL, pack_json, NULL, NULL);
}
