/* Rows of parts of outcomes that wait for others. */
#include "store/statement.h"

enum status store_waiting_keep(struct store *store, const struct store_waiting *x, struct error *err)
{
    static const char sql[] = "INSERT OR IGNORE INTO otlp_waiting (id, at_ms, body) VALUES (?1, ?2, ?3)";
    return statement_run(store, sql, err, "tit", x->id, x->at_ms, x->body);
}

enum status store_waiting_drop(struct store *store, const char *id, struct error *err)
{
    static const char sql[] = "DELETE FROM otlp_waiting WHERE id = ?1";
    return statement_run(store, sql, err, "t", id);
}

enum status store_waiting_any(struct store *store, bool *ret, struct error *err)
{
    static const char sql[] = "SELECT EXISTS (SELECT 1 FROM otlp_waiting)";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    bool any = statement_row(q) && column_int(q, 0) != 0;
    enum status s = statement_end(q, err);
    if (!s) *ret = any;
    return s;
}

enum status store_waiting_all(struct store *store, store_waiting_fn *fn, void *data, struct error *err)
{
    static const char sql[] = "SELECT id, at_ms, body FROM otlp_waiting ORDER BY seq";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    while (statement_row(q))
        fn(data,
           &(struct store_waiting){.id = column_text(q, 0), .at_ms = column_int(q, 1), .body = column_text(q, 2)});
    return statement_end(q, err);
}
