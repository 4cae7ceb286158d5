/* What is done beside the loop, in turn. */
#include "tests/test.h"

#include "tests/folder.h"

#include "tuner/service/work.h"

#include "tuner/base/clock.h"

#include <stdatomic.h>

enum { LATEST_MS = 8, GIVE_UP_MS = 30000 /* only a work that is forgotten needs so long */ };

/* ---- a clock that goes on whenever somebody looks at it: whatever can come between two looks does ---- */

static atomic_llong looked;

static int64_t look(const struct clock *c)
{
    (void)c;
    return atomic_fetch_add(&looked, 1);
}

const struct clock *__wrap_clock_real(void);

const struct clock *__wrap_clock_real(void)
{
    static const struct clock restless = {look, look};
    return &restless;
}

/* ---- works ---- */

struct bench {
    uv_loop_t loop;
    uv_timer_t patience;
    struct works *works;
    struct work work;
    int64_t ms;
    bool forgotten;
};

static bool run(struct work *w, struct store *store)
{
    (void)w;
    (void)store;
    return false;
}

static void on_closed(void *data)
{
    struct bench *b = data;
    uv_close((uv_handle_t *)&b->patience, NULL);
}

static void on_patience_ended(uv_timer_t *patience)
{
    struct bench *b = patience->data;
    b->forgotten = true;
    works_close(b->works, on_closed, b);
}

/* One after the other, each a little later than the one before; `unable`: the works are being closed. */
static void on_done(struct work *w)
{
    struct bench *b = w->data;
    if (w->unable) return;
    if (b->ms < LATEST_MS)
        works_add_later(b->works, w, ++b->ms);
    else
        works_close(b->works, on_closed, b);
}

static void test_work__what_is_for_later_is_done_whenever_its_time_comes(void **state)
{
    struct bench b = {.ms = 1};
    struct store *store;
    struct error err;
    char db[100];
    (void)state;
    snprintf(db, sizeof db, "%s/work.db", test_folder());
    assert_ok(store_open(db, STORE_CREATE, &store, &err), err);
    uv_loop_init(&b.loop);
    uv_timer_init(&b.loop, &b.patience);
    b.patience.data = &b;
    uv_timer_start(&b.patience, on_patience_ended, GIVE_UP_MS, 0);
    assert_ok(works_create(&b.loop, db, &b.works, &err), err);
    b.work = (struct work){.who = "", .data = &b, .run = run, .done = on_done};
    works_add_later(b.works, &b.work, b.ms);
    uv_run(&b.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b.loop), 0);
    store_close(store);
    assert_false(b.forgotten);
    assert_int_equal(b.ms, LATEST_MS);
}

/* ---- slow ones ---- */

enum { SLOW = 3 };

/* Works of which the slow ones wait for a quick one to be done. */
struct crowd {
    struct works *works;
    struct work slow[SLOW], quick;
    atomic_int at_work, most;
    uv_sem_t quick_done;
    int done;
};

static bool run_slow(struct work *w, struct store *store)
{
    struct crowd *c = w->data;
    (void)store;
    int n = atomic_fetch_add(&c->at_work, 1) + 1;
    if (n > atomic_load(&c->most)) atomic_store(&c->most, n);
    uv_sem_wait(&c->quick_done);
    atomic_fetch_sub(&c->at_work, 1);
    return false;
}

static bool run_quick(struct work *w, struct store *store)
{
    (void)store;
    for (size_t i = 0; i < SLOW; i++) uv_sem_post(&((struct crowd *)w->data)->quick_done);
    return false;
}

static void forget(void *data)
{
    (void)data;
}

static void on_one_done(struct work *w)
{
    struct crowd *c = w->data;
    assert_false(w->unable);
    if (++c->done == SLOW + 1) works_close(c->works, forget, c);
}

/* Slow ones that held both threads would wait for ever. */
static void test_work__slow_works_leave_a_thread_to_what_is_quick(void **state)
{
    struct crowd c = {0};
    struct store *store;
    struct error err;
    uv_loop_t loop;
    char db[100];
    (void)state;
    snprintf(db, sizeof db, "%s/work.db", test_folder());
    assert_ok(store_open(db, STORE_CREATE, &store, &err), err);
    uv_loop_init(&loop);
    uv_sem_init(&c.quick_done, 0);
    assert_ok(works_create(&loop, db, &c.works, &err), err);
    for (int i = 0; i < SLOW; i++) {
        c.slow[i] = (struct work){.who = "abc" + i, .slow = true, .data = &c, .run = run_slow, .done = on_one_done};
        works_add(c.works, &c.slow[i]);
    }
    c.quick = (struct work){.who = "abc", .data = &c, .run = run_quick, .done = on_one_done};
    works_add(c.works, &c.quick);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    uv_sem_destroy(&c.quick_done);
    store_close(store);
    assert_int_equal(atomic_load(&c.most), 1);
    assert_int_equal(c.done, SLOW + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_work__what_is_for_later_is_done_whenever_its_time_comes),
        cmocka_unit_test(test_work__slow_works_leave_a_thread_to_what_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
