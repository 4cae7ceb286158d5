#include "store/statement.h"

enum status store_request_add(struct store *store, int64_t study, const char *verb, const char *payload, int64_t at_ms,
                              struct error *err)
{
    static const char sql[] = "INSERT INTO request (study, verb, payload, at_ms) VALUES (?1, ?2, ?3, ?4)";
    return statement_run(store, sql, err, "itti", study, verb, payload, at_ms);
}

/* Reads first, so that an empty mailbox costs no write lock. */
static enum status read_all(struct store *store, int64_t study, store_request_fn *fn, void *data, int64_t *ret_last,
                            struct error *err)
{
    static const char sql[] = "SELECT id, verb, payload FROM request WHERE study = ?1 ORDER BY id";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, study);
    while (statement_row(q)) {
        *ret_last = column_int(q, 0);
        fn(data, column_text(q, 1), column_text(q, 2));
    }
    return statement_end(q, err);
}

enum status store_requests_take(struct store *store, int64_t study, store_request_fn *fn, void *data, struct error *err)
{
    static const char sql[] = "DELETE FROM request WHERE study = ?1 AND id <= ?2";
    int64_t last = -1;
    enum status s = read_all(store, study, fn, data, &last, err);
    return s || last < 0 ? s : statement_run(store, sql, err, "ii", study, last);
}
