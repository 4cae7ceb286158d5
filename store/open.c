#include "store/store.h"

#include "store/migrate.h"
#include "store/statement.h"

#include "tuner/base/arena.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 10000 };

static enum status configure(struct store *store, struct error *err)
{
    sqlite3_busy_timeout(store->db, BUSY_MS);
    sqlite3_extended_result_codes(store->db, 1);
    return store_exec(store,
                      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                      "PRAGMA trusted_schema = OFF",
                      err);
}

struct first_problem {
    struct store *store;
    struct error *err;
    enum status status;
};

static void remember_first(void *data, const char *text)
{
    struct first_problem *p = data;
    if (!p->status)
        p->status =
            error_set(p->err, STATUS_IO, "%s: the database is damaged (%s); restore a backup", p->store->path, text);
}

static enum status findings(struct store *store, const char *sql, const char *ok, void (*problem)(void *, const char *),
                            void *data, struct error *err)
{
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    while (statement_row(q)) {
        const char *text = column_text(q, 0);
        if (!ok || !text || strcmp(text, ok) != 0) problem(data, text ? text : "a broken reference");
    }
    return statement_end(q, err);
}

static enum status quick_check(struct store *store, struct error *err)
{
    struct first_problem p = {store, err, STATUS_OK};
    enum status s = findings(store, "PRAGMA quick_check(1)", "ok", remember_first, &p, err);
    return s ? s : p.status;
}

enum status store_check(struct store *store, void (*problem)(void *, const char *), void *data, struct error *err)
{
    enum status s = findings(store, "PRAGMA integrity_check(20)", "ok", problem, data, err);
    return s ? s
             : findings(store,
                        "SELECT 'row ' || rowid || ' of ' || \"table\" || ' points to a missing ' || parent "
                        "FROM pragma_foreign_key_check",
                        NULL, problem, data, err);
}

static off_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : 0;
}

static bool is_memory(const char *path)
{
    return strcmp(path, ":memory:") == 0;
}

/* SQLite makes its other files as this one is. One that is there is not touched: to close it would end locks on it. */
static void create_private(const char *path)
{
    int fd = is_memory(path) ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) close(fd);
}

enum status store_open(const char *path, enum store_mode mode, struct store **ret, struct error *err)
{
    if (mode == STORE_EXISTING && !is_memory(path) && access(path, F_OK) != 0)
        return error_set(err, STATUS_NOT_FOUND,
                         "%s: no such database; name it with --db or NOCTURNE_DB, or start with "
                         "'nocturne run STUDY.yaml'",
                         path);
    struct store *store = must_alloc(1, sizeof *store);
    store->path = must_strdup(path);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (mode == STORE_CREATE ? SQLITE_OPEN_CREATE : 0);
    if (mode == STORE_CREATE) create_private(path);
    int code = sqlite3_open_v2(path, &store->db, flags, NULL);
    enum status s = code == SQLITE_OK ? STATUS_OK : store_failed(store, code, err);
    if (!s) ground_tighten(store->db);
    if (!s) s = configure(store, err);
    if (!s) s = store_migrate(store, err);
    if (!s && file_bytes(path) <= STORE_CHECKED_BYTES) s = quick_check(store, err);
    if (s)
        store_close(store);
    else {
        ground_note(&store->ground, store->db, STORE_APPLICATION_ID);
        *ret = store;
    }
    return s;
}

void store_close(struct store *store)
{
    if (!store) return;
    for (size_t i = 0; i < STATEMENTS_MAX && store->statement[i].sql; i++) sqlite3_finalize(store->statement[i].stmt);
    sqlite3_close(store->db);
    free(store->path);
    free(store);
}

void store_set_patience(struct store *store, int ms)
{
    sqlite3_busy_timeout(store->db, ms);
}

bool store_in_memory(const struct store *store)
{
    return is_memory(store->path);
}

const char *store_path(const struct store *store)
{
    return store->elsewhere.name ? store->elsewhere.name : store->path;
}

void store_set_elsewhere(struct store *store, const struct store_elsewhere *elsewhere)
{
    store->elsewhere = *elsewhere;
}

const struct store_elsewhere *store_elsewhere(const struct store *store)
{
    return store->elsewhere.name ? &store->elsewhere : NULL;
}

enum status store_check_ground(struct store *store, struct error *err)
{
    const char *tail = "";
    switch (ground_look(&store->ground, store->db, store->path, &tail)) {
    case GROUND_FIRM: break;
    case GROUND_MOVED:
        store->code = SQLITE_READONLY_DBMOVED;
        return error_set(err, STATUS_IO,
                         "%s%s was moved, deleted or replaced while it is in use, and nothing is accepted until it is "
                         "back: put it back, or stop and restore a backup",
                         store->path, tail);
    case GROUND_CUT:
        store->code = SQLITE_CORRUPT;
        sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL); /* nothing more into what is there */
        return error_set(err, STATUS_IO,
                         "%s was cut or overwritten by another program while it is in use, and nothing is accepted any "
                         "more: stop all that use it, and restore a backup",
                         store->path);
    }
    return STATUS_OK;
}

enum status store_backup(struct store *store, const char *path, struct error *err)
{
    char part[4200];
    sqlite3 *out = NULL;
    if (access(path, F_OK) == 0)
        return error_set(err, STATUS_INVALID, "%s: exists already; choose another file, or move it away", path);
    snprintf(part, sizeof part, "%s.part", path);
    unlink(part);
    create_private(part);
    int code = sqlite3_open(part, &out);
    sqlite3_backup *copy = code == SQLITE_OK ? sqlite3_backup_init(out, "main", store->db, "main") : NULL;
    while (copy && (code = sqlite3_backup_step(copy, -1)) == SQLITE_BUSY) sqlite3_sleep(50);
    sqlite3_backup_finish(copy);
    if (code == SQLITE_DONE) code = sqlite3_exec(out, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
    enum status s = STATUS_OK;
    if (code != SQLITE_OK) s = error_set(err, STATUS_IO, "%s: cannot write the backup: %s", path, sqlite3_errmsg(out));
    sqlite3_close(out);
    if (!s && rename(part, path) != 0) s = error_set(err, STATUS_IO, "%s: cannot write the backup: %m", path);
    if (s) unlink(part);
    return s;
}
