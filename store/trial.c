#include "store/statement.h"

enum status store_trial_insert(struct store *store, const struct store_trial *t, int64_t *ret_id, struct error *err)
{
    static const char sql[] =
        "INSERT INTO trial (study, number, role, state, params, seed, source, confirms, created_ms) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, nullif(?8, -1), ?9)";
    return statement_insert(store, sql, ret_id, err, "iitttitii", t->study, (int64_t)t->number, t->role, t->state,
                            t->params, (int64_t)t->seed, t->source, (int64_t)t->confirms, t->created_ms);
}

static enum status check_changed(struct store *store, enum status s, int64_t id, const char *from, struct error *err)
{
    if (!s && sqlite3_changes(store->db) != 1)
        s = error_set(err, STATUS_FAILED, "%s: trial row %lld is no longer %s", store->path, (long long)id, from);
    return s;
}

enum status store_trial_set_state(struct store *store, int64_t id, const char *from, const char *to, struct error *err)
{
    static const char sql[] = "UPDATE trial SET state = ?3 WHERE id = ?1 AND state = ?2";
    return check_changed(store, statement_run(store, sql, err, "itt", id, from, to), id, from, err);
}

enum status store_trial_finish(struct store *store, int64_t id, const char *from, const char *to, const char *metrics,
                               const char *reason, long told, int64_t at_ms, struct error *err)
{
    static const char sql[] = "UPDATE trial SET state = ?3, metrics = ?4, reason = ?5, finished_ms = ?6, told = ?7 "
                              "WHERE id = ?1 AND state = ?2";
    enum status s = statement_run(store, sql, err, "ittttii", id, from, to, metrics, reason, at_ms, (int64_t)told);
    return check_changed(store, s, id, from, err);
}

enum status store_trials(struct store *store, int64_t study, store_trial_fn *fn, void *data, struct error *err)
{
    static const char sql[] =
        "SELECT id, study, number, role, state, params, source, seed, ifnull(confirms, -1), metrics, "
        "reason, created_ms, ifnull(finished_ms, 0), ifnull(told, -1) FROM trial WHERE study = ?1 ORDER BY number";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, study);
    while (statement_row(q))
        fn(data, &(struct store_trial){.id = column_int(q, 0),
                                       .study = column_int(q, 1),
                                       .number = (long)column_int(q, 2),
                                       .role = column_text(q, 3),
                                       .state = column_text(q, 4),
                                       .params = column_text(q, 5),
                                       .source = column_text(q, 6),
                                       .seed = (uint64_t)column_int(q, 7),
                                       .confirms = (long)column_int(q, 8),
                                       .metrics = column_text(q, 9),
                                       .reason = column_text(q, 10),
                                       .created_ms = column_int(q, 11),
                                       .finished_ms = column_int(q, 12),
                                       .told = (long)column_int(q, 13)});
    return statement_end(q, err);
}
