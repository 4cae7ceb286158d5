/* Rows of answers that were given to requests with an Idempotency-Key
 * [draft-ietf-httpapi-idempotency-key-header]. */
#include "store/statement.h"

#include <string.h>

enum status store_answer_find(struct store *store, const char *token, const char *key, store_answer_fn *fn, void *data,
                              struct error *err)
{
    static const char sql[] = "SELECT what, status, body, at_ms FROM answer WHERE token = ?1 AND key = ?2";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_text(q, 1, token);
    statement_text(q, 2, key);
    if (statement_row(q)) {
        struct store_answer a = {.token = token,
                                 .key = key,
                                 .status = (int)column_int(q, 1),
                                 .body = column_text(q, 2),
                                 .at_ms = column_int(q, 3)};
        size_t n;
        const unsigned char *what = column_blob(q, 0, &n);
        memcpy(a.what, what, n < sizeof a.what ? n : sizeof a.what);
        fn(data, &a);
    }
    return statement_end(q, err);
}

enum status store_answer_insert(struct store *store, const struct store_answer *a, struct error *err)
{
    static const char sql[] = "INSERT OR IGNORE INTO answer (token, key, what, status, body, at_ms) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_text(q, 1, a->token);
    statement_text(q, 2, a->key);
    statement_blob(q, 3, a->what, sizeof a->what);
    statement_int(q, 4, a->status);
    statement_text(q, 5, a->body);
    statement_int(q, 6, a->at_ms);
    statement_row(q);
    return statement_end(q, err);
}
