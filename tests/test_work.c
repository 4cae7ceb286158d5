/* What is done beside the loop, in turn. */
#include "tests/test.h"

#include "tests/folder.h"

#include "tuner/service/work.h"

#include "tuner/base/clock.h"

#include <stdatomic.h>
#include <sys/resource.h>
#include <unistd.h>

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

/* ---- kinds ---- */

enum { SLOW = 3, CHANGING = 2, OTHERS = SLOW + CHANGING, ALL = OTHERS + 1 };

/* Works of which all others wait for the quick one, which comes last, to be done. */
struct crowd {
    struct works *works;
    struct work work[ALL];
    atomic_int at_work[WORK_KINDS], most[WORK_KINDS], nice[WORK_KINDS];
    uv_sem_t quick_done;
    int done;
};

static bool run_waiting(struct work *w, struct store *store)
{
    struct crowd *c = w->data;
    (void)store;
    int n = atomic_fetch_add(&c->at_work[w->kind], 1) + 1;
    if (n > atomic_load(&c->most[w->kind])) atomic_store(&c->most[w->kind], n);
    atomic_store(&c->nice[w->kind], getpriority(PRIO_PROCESS, (id_t)gettid()));
    uv_sem_wait(&c->quick_done);
    atomic_fetch_sub(&c->at_work[w->kind], 1);
    return false;
}

static bool run_quick(struct work *w, struct store *store)
{
    struct crowd *c = w->data;
    (void)store;
    atomic_store(&c->nice[w->kind], getpriority(PRIO_PROCESS, (id_t)gettid()));
    for (size_t i = 0; i < OTHERS; i++) uv_sem_post(&c->quick_done);
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
    if (++c->done == ALL) works_close(c->works, forget, c);
}

static void run_loop(uv_loop_t *loop, struct works **works, void (*add)(void *data), void *data)
{
    struct store *store;
    struct error err;
    char db[100];
    snprintf(db, sizeof db, "%s/work.db", test_folder());
    assert_ok(store_open(db, STORE_CREATE, &store, &err), err);
    uv_loop_init(loop);
    assert_ok(works_create(loop, db, works, &err), err);
    add(data);
    uv_run(loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(loop), 0);
    store_close(store);
}

static void add_crowd(void *data)
{
    struct crowd *c = data;
    for (size_t i = 0; i < ALL; i++) {
        enum work_kind kind = i < SLOW ? WORK_SLOW : i < OTHERS ? WORK_CHANGING : WORK_QUICK;
        c->work[i] = (struct work){.who = "abc" + i % 3,
                                   .kind = kind,
                                   .data = c,
                                   .run = kind == WORK_QUICK ? run_quick : run_waiting,
                                   .done = on_one_done};
        works_add(c->works, &c->work[i]);
    }
}

/* A quick one that waited would wait for ever. */
static void test_work__quick_works_wait_for_no_others(void **state)
{
    struct crowd c = {0};
    uv_loop_t loop;
    (void)state;
    uv_sem_init(&c.quick_done, 0);
    run_loop(&loop, &c.works, add_crowd, &c);
    uv_sem_destroy(&c.quick_done);
    assert_int_equal(c.done, ALL);
    assert_int_equal(atomic_load(&c.most[WORK_SLOW]), 1);
    assert_int_equal(atomic_load(&c.most[WORK_CHANGING]), 1);
}

static void test_work__only_slow_works_have_less_right_to_the_processor(void **state)
{
    struct crowd c = {0};
    uv_loop_t loop;
    int own = getpriority(PRIO_PROCESS, 0);
    (void)state;
    uv_sem_init(&c.quick_done, 0);
    run_loop(&loop, &c.works, add_crowd, &c);
    uv_sem_destroy(&c.quick_done);
    assert_int_equal(atomic_load(&c.nice[WORK_QUICK]), own);
    assert_int_equal(atomic_load(&c.nice[WORK_CHANGING]), own);
    assert_int_equal(atomic_load(&c.nice[WORK_SLOW]), own + 10 < 19 ? own + 10 : 19);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_work__what_is_for_later_is_done_whenever_its_time_comes),
        cmocka_unit_test(test_work__quick_works_wait_for_no_others),
        cmocka_unit_test(test_work__only_slow_works_have_less_right_to_the_processor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
