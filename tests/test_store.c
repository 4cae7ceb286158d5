#include "tests/test.h"

#include "store/store.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[256];

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/nocturne-test-store-%ld.db", (long)getpid());
    return 0;
}

static int clean(void **state)
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

static struct store *open_store(void)
{
    struct store *s = NULL;
    struct error err;
    assert_ok(store_open(path, STORE_CREATE, &s, &err), err);
    return s;
}

static int64_t add_study(struct store *s, const char *name)
{
    int64_t id;
    struct error err;
    struct store_study row = {.name = name,
                              .path = "/s.yaml",
                              .file = "study: s\n",
                              .identity = "{}",
                              .phase = "open",
                              .seed = 18446744073709551615u,
                              .created_ms = 5};
    assert_ok(store_study_insert(s, &row, &id, &err), err);
    return id;
}

static int64_t add_trial(struct store *s, int64_t study, long number, const char *state)
{
    int64_t id;
    struct error err;
    struct store_trial row = {.study = study,
                              .number = number,
                              .role = "search",
                              .state = state,
                              .params = "{\"x\": 0.1}",
                              .source = "sobol",
                              .seed = 9,
                              .confirms = -1,
                              .created_ms = 7};
    assert_ok(store_trial_insert(s, &row, &id, &err), err);
    return id;
}

static void run_sql(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void on_study(void *data, const struct store_study *row)
{
    int64_t *id = data;
    assert_string_equal(row->file, "study: s\n");
    assert_string_equal(row->phase, "stopped");
    assert_true(row->seed == 18446744073709551615u);
    *id = row->id;
}

static void count_study(void *data, const struct store_study *row)
{
    (void)row;
    ++*(int *)data;
}

static void test_store__studies_survive_reopening(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    int64_t id = add_study(s, "s"), found = 0;
    int n = 0;
    assert_ok(store_study_set_phase(s, id, "stopped", &err), err);
    assert_ok(store_study_update(s, id, "/moved.yaml", "study: s\n", "{}", &err), err);
    store_close(s);
    s = open_store();
    assert_ok(store_study_find(s, "s", on_study, &found, &err), err);
    assert_int_equal(found, id);
    assert_int_equal(store_study_find(s, "t", on_study, &found, &err), STATUS_NOT_FOUND);
    add_study(s, "u");
    assert_ok(store_studies(s, count_study, &n, &err), err);
    assert_int_equal(n, 2);
    assert_int_equal(store_study_set_phase(s, id, "dancing", &err), STATUS_IO); /* CHECK */
    store_close(s);
}

struct seen {
    int n;
    char states[64];
    char metrics[64];
};

static void on_trial(void *data, const struct store_trial *row)
{
    struct seen *seen = data;
    assert_int_equal(row->number, seen->n);
    assert_int_equal(row->confirms, -1);
    seen->n++;
    strcat(seen->states, row->state);
    strcat(seen->states, " ");
    if (row->metrics) strcpy(seen->metrics, row->metrics);
}

static void test_store__trial_states_change_only_from_what_they_are(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    int64_t study = add_study(s, "s"), a = add_trial(s, study, 0, "queued"), b = add_trial(s, study, 1, "running");
    struct seen seen = {0};
    assert_ok(store_trial_set_state(s, a, "queued", "leased", &err), err);
    assert_int_equal(store_trial_set_state(s, a, "queued", "leased", &err), STATUS_FAILED);
    assert_ok(store_trial_finish(s, b, "running", "complete", "{\"em\": 0.30000000000000004}", NULL, 0, 9, &err), err);
    assert_int_equal(store_trial_finish(s, b, "running", "failed", NULL, "late", 0, 9, &err), STATUS_FAILED);
    assert_ok(store_trials(s, study, on_trial, &seen, &err), err);
    assert_int_equal(seen.n, 2);
    assert_string_equal(seen.states, "leased complete ");
    assert_string_equal(seen.metrics, "{\"em\": 0.30000000000000004}");
    struct store_trial twin = {
        .study = study, .number = 1, .role = "search", .state = "queued", .params = "{}", .source = "x"};
    int64_t id;
    assert_int_equal(store_trial_insert(s, &twin, &id, &err), STATUS_IO); /* numbers are unique */
    twin.study = 99;
    assert_int_equal(store_trial_insert(s, &twin, &id, &err), STATUS_IO); /* foreign key */
    store_close(s);
}

static void on_attempt(void *data, const struct store_attempt *row)
{
    struct seen *seen = data;
    seen->n++;
    assert_int_equal(row->number, seen->n);
    if (row->number == 1) {
        assert_string_equal(row->outcome, "crashed");
        assert_string_equal(row->reason, "signal 11");
        assert_int_equal(row->pid, 4242);
    } else
        assert_null(row->outcome);
}

static void on_report(void *data, const struct store_report *row)
{
    struct seen *seen = data;
    assert_int_equal(row->seq, seen->n);
    assert_int_equal(row->step, 10 * seen->n);
    seen->n++;
}

static void test_store__attempts_and_reports(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    int64_t trial = add_trial(s, add_study(s, "s"), 0, "queued"), first, second;
    struct seen seen = {0};
    assert_ok(store_attempt_insert(s, trial, 1, "/d", 1, &first, &err), err);
    assert_ok(store_attempt_set_pid(s, first, 4242, &err), err);
    assert_ok(store_attempt_finish(s, first, "crashed", "signal 11", 2, &err), err);
    assert_ok(store_attempt_insert(s, trial, 2, "/d", 3, &second, &err), err);
    for (long i = 0; i < 3; i++)
        assert_ok(store_report_insert(s, second, &(struct store_report){i, 10 * i, "{}"}, &err), err);
    assert_ok(store_attempts(s, trial, on_attempt, &seen, &err), err);
    assert_int_equal(seen.n, 2);
    seen.n = 0;
    assert_ok(store_reports(s, second, on_report, &seen, &err), err);
    assert_int_equal(seen.n, 3);
    store_close(s);
}

static void on_request(void *data, const char *verb, const char *payload)
{
    struct seen *seen = data;
    seen->n++;
    strcat(seen->states, verb);
    strcat(seen->states, payload);
}

static void test_store__requests_are_taken_once_and_in_order(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    int64_t study = add_study(s, "s"), other = add_study(s, "t");
    struct seen seen = {0};
    assert_ok(store_request_add(s, study, "enqueue", "{1}", 1, &err), err);
    assert_ok(store_request_add(s, other, "stop", "{}", 1, &err), err);
    assert_ok(store_request_add(s, study, "stop", "{2}", 2, &err), err);
    assert_ok(store_requests_take(s, study, on_request, &seen, &err), err);
    assert_string_equal(seen.states, "enqueue{1}stop{2}");
    assert_ok(store_requests_take(s, study, on_request, &seen, &err), err);
    assert_int_equal(seen.n, 2);
    assert_ok(store_requests_take(s, other, on_request, &seen, &err), err);
    assert_int_equal(seen.n, 3);
    store_close(s);
}

static void test_store__rollback_forgets(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    int n = 0;
    assert_ok(store_begin(s, &err), err);
    add_study(s, "s");
    store_rollback(s);
    store_rollback(s); /* outside a transaction: nothing */
    assert_ok(store_studies(s, count_study, &n, &err), err);
    assert_int_equal(n, 0);
    store_close(s);
}

static void test_store__user_text_is_never_sql(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    int64_t found;
    add_study(s, "x'; DROP TABLE trial; --");
    assert_int_equal(store_study_find(s, "' OR '1'='1", on_study, &found, &err), STATUS_NOT_FOUND);
    add_trial(s, 1, 0, "queued");
    store_close(s);
}

static void expect_refusal(enum store_mode mode, enum status status, const char *text)
{
    struct store *s = NULL;
    struct error err;
    assert_int_equal(store_open(path, mode, &s, &err), status);
    assert_null(s);
    assert_contains(err.text, text);
    assert_contains(err.text, path);
}

static void test_store_open__refuses_what_is_not_ours(void **state)
{
    (void)state;
    expect_refusal(STORE_EXISTING, STATUS_NOT_FOUND, "no such database");
    store_close(open_store());
    run_sql("PRAGMA user_version = 99");
    expect_refusal(STORE_CREATE, STATUS_INVALID, "newer Nocturne");
    clean(NULL);
    run_sql("CREATE TABLE theirs (x)");
    expect_refusal(STORE_CREATE, STATUS_INVALID, "not Nocturne's");
    clean(NULL);
    FILE *out = fopen(path, "w");
    fputs("this is not a database, whatever its name says; it is long enough to have a header", out);
    fclose(out);
    expect_refusal(STORE_CREATE, STATUS_INVALID, "not a database");
}

static void test_store_open__sees_damage(void **state)
{
    (void)state;
    struct store *s = open_store();
    int64_t study = add_study(s, "s");
    struct error err;
    assert_ok(store_begin(s, &err), err);
    for (long i = 0; i < 2000; i++) add_trial(s, study, i, "queued");
    assert_ok(store_commit(s, &err), err);
    store_close(s);
    FILE *out = fopen(path, "r+");
    for (long page = 8; page < 40; page++) {
        fseek(out, page * 4096 + 8, SEEK_SET);
        for (int i = 0; i < 2000; i++) fputc(i * 7, out);
    }
    fclose(out);
    expect_refusal(STORE_EXISTING, STATUS_IO, "damaged");
}

static void test_store_open__unwritable_folder(void **state)
{
    (void)state;
    struct store *s = NULL;
    struct error err;
    assert_int_equal(store_open("/proc/nocturne.db", STORE_CREATE, &s, &err), STATUS_IO);
    assert_contains(err.text, "cannot be written");
}

static void on_problem(void *data, const char *text)
{
    (void)text;
    ++*(int *)data;
}

static void test_store__check_finds_broken_references(void **state)
{
    (void)state;
    struct error err;
    int problems = 0;
    struct store *s = open_store();
    add_trial(s, add_study(s, "s"), 0, "queued");
    assert_ok(store_check(s, on_problem, &problems, &err), err);
    assert_int_equal(problems, 0);
    store_close(s);
    run_sql("PRAGMA foreign_keys = OFF; DELETE FROM study");
    s = open_store();
    assert_ok(store_check(s, on_problem, &problems, &err), err);
    assert_int_equal(problems, 1);
    assert_int_equal(store_version(), 2);
    store_close(s);
}

/* The SQLite error of a full disk, provoked for real by a limit on the file's pages. */
static void test_store__a_full_disk_is_a_sentence(void **state)
{
    (void)state;
    struct error err = {0};
    struct store *s = open_store();
    int64_t study = add_study(s, "s"), id;
    char big[5000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    sqlite3 **db = (sqlite3 **)s; /* the first member */
    sqlite3_exec(*db, "PRAGMA max_page_count = 14", NULL, NULL, NULL);
    enum status st = STATUS_OK;
    for (long i = 0; i < 100 && !st; i++) {
        struct store_trial row = {.study = study,
                                  .number = i,
                                  .role = "search",
                                  .state = "queued",
                                  .params = big,
                                  .source = "x",
                                  .confirms = -1};
        st = store_trial_insert(s, &row, &id, &err);
    }
    assert_int_equal(st, STATUS_IO);
    assert_contains(err.text, "the disk is full");
    store_close(s);
}

static void test_hold__one_process_at_a_time_and_free_when_it_dies(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    struct store_hold *hold = NULL, *second = NULL;
    assert_false(store_hold_taken(s, "s"));
    assert_ok(store_hold_take(s, "s", &hold, &err), err);
    assert_true(store_hold_taken(s, "s"));
    assert_int_equal(store_hold_take(s, "s", &second, &err), STATUS_BUSY);
    assert_contains(err.text, "is being run by pid ");
    store_hold_release(hold);
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        enum status st = store_hold_take(s, "s", &hold, NULL);
        if (write(ready[1], "x", 1) != 1) _exit(1);
        pause();
        _exit(st);
    }
    char c;
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_true(store_hold_taken(s, "s"));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_ok(store_hold_take(s, "s", &second, &err), err);
    store_hold_release(second);
    store_hold_release(NULL);
    store_close(s);
    close(ready[0]);
    close(ready[1]);
}

static void test_store__in_memory(void **state)
{
    (void)state;
    struct store *s = NULL;
    struct store_hold *hold = NULL;
    struct error err;
    assert_ok(store_open(":memory:", STORE_CREATE, &s, &err), err);
    assert_string_equal(store_path(s), ":memory:");
    add_study(s, "s");
    assert_ok(store_hold_take(s, "s", &hold, &err), err);
    assert_false(store_hold_taken(s, "s"));
    store_hold_release(hold);
    store_close(s);
    store_close(NULL);
}

#define store_test(name) cmocka_unit_test_setup_teardown(name, setup, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_store__studies_survive_reopening),
        store_test(test_store__trial_states_change_only_from_what_they_are),
        store_test(test_store__attempts_and_reports),
        store_test(test_store__requests_are_taken_once_and_in_order),
        store_test(test_store__rollback_forgets),
        store_test(test_store__user_text_is_never_sql),
        store_test(test_store_open__refuses_what_is_not_ours),
        store_test(test_store_open__sees_damage),
        store_test(test_store_open__unwritable_folder),
        store_test(test_store__check_finds_broken_references),
        store_test(test_store__a_full_disk_is_a_sentence),
        store_test(test_hold__one_process_at_a_time_and_free_when_it_dies),
        store_test(test_store__in_memory),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
