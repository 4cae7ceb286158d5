/* The right to run a study: one process at a time. */
#include "tests/store_file.h"

#include <sys/mman.h>
#include <sys/wait.h>

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
        _exit((int)st);
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

static bool lock_file_is_there(void)
{
    char name[300];
    snprintf(name, sizeof name, "%s-s.lock", path);
    return access(name, F_OK) == 0;
}

/* Many take it, and remove its file each time: never two at once, and no file is left. */
static void test_hold__its_file_goes_with_the_study(void **state)
{
    enum { TAKERS = 8, ROUNDS = 200 };
    (void)state;
    struct error err;
    struct store *s = open_store();
    struct store_hold *hold = NULL;
    int *inside = mmap(NULL, sizeof *inside, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ok(store_hold_take(s, "s", &hold, &err), err);
    assert_true(lock_file_is_there());
    store_hold_retire(hold);
    assert_false(lock_file_is_there());
    for (int k = 0; k < TAKERS; k++) {
        if (fork() != 0) continue;
        for (int done = 0; done < ROUNDS;) {
            struct store_hold *mine;
            if (store_hold_take(s, "s", &mine, NULL)) continue;
            if (__atomic_add_fetch(inside, 1, __ATOMIC_SEQ_CST) != 1) _exit(1);
            __atomic_sub_fetch(inside, 1, __ATOMIC_SEQ_CST);
            store_hold_retire(mine);
            done++;
        }
        _exit(0);
    }
    for (int k = 0; k < TAKERS; k++) {
        int code;
        wait(&code);
        assert_int_equal(code, 0);
    }
    assert_false(lock_file_is_there());
    munmap(inside, sizeof *inside);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_hold__one_process_at_a_time_and_free_when_it_dies),
        store_test(test_hold__its_file_goes_with_the_study),
    };
    return cmocka_run_group_tests_name("hold", tests, NULL, NULL);
}
