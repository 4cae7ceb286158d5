/* Segments and checkpoints: where training goes on, until where; references to what was left, old paths among them. */
#include "tests/folder.h"
#include "tests/test.h"

#include "tuner/base/digest.h"
#include "tuner/history/history.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_checkpoint__paths_of_before_are_read_as_references(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name; /* NULL: none */
        long trial, attempt;
    } row[] = {
        {"/home/x/night.files/toy/0003.2/state.pt", "state.pt", 3, 2},
        {"/home/x/night.files/toy/0003.2/deep/er/state.pt", "deep/er/state.pt", 3, 2},
        {"/a/0003.1/b.files/toy/0003.7/c", "c", 3, 7}, /* the last folder of that name */
        {"/x.files/toy/12345.1/c", "c", 12345, 1},
        {"/x.files/toy/0004.2/c", NULL, 3, 0}, /* another trial's */
        {"/x.files/toy/0003.2", NULL, 3, 0},
        {"/x.files/toy/0003.2/", NULL, 3, 0},
        {"/x.files/toy/3.2/c", NULL, 3, 0},
        {"state.pt", NULL, 3, 0},
        {"", NULL, 3, 0},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct checkpoint c = {0};
        assert_int_equal(checkpoint_parse(row[i].path, row[i].trial, &c), row[i].name != NULL);
        if (!row[i].name) continue;
        assert_string_equal(c.name, row[i].name);
        assert_int_equal(c.trial, row[i].trial);
        assert_int_equal(c.attempt, row[i].attempt);
    }
}

static void write_bytes(const char *path, size_t n, size_t at, char other)
{
    char *bytes = must_alloc(1, n);
    for (size_t i = 0; i < n; i++) bytes[i] = (char)(i * 31 % 251);
    bytes[at] = other;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, bytes, n), (ssize_t)n);
    close(fd);
    free(bytes);
}

static enum status taken(const char *dir, const char *path, struct arena *arena, struct checkpoint *ret)
{
    struct trial t = {.number = 3, .effort.attempts = 2};
    struct error err;
    return checkpoint_refer(&t, dir, path, arena, ret, &err);
}

static void test_checkpoint__what_was_replaced_is_noticed(void **state)
{
    (void)state;
    const char *dir = test_folder();
    char path[80];
    struct arena arena = {0};
    struct checkpoint c;
    struct error err;
    snprintf(path, sizeof path, "%s/c.bin", dir);
    const size_t size[] = {1, 100, CHECKPOINT_PART, CHECKPOINT_PARTS * CHECKPOINT_PART, 3000001};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        write_bytes(path, size[i], 0, 'a');
        assert_int_equal(taken(dir, "c.bin", &arena, &c), STATUS_OK);
        assert_string_equal(c.name, "c.bin");
        assert_int_equal(c.trial, 3);
        assert_int_equal(c.attempt, 2);
        assert_int_equal(c.bytes, size[i]);
        assert_ok(checkpoint_verify(&c, path, &err), err);
        write_bytes(path, size[i], 0, 'b');
        assert_int_equal(checkpoint_verify(&c, path, &err), STATUS_INVALID);
        assert_contains(err.text, "is not what was left there");
        write_bytes(path, size[i] + 1, 0, 'a');
        assert_int_equal(checkpoint_verify(&c, path, &err), STATUS_INVALID);
        assert_contains(err.text, "bytes instead of");
        c.digest = NULL; /* of a log from before there were digests */
        write_bytes(path, size[i], 0, 'b');
        assert_ok(checkpoint_verify(&c, path, &err), err);
    }
    unlink(path);
    assert_int_equal(checkpoint_verify(&c, path, &err), STATUS_NOT_FOUND);
    assert_int_equal(taken(dir, "c.bin", &arena, &c), STATUS_NOT_FOUND);
    assert_int_equal(taken(dir, "/etc/passwd", &arena, &c), STATUS_INVALID);
    assert_int_equal(taken(dir, ".", &arena, &c), STATUS_INVALID);
    arena_done(&arena);
}

static void test_segment__ends(void **state)
{
    (void)state;
    const struct segment open = {.parent = -1}, until = {.parent = -1, .until = 500};
    assert_false(segment_is_over(&open, 1e12));
    assert_false(segment_is_over(&until, 499));
    assert_true(segment_is_over(&until, 500));
    assert_false(segment_is_over(&until, NAN));
    assert_false(segment_is_part(&(struct trial){.segment = open}));
    assert_true(segment_is_part(&(struct trial){.segment = until}));
    assert_true(segment_is_part(&(struct trial){.segment = {.parent = 2}}));
    assert_true(segment_is_part(&(struct trial){.segment = open, .trajectory.n = 1}));
}

static void test_segment__goes_on_from_its_own_then_its_parents(void **state)
{
    (void)state;
    struct trial parent = {.attempt.stage = -1, .segment.parent = -1, .checkpoint = {.name = "p", .stage = -1}},
                 child = {
                     .number = 1, .attempt.stage = -1, .segment.parent = 0, .checkpoint = {.trial = 1, .stage = -1}};
    const struct trial *const list[] = {&parent, &child};
    const struct memory m = {.n = 2, .trial = list};
    assert_null(segment_from(&m, &(struct trial){.attempt.stage = -1, .segment.parent = -1}));
    assert_ptr_equal(segment_from(&m, &child), &parent.checkpoint);
    child.checkpoint.name = "c";
    assert_ptr_equal(segment_from(&m, &child), &child.checkpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkpoint__paths_of_before_are_read_as_references),
        cmocka_unit_test(test_checkpoint__what_was_replaced_is_noticed),
        cmocka_unit_test(test_segment__ends),
        cmocka_unit_test(test_segment__goes_on_from_its_own_then_its_parents),
    };
    return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
