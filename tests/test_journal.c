/* The journal's writer: group commit, answers that wait for their events, retries, back-pressure. */
#include "tests/store_file.h"

#include <pthread.h>
#include <sqlite3.h>

struct heard {
    pthread_mutex_t lock;
    pthread_cond_t more;
    char answers[4096];
    int transactions, troubles;
    char text[1024];
};

static void on_durable(void *data, const char *answers, size_t n)
{
    struct heard *h = data;
    pthread_mutex_lock(&h->lock);
    strncat(h->answers, answers, n);
    h->transactions++;
    pthread_cond_broadcast(&h->more);
    pthread_mutex_unlock(&h->lock);
}

static void on_trouble(void *data, const char *text)
{
    struct heard *h = data;
    pthread_mutex_lock(&h->lock);
    h->troubles += text != NULL;
    if (text) snprintf(h->text, sizeof h->text, "%s", text);
    pthread_cond_broadcast(&h->more);
    pthread_mutex_unlock(&h->lock);
}

#define HEARD                                                                                                          \
    {                                                                                                                  \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, "", 0, 0, ""                                              \
    }

static struct journal *started(struct store *s, int64_t study, struct heard *h)
{
    struct error err;
    struct journal *j = journal_create(s, study);
    assert_ok(journal_start(j, &(struct journal_hooks){on_durable, on_trouble, h}, &err), err);
    return j;
}

static void wait_for(struct heard *h, int troubles, size_t answers)
{
    pthread_mutex_lock(&h->lock);
    while (h->troubles < troubles || strlen(h->answers) < answers) pthread_cond_wait(&h->more, &h->lock);
    pthread_mutex_unlock(&h->lock);
}

static void test_journal__answers_follow_their_events(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    int64_t id = add_study(s, "s"), last;
    struct heard h = HEARD;
    struct journal *j = journal_create(s, id);
    assert_int_equal(journal_batch(j), 1);
    assert_ok(journal_start(j, &(struct journal_hooks){on_durable, on_trouble, &h}, &err), err);
    for (int i = 0; i < 26; i++) {
        add_event(j, i + 1, "{}");
        journal_answer(j, &"abcdefghijklmnopqrstuvwxyz"[i], 1);
        journal_submit(j);
        journal_submit(j); /* nothing: no batch */
        journal_wait(j);
    }
    assert_int_equal(journal_batch(j), 27);
    journal_answer(j, "!", 1); /* an answer alone */
    journal_submit(j);
    assert_ok(journal_stop(j, &err), err);
    assert_string_equal(h.answers, "abcdefghijklmnopqrstuvwxyz!");
    assert_int_equal(journal_durable(j), 27);
    assert_int_equal(h.troubles, 0);
    journal_free(j);
    assert_ok(store_last_event(s, id, &last, &err), err);
    assert_int_equal(last, 26);
    store_close(s);
}

/* Another program holds the database: nothing is answered, and everything is once it lets go. */
static void test_journal__waits_for_a_locked_database(void **state)
{
    (void)state;
    struct error err;
    sqlite3 *other;
    struct store *s = open_store();
    struct heard h = HEARD;
    struct journal *j = journal_create(s, add_study(s, "s"));
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_ok(journal_start(j, &(struct journal_hooks){on_durable, on_trouble, &h}, &err), err);
    add_event(j, 1, "{}");
    journal_answer(j, "ok", 2);
    journal_submit(j);
    pthread_mutex_lock(&h.lock);
    while (!h.troubles) pthread_cond_wait(&h.more, &h.lock);
    assert_string_equal(h.answers, "");
    assert_contains(h.text, "another program keeps it locked");
    assert_int_equal(journal_trouble(j, &err), STATUS_IO);
    assert_int_equal(journal_durable(j), 0);
    sqlite3_exec(other, "COMMIT", NULL, NULL, NULL);
    while (!*h.answers) pthread_cond_wait(&h.more, &h.lock);
    pthread_mutex_unlock(&h.lock);
    assert_ok(journal_stop(j, &err), err);
    assert_int_equal(journal_trouble(j, &err), STATUS_OK);
    journal_free(j);
    sqlite3_close(other);
    store_close(s);
}

/* A disk that does not take what comes: the journal says that it is full, and is not once the disk has caught up. */
static void test_journal__back_pressure(void **state)
{
    (void)state;
    struct error err;
    sqlite3 *other;
    struct store *s = open_store();
    struct journal *j = journal_create(s, add_study(s, "s"));
    char *body = calloc(1, 100000);
    memset(body, 'x', 99999);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_ok(journal_start(j, &(struct journal_hooks){NULL, NULL, NULL}, &err), err);
    for (int i = 0; i < 100; i++) {
        add_event(j, i + 1, body);
        journal_submit(j);
        assert_int_equal(journal_full(j), i > 82); /* 8 MB */
    }
    sqlite3_exec(other, "COMMIT", NULL, NULL, NULL);
    journal_wait(j); /* blocks until there is room */
    assert_false(journal_full(j));
    assert_ok(journal_stop(j, &err), err);
    journal_free(j);
    sqlite3_close(other);
    store_close(s);
    free(body);
}

static void rename_part(const char *tail, bool away)
{
    char here[300], there[300];
    snprintf(here, sizeof here, "%s%s", path, tail);
    snprintf(there, sizeof there, "%s%s.away", path, tail);
    assert_int_equal(away ? rename(here, there) : rename(there, here), 0);
}

/* Told without anything to write, nothing is answered while it is away, and everything once when it is back. */
static void test_journal__waits_for_a_file_that_was_moved(void **state)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    (void)state;
    struct error err;
    struct store *s = open_store();
    int64_t id = add_study(s, "s"), last;
    struct heard h = HEARD;
    struct journal *j = started(s, id, &h);
    for (int i = 0; i < 3; i++) {
        rename_part(tails[i], true);
        wait_for(&h, i + 1, 0); /* nothing was submitted */
        assert_contains(h.text, "was moved, deleted or replaced");
        add_event(j, i + 1, "{}");
        journal_answer(j, &"abc"[i], 1);
        journal_submit(j);
        assert_int_equal(journal_trouble(j, &err), STATUS_IO);
        assert_int_equal(strlen(h.answers), i);
        rename_part(tails[i], false);
        wait_for(&h, 0, (size_t)i + 1);
    }
    assert_ok(journal_stop(j, &err), err);
    assert_string_equal(h.answers, "abc");
    journal_free(j);
    assert_ok(store_last_event(s, id, &last, &err), err);
    assert_int_equal(last, 3);
    store_close(s);
}

/* The file goes while its transaction runs: that is committed, and told to nobody. */
static int take_away(void *data)
{
    bool *armed = data;
    if (*armed) rename_part("", true);
    *armed = false;
    return 0;
}

static void test_journal__what_was_committed_into_a_moved_file_is_delivered_when_it_is_back(void **state)
{
    (void)state;
    struct error err;
    bool armed = true;
    struct store *s = open_store();
    int64_t id = add_study(s, "s"), last;
    struct heard h = HEARD;
    struct journal *j = journal_create(s, id);
    sqlite3 **db = (sqlite3 **)s; /* the first member */
    sqlite3_commit_hook(*db, take_away, &armed);
    assert_ok(journal_start(j, &(struct journal_hooks){on_durable, on_trouble, &h}, &err), err);
    add_event(j, 1, "{}");
    journal_answer(j, "x", 1);
    journal_submit(j);
    wait_for(&h, 1, 0);
    assert_string_equal(h.answers, "");
    assert_int_equal(journal_durable(j), 0);
    rename_part("", false);
    wait_for(&h, 0, 1);
    assert_ok(journal_stop(j, &err), err);
    assert_string_equal(h.answers, "x");
    journal_free(j);
    assert_ok(store_last_event(s, id, &last, &err), err);
    assert_int_equal(last, 1);
    store_close(s);
}

static void answers_never(struct journal *j, struct heard *h, struct error *ret)
{
    journal_answer(j, "never", 5);
    journal_submit(j);
    journal_wait(j);
    assert_int_equal(journal_stop(j, ret), STATUS_IO);
    assert_string_equal(h->answers, "");
    journal_free(j);
}

static void test_journal__a_cut_file_is_for_good(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    struct heard h = HEARD;
    struct journal *j = started(s, add_study(s, "s"), &h);
    assert_int_equal(truncate(path, 0), 0);
    wait_for(&h, 1, 0);
    assert_int_equal(journal_trouble(j, &err), STATUS_FAILED);
    add_event(j, 1, "{}");
    answers_never(j, &h, &err);
    assert_contains(err.text, "was cut or overwritten by another program");
    store_close(s);
}

static void test_journal__a_damaged_file_is_for_good(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    struct heard h = HEARD;
    struct journal *j = started(s, add_study(s, "s"), &h);
    add_event(j, 1, "{}");
    add_event(j, 1, "{}"); /* no retry will make this right */
    answers_never(j, &h, &err);
    store_close(s);
}

#define journal_test(name) cmocka_unit_test_setup_teardown(name, setup, clean)

int main(void)
{
    const struct CMUnitTest tests[] = {
        journal_test(test_journal__answers_follow_their_events),
        journal_test(test_journal__waits_for_a_locked_database),
        journal_test(test_journal__back_pressure),
        journal_test(test_journal__waits_for_a_file_that_was_moved),
        journal_test(test_journal__what_was_committed_into_a_moved_file_is_delivered_when_it_is_back),
        journal_test(test_journal__a_cut_file_is_for_good),
        journal_test(test_journal__a_damaged_file_is_for_good),
    };
    return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}
