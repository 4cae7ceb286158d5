#include "store/request.h"

enum status store_request_add(struct store *store, int64_t study, const char *verb, const char *payload, int64_t at_ms,
                              struct error *err)
{
    static const char sql[] = "INSERT INTO request (study, verb, payload, at_ms) VALUES (?1, ?2, ?3, ?4)";
    return statement_run(store, sql, err, "itti", study, verb, payload, at_ms);
}

enum status store_requests(struct store *store, int64_t study, int64_t after, store_request_fn *fn, void *data,
                           struct error *err)
{
    static const char sql[] = "SELECT id, verb, payload FROM request WHERE study = ?1 AND id > ?2 ORDER BY id";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, study);
    statement_int(q, 2, after);
    while (statement_row(q)) fn(data, column_int(q, 0), column_text(q, 1), column_text(q, 2));
    return statement_end(q, err);
}

enum status request_done(struct store *store, int64_t id, struct error *err)
{
    static const char sql[] = "DELETE FROM request WHERE id = ?1";
    return statement_run(store, sql, err, "i", id);
}
