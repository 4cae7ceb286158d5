#include "store/notice.h"

/* ---- what waits ---- */

static enum status insert(struct store *store, struct store_notice *x, struct error *err)
{
    static const char sql[] = "INSERT INTO notice (study, channel, due_ms, next_ms, tries, held, body, trouble) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    return statement_insert(store, sql, &x->id, err, "itiiiitt", x->study, x->channel, x->due_ms, x->next_ms,
                            (int64_t)x->tries, (int64_t)x->held, x->body, x->trouble);
}

static enum status mark_told(struct store *store, int64_t study, const char *key, int64_t at_ms, struct error *err)
{
    static const char sql[] = "INSERT OR IGNORE INTO told (study, key, at_ms) VALUES (?1, ?2, ?3)";
    enum status s = statement_run(store, sql, err, "iti", study, key, at_ms);
    if (!s && sqlite3_changes(store->db) == 0) return error_set(err, STATUS_CONFLICT, "'%.200s' was told already", key);
    return s;
}

enum status store_notice_due(struct store *store, int64_t study, const char *key, struct store_notice *each, size_t n,
                             struct error *err)
{
    enum status s = store_begin(store, err);
    if (!s) s = mark_told(store, study, key, n ? each[0].due_ms : 0, err);
    for (size_t i = 0; !s && i < n; i++) s = insert(store, &each[i], err);
    if (!s) s = store_commit(store, err);
    if (!s) return s;
    store_rollback(store);
    for (size_t i = 0; i < n; i++) each[i].id = 0;
    return s;
}

enum status store_notice_wait(struct store *store, const struct store_notice *x, struct error *err)
{
    static const char sql[] = "UPDATE notice SET next_ms = ?2, tries = ?3, trouble = ?4 WHERE id = ?1";
    return statement_run(store, sql, err, "iiit", x->id, x->next_ms, (int64_t)x->tries, x->trouble);
}

enum status store_notice_done(struct store *store, int64_t id, struct error *err)
{
    static const char sql[] = "DELETE FROM notice WHERE id = ?1";
    return statement_run(store, sql, err, "i", id);
}

enum status store_notices(struct store *store, int64_t study, store_notice_fn *fn, void *data, struct error *err)
{
    static const char sql[] = "SELECT id, study, channel, due_ms, next_ms, tries, held, body, trouble FROM notice "
                              "WHERE ?1 = 0 OR study = ?1 ORDER BY id";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, study);
    while (statement_row(q))
        fn(data, &(struct store_notice){.id = column_int(q, 0),
                                        .study = column_int(q, 1),
                                        .channel = column_text(q, 2),
                                        .due_ms = column_int(q, 3),
                                        .next_ms = column_int(q, 4),
                                        .tries = (long)column_int(q, 5),
                                        .held = column_int(q, 6) != 0,
                                        .body = column_text(q, 7),
                                        .trouble = column_text(q, 8)});
    return statement_end(q, err);
}

/* ---- what was told ---- */

enum status store_told_set(struct store *store, int64_t study, const char *key, int64_t at_ms, struct error *err)
{
    static const char sql[] = "INSERT OR REPLACE INTO told (study, key, at_ms) VALUES (?1, ?2, ?3)";
    return statement_run(store, sql, err, "iti", study, key, at_ms);
}

enum status store_told_take_back(struct store *store, int64_t study, const char *key, struct error *err)
{
    static const char sql[] = "DELETE FROM told WHERE study = ?1 AND key = ?2";
    return statement_run(store, sql, err, "it", study, key);
}

enum status store_told(struct store *store, int64_t study, store_told_fn *fn, void *data, struct error *err)
{
    static const char sql[] = "SELECT study, key, at_ms FROM told WHERE ?1 = 0 OR study = ?1";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, study);
    while (statement_row(q)) fn(data, column_int(q, 0), column_text(q, 1), column_int(q, 2));
    return statement_end(q, err);
}

/* ---- the lines that say so ---- */

enum status store_telling_add(struct store *store, int64_t study, int64_t at_ms, const char *line, struct error *err)
{
    static const char add[] = "INSERT INTO telling (study, at_ms, line) VALUES (?1, ?2, ?3)",
                      thin[] =
                          "DELETE FROM telling WHERE study = ?1 AND id <= (SELECT id FROM telling WHERE study = ?1 "
                          "ORDER BY id DESC LIMIT 1 OFFSET ?2)";
    enum status s = statement_run(store, add, err, "iit", study, at_ms, line);
    return s ? s : statement_run(store, thin, err, "ii", study, (int64_t)STORE_TELLINGS);
}

enum status store_tellings(struct store *store, int64_t study, store_telling_fn *fn, void *data, struct error *err)
{
    static const char sql[] = "SELECT at_ms, line FROM telling WHERE study = ?1 ORDER BY id";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, study);
    while (statement_row(q)) fn(data, column_int(q, 0), column_text(q, 1));
    return statement_end(q, err);
}

/* ---- the end ---- */

enum status notice_forget(struct store *store, int64_t study, struct error *err)
{
    static const char notices[] = "DELETE FROM notice WHERE study = ?1", told[] = "DELETE FROM told WHERE study = ?1",
                      tellings[] = "DELETE FROM telling WHERE study = ?1";
    enum status s = statement_run(store, notices, err, "i", study);
    if (!s) s = statement_run(store, told, err, "i", study);
    return s ? s : statement_run(store, tellings, err, "i", study);
}
