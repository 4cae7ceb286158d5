/* Streams of events, of one study and of all, over a real database: who reads what, and what it costs others. */
#include "tests/test.h"

#include "tests/folder.h"

#include "tuner/service/all_events.h"
#include "tuner/service/streams.h"

enum {
    STUDIES = 400,
    EVENTS = 4,     /* of each */
    AT_ONCE = 16,   /* logs that one who wants all may have read at the same time */
    KIND_NOTE = 1,  /* any that there is */
    READ_MAX = 4096 /* bytes */
};

struct bench {
    uv_loop_t loop;
    struct service service;
    bool woken;
};

static void begin(struct bench *b, const char *name)
{
    struct error err;
    char db[100];
    *b = (struct bench){0};
    snprintf(db, sizeof db, "%s/%s.db", test_folder(), name);
    uv_loop_init(&b->loop);
    assert_ok(store_open(db, STORE_CREATE, &b->service.store, &err), err);
    assert_ok(works_create(&b->loop, db, &b->service.works, &err), err);
    b->service.streams.shelf = shelf_create(b->service.works);
    b->service.streams.together = all_events_create(&b->service);
}

static void on_closed(void *data)
{
    *(bool *)data = true;
}

static void end(struct bench *b)
{
    bool closed = false;
    works_close(b->service.works, on_closed, &closed);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_true(closed);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    streams_drop(&b->service);
    all_events_free(b->service.streams.together);
    shelf_free(b->service.streams.shelf);
    store_close(b->service.store);
}

static void wake(void *data)
{
    ((struct bench *)data)->woken = true;
}

/* ---- what has happened ---- */

static struct store_event event_of(int64_t seq)
{
    return (struct store_event){.seq = seq, .trial = -1, .kind = KIND_NOTE, .at_ms = seq, .body = ""};
}

/* Events from `from` on are recorded. */
static void record(struct store *store, int64_t study, int64_t from, int64_t n)
{
    struct error err;
    struct journal *j = journal_create(store, study);
    for (int64_t seq = from; seq < from + n; seq++) {
        const struct store_event e = event_of(seq);
        journal_event(j, &e);
    }
    assert_ok(journal_flush(j, &err), err);
    journal_free(j);
}

static int64_t add_study(struct store *store, const char *name, int64_t events)
{
    struct error err;
    int64_t id;
    const struct store_study row = {.name = name, .path = "", .file = "", .identity = ""};
    assert_ok(store_study_insert(store, &row, &id, &err), err);
    record(store, id, 1, events);
    return id;
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what)) n++;
    return n;
}

/* ---- all of them ---- */

static struct all_reader *open_all(struct bench *b, const char *after, struct arena *arena)
{
    struct error err;
    struct all_start start;
    struct store_end *all;
    struct all_opening how = {.once = true, .token = "ada", .scope = "", .wake = wake, .data = b};
    assert_ok(all_events_parse(after, arena, &start, &err), err);
    assert_ok(store_study_ends(b->service.store, arena, &all, &how.n, &err), err);
    how.after = all_events_begin(&start, all, how.n, arena);
    how.end = all;
    return all_events_open(b->service.streams.together, &how);
}

/* Everything that there is for this one; for which no more than so many works ever wait. The caller frees it. */
static char *read_all(struct bench *b, struct all_reader *r, size_t most)
{
    char buf[READ_MAX], *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    for (ssize_t k; (k = all_events_read(r, buf, READ_MAX)) >= 0;) {
        fwrite(buf, 1, (size_t)k, out);
        assert_true(works_of(b->service.works, NULL) <= most);
        if (!k) uv_run(&b->loop, UV_RUN_ONCE);
    }
    fclose(out);
    return text;
}

static void test_all_events__who_wants_all_of_many_studies_has_few_read_at_once(void **state)
{
    struct bench b;
    struct arena arena = {0};
    char name[40];
    (void)state;
    begin(&b, "many");
    for (int i = 0; i < STUDIES; i++) {
        snprintf(name, sizeof name, "s%d", i);
        add_study(b.service.store, name, EVENTS);
    }
    struct all_reader *r = open_all(&b, "0", &arena);
    assert_int_equal(works_of(b.service.works, NULL), 0);
    char *text = read_all(&b, r, AT_ONCE);
    assert_int_equal(count(text, "\"seq\": "), STUDIES * EVENTS);
    for (int i = 0; i < STUDIES; i += STUDIES / 10) {
        snprintf(name, sizeof name, "\"study\": \"s%d\"", i);
        assert_int_equal(count(text, name), EVENTS);
    }
    all_events_close(r);
    free(text);
    arena_done(&arena);
    end(&b);
}

/* ---- one of them ---- */

/* Reads until it has been told everything, or until the event comes; returns the last one's. */
static int64_t read_until(struct bench *b, struct event_reader *r, int64_t seq)
{
    int64_t last = 0;
    struct event_text e;
    for (enum event_turn turn; (turn = event_stream_next(r, &e)) != EVENT_TURN_TOLD && last < seq;) {
        assert_true(turn != EVENT_TURN_ENDED);
        if (turn == EVENT_TURN_HERE) last = e.seq;
        if (turn == EVENT_TURN_WAITS) uv_run(&b->loop, UV_RUN_ONCE);
    }
    return last;
}

static struct event_reader *open_one(struct bench *b, struct event_stream *f, int64_t after)
{
    return event_stream_open(f, after, false, "ada events", wake, b);
}

/* It is recorded while nobody reads, and durable only when somebody has read the log to its end. */
static void test_event_stream__what_is_not_durable_yet_is_told_to_who_comes_before_it_is(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "unseen");
    int64_t id = add_study(b.service.store, "s", EVENTS);
    struct event_stream *f = streams_of(&b.service, "s", id);
    const struct store_event next = event_of(EVENTS + 1);
    event_stream_add(f, &next, 7);
    struct event_reader *r = open_one(&b, f, 0);
    assert_int_equal(read_until(&b, r, EVENTS), EVENTS);
    b.woken = false;
    event_stream_durable(f, 6);
    assert_false(b.woken);
    record(b.service.store, id, EVENTS + 1, 1);
    event_stream_durable(f, 7);
    assert_true(b.woken);
    assert_int_equal(read_until(&b, r, EVENTS + 1), EVENTS + 1);
    event_stream_close(r);
    end(&b);
}

/* A page that was the end of the log serves the next reader, too, as long as the ring goes on where it ends. */
static void test_event_stream__a_page_of_a_busy_study_is_read_once(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "busy");
    int64_t id = add_study(b.service.store, "s", EVENTS);
    struct event_stream *f = streams_of(&b.service, "s", id);
    struct event_reader *first = open_one(&b, f, 0);
    assert_int_equal(read_until(&b, first, EVENTS), EVENTS);
    const struct store_event next = event_of(EVENTS + 1);
    event_stream_add(f, &next, 1);
    record(b.service.store, id, EVENTS + 1, 1);
    event_stream_durable(f, 1);
    assert_int_equal(read_until(&b, first, EVENTS + 1), EVENTS + 1);
    struct event_reader *second = open_one(&b, f, 0);
    struct event_text e;
    for (int64_t seq = 1; seq <= EVENTS + 1; seq++) {
        assert_int_equal(event_stream_next(second, &e), EVENT_TURN_HERE);
        assert_int_equal(e.seq, seq);
    }
    assert_int_equal(event_stream_next(second, &e), EVENT_TURN_TOLD);
    event_stream_close(second);
    event_stream_close(first);
    end(&b);
}

/* What is in no ring is not overlooked: the page is read again. */
static void test_event_stream__a_page_that_was_the_end_is_read_again_if_more_may_have_come(void **state)
{
    struct bench b;
    (void)state;
    begin(&b, "again");
    int64_t id = add_study(b.service.store, "s", EVENTS);
    struct event_stream *f = streams_of(&b.service, "s", id);
    struct event_reader *first = open_one(&b, f, 0);
    assert_int_equal(read_until(&b, first, EVENTS), EVENTS);
    event_stream_close(first);
    record(b.service.store, id, EVENTS + 1, 2); /* by another process */
    struct event_reader *second = open_one(&b, f, 0);
    assert_int_equal(read_until(&b, second, EVENTS + 2), EVENTS + 2);
    event_stream_close(second);
    end(&b);
}

/* ---- by name ---- */

static void test_streams__who_asks_for_an_older_study_of_the_name_ends_nothing_newer(void **state)
{
    struct bench b;
    struct event_text e;
    (void)state;
    begin(&b, "names");
    struct event_stream *newer = streams_of(&b.service, "s", 7);
    struct event_reader *r = open_one(&b, newer, 0), *old = open_one(&b, streams_of(&b.service, "s", 3), 0);
    read_until(&b, r, 1);
    assert_int_equal(event_stream_next(r, &e), EVENT_TURN_TOLD);
    assert_ptr_equal(streams_of(&b.service, "s", 7), newer);
    struct event_reader *newest = open_one(&b, streams_of(&b.service, "s", 9), 0);
    assert_int_equal(event_stream_next(r, &e), EVENT_TURN_ENDED);
    event_stream_close(newest);
    event_stream_close(old);
    event_stream_close(r);
    end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_events__who_wants_all_of_many_studies_has_few_read_at_once),
        cmocka_unit_test(test_event_stream__what_is_not_durable_yet_is_told_to_who_comes_before_it_is),
        cmocka_unit_test(test_event_stream__a_page_of_a_busy_study_is_read_once),
        cmocka_unit_test(test_event_stream__a_page_that_was_the_end_is_read_again_if_more_may_have_come),
        cmocka_unit_test(test_streams__who_asks_for_an_older_study_of_the_name_ends_nothing_newer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
