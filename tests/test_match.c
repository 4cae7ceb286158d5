/* Numbers found by patterns: the patterns, the lines that a program prints in any pieces, real programs and files. */
#include "tests/folder.h"
#include "tests/test.h"

#include "workers/match.h"
#include "workers/workers.h"

#include "tuner/base/pattern.h"

#include <sys/stat.h>
#include <unistd.h>

enum { SORTED = JSON_SORT_KEYS | JSON_REAL_PRECISION(15) };

/* ---- patterns ---- */

static void refused(const char *text, const char *why)
{
    struct pattern *p = NULL;
    struct error err;
    if (pattern_compile(text, &p, &err) != STATUS_INVALID) fail_msg("'%s' was not refused", text);
    assert_null(p);
    assert_contains(err.text, why);
}

static void test_pattern__says_what_is_wrong(void **state)
{
    (void)state;
    char *long_one = malloc(PATTERN_LENGTH_MAX + 20);
    memset(long_one, 'a', PATTERN_LENGTH_MAX + 10);
    strcpy(long_one + PATTERN_LENGTH_MAX + 10, "(b)");
    refused("", "is empty");
    refused(long_one, "over 2000 bytes");
    refused("accuracy: [0-9.]+", "has no group");
    refused("accuracy: (?:[0-9.]+)", "has no group");
    refused("(a) ([0-9]+)", "has 2 groups");
    refused("(?P<value>[0-9]+) (x)", "has 2 groups");
    refused("(?P<step>[0-9]+) (?P<value>[0-9]+) (x)", "has 3 groups");
    refused("(?P<step>[0-9]+)", "none for the number");
    refused("(?P<acc>[0-9]+)", "names a group 'acc'");
    refused("(?P<value>a)(?P<value>b)", "group");
    refused("([0-9]+", "missing )");
    refused("([0-9]+)\\", "trailing \\");
    refused("[z-a]([0-9]+)", "invalid character class range: z-a");
    refused("*([0-9]+)", "no argument for repetition operator");
    refused("(a)\\1", "invalid escape sequence: \\1");
    refused("(?=a)([0-9]+)", "look-around");
    refused("(?<!a)([0-9]+)", "look-around");
    refused("([0-9]{5000})", "invalid repetition size");
    refused("((?:(?:a{100}){100}){100})", "repetition");
    refused("(\xff)", "invalid UTF-8");
    free(long_one);
}

static bool found(const char *pattern, const char *line, char *ret, size_t size)
{
    struct pattern *p = NULL;
    struct error err;
    struct pattern_match m;
    assert_ok(pattern_compile(pattern, &p, &err), err);
    bool yes = pattern_find(p, line, strlen(line), &m);
    if (yes) snprintf(ret, size, "%.*s/%.*s", (int)m.step.n, m.step.at ? m.step.at : "", (int)m.value.n, m.value.at);
    assert_int_equal(pattern_has_step(p), strstr(pattern, "<step>") != NULL);
    pattern_free(p);
    return yes;
}

static void expect_found(const char *pattern, const char *line, const char *expected)
{
    char text[200] = "";
    bool yes = found(pattern, line, text, sizeof text);
    if (yes != (expected != NULL) || (expected && strcmp(text, expected) != 0))
        fail_msg("'%s' in '%s': '%s', not '%s'", pattern, line, yes ? text : "(none)", expected ? expected : "(none)");
}

static void test_pattern__finds_the_last_number_of_a_line(void **state)
{
    (void)state;
    expect_found("Mean accuracy: ([0-9.]+)", "Mean accuracy: 0.87", "/0.87");
    expect_found("Mean accuracy: ([0-9.]+)", "mean accuracy: 0.87", NULL);
    expect_found("(?i)Mean accuracy: ([0-9.]+)", "mean accuracy: 0.87", "/0.87");
    expect_found("acc=([0-9.]+)", "acc=0.1 acc=0.2 acc=0.3, done", "/0.3");
    expect_found("^acc=([0-9.]+)$", "acc=0.1", "/0.1");
    expect_found("^acc=([0-9.]+)$", " acc=0.1", NULL);
    expect_found("([0-9.]*)", "a 0.5 b", "/0.5"); /* what is empty is no number */
    expect_found("(.*)", "0.5", "/0.5");
    expect_found("é+ → ([0-9.]+)", "ééé → 1 é → 2", "/2");
    expect_found("([0-9.]*)é?", "1é2éé", "/2");
    expect_found("epoch (?P<step>\\d+).*val_acc=(?P<value>[0-9.]+)", "epoch 7 loss=1 val_acc=0.25", "7/0.25");
    expect_found("(?P<value>[0-9.]+) at (?P<step>\\d+)", "0.5 at 3, 0.6 at 4", "4/0.6");
    expect_found("(?:epoch (?P<step>\\d+) )?acc=(?P<value>[0-9.]+)", "acc=0.5", "/0.5");
    expect_found("(?:acc=([0-9.]+))?", "nothing", NULL);
}

/* As a program prints that never ends its line. */
static void test_pattern__many_matches_in_a_line(void **state)
{
    (void)state;
    char line[4000] = "", text[100];
    size_t n = 0;
    for (int i = 1; i <= 200; i++) n += (size_t)snprintf(line + n, sizeof line - n, "%d: %d.5, ", i, i);
    assert_true(found("(?P<step>\\d+): (?P<value>[0-9.]+)", line, text, sizeof text));
    assert_string_equal(text, "200/200.5");
}

/* Whatever the pattern and the line are, the search ends: it takes time in proportion to the line. */
static void test_pattern__evil_ones_end(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    static const char *const evil[] = {"(?:a*)*(b)",
                                       "(?:a|aa)+(b)",
                                       "(?:(?:a+)+)+(b)$",
                                       "^(?:(?:a|a)*)*(b)",
                                       "(?:a?){50}(?:a){50}(b)",
                                       "(?:.*)(?:.*)(?:.*)(?:.*)=([0-9]+)",
                                       "(?:.*a){12}(b)",
                                       "a(?:.*(b))?",
                                       "(?:[a-z]+ ?)+: ([0-9]+)"};
    char *line = malloc(SIZE);
    memset(line, 'a', SIZE);
    for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
        struct pattern *p = NULL;
        struct pattern_match m;
        struct error err;
        assert_ok(pattern_compile(evil[i], &p, &err), err);
        assert_false(pattern_find(p, line, SIZE, &m));
        pattern_free(p);
    }
    free(line);
}

/* ---- lines ---- */

struct said { /* "step {metrics}" of each report, one a line */
    char text[4000], wrong[600];
    size_t n;
};

static void on_said(void *data, long step, json_t *metrics)
{
    struct said *s = data;
    char *text = json_dumps(metrics, SORTED);
    s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, "%ld %s\n", step, text);
    free(text);
    json_decref(metrics);
}

static void on_wrong(void *data, const char *why)
{
    struct said *s = data;
    snprintf(s->wrong, sizeof s->wrong, "%s", why);
}

static struct matcher *matcher_of(const struct job_match *match, size_t n, struct said *said)
{
    static const struct match_handler handler = {on_said, on_wrong};
    struct matcher *m = NULL;
    struct error err;
    assert_ok(matcher_create(match, n, &handler, said, &m, &err), err);
    return m;
}

static void print(struct matcher *m, enum match_stream stream, const char *text)
{
    matcher_take(m, stream, text, strlen(text));
}

static void expect_joined(const struct matcher *m, const char *expected)
{
    json_t *all = json_pack("{s:f, s:f}", "acc", 99.0, "own", 1.0);
    matcher_join(m, all);
    char *text = json_dumps(all, SORTED);
    assert_string_equal(text, expected);
    free(text);
    json_decref(all);
}

static void test_matcher__lines_in_any_pieces(void **state)
{
    (void)state;
    static const char out[] = "\xef\xbb\xbf"
                              "acc: 0.1\r\n 10%|#   | acc: 0.2\r 20%|##  | acc: 0.3\r\n"
                              "\x1b[32macc\x1b[0m: \x1b[1m0.4\x1b[0m\n\n"
                              "caf\xe9 \xff acc: 0.5 ok\n"
                              "acc: +.6e0";
    const struct job_match match = {.metric = "acc", .pattern = "^.*acc: ([-+0-9.e]+)"};
    for (size_t piece = 1; piece < sizeof out; piece++) {
        struct said said = {.n = 0};
        struct matcher *m = matcher_of(&match, 1, &said);
        for (size_t at = 0; at < sizeof out - 1; at += piece)
            matcher_take(m, MATCH_STDOUT, out + at, sizeof out - 1 - at < piece ? sizeof out - 1 - at : piece);
        expect_joined(m, "{\"acc\": 0.5, \"own\": 1.0}"); /* the last line has not ended */
        matcher_end(m);
        expect_joined(m, "{\"acc\": 0.6, \"own\": 1.0}");
        assert_string_equal(said.text, "");
        matcher_free(m);
    }
}

static void expect_accuracy(const char *out, size_t n, const char *expected)
{
    const struct job_match match = {.metric = "acc", .pattern = "^acc: (.*) ok$"};
    for (size_t piece = 1; piece <= n; piece++) {
        struct said said = {.n = 0};
        struct matcher *m = matcher_of(&match, 1, &said);
        for (size_t at = 0; at < n; at += piece)
            matcher_take(m, MATCH_STDOUT, out + at, n - at < piece ? n - at : piece);
        matcher_end(m);
        expect_joined(m, expected);
        matcher_free(m);
    }
}

static void test_matcher__what_a_terminal_swallows_is_not_seen(void **state)
{
    (void)state;
    static const char *const outs[] = {
        "acc: \x1b]8;;http://x/0.9\x1b\\0.7\x1b]8;;\x1b\\ ok\n",           /* a link */
        "acc: \x1b]8;id=3;http://x/?a=0.9\a0.7\x1b]8;;\a ok\n",            /* ended by BEL */
        "\x1b]0;0.9 done\aacc: 0.7 ok\n",                                  /* a title */
        "acc: \x1bP1;2|0.9\a0.8\x1b\\0.7 ok\n",                            /* DCS: BEL is no end */
        "acc: \x1b_Gf=0.9;AAAA\x1b\\0.7\x1b^0.9\x1b\\\x1bX0.9\x1b\\ ok\n", /* APC, PM, SOS */
        "acc: \x1b]0;x\x1b[1m0.7\x1b(B\x1b[m ok\n",                        /* broken off; tput sgr0 */
        "acc: \x1b]0;x\x18"
        "0.7\x1b]1;x\x1a ok\n",
        "\x1b"
        "7acc: \x1b[38;2;1;2;3m0.7\x1b[0m\x1b"
        "8 ok\x1b[0K\x1b[\n",
        "\x1bPtmux;\x1b\x1b]8;;http://x/0.9\a\x1b\\acc: 0.7 ok\n",
        "\x1b]acc: 0.9 ok\nacc: 0.7 ok\n", /* what has no end takes no line along */
        "\x1b\x1b\x1b]acc: 0.9 ok\x1b]\nacc: 0.7 ok\x1b",
    };
    for (size_t i = 0; i < sizeof outs / sizeof *outs; i++)
        expect_accuracy(outs[i], strlen(outs[i]), "{\"acc\": 0.7, \"own\": 1.0}");
    expect_accuracy("\x1b]acc: 0.6 ok\n", 14, "{\"acc\": 0.6, \"own\": 1.0}"); /* nor what is behind it */
}

static void test_matcher__both_streams_have_lines_of_their_own(void **state)
{
    (void)state;
    struct said said = {.n = 0};
    const struct job_match match[] = {{.metric = "acc", .pattern = "acc=([0-9.]+)"},
                                      {.metric = "loss", .pattern = "loss=([0-9.]+)"}};
    struct matcher *m = matcher_of(match, 2, &said);
    print(m, MATCH_STDOUT, "ac");
    print(m, MATCH_STDERR, "INFO loss=");
    print(m, MATCH_STDOUT, "c=0.5\nacc=");
    print(m, MATCH_STDERR, "2.5\n");
    print(m, MATCH_STDERR, "acc=0.75");
    matcher_end(m);
    expect_joined(m, "{\"acc\": 0.75, \"loss\": 2.5, \"own\": 1.0}");
    matcher_free(m);
}

static void test_matcher__what_is_a_number(void **state)
{
    (void)state;
    static const struct {
        const char *text, *joined;
    } cases[] = {{"0.87", "0.87"}, {".5", "0.5"},       {"+3", "3"},       {"-2", "-2"},          {"1e-3", "0.001"},
                 {"1E3", "1000"},  {"7.0", "7"},        {" 4 ", "4"},      {"5.", "5"},           {"0.87.", "0.87"},
                 {"0.8.7", NULL},  {"..", NULL},        {"1,234.5", NULL}, {"87.3%", NULL},       {"nan", NULL},
                 {"inf", NULL},    {"-Infinity", NULL}, {"1e999", NULL},   {"0x10", NULL},        {"1 2", NULL},
                 {"--1", NULL},    {"1e", NULL},        {"n/a", NULL},     {"3100000", "3100000"}};
    const struct job_match match = {.metric = "acc", .pattern = "acc:(.*)"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct said said = {.n = 0};
        char line[100], expected[100], why[512];
        struct matcher *m = matcher_of(&match, 1, &said);
        print(m, MATCH_STDOUT, "acc:1\n");
        snprintf(line, sizeof line, "acc:%s\n", cases[i].text);
        print(m, MATCH_STDOUT, line);
        matcher_end(m);
        snprintf(expected, sizeof expected, "{\"own\": 1.0}");
        if (cases[i].joined) snprintf(expected, sizeof expected, "{\"acc\": %s, \"own\": 1.0}", cases[i].joined);
        expect_joined(m, expected);
        assert_true(matcher_why(m, "acc", why, sizeof why));
        if (!cases[i].joined) {
            snprintf(expected, sizeof expected, "metric 'acc': '%s' is not a finite number", cases[i].text);
            assert_contains(why, expected);
            assert_contains(why, "acc:(.*)");
        }
        assert_string_equal(said.wrong, "");
        matcher_free(m);
    }
}

static void test_matcher__a_group_that_caught_nothing_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *out, *why;
    } cases[] = {
        {"acc: n/a\n", "'acc: ([0-9.]*)' matched, but what its group caught is empty, in 'acc: n/a'"},
        {"acc: \x1b[1m!\nacc:", "what its group caught is empty, in 'acc: !'"},
        {"acc: ?\nbye\nbye\nbye\nbye", "what its group caught is empty, in 'acc: ?'"},
        {"acc: ?\nacc: ...\n", "metric 'acc': '...' is not a finite number"},
        {"loss: 3\n", "no line of the output matches 'acc: ([0-9.]*)'"},
    };
    const struct job_match match = {.metric = "acc", .pattern = "acc: ([0-9.]*)"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct said said = {.n = 0};
        char why[512];
        struct matcher *m = matcher_of(&match, 1, &said);
        print(m, MATCH_STDOUT, cases[i].out);
        matcher_end(m);
        expect_joined(m, "{\"own\": 1.0}");
        assert_true(matcher_why(m, "acc", why, sizeof why));
        assert_contains(why, cases[i].why);
        matcher_free(m);
    }
    expect_accuracy("acc: 0.7 ok\nacc:  ok\n", 21, "{\"acc\": 0.7, \"own\": 1.0}"); /* there was one */
}

static void test_matcher__steps_are_reports(void **state)
{
    (void)state;
    struct said said = {.n = 0};
    const struct job_match match[] = {{.metric = "acc", .pattern = "epoch (?P<step>\\d+).*acc=(?P<value>[0-9.]+)"},
                                      {.metric = "loss", .pattern = "epoch (?P<step>\\d+).*loss=(?P<value>[0-9.]+)"},
                                      {.metric = "tokens", .pattern = "(\\d+) tokens"}};
    struct matcher *m = matcher_of(match, 3, &said);
    print(m, MATCH_STDOUT, "epoch 1 acc=0.1 loss=3\n"); /* whole: said at once */
    assert_string_equal(said.text, "1 {\"acc\": 0.1, \"loss\": 3}\n");
    print(m, MATCH_STDOUT, "100 tokens\nepoch 2 acc=0.2\n");
    assert_null(strstr(said.text, "2 {"));
    print(m, MATCH_STDERR, "epoch 2 loss=2\n");                   /* on several lines, in both streams */
    print(m, MATCH_STDOUT, "epoch 3 acc=0.3\nepoch 4 acc=0.4\n"); /* step 3 has no loss */
    print(m, MATCH_STDOUT, "epoch 4 loss=1\n");
    print(m, MATCH_STDOUT, "epoch 4 acc=0.45\r"); /* again: the value, no report */
    print(m, MATCH_STDOUT, "200 tokens\nepoch 0 acc=0.5\n");
    matcher_end(m);
    assert_string_equal(said.text, "1 {\"acc\": 0.1, \"loss\": 3}\n"
                                   "2 {\"acc\": 0.2, \"loss\": 2, \"tokens\": 100}\n"
                                   "3 {\"acc\": 0.3, \"tokens\": 100}\n"
                                   "4 {\"acc\": 0.4, \"loss\": 1, \"tokens\": 100}\n"
                                   "0 {\"acc\": 0.5, \"tokens\": 200}\n");
    expect_joined(m, "{\"acc\": 0.5, \"loss\": 1, \"own\": 1.0, \"tokens\": 200}");
    assert_string_equal(said.wrong, "");
    print(m, MATCH_STDOUT, "epoch 99999999999999999999 acc=1\n");
    assert_contains(said.wrong, "'99999999999999999999' is not a step, a whole number from 0");
    print(m, MATCH_STDOUT, "epoch 9 acc=.\n");
    assert_contains(said.wrong, "metric 'acc': '.' is not a finite number");
    matcher_free(m);
}

static void test_matcher__a_line_is_looked_at_to_its_limit(void **state)
{
    (void)state;
    struct said said = {.n = 0};
    char why[512], *much = malloc(MATCH_LINE_MAX);
    const struct job_match match = {.metric = "acc", .pattern = "acc=([0-9.]+)"};
    struct matcher *m = matcher_of(&match, 1, &said);
    memset(much, 'x', MATCH_LINE_MAX);
    matcher_take(m, MATCH_STDOUT, much, MATCH_LINE_MAX - 7);
    print(m, MATCH_STDOUT, "acc=0.5\n");
    expect_joined(m, "{\"acc\": 0.5, \"own\": 1.0}");
    matcher_free(m);
    m = matcher_of(&match, 1, &said);
    matcher_take(m, MATCH_STDOUT, much, MATCH_LINE_MAX);
    print(m, MATCH_STDOUT, "acc=0.5\nthe end\n");
    matcher_end(m);
    assert_true(matcher_why(m, "acc", why, sizeof why));
    assert_contains(why, "no line of the output matches 'acc=([0-9.]+)' in the first 1 MiB; its last lines: 'xxxx");
    assert_contains(why, "'the end'");
    assert_false(matcher_why(m, "own", why, sizeof why));
    matcher_free(m);
    free(much);
}

/* ---- jobs ---- */

struct watch {
    uv_loop_t loop;
    struct job *job;
    char dir[128];
    int reports;
    enum job_end end;
    char reason[600];
    json_t *metrics;
    bool stop_at_report;
};

static void on_report(void *data, long step, const json_t *metrics)
{
    struct watch *w = data;
    (void)step;
    (void)metrics;
    w->reports++;
    if (w->stop_at_report) job_stop(w->job, STOP_GENTLY, "enough");
}

static void on_end(void *data, const struct job_outcome *o)
{
    struct watch *w = data;
    w->end = o->end;
    w->metrics = o->metrics ? json_deep_copy(o->metrics) : NULL;
    snprintf(w->reason, sizeof w->reason, "%s", o->reason);
}

static struct watch *run(const char *script, const struct job_match *match, size_t n, bool stop_at_report)
{
    static int serial;
    static const char *const needed[] = {"acc"};
    static const struct job_handler handler = {.report = on_report, .end = on_end};
    struct watch *w = calloc(1, sizeof *w);
    struct error err;
    char *const argv[] = {"sh", "-c", (char *)script, NULL};
    snprintf(w->dir, sizeof w->dir, "%s/%d", test_folder(), serial++);
    char dir[160];
    snprintf(dir, sizeof dir, "D=%s", w->dir);
    char *env[] = {dir, NULL};
    w->stop_at_report = stop_at_report;
    uv_loop_init(&w->loop);
    struct workers *workers = workers_create(&w->loop, GUARD, 1);
    struct job_spec spec = {.argv = argv,
                            .env = env,
                            .cwd = "/tmp",
                            .dir = w->dir,
                            .params = "{}\n",
                            .metric = needed,
                            .n_metrics = 1,
                            .match = match,
                            .n_matches = n,
                            .timeout_ms = 600000,
                            .grace_ms = 200,
                            .output_max = 1e7};
    assert_ok(workers_start(workers, &spec, &handler, w, &w->job, &err), err);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    workers_free(workers);
    return w;
}

static void watch_free(struct watch *w)
{
    json_decref(w->metrics);
    free(w);
}

static void expect_job(const char *script, const char *pattern, const char *file, enum job_end end, const char *says)
{
    const struct job_match match = {.metric = "acc", .pattern = pattern, .file = file};
    struct watch *w = run(script, &match, 1, false);
    char *text = w->metrics ? json_dumps(w->metrics, SORTED) : strdup("");
    if (w->end != end) fail_msg("%s: %s (%s)", script, job_end_name(w->end), w->reason);
    assert_contains(end == JOB_COMPLETE ? text : w->reason, says);
    free(text);
    watch_free(w);
}

static const char ACC[] = "acc: ([^ ]+)";

static void test_job__needs_no_result_line(void **state)
{
    (void)state;
    expect_job("echo acc: 0.1; echo acc: 0.5", ACC, NULL, JOB_COMPLETE, "{\"acc\": 0.5}");
    expect_job("printf 'acc: 0.5' >&2", ACC, NULL, JOB_COMPLETE, "{\"acc\": 0.5}");
    expect_job("echo acc: 0.5; exit 3", ACC, NULL, JOB_CRASHED, "exit code 3");
    expect_job("echo acc: 0.5; kill -9 $$", ACC, NULL, JOB_CRASHED, "signal 9");
    expect_job("echo acc: nan", ACC, NULL, JOB_FAILED, "metric 'acc': 'nan' is not a finite number");
    expect_job("true", ACC, NULL, JOB_FAILED, "no line of the output matches 'acc: ([^ ]+)'; it is empty");
    expect_job("echo one; echo two; echo three >&2; sleep 0.2; echo four", ACC, NULL, JOB_FAILED, "its last lines: '");
    expect_job("echo acc: 0.5; echo 'nocturne: {\"infeasible\": \"no\"}'", ACC, NULL, JOB_INFEASIBLE, "no");
    expect_job("head -c 300000 /dev/urandom; echo; echo acc: 0.5", ACC, NULL, JOB_COMPLETE, "{\"acc\": 0.5}");
}

static void test_job__a_pattern_comes_before_what_the_program_says(void **state)
{
    (void)state;
    expect_job("echo acc: 0.5; echo 'nocturne: {\"result\": {\"acc\": 0.9, \"f1\": 2}}'", ACC, NULL, JOB_COMPLETE,
               "{\"acc\": 0.5, \"f1\": 2}");
    expect_job("echo 'nocturne: {\"result\": {\"acc\": 0.9}}'", ACC, NULL, JOB_FAILED, "metric 'acc' was not found");
    expect_job("echo acc: 0.5; echo 'nocturne: {\"step\": 1, \"loss\": 3}'; echo acc: 0.6", ACC, NULL, JOB_COMPLETE,
               "{\"acc\": 0.6, \"loss\": 3}");
}

static void test_job__reads_a_file_of_its_folder(void **state)
{
    (void)state;
    expect_job("mkdir $D/r; printf 'acc: 0.1\\nacc: 0.25' >$D/r/m.txt; echo acc: 0.9", ACC, "r/m.txt", JOB_COMPLETE,
               "{\"acc\": 0.25}");
    expect_job("true", ACC, "m.txt", JOB_FAILED, "has written no file 'm.txt' into its own folder");
    expect_job(": >$D/m.txt", ACC, "m.txt", JOB_FAILED,
               "no line of the file 'm.txt' matches 'acc: ([^ ]+)'; it is empty");
    expect_job("echo loss >$D/m.txt", ACC, "m.txt", JOB_FAILED, "its last line: 'loss'");
    expect_job("echo acc: x >$D/m.txt", ACC, "m.txt", JOB_FAILED, "'x' is not a finite number");
    expect_job("echo acc: 1 >/tmp/nocturne-m-$$; ln -s /tmp/nocturne-m-$$ $D/m.txt", ACC, "m.txt", JOB_FAILED, "m.txt");
    expect_job("ln -s / $D/r", ACC, "r/etc/passwd", JOB_FAILED, "metric 'acc' was not found");
    expect_job("mkfifo $D/m.txt", ACC, "m.txt", JOB_FAILED, "metric 'acc' was not found");
    expect_job("mkdir $D/m.txt", ACC, "m.txt", JOB_FAILED, "metric 'acc' was not found");
    expect_job("truncate -s 5M $D/m.txt; echo acc: 1 >>$D/m.txt", ACC, "m.txt", JOB_FAILED, "over 4 MiB");
}

static void test_job__reports_and_stops(void **state)
{
    (void)state;
    static const struct job_match steps = {.metric = "acc", .pattern = "e(?P<step>[0-9]+) acc (?P<value>[^ ]+)"},
                                  rows = {.metric = "acc", .pattern = "^(?P<step>[0-9]+),(?P<value>.*)", .file = "m"};
    struct watch *w = run("echo e1 acc 0.1; echo e2 acc 0.2", &steps, 1, false);
    assert_int_equal(w->end, JOB_COMPLETE);
    assert_int_equal(w->reports, 2);
    assert_near(json_number_value(json_object_get(w->metrics, "acc")), 0.2, 0);
    watch_free(w);
    w = run("echo e1 acc 0.1; sleep 900", &steps, 1, true); /* it does not know what a stop is */
    assert_int_equal(w->end, JOB_STOPPED);
    assert_near(json_number_value(json_object_get(w->metrics, "acc")), 0.1, 0);
    watch_free(w);
    w = run("trap '' TERM; echo e1 acc 0.1; while :; do sleep 1; done", &steps, 1, true);
    assert_int_equal(w->end, JOB_STOPPED);
    watch_free(w);
    w = run("echo e1 acc nan; sleep 900", &steps, 1, false); /* at once */
    assert_int_equal(w->end, JOB_FAILED);
    assert_contains(w->reason, "metric 'acc': 'nan' is not a finite number");
    watch_free(w);
    w = run("printf 'step,acc\\n0,0.1\\n1,0.2\\n' >$D/m", &rows, 1, false);
    assert_int_equal(w->end, JOB_COMPLETE);
    assert_int_equal(w->reports, 2);
    watch_free(w);
    w = run("seq 0 9999 | sed 's/$/,0.5/' >$D/m; echo 10000,0.75 >>$D/m", &rows, 1, false);
    assert_int_equal(w->end, JOB_COMPLETE);
    assert_int_equal(w->reports, MATCH_FILE_REPORTS_MAX);
    assert_near(json_number_value(json_object_get(w->metrics, "acc")), 0.75, 0);
    watch_free(w);
    w = run("printf '0,0.1\\n1,bad\\n' >$D/m", &rows, 1, false);
    assert_int_equal(w->end, JOB_FAILED);
    assert_contains(w->reason, "'bad' is not a finite number");
    watch_free(w);
}

static void test_job__secrets_are_not_shown(void **state)
{
    (void)state;
    setenv("MATCH_TEST_TOKEN", "swordfish-swordfish", 1);
    const struct job_match match = {.metric = "acc", .pattern = ACC};
    struct watch *w = run("echo key $MATCH_TEST_TOKEN", &match, 1, false);
    assert_contains(w->reason, "its last line: 'key ****");
    watch_free(w);
    w = run("echo acc: $MATCH_TEST_TOKEN", &match, 1, false);
    assert_contains(w->reason, "metric 'acc': '****");
    watch_free(w);
    unsetenv("MATCH_TEST_TOKEN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pattern__says_what_is_wrong),
        cmocka_unit_test(test_pattern__finds_the_last_number_of_a_line),
        cmocka_unit_test(test_pattern__many_matches_in_a_line),
        cmocka_unit_test(test_pattern__evil_ones_end),
        cmocka_unit_test(test_matcher__lines_in_any_pieces),
        cmocka_unit_test(test_matcher__what_a_terminal_swallows_is_not_seen),
        cmocka_unit_test(test_matcher__both_streams_have_lines_of_their_own),
        cmocka_unit_test(test_matcher__what_is_a_number),
        cmocka_unit_test(test_matcher__a_group_that_caught_nothing_is_told),
        cmocka_unit_test(test_matcher__steps_are_reports),
        cmocka_unit_test(test_matcher__a_line_is_looked_at_to_its_limit),
        cmocka_unit_test(test_job__needs_no_result_line),
        cmocka_unit_test(test_job__a_pattern_comes_before_what_the_program_says),
        cmocka_unit_test(test_job__reads_a_file_of_its_folder),
        cmocka_unit_test(test_job__reports_and_stops),
        cmocka_unit_test(test_job__secrets_are_not_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
