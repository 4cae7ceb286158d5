#include "tests/store_file.h"

#include <sqlite3.h>
#include <unistd.h>

/* As many events as given, in one transaction. */
static enum status add_events(struct store *s, int64_t study, int64_t first, long n, const char *body,
                              struct error *err)
{
    struct journal *j = journal_create(s, study);
    for (long i = 0; i < n; i++) add_event(j, first + i, body);
    enum status st = journal_flush(j, err);
    journal_free(j);
    return st;
}

static void count_study(void *data, const struct store_study *row)
{
    (void)row;
    ++*(int *)data;
}

static void test_store__studies_survive_reopening(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    struct arena arena = {0};
    struct store_study found;
    int64_t id = add_study(s, "s");
    int n = 0;
    struct journal *j = journal_create(s, id);
    journal_study(j, "/moved.yaml", "study: s\n", "{}");
    journal_state(j, "{}");
    assert_ok(journal_flush(j, &err), err);
    journal_free(j);
    store_close(s);
    s = open_store();
    assert_ok(store_study_find(s, "s", &arena, &found, &err), err);
    assert_int_equal(found.id, id);
    assert_string_equal(found.file, "study: s\n");
    assert_string_equal(found.path, "/moved.yaml");
    assert_string_equal(found.state, "{}");
    assert_true(found.seed == 18446744073709551615u);
    assert_int_equal(store_study_find(s, "t", &arena, &found, &err), STATUS_NOT_FOUND);
    arena_done(&arena);
    add_study(s, "u");
    assert_ok(store_studies(s, count_study, &n, &err), err);
    assert_int_equal(n, 2);
    store_close(s);
}

struct seen {
    int n;
    char states[64];
};

static void on_event(void *data, const struct store_event *e)
{
    struct seen *seen = data;
    seen->n++;
    assert_int_equal(e->seq, seen->n);
    if (e->seq == 1) assert_int_equal(e->trial, -1);
    if (e->seq == 2) assert_string_equal(e->body, "{\"em\": 0.30000000000000004}");
}

static void count_event(void *data, const struct store_event *e)
{
    (void)e;
    ++((struct seen *)data)->n;
}

static void test_store__events_come_back_in_order(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    int64_t id = add_study(s, "s"), last;
    struct journal *j = journal_create(s, id);
    struct seen seen = {0};
    journal_event(j, &(struct store_event){.seq = 1, .trial = -1, .kind = 1 /* opened */, .at_ms = 9, .body = ""});
    journal_event(
        j, &(struct store_event){
               .seq = 2, .trial = 5, .kind = 8 /* finished */, .at_ms = 3, .body = "{\"em\": 0.30000000000000004}"});
    assert_ok(store_last_event(s, id, &last, &err), err);
    assert_int_equal(last, 0); /* not yet */
    assert_ok(journal_flush(j, &err), err);
    assert_ok(store_last_event(s, id, &last, &err), err);
    assert_int_equal(last, 2);
    assert_ok(store_events(s, id, -1, on_event, &seen, &err), err);
    assert_int_equal(seen.n, 2);
    seen.n = 0;
    assert_ok(store_events(s, id, 5, count_event, &seen, &err), err);
    assert_int_equal(seen.n, 1);
    struct store_scan scan = {.study = id};
    assert_ok(store_events_back(s, &scan, 1, count_event, &seen, &err), err);
    assert_int_equal(seen.n, 2);
    scan.from = 2;
    assert_ok(store_events_back(s, &scan, 1, count_event, &seen, &err), err);
    assert_int_equal(seen.n, 2);
    bool stop = true;
    scan = (struct store_scan){.study = id, .stop = &stop};
    assert_ok(store_events_scan(s, &scan, count_event, &seen, &err), err);
    assert_int_equal(seen.n, 3); /* one, and no further */
    journal_event(j, &(struct store_event){.seq = 2, .trial = -1, .kind = 10 /* note */, .body = ""});
    assert_int_equal(journal_flush(j, &err), STATUS_IO); /* two writers, or a bug */
    journal_free(j);
    assert_int_equal(add_events(s, 99, 1, 1, "", &err), STATUS_IO); /* foreign key */
    store_close(s);
}

static int try_sql(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
    return code;
}

static void test_store__the_log_is_append_only(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    assert_ok(add_events(s, add_study(s, "s"), 1, 3, "", &err), err);
    store_close(s);
    assert_int_equal(try_sql("DELETE FROM event"), SQLITE_CONSTRAINT);
    assert_int_equal(try_sql("UPDATE event SET at_ms = 0"), SQLITE_CONSTRAINT);
}

struct curve_seen {
    long n;
    double last;
};

static void on_report(void *data, const struct store_report *r)
{
    struct curve_seen *seen = data;
    assert_int_equal(r->number, seen->n);
    assert_int_equal(r->step, 10 * seen->n);
    assert_int_equal(r->after_ms, 1000 * seen->n);
    assert_int_equal(r->known, seen->n / 2);
    assert_int_equal(r->n, seen->n == 3 ? 1 : 2);
    assert_string_equal(r->name[0], "em");
    if (r->n == 2) assert_string_equal(r->name[1], seen->n == 5 ? "other" : "tokens");
    assert_true(r->value[0] == 0.1 * (double)seen->n);
    seen->n++;
}

/* Bit for bit, whatever the batches, and also when names come and go. */
static void test_store__reports_come_back_as_they_were(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    int64_t id = add_study(s, "s");
    struct journal *j = journal_create(s, id);
    struct curve_seen seen = {0};
    for (long i = 0; i < 8; i++) {
        const char *names[] = {"em", i == 5 ? "other" : "tokens"};
        double values[] = {0.1 * (double)i, i == 6 ? -1e-300 : 1e6 * (double)i};
        bool same = i == 1 || i == 2 || i == 7; /* the last one begins a row */
        journal_report(j, &(struct store_report){.lease = 4,
                                                 .same_names = same,
                                                 .number = i,
                                                 .step = 10 * i,
                                                 .after_ms = 1000 * i,
                                                 .known = i / 2,
                                                 .n = i == 3 ? 1 : 2,
                                                 .name = names,
                                                 .value = values});
        journal_report(j, &(struct store_report){.lease = 5, .number = i, .step = i, .n = 0});
        if (i == 4 || i == 6) assert_ok(journal_flush(j, &err), err);
    }
    assert_ok(journal_flush(j, &err), err);
    journal_free(j);
    assert_ok(store_reports(s, id, 4, on_report, &seen, &err), err);
    assert_int_equal(seen.n, 8);
    seen.n = 3;
    struct store_scan part = {.study = id, .from = 3, .limit = 3}; /* of two rows */
    assert_ok(store_reports_scan(s, &part, 4, on_report, &seen, &err), err);
    assert_int_equal(seen.n, 6);
    store_close(s);
    run_sql("DROP TRIGGER curve_is_final; UPDATE curve SET body = x'FF'");
    s = open_store();
    assert_int_equal(store_reports(s, id, 5, on_report, &seen, &err), STATUS_IO);
    assert_contains(err.text, "damaged reports");
    store_close(s);
}

struct items_seen {
    long n;
};

static void on_item(void *data, const struct store_item *item)
{
    struct items_seen *seen = data;
    char id[40];
    snprintf(id, sizeof id, "item %ld", seen->n);
    assert_string_equal(item->id, id);
    assert_int_equal(item->lease, 4);
    assert_int_equal(item->n, seen->n % 2 ? 1 : 2);
    assert_string_equal(item->name[0], "em");
    assert_true(item->value[0] == 0.1 * (double)seen->n);
    if (item->n == 2) assert_string_equal(item->name[1], "tokens");
    seen->n++;
}

static void test_store__items_come_back_as_they_were(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    int64_t id = add_study(s, "s");
    struct items_seen seen = {0};
    for (int process = 0; process < 2; process++) { /* the second goes on with the lease */
        struct journal *j = journal_create(s, id);
        for (long i = 0; i < 10; i++) {
            char name[40];
            snprintf(name, sizeof name, "item %ld", 10 * process + i);
            const char *const names[] = {"em", "tokens"};
            const double values[] = {0.1 * (double)(10 * process + i), 1e300};
            journal_item(j, &(struct store_item){4, name, i % 2 ? 1 : 2, names, values});
            journal_report(j, &(struct store_report){.lease = 4, .number = 10 * process + i, .n = 0});
            journal_item(j, &(struct store_item){5, "other", 0, NULL, NULL});
            if (i == 6) assert_ok(journal_flush(j, &err), err);
        }
        assert_ok(journal_flush(j, &err), err);
        journal_free(j);
    }
    assert_ok(store_items(s, id, 4, on_item, &seen, &err), err);
    assert_int_equal(seen.n, 20);
    assert_ok(store_items(s, id, 6, on_item, &seen, &err), err); /* nothing */
    assert_int_equal(seen.n, 20);
    store_close(s);
    run_sql("DROP TRIGGER item_is_final; UPDATE item SET body = x'FF' WHERE lease = 5");
    s = open_store();
    assert_int_equal(store_items(s, id, 5, on_item, &seen, &err), STATUS_IO);
    assert_contains(err.text, "damaged items");
    store_close(s);
}

static void on_request(void *data, int64_t id, const char *verb, const char *payload)
{
    struct seen *seen = data;
    seen->n = (int)id;
    strcat(seen->states, verb);
    strcat(seen->states, payload);
}

static void test_store__requests_are_read_in_order_and_ids_stay_new(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    int64_t study = add_study(s, "s"), other = add_study(s, "t");
    struct journal *j = journal_create(s, study);
    struct seen seen = {0};
    assert_ok(store_request_add(s, study, "enqueue", "{1}", 1, &err), err);
    assert_ok(store_request_add(s, other, "stop", "{}", 1, &err), err);
    assert_ok(store_request_add(s, study, "stop", "{2}", 2, &err), err);
    assert_ok(store_requests(s, study, 0, on_request, &seen, &err), err);
    assert_string_equal(seen.states, "enqueue{1}stop{2}");
    assert_int_equal(seen.n, 3);
    journal_request_done(j, 1);
    journal_request_done(j, 3);
    assert_ok(journal_flush(j, &err), err);
    assert_ok(store_requests(s, study, 0, on_request, &seen, &err), err);
    assert_int_equal(seen.n, 3); /* none left */
    assert_ok(store_request_add(s, study, "stop", "{4}", 2, &err), err);
    assert_ok(store_requests(s, study, 3, on_request, &seen, &err), err);
    assert_int_equal(seen.n, 4); /* not 3 again, which has been read */
    journal_free(j);
    store_close(s);
}

static void test_store__user_text_is_never_sql(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    struct arena arena = {0};
    struct store_study found;
    add_study(s, "x'; DROP TABLE event; --");
    assert_int_equal(store_study_find(s, "' OR '1'='1", &arena, &found, &err), STATUS_NOT_FOUND);
    assert_ok(add_events(s, 1, 1, 1, "'); DROP TABLE event; --", &err), err);
    assert_ok(add_events(s, 1, 2, 1, "{}", &err), err);
    store_close(s);
}

static void expect_refusal(enum store_mode mode, enum status status, const char *text)
{
    struct store *s = NULL;
    struct error err;
    assert_int_equal(store_open(path, mode, &s, &err), status);
    assert_null(s);
    assert_contains(err.text, text);
    assert_contains(err.text, path);
}

static void test_store_open__refuses_what_is_not_ours(void **state)
{
    (void)state;
    expect_refusal(STORE_EXISTING, STATUS_NOT_FOUND, "no such database");
    store_close(open_store());
    run_sql("PRAGMA user_version = 99");
    expect_refusal(STORE_CREATE, STATUS_INVALID, "newer Nocturne");
    clean(NULL);
    run_sql("CREATE TABLE theirs (x)");
    expect_refusal(STORE_CREATE, STATUS_INVALID, "not Nocturne's");
    clean(NULL);
    FILE *out = fopen(path, "w");
    fputs("this is not a database, whatever its name says; it is long enough to have a header", out);
    fclose(out);
    expect_refusal(STORE_CREATE, STATUS_INVALID, "not a database");
}

static void test_store_open__sees_damage(void **state)
{
    (void)state;
    struct store *s = open_store();
    int64_t study = add_study(s, "s");
    struct error err;
    assert_ok(add_events(s, study, 1, 2000, "{\"params\": {\"x\": 0.5, \"y\": 1, \"z\": \"adam\"}}", &err), err);
    store_close(s);
    FILE *out = fopen(path, "r+");
    for (long page = 8; page < 40; page++) {
        fseek(out, page * 4096 + 8, SEEK_SET);
        for (int i = 0; i < 2000; i++) fputc(i * 7, out);
    }
    fclose(out);
    expect_refusal(STORE_EXISTING, STATUS_IO, "damaged");
}

static void test_store_open__unwritable_folder(void **state)
{
    (void)state;
    struct store *s = NULL;
    struct error err;
    assert_int_equal(store_open("/proc/nocturne.db", STORE_CREATE, &s, &err), STATUS_IO);
    assert_contains(err.text, "cannot be written");
}

static void on_problem(void *data, const char *text)
{
    (void)text;
    ++*(int *)data;
}

static void test_store__check_finds_broken_references(void **state)
{
    (void)state;
    struct error err;
    int problems = 0;
    struct store *s = open_store();
    assert_ok(add_events(s, add_study(s, "s"), 1, 1, "", &err), err);
    assert_ok(store_check(s, on_problem, &problems, &err), err);
    assert_int_equal(problems, 0);
    store_close(s);
    run_sql("PRAGMA foreign_keys = OFF; DELETE FROM study");
    s = open_store();
    assert_ok(store_check(s, on_problem, &problems, &err), err);
    assert_int_equal(problems, 1);
    assert_int_equal(store_version(), 14);
    store_close(s);
}

/* The SQLite error of a full disk, provoked for real by a limit on the file's pages. */
static void test_store__a_full_disk_is_a_sentence(void **state)
{
    (void)state;
    struct error err = {0};
    struct store *s = open_store();
    int64_t study = add_study(s, "s");
    char big[5000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = 0;
    sqlite3 **db = (sqlite3 **)s; /* the first member */
    sqlite3_exec(*db, "PRAGMA max_page_count = 20", NULL, NULL, NULL);
    enum status st = STATUS_OK;
    for (long i = 0; i < 100 && !st; i++) st = add_events(s, study, i + 1, 1, big, &err);
    assert_int_equal(st, STATUS_FULL);
    assert_contains(err.text, "the disk is full");
    assert_true(store_may_recover(s));
    store_close(s);
}

static void test_store__in_memory(void **state)
{
    (void)state;
    struct store *s = NULL;
    struct store_hold *hold = NULL;
    struct error err;
    assert_ok(store_open(":memory:", STORE_CREATE, &s, &err), err);
    assert_string_equal(store_path(s), ":memory:");
    add_study(s, "s");
    assert_ok(store_hold_take(s, "s", &hold, &err), err);
    assert_false(store_hold_taken(s, "s"));
    store_hold_release(hold);
    store_close(s);
    store_close(NULL);
}

static void test_store__backup_while_open(void **state)
{
    (void)state;
    char copy[300], was[256];
    struct error err;
    int64_t last;
    struct store *s = open_store();
    int64_t id = add_study(s, "s");
    assert_ok(add_events(s, id, 1, 500, "{}", &err), err);
    snprintf(copy, sizeof copy, "%s.copy", path);
    unlink(copy);
    assert_ok(store_backup(s, copy, &err), err);
    assert_int_equal(store_backup(s, copy, &err), STATUS_INVALID);
    assert_contains(err.text, "exists already");
    assert_int_equal(store_backup(s, "/proc/none/x.db", &err), STATUS_IO);
    assert_ok(add_events(s, id, 501, 1, "{}", &err), err);
    store_close(s);
    memcpy(was, path, sizeof was);
    memcpy(path, copy, strlen(copy) + 1);
    s = open_store();
    assert_ok(store_last_event(s, id, &last, &err), err);
    assert_int_equal(last, 500);
    store_close(s);
    clean(NULL);
    memcpy(path, was, sizeof was);
}

struct seen_token {
    size_t n;
    struct store_token last;
    char role[16], scope[16];
};

static void see_token(void *data, const struct store_token *t)
{
    struct seen_token *s = data;
    s->n++;
    s->last = *t;
    snprintf(s->role, sizeof s->role, "%s", t->role);
    snprintf(s->scope, sizeof s->scope, "%s", t->scope);
}

static void test_token__stored_found_and_revoked_once(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    struct seen_token seen = {0};
    struct store_token t = {.id = "a1",
                            .name = "n",
                            .role = "worker",
                            .scope = "a,b",
                            .hash = {1, 2, 255},
                            .created_ms = 5,
                            .expires_ms = 9};
    assert_ok(store_token_insert(s, &t, &err), err);
    assert_true(store_token_insert(s, &t, &err) != STATUS_OK); /* the same id */
    t.id = "b2", t.role = "king";
    assert_true(store_token_insert(s, &t, &err) != STATUS_OK); /* no such role */
    assert_ok(store_tokens(s, "a1", see_token, &seen, &err), err);
    assert_int_equal(seen.n, 1);
    assert_memory_equal(seen.last.hash, t.hash, sizeof t.hash);
    assert_string_equal(seen.role, "worker");
    assert_string_equal(seen.scope, "a,b");
    assert_int_equal(seen.last.expires_ms, 9);
    assert_ok(store_token_revoke(s, "a1", 7, &err), err);
    assert_int_equal(store_token_revoke(s, "a1", 8, &err), STATUS_NOT_FOUND);
    assert_ok(store_tokens(s, NULL, see_token, &seen, &err), err);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.last.revoked_ms, 7);
    store_close(s);
}

static void see_answer(void *data, const struct store_answer *a)
{
    snprintf(data, 64, "%d %s", a->status, a->body);
}

static long sweep(struct store *s, int64_t before_ms)
{
    struct error err;
    bool more = true;
    long n = 0;
    for (; more; n++) assert_ok(store_sweep(s, before_ms, &more, &err), err);
    return n;
}

static void test_answer__is_kept_with_what_it_answers_and_forgotten(void **state)
{
    (void)state;
    struct error err;
    char text[64] = "";
    struct store *s = open_store();
    struct journal *j = journal_create(s, add_study(s, "s"));
    struct store_answer a = {.token = "t", .key = "k", .what = {9}, .status = 201, .body = "{}", .at_ms = 100};
    journal_keep_answer(j, &a);
    assert_int_equal(journal_mark(j), journal_batch(j));
    assert_ok(store_answer_find(s, "t", "k", see_answer, text, &err), err);
    assert_string_equal(text, ""); /* not before the batch */
    assert_ok(journal_flush(j, &err), err);
    assert_int_equal(journal_mark(j), journal_batch(j) - 1);
    a.body = "another";
    assert_ok(store_answer_insert(s, &a, &err), err); /* the first one stays */
    assert_ok(store_answer_find(s, "t", "k", see_answer, text, &err), err);
    assert_string_equal(text, "201 {}");
    *text = 0;
    assert_ok(store_answer_find(s, "other", "k", see_answer, text, &err), err);
    assert_string_equal(text, "");
    sweep(s, 101);
    assert_ok(store_answer_find(s, "t", "k", see_answer, text, &err), err);
    assert_string_equal(text, "");
    journal_free(j);
    store_close(s);
}

static void note_event(void *data, const struct store_event *e)
{
    int64_t *last = data;
    last[0]++;
    last[1] = e->seq;
}

static void add_item(struct store *s, int64_t study)
{
    struct error err;
    struct journal *j = journal_create(s, study);
    journal_item(j, &(struct store_item){3, "q17", 0, NULL, NULL});
    assert_ok(journal_flush(j, &err), err);
    journal_free(j);
}

static void count_item(void *data, const struct store_item *item)
{
    assert_string_equal(item->id, "q17");
    ++*(long *)data;
}

static long count_items(struct store *s, int64_t study)
{
    struct error err;
    long n = 0;
    assert_ok(store_items(s, study, 3, count_item, &n, &err), err);
    return n;
}

static void test_study__is_deleted_alone_and_the_log_is_protected_again(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    int64_t one = add_study(s, "one"), two = add_study(s, "two"), seen[2] = {0, 0};
    assert_ok(add_events(s, one, 1, 20, "{}", &err), err);
    assert_ok(add_events(s, two, 1, 7, "{}", &err), err);
    add_item(s, one);
    add_item(s, two);
    assert_ok(store_events_scan(s, &(struct store_scan){.study = one, .from = 6, .limit = 10}, note_event, seen, &err),
              err);
    assert_int_equal(seen[0], 10);
    assert_int_equal(seen[1], 15);
    assert_ok(store_study_delete(s, one, &err), err);
    assert_int_equal(store_study_id(s, "one", &seen[0], &err), STATUS_NOT_FOUND);
    add_study(s, "one"); /* its name is free before its rows are gone */
    assert_int_equal(sweep(s, 0), 3);
    assert_int_equal(count_items(s, one), 0);
    assert_int_equal(count_items(s, two), 1);
    assert_ok(store_last_event(s, one, &seen[0], &err), err);
    assert_int_equal(seen[0], 0);
    assert_ok(store_last_event(s, two, &seen[0], &err), err);
    assert_int_equal(seen[0], 7);
    sqlite3 **db = (sqlite3 **)s; /* the first member */
    assert_int_equal(sqlite3_exec(*db, "DELETE FROM event", NULL, NULL, NULL) & 0xff, SQLITE_CONSTRAINT);
    assert_int_equal(sqlite3_exec(*db, "DELETE FROM item", NULL, NULL, NULL) & 0xff, SQLITE_CONSTRAINT);
    store_close(s);
}

static void test_study__a_deleted_ones_id_and_numbers_are_not_given_again(void **state)
{
    (void)state;
    struct error err;
    struct store *s = open_store();
    int64_t id = add_study(s, "one"), before = -1;
    assert_ok(store_study_before(s, "one", &before, &err), err);
    assert_int_equal(before, 0);
    for (int64_t from = 1; from < 40; from += 20) {
        assert_ok(add_events(s, id, from, 20, "{}", &err), err);
        assert_ok(store_study_delete(s, id, &err), err);
        sweep(s, 0);
        assert_ok(store_study_before(s, "one", &before, &err), err);
        assert_int_equal(before, from + 19);
        int64_t next = add_study(s, "one");
        assert_true(next > id);
        id = next;
    }
    assert_ok(store_study_before(s, "two", &before, &err), err);
    assert_int_equal(before, 0);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_store__studies_survive_reopening),
        store_test(test_store__events_come_back_in_order),
        store_test(test_store__the_log_is_append_only),
        store_test(test_store__reports_come_back_as_they_were),
        store_test(test_store__items_come_back_as_they_were),
        store_test(test_store__requests_are_read_in_order_and_ids_stay_new),
        store_test(test_store__backup_while_open),
        store_test(test_store__user_text_is_never_sql),
        store_test(test_store_open__refuses_what_is_not_ours),
        store_test(test_store_open__sees_damage),
        store_test(test_store_open__unwritable_folder),
        store_test(test_store__check_finds_broken_references),
        store_test(test_store__a_full_disk_is_a_sentence),
        store_test(test_store__in_memory),
        store_test(test_token__stored_found_and_revoked_once),
        store_test(test_answer__is_kept_with_what_it_answers_and_forgotten),
        store_test(test_study__is_deleted_alone_and_the_log_is_protected_again),
        store_test(test_study__a_deleted_ones_id_and_numbers_are_not_given_again),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
