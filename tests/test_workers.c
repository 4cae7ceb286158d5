/* Real programs (sh), real processes, real signals. */
#include "tests/folder.h"
#include "tests/test.h"

#include "workers/guard.h"
#include "workers/contract.h"
#include "workers/descendants.h"
#include "workers/workers.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- contract ---- */

static void test_contract__understands_every_message(void **state)
{
    (void)state;
    struct message m;
    struct error err;
    const char *report = "{\"report\": {\"step\": 3, \"em\": 0.41}}", *shorter = "{\"step\": 4, \"em\": 0.5}",
               *result = "{\"result\": {\"em\": 0.61, \"tokens\": 3100000}}",
               *infeasible = "{\"infeasible\": \"no memory\"}",
               *checkpoint = "{\"checkpoint\": {\"path\": \"c\", \"step\": 3}}", *log = "{\"log\": \"hello\"}";
    assert_ok(contract_parse(report, strlen(report), &m, &err), err);
    assert_int_equal(m.kind, MESSAGE_REPORT);
    assert_int_equal(m.step, 3);
    assert_int_equal(json_object_size(m.metrics), 1);
    json_decref(m.metrics);
    assert_ok(contract_parse(shorter, strlen(shorter), &m, &err), err);
    assert_int_equal(m.step, 4);
    json_decref(m.metrics);
    assert_ok(contract_parse(result, strlen(result), &m, &err), err);
    assert_int_equal(m.kind, MESSAGE_RESULT);
    assert_near(json_number_value(json_object_get(m.metrics, "tokens")), 3.1e6, 0);
    json_decref(m.metrics);
    assert_ok(contract_parse(infeasible, strlen(infeasible), &m, &err), err);
    assert_string_equal(m.text, "no memory");
    assert_ok(contract_parse(checkpoint, strlen(checkpoint), &m, &err), err);
    assert_ok(contract_parse(log, strlen(log), &m, &err), err);
    const char *item = "{\"item\": {\"id\": \"q\\u00e4\", \"em\": 1}}", *number = "{\"item\": {\"em\": 0, \"id\": 17}}";
    assert_ok(contract_parse(item, strlen(item), &m, &err), err);
    assert_int_equal(m.kind, MESSAGE_ITEM);
    assert_string_equal(m.text, "q\xc3\xa4");
    assert_int_equal(json_object_size(m.metrics), 1);
    json_decref(m.metrics);
    assert_ok(contract_parse(number, strlen(number), &m, &err), err);
    assert_string_equal(m.text, "17");
    json_decref(m.metrics);
}

static void test_contract__refuses_everything_else(void **state)
{
    (void)state;
    const char *const wrong[] = {"",
                                 "garbage",
                                 "[]",
                                 "{}",
                                 "{\"result\": {\"em\": NaN}}",
                                 "{\"result\": {\"em\": \"0.5\"}}",
                                 "{\"result\": 5}",
                                 "{\"report\": {\"em\": 0.5}}",
                                 "{\"report\": {\"step\": -1}}",
                                 "{\"report\": {\"step\": 1.5}}",
                                 "{\"infeasible\": 3}",
                                 "{\"result\": {}, \"log\": \"\"}",
                                 "{\"verb\": 1}",
                                 "{\"step\": 1, \"em\": null}",
                                 "{\"result\": {\"em\": 1e999}}",
                                 "{\"result\": {\"\": 1}}",
                                 "{\"step\": 1, \"a\\u0007\": 1}",
                                 "{\"item\": {\"em\": 1}}",
                                 "{\"item\": {\"id\": \"\", \"em\": 1}}",
                                 "{\"item\": {\"id\": 1.5, \"em\": 1}}",
                                 "{\"item\": {\"id\": null, \"em\": 1}}",
                                 "{\"item\": {\"id\": \"a\\nb\", \"em\": 1}}",
                                 "{\"item\": {\"id\": \"a\", \"id\": \"b\"}}",
                                 "{\"item\": {\"id\": 92233720368547758080, \"em\": 1}}",
                                 "{\"item\": {\"id\": \"a\", \"em\": true}}",
                                 "{\"item\": {\"id\": \"a\", \"em\": 1e999}}",
                                 "{\"item\": [\"a\", 1]}",
                                 "{\"item\": {\"id\": \"a\", \"em\": 1}, \"log\": \"\"}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct message m = {.text = "untouched"};
        struct error err;
        assert_int_equal(contract_parse(wrong[i], strlen(wrong[i]), &m, &err), STATUS_INVALID);
        assert_string_equal(m.text, "untouched");
    }
    struct error err;
    contract_parse(wrong[4], strlen(wrong[4]), &(struct message){0}, &err);
    assert_contains(err.text, "NaN");
}

/* ---- jobs ---- */

struct watch {
    uv_loop_t loop;
    struct workers *workers;
    struct job *job;
    char dir[128];
    int reports, ends;
    long last_step;
    enum job_end end;
    char reason[600];
    json_t *metrics;
    bool stop_at_report; /* by then the program is ready for it */
    bool kill_at_report; /* … the fifth; told gently at all before */
};

static void on_report(void *data, long step, const json_t *metrics)
{
    struct watch *w = data;
    assert_true(json_is_object(metrics));
    w->reports++;
    w->last_step = step;
    if (w->stop_at_report) job_stop(w->job, STOP_GENTLY, "enough");
    if (w->kill_at_report) job_stop(w->job, step < 4 ? STOP_GENTLY : STOP_NOW, "enough");
}

static void on_end(void *data, const struct job_outcome *o)
{
    struct watch *w = data;
    w->ends++;
    w->end = o->end;
    w->metrics = o->metrics ? json_deep_copy(o->metrics) : NULL;
    snprintf(w->reason, sizeof w->reason, "%s", o->reason);
    assert_int_equal(workers_free_slots(w->workers), 1); /* free before `end` is called */
}

static const struct job_handler handler = {.report = on_report, .end = on_end};

static struct watch *watch_make(void)
{
    static int serial;
    struct watch *w = calloc(1, sizeof *w);
    uv_loop_init(&w->loop);
    w->workers = workers_create(&w->loop, GUARD, 1);
    snprintf(w->dir, sizeof w->dir, "%s/%d", test_folder(), serial++);
    return w;
}

static struct job_spec spec_of(struct watch *w, char *const *argv)
{
    static const char *const needed[] = {"em"};
    static char *env[] = {"NOCTURNE_FD=3", "NOCTURNE_TEST=seen", NULL};
    return (struct job_spec){.argv = argv,
                             .env = env,
                             .cwd = "/tmp",
                             .dir = w->dir,
                             .params = "{\"x\": 1}\n",
                             .metric = needed,
                             .n_metrics = 1,
                             .timeout_ms = 600000,
                             .grace_ms = 200,
                             .output_max = 1e6};
}

static void start(struct watch *w, const struct job_spec *spec)
{
    struct error err;
    assert_ok(workers_start(w->workers, spec, &handler, w, &w->job, &err), err);
    assert_int_equal(workers_slots(w->workers) - workers_free_slots(w->workers), 1);
}

static void finish(struct watch *w)
{
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(w->ends, 1);
    assert_int_equal(uv_loop_close(&w->loop), 0); /* no handle is left */
    workers_free(w->workers);
}

static void watch_free(struct watch *w)
{
    json_decref(w->metrics);
    free(w);
}

/* Runs a shell script to its end. */
static struct watch *run_script(const char *script)
{
    struct watch *w = watch_make();
    char *const argv[] = {"sh", "-c", (char *)script, NULL};
    struct job_spec spec = spec_of(w, argv);
    start(w, &spec);
    finish(w);
    return w;
}

static void expect(const char *script, enum job_end end, const char *reason)
{
    struct watch *w = run_script(script);
    if (w->end != end) fail_msg("%s: %s (%s)", script, job_end_name(w->end), w->reason);
    assert_contains(w->reason, reason);
    watch_free(w);
}

static void test_job__result_on_the_descriptor_and_on_stdout(void **state)
{
    (void)state;
    struct watch *w = run_script("echo '{\"step\": 0, \"em\": 0.1}' >&3; echo '{\"step\": 1, \"em\": 0.2}' >&3;"
                                 "echo '{\"result\": {\"em\": 0.5}}' >&3");
    assert_int_equal(w->end, JOB_COMPLETE);
    assert_int_equal(w->reports, 2);
    assert_int_equal(w->last_step, 1);
    assert_near(json_number_value(json_object_get(w->metrics, "em")), 0.5, 0);
    watch_free(w);
    w = run_script("echo chatter; echo 'nocturne: {\"result\": {\"em\": 0.25}}'; printf 'no newline at the end'");
    assert_int_equal(w->end, JOB_COMPLETE);
    assert_near(json_number_value(json_object_get(w->metrics, "em")), 0.25, 0);
    watch_free(w);
}

static void test_job__last_report_is_the_result_of_exit_0(void **state)
{
    (void)state;
    struct watch *w = run_script("echo '{\"step\": 0, \"em\": 0.1}' >&3; echo '{\"step\": 1, \"em\": 0.2}' >&3");
    assert_int_equal(w->end, JOB_COMPLETE);
    assert_near(json_number_value(json_object_get(w->metrics, "em")), 0.2, 0);
    watch_free(w);
}

static void test_job__failures_have_their_reasons(void **state)
{
    (void)state;
    expect("true", JOB_FAILED, "exit 0 without a result or report");
    expect("echo '{\"step\": 0, \"loss\": 1}' >&3", JOB_FAILED, "the last report lacks 'em'");
    expect("echo '{\"result\": {\"loss\": 1}}' >&3", JOB_FAILED, "the result lacks the metric 'em'");
    expect("echo 'nocturne: {\"result\": {\"em\": NaN}}'", JOB_FAILED, "NaN and infinity are not numbers");
    expect("echo 'nocturne: rubbish'", JOB_FAILED, "rubbish");
    expect("echo rubbish >&3; sleep 900", JOB_FAILED, "rubbish");
    expect("head -c 200000 /dev/urandom >&3; sleep 900", JOB_FAILED, "reported");
    expect("head -c 100000 /dev/urandom", JOB_FAILED, "exit 0 without a result");
    expect("head -c 100000000 /dev/zero", JOB_FAILED, "printed too much");
    expect("echo '{\"infeasible\": \"needs 80 GB\"}' >&3", JOB_INFEASIBLE, "needs 80 GB");
    expect("echo oops >&2; exit 3", JOB_CRASHED, "exit code 3: oops");
    expect("kill -SEGV $$", JOB_CRASHED, "signal 11 (Segmentation fault)");
    expect("kill -9 $$", JOB_CRASHED, "signal 9 (Killed)");
    expect("echo '{\"result\": {\"em\": 1}}' >&3; exit 1", JOB_CRASHED, "exit code 1");
}

static void test_job__a_program_that_does_not_exist(void **state)
{
    (void)state;
    struct watch *w = watch_make();
    char *const argv[] = {"./no-such-program", NULL};
    struct job_spec spec = spec_of(w, argv);
    start(w, &spec);
    finish(w);
    assert_int_equal(w->end, JOB_CRASHED);
    assert_contains(w->reason, "cannot start ./no-such-program: No such file");
    watch_free(w);
}

static void test_job__sees_its_environment_and_files(void **state)
{
    (void)state;
    setenv("NOCTURNE_DB", "not for trials", 1);
    struct watch *w = run_script(
        "echo \"$NOCTURNE_TEST-$NOCTURNE_DB-$(pwd)\"; echo warning >&2; echo '{\"result\": {\"em\": 1}}' >&3");
    char path[256], line[64] = "";
    snprintf(path, sizeof path, "%s/stdout.log", w->dir);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    assert_non_null(fgets(line, sizeof line, in));
    fclose(in);
    assert_string_equal(line, "seen--/tmp\n");
    snprintf(path, sizeof path, "%s/params.json", w->dir);
    in = fopen(path, "r");
    assert_non_null(fgets(line, sizeof line, in));
    fclose(in);
    assert_string_equal(line, "{\"x\": 1}\n");
    watch_free(w);
}

/* A reason is cut, and a secret that the cut goes through is taken out before. */
static void test_job__reasons_hold_no_half_of_a_secret(void **state)
{
    (void)state;
    static const char *const scripts[] = {
        "printf '%0245d%s\\n' 7 \"$TEST_API_KEY\" >&2; exit 3",
        "printf '%0240d' 7 >&2; printf 'sword' >&2; sleep 0.1; printf 'fish-of-mine\\n' >&2; exit 3",
        "printf '{\"infeasible\": \"%0245d%s\"}\\n' 7 \"$TEST_API_KEY\" >&3",
        "printf '{\"report\": {\"x\": \"%0100d%s' 7 \"$TEST_API_KEY\" >&3; echo >&3",
        "printf '{\"report\": {\"step\": 1, \"%s\": \"\"}}\\n' \"$TEST_API_KEY\" >&3",
    };
    setenv("TEST_API_KEY", "swordfish-of-mine", 1);
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct watch *w = run_script(scripts[i]);
        assert_true(*w->reason);
        if (strstr(w->reason, "sword") || strstr(w->reason, "fish")) fail_msg("%zu: %s", i, w->reason);
        watch_free(w);
    }
    unsetenv("TEST_API_KEY");
}

static void test_job__arguments_never_meet_a_shell(void **state)
{
    (void)state;
    struct watch *w = watch_make();
    char *const argv[] = {"printf", "nocturne: {\"result\": {\"em\": 1}}\\n%s", "; touch /tmp/nocturne-owned $(id)",
                          NULL};
    struct job_spec spec = spec_of(w, argv);
    start(w, &spec);
    finish(w);
    assert_int_equal(w->end, JOB_COMPLETE);
    assert_int_not_equal(access("/tmp/nocturne-owned", F_OK), 0);
    watch_free(w);
}

/* Once a program that ignores SIGTERM has come so far as to ignore it: if not within this timeout, then within a longer
 * one. */
static void test_job__timeout_kills_after_the_grace(void **state)
{
    (void)state;
    char *const argv[] = {"sh", "-c", "trap '' TERM; echo '{\"step\": 0, \"em\": 1}' >&3; while :; do sleep 0.05; done",
                          NULL};
    bool ignored = false;
    for (uint64_t timeout_ms = 200; !ignored; timeout_ms *= 2) {
        uint64_t from = uv_hrtime();
        struct watch *w = watch_make();
        struct job_spec spec = spec_of(w, argv);
        spec.timeout_ms = (long)timeout_ms;
        start(w, &spec);
        finish(w);
        ignored = w->reports == 1;
        assert_int_equal(w->end, JOB_TIMED_OUT);
        if (ignored) assert_true(uv_hrtime() - from >= (timeout_ms + 190) * 1000000); /* both were given */
        watch_free(w);
        assert_true(timeout_ms < 300000);
    }
}

/* A guard that has no process left for the program says so: that is the machine's doing, not the trial's. */
static void test_job__a_guard_that_cannot_fork(void **state)
{
    (void)state;
    struct watch *w = watch_make();
    char guard[200];
    char *const argv[] = {"true", NULL};
    snprintf(guard, sizeof guard, "%s-guard", w->dir);
    struct job_spec spec = spec_of(w, argv);
    char command[900];
    snprintf(command, sizeof command,
             "mkdir -p %s && printf '#!/bin/sh\\necho \"%sno process\" >&2\\nexit %d\\n' >%s && chmod +x %s", w->dir,
             GUARD_CANNOT_FORK, GUARD_CANNOT_FORK_CODE, guard, guard);
    assert_int_equal(system(command), 0);
    workers_free(w->workers);
    w->workers = workers_create(&w->loop, guard, 1);
    start(w, &spec);
    finish(w);
    assert_int_equal(w->end, JOB_NOT_STARTED);
    assert_string_equal(w->reason, "cannot start: no process");
    unlink(guard);
    watch_free(w);
}

static void test_job__stop_is_told_and_obeyed(void **state)
{
    (void)state;
    struct watch *w = watch_make();
    char *const argv[] = {"sh", "-c",
                          "trap '' TERM; echo '{\"step\": 0, \"em\": 1}' >&3; read line <&3; echo \"$line\"", NULL};
    struct job_spec spec = spec_of(w, argv);
    spec.grace_ms = 600000;
    w->stop_at_report = true;
    start(w, &spec);
    finish(w);
    assert_int_equal(w->end, JOB_STOPPED);
    assert_string_equal(w->reason, "enough");
    char path[256], line[64] = "";
    snprintf(path, sizeof path, "%s/stdout.log", w->dir);
    FILE *in = fopen(path, "r");
    assert_non_null(fgets(line, sizeof line, in));
    fclose(in);
    assert_string_equal(line, "{\"stop\": \"enough\"}\n");
    watch_free(w);
}

/* Gently, and again, is gently; now is now, however long the grace. */
static void test_job__gently_twice_is_not_now(void **state)
{
    (void)state;
    struct watch *w = watch_make();
    char *const argv[] = {"sh", "-c",
                          "trap '' TERM; for i in 0 1 2 3 4; do echo \"{\\\"step\\\": $i, \\\"em\\\": 1}\" >&3; "
                          "[ $i -gt 0 ] || read line <&3; done; sleep 36000",
                          NULL};
    struct job_spec spec = spec_of(w, argv);
    spec.grace_ms = spec.timeout_ms = 36000000;
    w->kill_at_report = true;
    start(w, &spec);
    finish(w);
    assert_int_equal(w->end, JOB_STOPPED);
    assert_int_equal(w->reports, 5);
    watch_free(w);
}

static long read_number(const char *dir, const char *name)
{
    char path[256];
    long pid = 0;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *in = fopen(path, "r");
    if (!in || fscanf(in, "%ld", &pid) != 1) fail_msg("%s was not written", path);
    fclose(in);
    return pid;
}

static void test_job__leaves_no_process_behind(void **state)
{
    (void)state;
    struct watch *w = watch_make();
    char script[600];
    snprintf(script, sizeof script,
             "sleep 600 & echo $! >%s/child; setsid sh -c 'echo $$ >%s/session; exec sleep 600' &"
             "until [ -s %s/session ]; do sleep 0.02; done; echo '{\"result\": {\"em\": 1}}' >&3",
             w->dir, w->dir, w->dir);
    char *const argv[] = {"sh", "-c", script, NULL};
    struct job_spec spec = spec_of(w, argv);
    start(w, &spec);
    finish(w);
    assert_int_equal(w->end, JOB_COMPLETE);
    const char *const names[] = {"child", "session"};
    for (size_t i = 0; i < 2; i++) {
        errno = 0;
        assert_int_equal(kill((pid_t)read_number(w->dir, names[i]), 0), -1);
        assert_int_equal(errno, ESRCH);
    }
    watch_free(w);
}

/* Died, though perhaps nobody has asked for its exit code yet. */
static bool is_gone(long pid)
{
    char path[64], text[512] = "";
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    FILE *in = fopen(path, "r");
    if (!in) return true;
    size_t n = fread(text, 1, sizeof text - 1, in);
    fclose(in);
    return n == 0 || strstr(text, ") Z ") || strstr(text, ") X ");
}

/* What becomes of a program that begins with a session of its own for a child. */
static struct watch *run_deserter(const char *rest, int64_t timeout_ms)
{
    struct watch *w = watch_make();
    char script[900];
    snprintf(script, sizeof script,
             "outer=$(awk '{ print $4 }' /proc/$PPID/stat); setsid sleep 600 >/dev/null 2>&1 3>&- &"
             "echo $! >%s/session; %s",
             w->dir, rest);
    char *const argv[] = {"sh", "-c", script, NULL};
    struct job_spec spec = spec_of(w, argv);
    spec.timeout_ms = timeout_ms;
    start(w, &spec);
    finish(w);
    return w;
}

static void test_job__a_killed_guard_takes_all_with_it(void **state)
{
    (void)state;
    const char *const how[] = {"kill -9 $PPID; sleep 600", "kill -9 $outer; sleep 600",
                               "kill -9 $outer $PPID; sleep 600"};
    for (size_t i = 0; i < 3; i++) {
        struct watch *w = run_deserter(how[i], 20000);
        assert_int_equal(w->end, JOB_CRASHED);
        assert_contains(w->reason, "killed by signal 9");
        assert_true(is_gone(read_number(w->dir, "session")));
        watch_free(w);
    }
}

static void test_job__a_stopped_guard_does_not_keep_its_slot(void **state)
{
    (void)state;
    const char *const how[] = {"kill -STOP $PPID; sleep 600", "kill -STOP $outer $PPID; sleep 600",
                               "trap '' TERM; while kill -STOP $outer $PPID; do :; done"};
    for (size_t i = 0; i < 3; i++) {
        struct watch *w = run_deserter(how[i], 300);
        assert_int_equal(w->end, JOB_TIMED_OUT);
        assert_true(is_gone(read_number(w->dir, "session")));
        watch_free(w);
    }
}

/* What a program has in its environment names its execution; an older one with the same name is somebody else. */
static void test_descendants__only_who_is_younger_and_marked(void **state)
{
    (void)state;
    pid_t older, younger;
    char *const argv[] = {"sleep", "600", NULL}, *const env[] = {"PATH=/usr/bin:/bin", "TEST_MARK=1", NULL};
    assert_int_equal(posix_spawnp(&older, "sleep", NULL, NULL, argv, env), 0);
    usleep(50000); /* another tick */
    assert_int_equal(posix_spawnp(&younger, "sleep", NULL, NULL, argv, env), 0);
    struct lineage of = {.root = 0, .born = descendants_born(younger), .mark = "TEST_MARK=1"};
    assert_true(of.born > descendants_born(older));
    while (!is_gone(younger)) assert_true(descendants_kill(&of) >= 0);
    assert_int_equal(descendants_kill(&of), 0);
    assert_false(is_gone(older));
    assert_int_equal(kill(older, SIGKILL), 0);
    assert_int_equal(waitpid(older, NULL, 0), older);
    assert_int_equal(waitpid(younger, NULL, 0), younger);
    assert_int_equal(descendants_born(younger), 0);
}

static void on_command(void *data, int code, const char *text)
{
    char *said = data;
    snprintf(said, 64, "%d %s", code, text);
}

static void run_command(const struct command_spec *spec, char *said)
{
    uv_loop_t loop;
    uv_loop_init(&loop);
    assert_non_null(command_start_with(&loop, spec, on_command, said));
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void test_command__too_slow_ends_with_all_that_it_started(void **state)
{
    (void)state;
    char path[64], script[200], said[64] = "", *const argv[] = {"sh", "-c", script, NULL};
    snprintf(path, sizeof path, "%s/command", test_folder());
    snprintf(script, sizeof script, "setsid sleep 600 & echo $! >%s; sleep 600; true", path);
    run_command(&(struct command_spec){.argv = argv, .timeout_ms = 1000}, said);
    assert_string_equal(said, "-1 too slow");
    assert_true(is_gone(read_number(test_folder(), "command")));
    unlink(path);
}

static void test_command__under_a_guard_leaves_nothing(void **state)
{
    (void)state;
    char path[64], script[200], said[64] = "", *const argv[] = {"sh", "-c", script, NULL};
    snprintf(path, sizeof path, "%s/command", test_folder());
    snprintf(script, sizeof script, "setsid sleep 600 >/dev/null 2>&1 & echo $! >%s; echo done", path);
    run_command(&(struct command_spec){.argv = argv, .timeout_ms = 20000, .guard = GUARD}, said);
    assert_string_equal(said, "0 done\n");
    assert_true(is_gone(read_number(test_folder(), "command")));
    unlink(path);
}

static void test_command__under_a_guard_says_why_it_was_not_started(void **state)
{
    (void)state;
    char said[64] = "", *const none[] = {"/no/such: program", NULL};
    char *const own[] = {"sh", "-c", "echo cannot start anything >&2; exit 127", NULL};
    run_command(&(struct command_spec){.argv = none, .timeout_ms = 20000, .guard = GUARD}, said);
    assert_string_equal(said, "-1 No such file or directory\n");
    run_command(&(struct command_spec){.argv = own, .timeout_ms = 20000, .guard = GUARD}, said);
    assert_string_equal(said, "127 cannot start anything\n");
}

static void test_workers__no_slot_no_start(void **state)
{
    (void)state;
    struct watch *w = watch_make();
    char *const argv[] = {"sh", "-c", "echo '{\"result\": {\"em\": 1}}' >&3", NULL};
    struct job_spec spec = spec_of(w, argv);
    struct job *second = NULL;
    struct error err;
    start(w, &spec);
    assert_true(job_pid(w->job) > 0);
    assert_int_equal(workers_start(w->workers, &spec, &handler, w, &second, &err), STATUS_FAILED);
    assert_null(second);
    finish(w);
    watch_free(w);
}

static void test_workers__an_unwritable_folder_is_an_error_before_the_start(void **state)
{
    (void)state;
    struct watch *w = watch_make();
    char *const argv[] = {"true", NULL};
    struct job_spec spec = spec_of(w, argv);
    struct error err;
    spec.dir = "/proc/nowhere/1";
    assert_int_equal(workers_start(w->workers, &spec, &handler, w, &w->job, &err), STATUS_IO);
    assert_contains(err.text, "cannot make the folder");
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(w->ends, 0);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    workers_free(w->workers);
    watch_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contract__understands_every_message),
        cmocka_unit_test(test_contract__refuses_everything_else),
        cmocka_unit_test(test_job__result_on_the_descriptor_and_on_stdout),
        cmocka_unit_test(test_job__last_report_is_the_result_of_exit_0),
        cmocka_unit_test(test_job__failures_have_their_reasons),
        cmocka_unit_test(test_job__a_program_that_does_not_exist),
        cmocka_unit_test(test_job__sees_its_environment_and_files),
        cmocka_unit_test(test_job__reasons_hold_no_half_of_a_secret),
        cmocka_unit_test(test_job__arguments_never_meet_a_shell),
        cmocka_unit_test(test_job__timeout_kills_after_the_grace),
        cmocka_unit_test(test_job__a_guard_that_cannot_fork),
        cmocka_unit_test(test_job__stop_is_told_and_obeyed),
        cmocka_unit_test(test_job__gently_twice_is_not_now),
        cmocka_unit_test(test_job__leaves_no_process_behind),
        cmocka_unit_test(test_job__a_killed_guard_takes_all_with_it),
        cmocka_unit_test(test_job__a_stopped_guard_does_not_keep_its_slot),
        cmocka_unit_test(test_descendants__only_who_is_younger_and_marked),
        cmocka_unit_test(test_command__too_slow_ends_with_all_that_it_started),
        cmocka_unit_test(test_command__under_a_guard_leaves_nothing),
        cmocka_unit_test(test_command__under_a_guard_says_why_it_was_not_started),
        cmocka_unit_test(test_workers__no_slot_no_start),
        cmocka_unit_test(test_workers__an_unwritable_folder_is_an_error_before_the_start),
    };
    return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
