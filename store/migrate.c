#include "store/migrate.h"

#include "store/curve.h"
#include "store/statement.h"

#include <stdio.h>

extern const char store_migration_0001[], store_migration_0002[], store_migration_0003[], store_migration_0004[],
    store_migration_0005[], store_migration_0006[], store_migration_0007[], store_migration_0008[],
    store_migration_0009[], store_migration_0010[], store_migration_0011[], store_migration_0012[],
    store_migration_0013[], store_migration_0014[];

static const char *const migrations[] = {
    store_migration_0001, store_migration_0002, store_migration_0003, store_migration_0004, store_migration_0005,
    store_migration_0006, store_migration_0007, store_migration_0008, store_migration_0009, store_migration_0010,
    store_migration_0011, store_migration_0012, store_migration_0013, store_migration_0014};

enum { VERSION = sizeof migrations / sizeof *migrations };

int store_version(void)
{
    return VERSION;
}

static enum status pragma(struct store *store, const char *sql, int64_t *ret, struct error *err)
{
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    if (statement_row(q)) *ret = column_int(q, 0);
    return statement_end(q, err);
}

/* Two processes may find the same old file: whoever is second finds the version there when it has the lock. */
static enum status apply(struct store *store, int version, struct error *err)
{
    char stamp[96];
    int64_t now = 0;
    snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %d", STORE_APPLICATION_ID,
             version);
    enum status s = store_begin(store, err);
    if (!s) s = pragma(store, "PRAGMA user_version", &now, err);
    if (!s && now < version) s = store_exec(store, migrations[version - 1], err);
    if (!s && now < version) s = store_exec(store, stamp, err);
    if (!s) s = store_commit(store, err);
    if (s) store_rollback(store);
    return s;
}

static enum status check_ours(const struct store *store, int64_t objects, int64_t id, int64_t version,
                              struct error *err)
{
    if (id != STORE_APPLICATION_ID && (id != 0 || version != 0 || objects != 0))
        return error_set(err, STATUS_INVALID, "%s: a database, but not Nocturne's; choose another file with --db",
                         store->path);
    if (version > VERSION)
        return error_set(err, STATUS_INVALID,
                         "%s: written by a newer Nocturne (schema %lld, this one knows %d); upgrade the program",
                         store->path, (long long)version, VERSION);
    return STATUS_OK;
}

enum status store_migrate(struct store *store, struct error *err)
{
    int64_t objects = 0, id = 0, version = 0; /* in this order: another process may be making the file now */
    enum status s = pragma(store, "SELECT count(*) FROM sqlite_schema", &objects, err);
    if (!s) s = pragma(store, "PRAGMA application_id", &id, err);
    if (!s) s = pragma(store, "PRAGMA user_version", &version, err);
    if (!s) s = check_ours(store, objects, id, version, err);
    if (version < VERSION) report_row_register(store->db);
    while (!s && version < VERSION) s = apply(store, (int)++version, err);
    return s;
}
