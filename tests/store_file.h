/* A database in a file of this process's own, for the tests of the store. */
#ifndef TESTS_STORE_FILE_H
#define TESTS_STORE_FILE_H

#include "tests/folder.h"
#include "tests/test.h"

#include "store/store.h"

#include <sqlite3.h>
#include <unistd.h>

static char path[256];

static inline int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "%s/n.db", test_folder());
    return 0;
}

static inline int clean(void **state)
{
    char name[300];
    (void)state;
    const char *const tails[] = {"", "-wal", "-shm", "-s.lock"};
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", path, tails[i]);
        unlink(name);
    }
    return 0;
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, setup, clean)

static inline struct store *open_store(void)
{
    struct store *s = NULL;
    struct error err;
    assert_ok(store_open(path, STORE_CREATE, &s, &err), err);
    return s;
}

static inline int64_t add_study(struct store *s, const char *name)
{
    int64_t id;
    struct error err;
    struct store_study row = {.name = name,
                              .path = "/s.yaml",
                              .file = "study: s\n",
                              .identity = "{}",
                              .seed = 18446744073709551615u,
                              .created_ms = 5};
    assert_ok(store_study_insert(s, &row, &id, &err), err);
    return id;
}

static inline void add_event(struct journal *j, int64_t seq, const char *body)
{
    journal_event(
        j, &(struct store_event){.seq = seq, .trial = (long)seq % 7, .kind = 10 /* note */, .at_ms = 7, .body = body});
}

static inline void run_sql(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

#endif
