#include "store/statement.h"

enum status store_attempt_insert(struct store *store, int64_t trial, long number, const char *dir, int64_t at_ms,
                                 int64_t *ret_id, struct error *err)
{
    static const char sql[] = "INSERT INTO attempt (trial, number, dir, started_ms) VALUES (?1, ?2, ?3, ?4)";
    return statement_insert(store, sql, ret_id, err, "iiti", trial, (int64_t)number, dir, at_ms);
}

enum status store_attempt_set_pid(struct store *store, int64_t id, int64_t pid, struct error *err)
{
    static const char sql[] = "UPDATE attempt SET pid = ?2 WHERE id = ?1";
    return statement_run(store, sql, err, "ii", id, pid);
}

enum status store_attempt_finish(struct store *store, int64_t id, const char *outcome, const char *reason,
                                 int64_t at_ms, struct error *err)
{
    static const char sql[] = "UPDATE attempt SET outcome = ?2, reason = ?3, ended_ms = ?4 WHERE id = ?1";
    return statement_run(store, sql, err, "itti", id, outcome, reason, at_ms);
}

enum status store_attempts(struct store *store, int64_t trial, store_attempt_fn *fn, void *data, struct error *err)
{
    static const char sql[] = "SELECT id, trial, number, ifnull(pid, 0), dir, outcome, reason, started_ms, "
                              "ifnull(ended_ms, 0) FROM attempt WHERE trial = ?1 ORDER BY number";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, trial);
    while (statement_row(q))
        fn(data, &(struct store_attempt){.id = column_int(q, 0),
                                         .trial = column_int(q, 1),
                                         .number = (long)column_int(q, 2),
                                         .pid = column_int(q, 3),
                                         .dir = column_text(q, 4),
                                         .outcome = column_text(q, 5),
                                         .reason = column_text(q, 6),
                                         .started_ms = column_int(q, 7),
                                         .ended_ms = column_int(q, 8)});
    return statement_end(q, err);
}

enum status store_report_insert(struct store *store, int64_t attempt, const struct store_report *r, struct error *err)
{
    static const char sql[] = "INSERT INTO report (attempt, seq, step, metrics) VALUES (?1, ?2, ?3, ?4)";
    return statement_run(store, sql, err, "iiit", attempt, (int64_t)r->seq, (int64_t)r->step, r->metrics);
}

enum status store_reports(struct store *store, int64_t attempt, store_report_fn *fn, void *data, struct error *err)
{
    static const char sql[] = "SELECT seq, step, metrics FROM report WHERE attempt = ?1 ORDER BY seq";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, attempt);
    while (statement_row(q))
        fn(data, &(struct store_report){
                     .seq = (long)column_int(q, 0), .step = (long)column_int(q, 1), .metrics = column_text(q, 2)});
    return statement_end(q, err);
}
