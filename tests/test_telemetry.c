/* Telemetry to the disk: requests become outcomes of a rollout, whenever the process dies and whatever the disk
 * refuses. */
#include "tests/live_world.h"
#include "tests/store_file.h"

#include "tuner/live/telemetry.h"

enum { UNITS = 12, REQUESTS = 3 };

#define PLAN                                                                                                           \
    "metrics: {em: {prove: not_worse}, tokens: {prove: fewer, cap: 1000, marks: [10, 900]}}\nlearn: 0\nramp: [0.5]\n"  \
    "otlp: {correctness: em}\n"

/* ---- what an application sends ---- */

static void add_text(json_t *attributes, const char *key, const char *text)
{
    json_array_append_new(attributes, json_pack("{s:s, s:{s:s}}", "key", key, "value", "stringValue", text));
}

static void add_number(json_t *attributes, const char *key, double v)
{
    json_array_append_new(attributes, json_pack("{s:s, s:{s:f}}", "key", key, "value", "doubleValue", v));
}

/* A record of unit i, in its trace; its attributes are taken. */
static json_t *record_of(const struct world *w, long i, const char *name_key, const char *name, json_t *attributes)
{
    char trace[33], span[17];
    snprintf(trace, sizeof trace, "%032lx", i + 1);
    snprintf(span, sizeof span, "%016lx", i + 1);
    json_t *r =
        json_pack("{s:s, s:s, s:s, s:o}", "traceId", trace, "spanId", span, name_key, name, "attributes", attributes);
    json_object_set_new(r, "timeUnixNano", json_sprintf("%lld000000", (long long)w->now));
    json_object_set_new(r, "endTimeUnixNano", json_sprintf("%lld000000", (long long)w->now));
    return r;
}

static json_t *flag_of(const struct world *w, long i, const char *unit, const char *variant)
{
    json_t *a = json_array();
    add_text(a, "feature_flag.key", "g2p");
    add_text(a, "feature_flag.context.id", unit);
    add_text(a, "feature_flag.result.variant", variant);
    add_text(a, "feature_flag.result.reason", "split");
    return record_of(w, i, "eventName", "feature_flag.evaluation", a);
}

static json_t *score_of(const struct world *w, long i)
{
    json_t *a = json_array();
    add_text(a, "gen_ai.evaluation.name", "correctness");
    add_number(a, "gen_ai.evaluation.score.value", (double)(i % 2));
    return record_of(w, i, "eventName", "gen_ai.evaluation.result", a);
}

static json_t *span_of(const struct world *w, long i)
{
    json_t *a = json_array();
    add_number(a, "gen_ai.usage.input_tokens", 100);
    add_number(a, "gen_ai.usage.output_tokens", (double)i);
    return record_of(w, i, "name", "chat", a); /* without a parent: the trace's first */
}

static json_t *body_of(enum otlp_signal signal, json_t *records)
{
    return signal == OTLP_LOGS ? json_pack("{s:[{s:[{s:o}]}]}", "resourceLogs", "scopeLogs", "logRecords", records)
                               : json_pack("{s:[{s:[{s:o}]}]}", "resourceSpans", "scopeSpans", "spans", records);
}

/* Request k of three, in the worst order: what was judged, what was spent, who it was. */
static json_t *request_of(const struct world *w, int k)
{
    struct ruleset *rules = NULL;
    struct error err;
    json_t *records = json_array();
    assert_ok(live_ruleset(w->store, "g2p", &rules, &err), err);
    for (long i = 0; i < UNITS; i++) {
        char unit[32];
        snprintf(unit, sizeof unit, "user-%ld", i);
        const char *variant = ruleset_assign(rules, unit).variant;
        json_array_append_new(records, k == 0 ? score_of(w, i) : k == 1 ? span_of(w, i) : flag_of(w, i, unit, variant));
    }
    ruleset_free(rules);
    return body_of(k == 1 ? OTLP_TRACES : OTLP_LOGS, records);
}

/* ---- the service, dying ---- */

static struct telemetry *begin(void)
{
    return telemetry_create(&(struct join_limits)JOIN_LIMITS);
}

static void die(struct telemetry **t)
{
    telemetry_free(*t);
    *t = begin();
}

static enum status send_body(struct world *w, struct telemetry *t, enum otlp_signal signal, json_t *body,
                             char *ret_answer)
{
    json_t *answer = NULL;
    struct telemetry_request r = {signal, body, w->now};
    enum status s = telemetry_take(t, w->store, &r, &answer, &w->err);
    char *text = json_tight(answer);
    if (!s && ret_answer) snprintf(ret_answer, 1000, "%s", text);
    free(text);
    json_decref(answer);
    json_decref(body);
    return s;
}

static enum status send_request(struct world *w, struct telemetry *t, int k)
{
    char answer[1000];
    enum status s = send_body(w, t, k == 1 ? OTLP_TRACES : OTLP_LOGS, request_of(w, k), answer);
    if (!s) assert_string_equal(answer, "{}");
    return s;
}

static void tick(struct world *w, struct telemetry *t)
{
    w->now += 31000;
    assert_ok(telemetry_tick(t, w->store, w->now, &w->err), w->err);
}

/* ---- the disk ---- */

/* Rows of a query, a line each. */
static char *query(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *q;
    char *all = calloc(1, 1 << 16);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    while (sqlite3_step(q) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(q, 0);
        assert_true(strlen(all) + strlen(text) + 2 < 1 << 16);
        strcat(strcat(all, text), "\n");
    }
    sqlite3_finalize(q);
    sqlite3_close(db);
    return all;
}

static char *outcomes(void)
{
    return query(
        "SELECT u.unit || ' ' || arm || ' ' || u.at_ms || ' ' || outcomes || ' ' || ifnull(o.id, '') || ' ' || "
        "ifnull(o.at_ms, '') || ' ' || ifnull(hex(value), '') FROM unit u LEFT JOIN outcome o USING (experiment, "
        "unit) ORDER BY u.unit, o.id");
}

static long count(const char *sql)
{
    char *text = query(sql);
    long n = strtol(text, NULL, 10);
    free(text);
    return n;
}

static void open_world(struct world *w)
{
    clean(NULL);
    *w = (struct world){.now = 1790000000000, .store = open_store()};
    assert_ok(world_start(w, PLAN, 1), w->err);
    w->now += 60000; /* of clients that look anew */
}

/* What the disk has after all requests, undisturbed. */
static char *undisturbed(void)
{
    struct world w;
    open_world(&w);
    struct telemetry *t = begin();
    for (int k = 0; k < REQUESTS; k++) assert_ok(send_request(&w, t, k), w.err);
    tick(&w, t);
    telemetry_free(t);
    store_close(w.store);
    return outcomes();
}

static void test_telemetry__requests_become_outcomes(void **state)
{
    (void)state;
    char *all = undisturbed();
    assert_int_equal(count("SELECT count(*) FROM unit"), UNITS);
    assert_int_equal(count("SELECT count(*) FROM outcome"), 2 * UNITS); /* a score, and what the trace spent */
    assert_true(count("SELECT sum(arm) FROM unit") > 0 && count("SELECT sum(arm) FROM unit") < UNITS);
    assert_int_equal(count("SELECT sum(outcomes) FROM unit"), 2 * UNITS);
    assert_int_equal(count("SELECT count(*) FROM otlp_waiting"), 5 * UNITS); /* flag, score, span, root, settled */
    free(all);
}

/* kill -9 after every request and every tick, and every request twice, as if its answer had been lost. */
static void test_telemetry__nothing_that_was_answered_is_lost(void **state)
{
    (void)state;
    char *want = undisturbed();
    for (int twice = 0; twice < 2; twice++) {
        struct world w;
        open_world(&w);
        struct telemetry *t = begin();
        for (int k = 0; k < REQUESTS; k++)
            for (int n = 0; n <= twice; n++) {
                assert_ok(send_request(&w, t, k), w.err);
                die(&t);
            }
        tick(&w, t);
        die(&t);
        tick(&w, t);
        telemetry_free(t);
        store_close(w.store);
        char *got = outcomes();
        assert_string_equal(got, want);
        free(got);
    }
    free(want);
}

/* Whichever table the disk refuses to write, in whichever request: the sender is told, sends again, and nothing is
 * missing or doubled. */
static void test_telemetry__a_disk_that_refuses(void **state)
{
    (void)state;
    static const char *const tables[] = {"otlp_waiting", "unit", "outcome", "experiment"};
    char *want = undisturbed();
    int refused = 0;
    for (size_t table = 0; table < 4; table++)
        for (int when = 0; when <= REQUESTS; when++) {
            struct world w;
            char sql[200];
            open_world(&w);
            struct telemetry *t = begin();
            for (int k = 0; k <= REQUESTS; k++) {
                snprintf(
                    sql, sizeof sql,
                    "CREATE TRIGGER no1 BEFORE INSERT ON %s BEGIN SELECT RAISE(ABORT, 'no'); END; CREATE TRIGGER no2 "
                    "BEFORE UPDATE ON %s BEGIN SELECT RAISE(ABORT, 'no'); END",
                    tables[table], tables[table]);
                if (k == when) run_sql(sql);
                if (k == REQUESTS) w.now += 31000;
                enum status s = k < REQUESTS ? send_request(&w, t, k) : telemetry_tick(t, w.store, w.now, &w.err);
                if (k == when) run_sql("DROP TRIGGER no1; DROP TRIGGER no2");
                if (!s) continue;
                assert_int_equal(k, when);
                refused++;
                if (k < REQUESTS)
                    assert_ok(send_request(&w, t, k), w.err);
                else
                    assert_ok(telemetry_tick(t, w.store, w.now, &w.err), w.err);
            }
            telemetry_free(t);
            store_close(w.store);
            char *got = outcomes();
            assert_string_equal(got, want);
            free(got);
        }
    assert_true(refused >= 9); /* not every request writes to every table */
    free(want);
}

static void test_telemetry__what_is_no_body_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct telemetry *t = begin();
    assert_ok(send_request(&w, t, 0), w.err);
    size_t parts = telemetry_counts(t).parts;
    assert_int_equal(parts, UNITS);
    assert_int_equal(send_body(&w, t, OTLP_LOGS, json_pack("{s:i}", "resourceLogs", 7), NULL), STATUS_INVALID);
    assert_contains(w.err.text, "\"resourceLogs\" is no list");
    assert_int_equal(telemetry_counts(t).parts, parts); /* not read anew */
    telemetry_free(t);
    store_close(w.store);
}

/* A variant that the unit does not have by the rules, a record that cannot be used, a span that comes too late. */
static void test_telemetry__the_answer_warns(void **state)
{
    (void)state;
    struct world w;
    struct ruleset *rules = NULL;
    char answer[1000];
    open_world(&w);
    struct telemetry *t = begin();
    assert_ok(live_ruleset(w.store, "g2p", &rules, &w.err), w.err);
    bool champion = strcmp(ruleset_assign(rules, "user-0").variant, "champion") == 0;
    ruleset_free(rules);
    json_t *flags = json_pack("[o]", flag_of(&w, 0, "user-0", champion ? "challenger" : "champion"));
    assert_ok(send_body(&w, t, OTLP_LOGS, body_of(OTLP_LOGS, flags), answer), w.err);
    assert_contains(
        answer,
        "{\"partialSuccess\":{\"rejectedLogRecords\":\"0\",\"errorMessage\":\"rollout g2p: this unit is the ch");
    flags = json_pack("[o]", flag_of(&w, 0, "user-0", ""));
    assert_ok(send_body(&w, t, OTLP_LOGS, body_of(OTLP_LOGS, flags), answer), w.err);
    assert_contains(answer, "\"rejectedLogRecords\":\"1\"");
    assert_ok(send_request(&w, t, 1), w.err);
    tick(&w, t);
    json_t *late = span_of(&w, 3);
    json_object_set_new(late, "spanId", json_string("00000000000000ff"));
    assert_ok(send_body(&w, t, OTLP_TRACES, body_of(OTLP_TRACES, json_pack("[o]", late)), answer), w.err);
    assert_contains(answer, "{\"rejectedSpans\":\"0\",\"errorMessage\":\"spans came after");
    telemetry_free(t);
    store_close(w.store);
}

/* Who sends what nobody can be found for is told when older parts had to go for it. */
static void test_telemetry__the_answer_warns_of_want_of_room(void **state)
{
    (void)state;
    struct world w;
    char answer[1000];
    open_world(&w);
    struct join_limits limits = JOIN_LIMITS;
    limits.parts = UNITS;
    struct telemetry *t = telemetry_create(&limits);
    assert_ok(send_request(&w, t, 0), w.err); /* there is room for all of these */
    assert_ok(send_body(&w, t, OTLP_TRACES, request_of(&w, 1), answer), w.err);
    assert_contains(answer, "{\"rejectedSpans\":\"0\",\"errorMessage\":\"more waits for its unit than there is room for");
    assert_int_equal(count("SELECT count(*) FROM otlp_waiting"), UNITS);
    telemetry_free(t);
    store_close(w.store);
}

/* Nothing is kept for experiments that there are none, and nothing is told to those that are over. */
static void test_telemetry__without_an_experiment(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct telemetry *t = begin();
    assert_ok(send_request(&w, t, 0), w.err);
    struct live_order stop = {.verb = LIVE_DO_STOP, .by = "ada"};
    assert_ok(live_order(w.store, "g2p", &stop, w.now, &w.err), w.err);
    assert_ok(send_request(&w, t, 1), w.err);
    assert_ok(send_request(&w, t, 2), w.err);
    tick(&w, t);
    assert_int_equal(count("SELECT count(*) FROM otlp_waiting"), UNITS);
    assert_int_equal(count("SELECT count(*) FROM unit"), 0);
    w.now += 86400000;
    assert_int_equal(telemetry_next_ms(t) <= w.now, true);
    tick(&w, t);
    assert_int_equal(count("SELECT count(*) FROM otlp_waiting"), 0);
    telemetry_free(t);
    store_close(w.store);
}

/* The champion alone is served, and watched: its flags are static, and names those of the last experiment's plan. */
static void test_telemetry__what_is_watched(void **state)
{
    (void)state;
    struct world w;
    char answer[1000];
    open_world(&w);
    struct telemetry *t = begin();
    struct live_order stop = {.verb = LIVE_DO_STOP, .by = "ada"};
    struct configuration champion = configuration_with(1);
    struct live_watch_wish wish = {
        .rollout = "g2p", .study = "g2p", .plan_name = "watch.yaml", .plan = "", .champion = &champion, .by = "ada"};
    assert_ok(live_order(w.store, "g2p", &stop, w.now, &w.err), w.err);
    assert_ok(live_watch(w.store, &wish, w.now, &w.err), w.err);
    free(champion.body);
    w.now += 60000;
    json_t *flag = flag_of(&w, 0, "user-0", "champion");
    json_object_set_new(json_object_get(json_array_get(json_object_get(flag, "attributes"), 3), "value"), "stringValue",
                        json_string("static"));
    assert_ok(send_body(&w, t, OTLP_LOGS, body_of(OTLP_LOGS, json_pack("[o]", flag)), answer), w.err);
    assert_string_equal(answer, "{}");
    assert_ok(send_request(&w, t, 0), w.err);
    assert_ok(send_request(&w, t, 1), w.err);
    tick(&w, t);
    assert_int_equal(count("SELECT count(*) FROM unit WHERE experiment < 0"), 1);
    assert_int_equal(count("SELECT count(*) FROM outcome"), 2);
    telemetry_free(t);
    store_close(w.store);
}

static void test_telemetry__a_damaged_row_is_said(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    struct telemetry *t = begin();
    run_sql("INSERT INTO otlp_waiting (id, at_ms, body) VALUES ('x', 1, '{\"kind\":\"flag\"}')");
    assert_int_equal(send_request(&w, t, 0), STATUS_INVALID);
    assert_contains(w.err.text, "what waits for other telemetry cannot be read: '{\"kind\":\"flag\"}' is no part");
    run_sql("DELETE FROM otlp_waiting");
    assert_ok(send_request(&w, t, 0), w.err);
    telemetry_free(t);
    store_close(w.store);
}

static void test_telemetry__plans(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } each[] = {
        {"otlp: {correctness: en}\n", "p:1:21: 'en' is no metric of this plan"},
        {"otlp: {a: em, b: em}\n", "p:1:18: 'em' is 'a' already; leave one out"},
        {"otlp: {tokens: em}\n", "p:1:7: 'tokens' cannot be both 'em' and 'tokens'"},
        {"otlp: {a: [em]}\n", "'otlp' must be text, not a list"},
        {"otlp: [em]\n", "'otlp' must be a map, not a list"},
    };
    struct arena a = {0};
    struct error err;
    struct live_plan p;
    for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
        assert_int_equal(live_plan_read("p", each[i].text, &a, &p, &err), STATUS_INVALID);
        assert_contains(err.text, each[i].says);
    }
    assert_ok(live_plan_read("p", "otlp: {correctness: em, output_tokens: tokens}\n", &a, &p, &err), err);
    assert_string_equal(p.metric[0].measured, "correctness");
    assert_string_equal(p.metric[1].measured, "output_tokens");
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        store_test(test_telemetry__requests_become_outcomes),
        store_test(test_telemetry__nothing_that_was_answered_is_lost),
        store_test(test_telemetry__a_disk_that_refuses),
        store_test(test_telemetry__what_is_no_body_changes_nothing),
        store_test(test_telemetry__the_answer_warns),
        store_test(test_telemetry__the_answer_warns_of_want_of_room),
        store_test(test_telemetry__without_an_experiment),
        store_test(test_telemetry__what_is_watched),
        store_test(test_telemetry__a_damaged_row_is_said),
        cmocka_unit_test(test_telemetry__plans),
    };
    return cmocka_run_group_tests_name("telemetry", tests, NULL, NULL);
}
