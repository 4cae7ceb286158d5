/* Faults by countdown: the k-th call fails, for every k of a run. The linker puts the functions named __wrap_… before
 * the real ones (tests/CMakeLists.txt), so that nothing in the program knows of the tests. */
#include "tests/test.h"

#include "tuner/coordinator/coordinator.h"
#include "tuner/history/lease.h"
#include "tuner/analysis/snapshot.h"

#include "tuner/base/beneath.h"
#include "surrogate/surrogate.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the faults ---- */

struct fault {
    long countdown; /* the call that fails is number 0; −1: none */
    long times;     /* how many fail in a row */
    int code;
    long calls; /* counted since fault_set */
};

static struct fault sqlite_fault = {-1, 0, 0, 0}, spawn_fault = {-1, 0, 0, 0}, memory_fault = {-1, 0, 0, 0},
                    write_fault = {-1, 0, 0, 0}, folder_fault = {-1, 0, 0, 0};
static pthread_mutex_t fault_lock = PTHREAD_MUTEX_INITIALIZER;

static void fault_set(struct fault *f, long countdown, long times, int code)
{
    pthread_mutex_lock(&fault_lock);
    *f = (struct fault){countdown, times, code, 0};
    pthread_mutex_unlock(&fault_lock);
}

static int fault_now(struct fault *f)
{
    pthread_mutex_lock(&fault_lock);
    f->calls++;
    bool now = f->countdown == 0 && f->times > 0;
    if (f->countdown > 0) f->countdown--;
    if (now && --f->times == 0) f->countdown = -1;
    int code = now ? f->code : 0;
    pthread_mutex_unlock(&fault_lock);
    return code;
}

static long fault_calls(struct fault *f)
{
    pthread_mutex_lock(&fault_lock);
    long n = f->calls;
    pthread_mutex_unlock(&fault_lock);
    return n;
}

int __real_sqlite3_step(sqlite3_stmt *q);
int __real_sqlite3_exec(sqlite3 *db, const char *sql, int (*fn)(void *, int, char **, char **), void *data, char **err);
int __real_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int n, unsigned flags, sqlite3_stmt **ret,
                              const char **tail);
int __real_uv_spawn(uv_loop_t *loop, uv_process_t *process, const uv_process_options_t *options);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
ssize_t __real_write(int fd, const void *bytes, size_t n);
int __real_mkdirat(int dir, const char *path, mode_t mode);

int __wrap_sqlite3_step(sqlite3_stmt *q)
{
    int code = fault_now(&sqlite_fault);
    return code ? code : __real_sqlite3_step(q);
}

int __wrap_sqlite3_exec(sqlite3 *db, const char *sql, int (*fn)(void *, int, char **, char **), void *data, char **err)
{
    int code = fault_now(&sqlite_fault);
    return code ? code : __real_sqlite3_exec(db, sql, fn, data, err);
}

int __wrap_sqlite3_prepare_v3(sqlite3 *db, const char *sql, int n, unsigned flags, sqlite3_stmt **ret,
                              const char **tail)
{
    int code = fault_now(&sqlite_fault);
    return code ? code : __real_sqlite3_prepare_v3(db, sql, n, flags, ret, tail);
}

int __wrap_uv_spawn(uv_loop_t *loop, uv_process_t *process, const uv_process_options_t *options)
{
    int code = fault_now(&spawn_fault);
    if (!code) return __real_uv_spawn(loop, process, options);
    uv_process_options_t broken = *options; /* as in life, the handle is initialised all the same */
    broken.file = "/nonexistent/program";
    __real_uv_spawn(loop, process, &broken);
    return code;
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fault_now(&memory_fault) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fault_now(&memory_fault) ? NULL : __real_realloc(p, size);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t n)
{
    int code = fault_now(&write_fault);
    if (!code) return __real_write(fd, bytes, n);
    errno = code;
    return -1;
}

int __wrap_mkdirat(int dir, const char *path, mode_t mode)
{
    int code = fault_now(&folder_fault);
    if (!code) return __real_mkdirat(dir, path, mode);
    errno = code;
    return -1;
}

/* ---- a small run, step by step ---- */

static const char STUDY[] =
    "study: s\ntrial: {command: [/bin/sh, trial.sh, '{x}'], retries: 1, backoff: 1s}\n"
    "parameters:\n  x: {type: float, range: [0, 1]}\nmetrics:\n  tokens: {goal: minimize}\n"
    "objective: {minimize: tokens}\nbudget: {trials: 6}\nsearch: {sampler: sobol}\nconfirm: {top: 0}\n";

static char folder[64], path[100];

static void remove_folder(void)
{
    char command[200];
    if (!*folder) return;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/nocturne-faults-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/n.db", folder);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    remove_folder();
    return 0;
}

struct step_world {
    struct study *study;
    struct store *store;
    struct history *history;
};

static enum status open_world(struct step_world *w, struct error *err)
{
    char name[120];
    snprintf(name, sizeof name, "%s/s.yaml", folder);
    enum status s = study_parse(name, STUDY, strlen(STUDY), &w->study, err);
    if (!s) s = store_open(path, STORE_CREATE, &w->store, err);
    if (!s) s = history_open(w->store, w->study, &(struct opening){.seed = 7}, clock_real(), &w->history, err);
    return s;
}

static void close_world(struct step_world *w)
{
    history_free(w->history);
    store_close(w->store);
    study_free(w->study);
    *w = (struct step_world){0};
}

static void forget(void)
{
    const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    char name[120];
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "%s%s", path, tails[i]);
        unlink(name);
    }
    snprintf(name, sizeof name, "%s/files", folder);
    beneath_remove(AT_FDCWD, name);
}

/* One trial from its suggestion to its result. */
static void live(struct history *s, double x)
{
    const struct trial *t = history_add(s, &(struct addition){.role = ROLE_SEARCH, .config = &x, .source = "test"});
    struct error err;
    json_t *m = json_pack("{s:f}", "tokens", 100 * x);
    assert_ok(history_lease(s, t, NULL, 0, &err), err);
    history_report(s, t, 1, m);
    assert_ok(history_finish(s, t, &(struct ending){.state = TRIAL_COMPLETE, .metrics = m}, &err), err);
    json_decref(m);
}

static void must_hold(size_t trials)
{
    struct step_world w = {0};
    struct error err;
    char *difference = NULL;
    assert_ok(open_world(&w, &err), err);
    assert_true(history_memory(w.history)->n >= trials); /* nothing that was acknowledged is missing */
    for (size_t i = 0; i < history_memory(w.history)->n; i++) {
        assert_int_equal(history_memory(w.history)->trial[i]->state, TRIAL_COMPLETE);
        assert_int_equal(history_memory(w.history)->trial[i]->number, i);
    }
    assert_ok(snapshot_rebuild(w.store, "s", clock_real(), &difference, &err), err);
    assert_null(difference);
    close_world(&w);
}

/* Opens, lives three trials with a flush after each. Returns how many flushes said that they were durable. */
static size_t run_steps(bool persist, enum status *ret)
{
    struct step_world w = {0};
    struct error err;
    size_t durable = 0;
    enum status s = open_world(&w, &err);
    for (int i = 0; !s && i < 3; i++) {
        live(w.history, 0.1 * (i + 1));
        s = history_flush(w.history, &err);
        if (s && persist && store_may_recover(w.store)) s = history_flush(w.history, &err); /* again */
        durable += s == STATUS_OK;
    }
    if (s) assert_contains(err.text, path); /* a sentence that names the file */
    close_world(&w);
    *ret = s;
    return durable;
}

static void test_faults__every_statement_of_a_run(void **state)
{
    (void)state;
    static const int codes[] = {SQLITE_FULL, SQLITE_IOERR, SQLITE_BUSY, SQLITE_CORRUPT, SQLITE_NOMEM, SQLITE_READONLY};
    enum status s;
    fault_set(&sqlite_fault, -1, 0, 0);
    assert_int_equal(run_steps(false, &s), 3);
    long calls = fault_calls(&sqlite_fault);
    assert_true(calls > 40);
    for (size_t c = 0; c < sizeof codes / sizeof *codes; c++)
        for (long k = 0; k < calls; k++) {
            forget();
            fault_set(&sqlite_fault, k, 1, codes[c]);
            size_t durable = run_steps(k % 2, &s);
            fault_set(&sqlite_fault, -1, 0, 0);
            must_hold(durable);
        }
}

/* ---- the writer of the journal ---- */

struct answers {
    pthread_mutex_t lock;
    char text[64];
    size_t n, troubles;
};

static void on_durable(void *data, const char *bytes, size_t n)
{
    struct answers *a = data;
    pthread_mutex_lock(&a->lock);
    memcpy(a->text + a->n, bytes, n);
    a->n += n;
    pthread_mutex_unlock(&a->lock);
}

static void on_trouble(void *data, const char *text)
{
    struct answers *a = data;
    pthread_mutex_lock(&a->lock);
    a->troubles += text != NULL;
    pthread_mutex_unlock(&a->lock);
}

/* Whatever statement fails, and twice in a row: every answer comes, once, in order, after its events. */
static void test_faults__the_writer_tries_again(void **state)
{
    (void)state;
    static const int codes[] = {SQLITE_FULL, SQLITE_IOERR, SQLITE_BUSY};
    for (long k = 0; k < 24; k++) {
        struct step_world w = {0};
        struct error err;
        struct answers a = {.lock = PTHREAD_MUTEX_INITIALIZER};
        forget();
        assert_ok(open_world(&w, &err), err);
        fault_set(&sqlite_fault, k, 2, codes[k % 3]);
        assert_ok(journal_start(history_journal(w.history), &(struct journal_hooks){on_durable, on_trouble, &a}, &err),
                  err);
        for (int i = 0; i < 4; i++) {
            live(w.history, 0.1 * (i + 1));
            journal_answer(history_journal(w.history), &"abcd"[i], 1);
            journal_submit(history_journal(w.history));
            journal_wait(history_journal(w.history));
        }
        for (int tries = 0; tries < 300000 &&
                            journal_durable(history_journal(w.history)) < journal_batch(history_journal(w.history)) - 1;
             tries++)
            usleep(1000);
        assert_ok(journal_stop(history_journal(w.history), &err), err);
        fault_set(&sqlite_fault, -1, 0, 0);
        assert_string_equal(a.text, "abcd");
        close_world(&w);
        must_hold(4);
    }
}

/* ---- a coordinator whose machine fails it ---- */

struct told {
    enum coordinator_end end;
    enum status status;
    struct error err;
    size_t finished, paused, resumed;
    char text[1200];
    long refused; /* the call of SQLite, after the start, from which on three fail; −1: none */
};

static void on_event(void *data, enum news event, const struct trial *t, const char *text)
{
    struct told *told = data;
    (void)t;
    told->finished += event == NEWS_FINISHED;
    told->paused += event == NEWS_PAUSED;
    told->resumed += event == NEWS_RESUMED;
    if (event == NEWS_PAUSED) snprintf(told->text, sizeof told->text, "%s", text);
}

static void on_ended(void *data, enum coordinator_end end, enum status status, const struct error *err)
{
    struct told *told = data;
    told->end = end;
    told->status = status;
    told->err = *err;
}

static void write_file(const char *name, const char *text)
{
    char full[120];
    snprintf(full, sizeof full, "%s/%s", folder, name);
    FILE *out = fopen(full, "w");
    fputs(text, out);
    fclose(out);
}

static void coordinate(struct told *told)
{
    char name[120], files[120];
    struct step_world w = {0};
    struct error err;
    uv_loop_t loop;
    struct coordinator *c = NULL;
    struct budget budget = {.trials = 6, .until_minutes = -1};
    struct opening opening = {.seed = 7, .budget = &budget, .slots = 2};
    write_file("s.yaml", STUDY);
    write_file("trial.sh", "echo \"nocturne:{\\\"step\\\": 1, \\\"tokens\\\": 5}\"\n"
                           "echo \"nocturne:{\\\"result\\\": {\\\"tokens\\\": 9}}\"\n");
    snprintf(name, sizeof name, "%s/s.yaml", folder);
    snprintf(files, sizeof files, "%s/files", folder);
    assert_ok(study_parse(name, STUDY, strlen(STUDY), &w.study, &err), err);
    assert_ok(store_open(path, STORE_CREATE, &w.store, &err), err);
    assert_ok(history_open(w.store, w.study, &opening, clock_real(), &w.history, &err), err);
    struct coordinator_options o = {
        .slots = 2, .guard = GUARD, .files = files, .listen = on_event, .ended = on_ended, .data = told};
    uv_loop_init(&loop);
    assert_ok(coordinator_create(&o, w.history, &loop, &c, &err), err);
    assert_ok(coordinator_start(c, &err), err);
    if (told->refused >= 0) fault_set(&sqlite_fault, told->refused, 3, SQLITE_FULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    fault_set(&sqlite_fault, -1, 0, 0);
    assert_ok(told->status, told->err);
    assert_int_equal(told->end, COORDINATOR_DONE);
    assert_int_equal(uv_loop_close(&loop), 0);
    coordinator_free(c);
    for (size_t i = 0; i < history_memory(w.history)->n; i++) /* not their fault */
        if (history_memory(w.history)->trial[i]->effort.crashes)
            fail_msg("trial %zu crashed: %s", i, history_memory(w.history)->trial[i]->reason);
    close_world(&w);
    must_hold(6);
}

static void test_faults__no_process_can_be_started(void **state)
{
    (void)state;
    static const int codes[] = {UV_EAGAIN, UV_ENOMEM, UV_EMFILE, UV_ENFILE};
    for (size_t i = 0; i < 4; i++) {
        struct told told = {.refused = -1};
        forget();
        fault_set(&spawn_fault, (long)i, 2, codes[i]);
        coordinate(&told);
        assert_int_equal(told.finished, 6);
        assert_int_equal(told.paused, 1);
        assert_int_equal(told.resumed, 1);
        assert_contains(told.text, "paused: cannot start ");
    }
}

static void test_faults__the_log_folder_cannot_be_made(void **state)
{
    (void)state;
    static const int codes[] = {EACCES, ENOSPC, EROFS, EIO};
    for (size_t i = 0; i < 4; i++) {
        struct told told = {.refused = -1};
        forget();
        fault_set(&folder_fault, (long)i, 1, codes[i]);
        coordinate(&told);
        assert_int_equal(told.finished, 6);
        assert_int_equal(told.paused, 1);
        assert_contains(told.text, "cannot make the folder");
        assert_contains(told.text, "goes on by itself");
    }
}

/* Logs are worth less than trials: what cannot be written is lost, and nothing else. */
static void test_faults__logs_cannot_be_written(void **state)
{
    (void)state;
    struct told told = {.refused = -1};
    forget();
    fault_set(&write_fault, 0, 1000000, ENOSPC);
    coordinate(&told);
    fault_set(&write_fault, -1, 0, 0);
    assert_int_equal(told.finished, 6);
}

static void test_faults__the_database_refuses_while_trials_run(void **state)
{
    (void)state;
    for (long k = 0; k < 40; k += 7) {
        struct told told = {.refused = k};
        forget();
        coordinate(&told);
        assert_int_equal(told.finished, 6);
    }
}

/* Out of memory ends the process with one sentence; what was acknowledged is there for the next. */
static void test_faults__out_of_memory_at_any_moment(void **state)
{
    (void)state;
    enum status s;
    forget();
    fault_set(&memory_fault, -1, 0, 0);
    assert_int_equal(run_steps(false, &s), 3);
    long calls = fault_calls(&memory_fault);
    assert_true(calls > 20);
    for (long k = 0; k < calls; k += 1 + k / 16) {
        int pipe_fd[2], code;
        char said[400] = "";
        forget();
        assert_int_equal(pipe(pipe_fd), 0);
        pid_t child = fork();
        if (child == 0) {
            dup2(pipe_fd[1], STDERR_FILENO);
            signal(SIGABRT, SIG_DFL);
            fault_set(&memory_fault, k, 1, 1);
            _exit(100 + (int)run_steps(false, &s));
        }
        close(pipe_fd[1]);
        waitpid(child, &code, 0);
        ssize_t n = read(pipe_fd[0], said, sizeof said - 1);
        close(pipe_fd[0]);
        if (WIFEXITED(code)) continue; /* a library handled it, or it was not reached */
        assert_int_equal(WTERMSIG(code), SIGABRT);
        assert_true(n > 0);
        assert_contains(said, "out of memory; nothing committed is lost");
        must_hold(0);
    }
    fault_set(&memory_fault, -1, 0, 0);
}

#define fault_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    surrogate_setup();
    const struct CMUnitTest tests[] = {
        fault_test(test_faults__every_statement_of_a_run),
        fault_test(test_faults__the_writer_tries_again),
        fault_test(test_faults__no_process_can_be_started),
        fault_test(test_faults__the_log_folder_cannot_be_made),
        fault_test(test_faults__logs_cannot_be_written),
        fault_test(test_faults__the_database_refuses_while_trials_run),
        fault_test(test_faults__out_of_memory_at_any_moment),
    };
    return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
