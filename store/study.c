#include "store/study.h"

#include "store/notice.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS "SELECT id, name, path, file, identity, seed, created_ms, state FROM study "

enum status store_study_insert(struct store *store, const struct store_study *study, int64_t *ret_id, struct error *err)
{
    static const char sql[] = "INSERT INTO study (name, path, file, identity, seed, created_ms) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    return statement_insert(store, sql, ret_id, err, "ttttii", study->name, study->path, study->file, study->identity,
                            (int64_t)study->seed, study->created_ms);
}

enum status store_study_before(struct store *store, const char *name, int64_t *ret_seq, struct error *err)
{
    static const char sql[] = "SELECT ifnull(max(seed), 0) FROM study WHERE name >= '/' AND name < '0' AND path = ?1";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_text(q, 1, name);
    *ret_seq = statement_row(q) ? column_int(q, 0) : 0;
    return statement_end(q, err);
}

enum status study_update(struct store *store, int64_t id, const char *path, const char *file, const char *identity,
                         struct error *err)
{
    static const char sql[] = "UPDATE study SET path = ?2, file = ?3, identity = ?4 WHERE id = ?1";
    return statement_run(store, sql, err, "ittt", id, path, file, identity);
}

enum status study_set_state(struct store *store, int64_t id, const char *state, struct error *err)
{
    static const char sql[] = "UPDATE study SET state = ?2 WHERE id = ?1";
    return statement_run(store, sql, err, "it", id, state);
}

static size_t each(struct statement *q, store_study_fn *fn, void *data)
{
    size_t n = 0;
    for (; statement_row(q); n++)
        fn(data, &(struct store_study){.id = column_int(q, 0),
                                       .name = column_text(q, 1),
                                       .path = column_text(q, 2),
                                       .file = column_text(q, 3),
                                       .identity = column_text(q, 4),
                                       .seed = (uint64_t)column_int(q, 5),
                                       .created_ms = column_int(q, 6),
                                       .state = column_text(q, 7)});
    return n;
}

struct copy {
    struct arena *arena;
    struct store_study *study;
};

static void copy_row(void *data, const struct store_study *row)
{
    const struct copy *c = data;
    *c->study = *row;
    c->study->name = arena_strdup(c->arena, row->name);
    c->study->path = arena_strdup(c->arena, row->path);
    c->study->file = arena_strdup(c->arena, row->file);
    c->study->identity = arena_strdup(c->arena, row->identity);
    if (row->state) c->study->state = arena_strdup(c->arena, row->state);
}

enum status store_study_find(struct store *store, const char *name, struct arena *arena, struct store_study *ret,
                             struct error *err)
{
    static const char sql[] = COLUMNS "WHERE name = ?1 AND substr(name, 1, 1) <> '/'"; /* not one that is deleted */
    struct statement *q = statement_get(store, sql, err);
    struct store_study found;
    if (!q) return err->status;
    statement_text(q, 1, name);
    size_t n = each(q, copy_row, &(struct copy){arena, &found});
    enum status s = statement_end(q, err);
    if (!s && n == 0) s = error_set(err, STATUS_NOT_FOUND, "%s: no study '%s'", store->path, name);
    if (!s) *ret = found;
    return s;
}

enum status store_studies(struct store *store, store_study_fn *fn, void *data, struct error *err)
{
    static const char sql[] = COLUMNS "WHERE substr(name, 1, 1) <> '/' ORDER BY id";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    each(q, fn, data);
    return statement_end(q, err);
}

/* `sql` gives ids, names and ends. */
static enum status list(struct store *store, const char *sql, struct arena *arena, struct store_end **ret,
                        size_t *ret_n, struct error *err)
{
    struct statement *q = statement_get(store, sql, err);
    struct store_end *all = NULL;
    size_t n = 0, capacity = 0;
    if (!q) return err->status;
    while (statement_row(q)) {
        all = must_reserve(all, n + 1, &capacity, sizeof *all);
        all[n++] = (struct store_end){column_int(q, 0), arena_strdup(arena, column_text(q, 1)), column_int(q, 2)};
    }
    *ret = arena_array(arena, n + 1, sizeof *all);
    if (n) memcpy(*ret, all, n * sizeof *all);
    *ret_n = n;
    free(all);
    return statement_end(q, err);
}

enum status store_study_names(struct store *store, struct arena *arena, const char ***ret, size_t *ret_n,
                              struct error *err)
{
    static const char sql[] = "SELECT id, name, 0 FROM study WHERE substr(name, 1, 1) <> '/' ORDER BY id";
    struct store_end *all = NULL;
    size_t n = 0;
    enum status s = list(store, sql, arena, &all, &n, err);
    const char **name = *ret = arena_array(arena, n + 1, sizeof *name);
    for (size_t i = 0; i < n; i++) name[i] = all[i].name;
    *ret_n = n;
    return s;
}

enum status store_study_ends(struct store *store, struct arena *arena, struct store_end **ret, size_t *ret_n,
                             struct error *err)
{
    static const char sql[] = "SELECT id, name, (SELECT ifnull(max(seq), 0) FROM event WHERE study = study.id) FROM "
                              "study WHERE substr(name, 1, 1) <> '/' ORDER BY id";
    return list(store, sql, arena, ret, ret_n, err);
}

enum status store_study_id(struct store *store, const char *name, int64_t *ret, struct error *err)
{
    static const char sql[] = "SELECT id FROM study WHERE name = ?1 AND substr(name, 1, 1) <> '/'";
    struct statement *q = statement_get(store, sql, err);
    int64_t id = 0;
    if (!q) return err->status;
    statement_text(q, 1, name);
    if (statement_row(q)) id = column_int(q, 0);
    enum status s = statement_end(q, err);
    if (!s && !id) s = error_set(err, STATUS_NOT_FOUND, "%s: no study '%s'", store->path, name);
    if (!s) *ret = id;
    return s;
}

/* ---- deleting ---- */

enum { SWEPT_EVENTS = 4000, SWEPT_ROWS = 1000 };

/* No study can have such a name. The row stays: its id is not given again, and it knows whose it was and how far its
 * log went. */
enum status store_study_delete(struct store *store, int64_t study, struct error *err)
{
    static const char sql[] = "UPDATE study SET name = '/' || id, path = name, file = '', identity = '', state = NULL, "
                              "seed = (SELECT ifnull(max(seq), 0) FROM event WHERE study = ?1) WHERE id = ?1";
    enum status s = notice_forget(store, study, err); /* nobody is told of it any more */
    return s ? s : statement_run(store, sql, err, "i", study);
}

static enum status count(struct store *store, const char *sql, int64_t value, int64_t *ret, struct error *err)
{
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, value);
    *ret = statement_row(q) ? column_int(q, 0) : 0;
    return statement_end(q, err);
}

/* The newest events first: what is left is a log that can be read. */
static enum status delete_some(struct store *store, int64_t study, struct error *err)
{
    static const char curves[] = "DELETE FROM curve WHERE study = ?1 AND (lease, seq) IN (SELECT lease, seq FROM curve "
                                 "WHERE study = ?1 ORDER BY lease, seq LIMIT ?2)",
                      items[] = "DELETE FROM item WHERE study = ?1 AND (lease, seq) IN (SELECT lease, seq FROM item "
                                "WHERE study = ?1 ORDER BY lease, seq LIMIT ?2)",
                      events[] = "DELETE FROM event WHERE study = ?1 AND seq > (SELECT max(seq) FROM event WHERE study "
                                 "= ?1) - ?2",
                      requests[] = "DELETE FROM request WHERE study = ?1";
    enum status s = statement_run(store, curves, err, "ii", study, (int64_t)SWEPT_ROWS);
    if (s || sqlite3_changes(store->db)) return s;
    s = statement_run(store, items, err, "ii", study, (int64_t)SWEPT_ROWS);
    if (s || sqlite3_changes(store->db)) return s;
    s = statement_run(store, events, err, "ii", study, (int64_t)SWEPT_EVENTS);
    if (s || sqlite3_changes(store->db)) return s;
    return statement_run(store, requests, err, "i", study);
}

/* Triggers protect events and reports from everybody else. */
static enum status sweep_study(struct store *store, int64_t study, struct error *err)
{
    enum status s = store_begin(store, err);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    if (!s) s = delete_some(store, study, err);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1, NULL);
    if (!s) s = store_commit(store, err);
    if (s) store_rollback(store);
    return s ? s : store_check_ground(store, err);
}

enum status store_sweep(struct store *store, int64_t before_ms, bool *ret_more, struct error *err)
{
    static const char deleted[] = "SELECT id FROM study AS s WHERE name >= '/' AND name < '0' AND ?1 AND "
                                  "(EXISTS (SELECT 1 FROM event WHERE study = s.id) OR "
                                  "EXISTS (SELECT 1 FROM curve WHERE study = s.id) OR "
                                  "EXISTS (SELECT 1 FROM item WHERE study = s.id) OR "
                                  "EXISTS (SELECT 1 FROM request WHERE study = s.id)) LIMIT 1",
                      old[] = "SELECT 1 FROM answer WHERE at_ms < ?1 LIMIT 1",
                      forget[] =
                          "DELETE FROM answer WHERE (token, key) IN (SELECT token, key FROM answer WHERE at_ms < "
                          "?1 LIMIT ?2)";
    int64_t study = 0, any = 0;
    enum status s = count(store, deleted, 1, &study, err);
    if (!s && study) s = sweep_study(store, study, err);
    if (!s && !study) s = count(store, old, before_ms, &any, err);
    if (!s && any) s = statement_run(store, forget, err, "ii", before_ms, (int64_t)SWEPT_ROWS);
    if (!s) *ret_more = study || any;
    return s;
}
