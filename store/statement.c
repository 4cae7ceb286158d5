#include "store/statement.h"

#include <stdarg.h>
#include <string.h>

enum status store_failed(struct store *store, int code, struct error *err)
{
    const char *file = store->path;
    store->code = code;
    switch (code & 0xff) {
    case SQLITE_FULL: return error_set(err, STATUS_FULL, "%s: the disk is full; free some space", file);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return error_set(err, STATUS_IO,
                         "%s: cannot be written (%s); check the folder's permissions, or choose another "
                         "file with --db",
                         file, sqlite3_errmsg(store->db));
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return error_set(err, STATUS_BUSY, "%s: another program keeps it locked", file);
    case SQLITE_CORRUPT:
        return error_set(err, STATUS_IO, "%s: the database is damaged (%s); restore a backup", file,
                         sqlite3_errmsg(store->db));
    case SQLITE_NOTADB:
        return error_set(err, STATUS_INVALID, "%s: not a database; choose another file with --db", file);
    default:
        return error_set(err, status_of_errno(sqlite3_system_errno(store->db)), "%s: %s", file,
                         sqlite3_errmsg(store->db));
    }
}

enum status store_exec(struct store *store, const char *sql, struct error *err)
{
    int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? STATUS_OK : store_failed(store, code, err);
}

/* What writes is a transaction of its own, unless one is open: the ground is looked at before and after it. */
static bool writes_alone(const struct statement *q)
{
    return q->writes && sqlite3_get_autocommit(q->store->db);
}

static bool may_begin(const struct statement *q, struct error *err)
{
    return !writes_alone(q) || store_check_ground(q->store, err) == STATUS_OK;
}

struct statement *statement_get(struct store *store, const char *sql, struct error *err)
{
    struct statement *q = store->statement;
    while (q->sql && q->sql != sql) q++;
    if (q->sql) return may_begin(q, err) ? q : NULL;
    int code = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->stmt, NULL);
    if (code != SQLITE_OK) {
        store_failed(store, code, err);
        return NULL;
    }
    q->sql = sql;
    q->store = store;
    q->writes = !sqlite3_stmt_readonly(q->stmt);
    return may_begin(q, err) ? q : NULL;
}

void statement_int(struct statement *q, int at, int64_t value)
{
    sqlite3_bind_int64(q->stmt, at, value);
}

void statement_text(struct statement *q, int at, const char *value)
{
    sqlite3_bind_text(q->stmt, at, value, -1, SQLITE_STATIC);
}

void statement_blob(struct statement *q, int at, const void *bytes, size_t n)
{
    sqlite3_bind_blob64(q->stmt, at, bytes, n, SQLITE_STATIC);
}

bool statement_row(struct statement *q)
{
    q->code = sqlite3_step(q->stmt);
    return q->code == SQLITE_ROW;
}

enum status statement_end(struct statement *q, struct error *err)
{
    int code = q->code;
    enum status s = code == SQLITE_DONE || code == SQLITE_ROW ? STATUS_OK : store_failed(q->store, code, err);
    sqlite3_reset(q->stmt);
    sqlite3_clear_bindings(q->stmt);
    return !s && writes_alone(q) ? store_check_ground(q->store, err) : s;
}

enum status statement_run(struct store *store, const char *sql, struct error *err, const char *types, ...)
{
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    va_list ap;
    va_start(ap, types);
    for (int at = 1; types[at - 1]; at++) {
        if (types[at - 1] == 'i')
            statement_int(q, at, va_arg(ap, int64_t));
        else
            statement_text(q, at, va_arg(ap, const char *));
    }
    va_end(ap);
    statement_row(q);
    return statement_end(q, err);
}

enum status statement_inserted(struct store *store, enum status s, int64_t *ret_id)
{
    if (!s) *ret_id = sqlite3_last_insert_rowid(store->db);
    return s;
}

int64_t column_int(struct statement *q, int at)
{
    return sqlite3_column_int64(q->stmt, at);
}

const char *column_text(struct statement *q, int at)
{
    return (const char *)sqlite3_column_text(q->stmt, at);
}

const unsigned char *column_blob(struct statement *q, int at, size_t *ret_n)
{
    const unsigned char *bytes = sqlite3_column_blob(q->stmt, at);
    *ret_n = (size_t)sqlite3_column_bytes(q->stmt, at);
    return bytes;
}

bool store_may_recover(const struct store *store)
{
    switch (store->code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT: return true;
    default: return false;
    }
}

/* ---- transactions ---- */

enum status store_begin(struct store *store, struct error *err)
{
    bool open = !sqlite3_get_autocommit(store->db); /* the disk refused even the last rollback */
    enum status s = open ? store_exec(store, "ROLLBACK", err) : STATUS_OK;
    if (!s) s = store_check_ground(store, err);
    return s ? s : store_exec(store, "BEGIN IMMEDIATE", err);
}

enum status store_commit(struct store *store, struct error *err)
{
    return store_exec(store, "COMMIT", err);
}

void store_rollback(struct store *store)
{
    if (!sqlite3_get_autocommit(store->db)) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
}
