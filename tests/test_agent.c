/* What an agent keeps on its disk. */
#include "tests/test.h"

#include "tuner/agent/outbox.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char path[] = "/tmp/test_agent.XXXXXX";

static int setup(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    close(fd);
    return fd < 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    memcpy(path + strlen(path) - 6, "XXXXXX", 6);
    return 0;
}

enum { LIMIT = 256 << 10 };

static struct outbox *open_box(void)
{
    struct outbox *o = NULL;
    struct error err;
    assert_ok(outbox_open(path, LIMIT, &o, &err), err);
    return o;
}

static void add(struct outbox *o, const char *key, int n)
{
    json_t *line = json_pack("{s:i}", key, n);
    outbox_add(o, line, false);
    json_decref(line);
}

static void expect(struct outbox *o, size_t max, size_t n, int first)
{
    size_t bytes;
    json_t *lines = outbox_take(o, max, "upload", &bytes);
    assert_int_equal(json_array_size(lines), n);
    if (n)
        assert_int_equal(json_integer_value(json_object_iter_value(json_object_iter(json_array_get(lines, 0)))), first);
    outbox_drop(o, bytes);
    json_decref(lines);
}

static void test_outbox__lines_in_order_and_in_batches(void **state)
{
    (void)state;
    struct outbox *o = open_box();
    assert_true(outbox_is_empty(o));
    for (int i = 0; i < 5; i++) add(o, "report", i);
    expect(o, 20, 2, 0); /* begun before the limit */
    expect(o, 1, 1, 2);  /* at least one */
    expect(o, 1000, 2, 3);
    assert_true(outbox_is_empty(o));
    expect(o, 1000, 0, 0);
    outbox_close(o);
}

static void test_outbox__an_upload_is_alone(void **state)
{
    (void)state;
    struct outbox *o = open_box();
    add(o, "report", 1);
    add(o, "upload", 2);
    add(o, "upload", 3);
    add(o, "end", 4);
    expect(o, 1000, 1, 1);
    expect(o, 1000, 1, 2);
    expect(o, 1000, 1, 3);
    expect(o, 1000, 1, 4);
    outbox_close(o);
}

static void test_outbox__what_was_not_dropped_is_there_after_a_kill(void **state)
{
    (void)state;
    struct outbox *o = open_box();
    add(o, "report", 1);
    add(o, "end", 2);
    size_t bytes;
    json_decref(outbox_take(o, 1, "upload", &bytes)); /* said, and not acknowledged */
    outbox_close(o);
    o = open_box();
    expect(o, 1000, 2, 1);
    outbox_close(o);
    o = open_box();
    assert_true(outbox_is_empty(o));
    outbox_close(o);
}

static void test_outbox__a_torn_line_is_left_out_and_a_damaged_one_does_not_stop_the_others(void **state)
{
    (void)state;
    FILE *out = fopen(path, "w");
    fputs("{\"a\":1}\nnot json\n{\"b\":2}\n{\"c\":", out);
    fclose(out);
    struct outbox *o = open_box();
    add(o, "d", 4);
    expect(o, 1000, 3, 1);
    assert_true(outbox_is_empty(o));
    outbox_close(o);
}

/* Somebody cuts the file of an outbox that is open. */
static void test_outbox__a_cut_file_is_an_empty_batch_and_what_comes_after_it_is_whole(void **state)
{
    (void)state;
    for (int more = 0; more < 2; more++) {
        struct outbox *o = open_box();
        for (int i = 0; i < 100; i++) add(o, "a", i);
        assert_int_equal(truncate(path, 93), 0); /* in the eleventh line */
        if (more) add(o, "b", 7);
        expect(o, SIZE_MAX, 10, 0);
        expect(o, SIZE_MAX, 0, 0);
        if (more) expect(o, SIZE_MAX, 1, 7);
        assert_true(outbox_is_empty(o));
        outbox_close(o);
    }
}

static void test_outbox__stays_small_though_it_is_never_empty(void **state)
{
    (void)state;
    struct outbox *o = open_box();
    for (int i = 0; i < 200000; i++) {
        add(o, "report", i);
        if (i) expect(o, 1, 1, i - 1);
    }
    FILE *in = fopen(path, "r");
    fseek(in, 0, SEEK_END);
    assert_true(ftell(in) < 3 << 20);
    fclose(in);
    outbox_close(o);
    o = open_box(); /* what it said already is said again, and the last one is there */
    size_t bytes;
    json_t *lines = outbox_take(o, SIZE_MAX, "upload", &bytes);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(lines, json_array_size(lines) - 1), "report")),
                     199999);
    json_decref(lines);
    outbox_close(o);
}

/* As an agent does: `next` are the numbers of the next reports. */
static void say(struct outbox *o, const char *key, int lease, int n, int step, int *next)
{
    json_t *line = json_pack("{s:s, s:i, s:{s:i, s:i}}", "study", "s", "lease", lease, key, "n", n, "step", step);
    if (outbox_add(o, line, false))
        for (int i = 0; i < 3; i++) next[i] -= (int)outbox_thinned(o, "s", i);
    json_decref(line);
}

static void say_report(struct outbox *o, int lease, int step, int *next)
{
    say(o, "report", lease, next[lease]++, step, next);
}

struct heard {
    int n[3], step[3], ends;
};

static void hear(void *data, const json_t *line)
{
    struct heard *h = data;
    json_int_t lease = json_integer_value(json_object_get(line, "lease"));
    const json_t *report = json_object_get(line, "report");
    h->ends += json_object_get(line, "end") != NULL;
    if (!report) return;
    assert_int_equal(json_integer_value(json_object_get(report, "n")), h->n[lease]); /* no gaps */
    assert_true(json_integer_value(json_object_get(report, "step")) >= h->step[lease]);
    h->n[lease]++;
    h->step[lease] = (int)json_integer_value(json_object_get(report, "step"));
}

static void test_outbox__has_a_limit_and_thins_reports_only(void **state)
{
    (void)state;
    struct outbox *o = open_box();
    int next[3] = {0, 0, 0}, ends = 0;
    size_t lent;
    say_report(o, 0, 0, next);
    json_decref(outbox_take(o, 1, "upload", &lent)); /* is being said while the rest is thinned */
    for (int step = 1; step < 20000; step++) {
        for (int lease = 0; lease < 3; lease++) say_report(o, lease, step, next);
        if (step % 1000 == 0) say(o, "end", 0, ends++, step, next);
        assert_true(outbox_bytes(o) <= LIMIT);
    }
    outbox_drop(o, lent);
    outbox_close(o);
    o = open_box();
    struct heard h = {.ends = 0}; /* what was said is still there, with its number */
    outbox_each(o, hear, &h);
    assert_int_equal(h.ends, ends);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(h.n[i], next[i]);
        assert_true(h.n[i] > 100);
        assert_int_equal(h.step[i], 19999); /* the newest is there */
    }
    outbox_close(o);
}

static void limit_files(rlim_t bytes, struct rlimit *before)
{
    getrlimit(RLIMIT_FSIZE, before);
    struct rlimit small = {bytes, before->rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
}

static void test_outbox__a_disk_that_refuses_loses_nothing_and_has_a_limit_too(void **state)
{
    (void)state;
    struct rlimit before;
    struct outbox *o = open_box();
    int next[3] = {0, 0, 0};
    signal(SIGXFSZ, SIG_IGN);
    limit_files(1000, &before);
    for (int step = 0; step < 10000; step++) say_report(o, 0, step, next);
    for (int i = 0; i < 100; i++) say(o, "end", 0, i, i, next);
    bool bounded = outbox_bytes(o) <= LIMIT;
    setrlimit(RLIMIT_FSIZE, &before);
    assert_true(bounded);
    say(o, "end", 0, 100, 100, next);
    outbox_close(o); /* and now it is all on the disk */
    o = open_box();
    struct heard h = {.ends = 0};
    outbox_each(o, hear, &h);
    assert_int_equal(h.ends, 101);
    assert_int_equal(h.n[0], next[0]);
    assert_int_equal(h.step[0], 9999);
    outbox_close(o);
}

#define box_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        box_test(test_outbox__lines_in_order_and_in_batches),
        box_test(test_outbox__an_upload_is_alone),
        box_test(test_outbox__what_was_not_dropped_is_there_after_a_kill),
        box_test(test_outbox__a_torn_line_is_left_out_and_a_damaged_one_does_not_stop_the_others),
        box_test(test_outbox__a_cut_file_is_an_empty_batch_and_what_comes_after_it_is_whole),
        box_test(test_outbox__stays_small_though_it_is_never_empty),
        box_test(test_outbox__has_a_limit_and_thins_reports_only),
        box_test(test_outbox__a_disk_that_refuses_loses_nothing_and_has_a_limit_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
