#include "store/statement.h"

#include <math.h>
#include <string.h>

enum { SWEPT = 5000, VALUES_MAX = 128 }; /* of an outcome */

/* ---- units ---- */

#define UNIT "SELECT unit, arm, period, segment, expected, at_ms, outcomes, done FROM unit "

static struct store_unit read_unit(struct statement *q, int64_t experiment)
{
    bool known = sqlite3_column_type(q->stmt, 4) != SQLITE_NULL;
    return (struct store_unit){.experiment = experiment,
                               .unit = column_int(q, 0),
                               .arm = (long)column_int(q, 1),
                               .period = (long)column_int(q, 2),
                               .segment = (long)column_int(q, 3),
                               .expected = known ? sqlite3_column_double(q->stmt, 4) : NAN,
                               .at_ms = column_int(q, 5),
                               .outcomes = (long)column_int(q, 6),
                               .done = column_int(q, 7) != 0};
}

enum status store_unit_find(struct store *store, int64_t experiment, int64_t unit, bool *ret_found,
                            struct store_unit *ret, struct error *err)
{
    static const char sql[] = UNIT "WHERE experiment = ?1 AND unit = ?2";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, experiment);
    statement_int(q, 2, unit);
    bool found = statement_row(q);
    struct store_unit at = found ? read_unit(q, experiment) : (struct store_unit){0};
    enum status s = statement_end(q, err);
    if (s) return s;
    *ret_found = found;
    if (found) *ret = at;
    return s;
}

enum status store_unit_put(struct store *store, const struct store_unit *u, struct error *err)
{
    static const char sql[] = "INSERT OR REPLACE INTO unit (experiment, unit, arm, period, segment, expected, at_ms, "
                              "outcomes, done) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    const int64_t whole[] = {u->experiment, u->unit, u->arm, u->period, u->segment};
    for (int i = 0; i < 5; i++) statement_int(q, i + 1, whole[i]);
    if (!isnan(u->expected)) sqlite3_bind_double(q->stmt, 6, u->expected);
    statement_int(q, 7, u->at_ms);
    statement_int(q, 8, u->outcomes);
    statement_int(q, 9, u->done);
    statement_row(q);
    return statement_end(q, err);
}

enum status store_units_open(struct store *store, const struct store_live_part *part, store_unit_fn *fn, void *data,
                             struct error *err)
{
    /* Of one time by the low bits: by the high ones they would come arm by arm. */
    static const char sql[] =
        UNIT "WHERE experiment = ?1 AND done = 0 AND at_ms <= ?2 ORDER BY at_ms, unit & 4294967295, unit "
             "LIMIT CASE ?3 WHEN 0 THEN -1 ELSE ?3 END";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, part->of);
    statement_int(q, 2, part->from);
    statement_int(q, 3, part->limit);
    while (statement_row(q)) {
        struct store_unit u = read_unit(q, part->of);
        fn(data, &u);
    }
    return statement_end(q, err);
}

/* ---- outcomes ---- */

enum status store_outcome_add(struct store *store, const struct store_outcome *o, bool *ret_new, struct error *err)
{
    static const char sql[] = "INSERT OR IGNORE INTO outcome (experiment, unit, id, at_ms, value) VALUES "
                              "(?1, ?2, ?3, ?4, ?5)";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    const int64_t whole[] = {o->experiment, o->unit, o->id, o->at_ms};
    for (int i = 0; i < 4; i++) statement_int(q, i + 1, whole[i]);
    statement_blob(q, 5, o->value, o->n * sizeof *o->value);
    statement_row(q);
    enum status s = statement_end(q, err);
    if (!s) *ret_new = sqlite3_changes(store->db) > 0;
    return s;
}

enum status store_outcomes(struct store *store, int64_t experiment, int64_t unit, store_outcome_fn *fn, void *data,
                           struct error *err)
{
    static const char sql[] = "SELECT id, at_ms, value FROM outcome WHERE experiment = ?1 AND unit = ?2";
    double value[VALUES_MAX];
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, experiment);
    statement_int(q, 2, unit);
    while (statement_row(q)) {
        size_t bytes;
        const unsigned char *blob = column_blob(q, 2, &bytes);
        size_t n = bytes / sizeof *value < VALUES_MAX ? bytes / sizeof *value : VALUES_MAX;
        if (n) memcpy(value, blob, n * sizeof *value);
        fn(data, &(struct store_outcome){experiment, unit, column_int(q, 0), column_int(q, 1), value, n});
    }
    return statement_end(q, err);
}

enum status store_outcomes_drop(struct store *store, int64_t experiment, int64_t unit, struct error *err)
{
    static const char sql[] = "DELETE FROM outcome WHERE experiment = ?1 AND unit = ?2";
    return statement_run(store, sql, err, "ii", experiment, unit);
}

/* ---- the end ---- */

enum status store_live_sweep(struct store *store, int64_t experiment, bool *ret_more, struct error *err)
{
    static const char outcomes[] = "DELETE FROM outcome WHERE experiment = ?1 AND unit IN (SELECT unit FROM outcome "
                                   "WHERE experiment = ?1 LIMIT ?2)",
                      units[] = "DELETE FROM unit WHERE experiment = ?1 AND unit IN (SELECT unit FROM unit "
                                "WHERE experiment = ?1 LIMIT ?2)";
    enum status s = statement_run(store, outcomes, err, "ii", experiment, (int64_t)SWEPT);
    bool more = !s && sqlite3_changes(store->db) > 0;
    if (!s && !more) s = statement_run(store, units, err, "ii", experiment, (int64_t)SWEPT);
    if (!s) *ret_more = more || sqlite3_changes(store->db) > 0;
    return s;
}

/* ---- sums of collectors ---- */

enum status store_collected(struct store *store, int64_t experiment, const char *collector, int64_t number,
                            bool *ret_new, struct error *err)
{
    static const char sql[] = "INSERT INTO collected (experiment, collector, number) VALUES (?1, ?2, ?3) "
                              "ON CONFLICT DO UPDATE SET number = ?3 WHERE number < ?3";
    enum status s = statement_run(store, sql, err, "iti", experiment, collector, number);
    if (!s) *ret_new = sqlite3_changes(store->db) > 0;
    return s;
}
