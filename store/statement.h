/* statement: prepared SQL, kept for the life of the store; values are bound, never formatted.
 *
 * A statement is known by the address of its SQL literal. Usage:
 *     struct statement *q = statement_get(store, SQL, err);   NULL: failed
 *     statement_text(q, 1, name);
 *     while (statement_row(q)) …
 *     return statement_end(q, err);
 */
#ifndef STORE_STATEMENT_H
#define STORE_STATEMENT_H

#include "store/ground.h"
#include "store/store.h"

#include <sqlite3.h>

enum { STATEMENTS_MAX = 96 };

struct statement {
    const char *sql;
    sqlite3_stmt *stmt;
    struct store *store;
    int code;    /* the last result code of SQLite */
    bool writes; /* outside of a transaction it is one */
};

struct store {
    sqlite3 *db;
    char *path;
    int code; /* the last failure's */
    struct ground ground;
    struct store_elsewhere elsewhere; /* without a name: it stands for itself */
    struct statement statement[STATEMENTS_MAX];
};

struct statement *statement_get(struct store *store, const char *sql, struct error *err);
void statement_int(struct statement *q, int at, int64_t value);
/* These two must stay as they are until statement_end. NULL binds NULL. */
void statement_text(struct statement *q, int at, const char *value);
void statement_blob(struct statement *q, int at, const void *bytes, size_t n);
bool statement_row(struct statement *q);
/* Resets the statement and turns its last code into a status. */
enum status statement_end(struct statement *q, struct error *err);

/* Binds and runs a statement that returns no rows. `types`: one letter a value, i int64_t, t const char *. */
enum status statement_run(struct store *store, const char *sql, struct error *err, const char *types, ...);
/* The same for an INSERT; *ret_id is the new row's. */
#define statement_insert(store, sql, ret_id, err, ...)                                                                 \
    statement_inserted(store, statement_run(store, sql, err, __VA_ARGS__), ret_id)
enum status statement_inserted(struct store *store, enum status s, int64_t *ret_id);

int64_t column_int(struct statement *q, int at);
const char *column_text(struct statement *q, int at); /* NULL for NULL */
const unsigned char *column_blob(struct statement *q, int at, size_t *ret_n);

/* The sentence for SQLite's current error. */
enum status store_failed(struct store *store, int code, struct error *err);

/* Transactions; store_rollback outside of one does nothing. */
enum status store_begin(struct store *store, struct error *err);
enum status store_commit(struct store *store, struct error *err);
void store_rollback(struct store *store);

/* Runs statements without values: pragmas, migrations. */
enum status store_exec(struct store *store, const char *sql, struct error *err);

#endif
