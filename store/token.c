/* Rows of tokens. The secret itself is never stored. */
#include "store/statement.h"

#include <string.h>

#define COLUMNS "SELECT id, name, role, hash, created_ms, expires_ms, revoked_ms, scope FROM token "

enum status store_token_insert(struct store *store, const struct store_token *t, struct error *err)
{
    static const char sql[] = "INSERT INTO token (id, name, role, hash, created_ms, expires_ms, scope) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_text(q, 1, t->id);
    statement_text(q, 2, t->name);
    statement_text(q, 3, t->role);
    statement_blob(q, 4, t->hash, sizeof t->hash);
    statement_int(q, 5, t->created_ms);
    statement_int(q, 6, t->expires_ms);
    statement_text(q, 7, t->scope ? t->scope : "");
    statement_row(q);
    return statement_end(q, err);
}

enum status store_tokens(struct store *store, const char *id, store_token_fn *fn, void *data, struct error *err)
{
    static const char all[] = COLUMNS "ORDER BY created_ms, id", one[] = COLUMNS "WHERE id = ?1";
    struct statement *q = statement_get(store, id ? one : all, err);
    if (!q) return err->status;
    if (id) statement_text(q, 1, id);
    while (statement_row(q)) {
        struct store_token t = {.id = column_text(q, 0),
                                .name = column_text(q, 1),
                                .role = column_text(q, 2),
                                .created_ms = column_int(q, 4),
                                .expires_ms = column_int(q, 5),
                                .revoked_ms = column_int(q, 6),
                                .scope = column_text(q, 7)};
        size_t n;
        const unsigned char *hash = column_blob(q, 3, &n);
        memcpy(t.hash, hash, n < sizeof t.hash ? n : sizeof t.hash);
        fn(data, &t);
    }
    return statement_end(q, err);
}

enum status store_token_revoke(struct store *store, const char *id, int64_t at_ms, struct error *err)
{
    static const char sql[] = "UPDATE token SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms = 0";
    enum status s = statement_run(store, sql, err, "ti", id, at_ms);
    if (!s && sqlite3_changes(store->db) == 0)
        s = error_set(err, STATUS_NOT_FOUND, "there is no valid token '%.60s'; 'nocturne token list' shows them", id);
    return s;
}
