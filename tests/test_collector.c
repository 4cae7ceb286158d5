/* Collectors: outcomes that they score and send as sums say the same as outcomes that are sent; whatever comes twice or is
 * lost on the way. */
#include "tests/live_world.h"

#include "tuner/live/collector.h"

#define PLAN                                                                                                           \
    "window: 30s\nlate: 10s\nramp: [0.5]\nlearn: 100\nsegments: [odd]\n"                                               \
    "metrics: {em: {prove: not_worse, margin: 0.2, guard: 0.9}, tokens: {prove: fewer, saving: 0.01, guard: 9}}\n"

enum { COLLECTORS = 2 };

struct places {
    struct world w; /* the service */
    struct collector at[COLLECTORS];
};

static void open_places(struct places *p, uint64_t seed)
{
    world_open(&p->w, seed);
    assert_ok(world_start(&p->w, PLAN, 1), p->w.err);
    for (int i = 0; i < COLLECTORS; i++) {
        p->at[i].rollout = "g2p";
        assert_ok(store_open(":memory:", STORE_CREATE, &p->at[i].store, &p->w.err), p->w.err);
    }
}

static void close_places(struct places *p)
{
    for (int i = 0; i < COLLECTORS; i++) store_close(p->at[i].store);
    world_close(&p->w);
}

static void mirror(struct places *p)
{
    for (int i = 0; i < COLLECTORS; i++) {
        json_t *scoring = NULL;
        assert_ok(live_scoring(p->w.store, "g2p", p->w.now, &scoring, &p->w.err), p->w.err);
        assert_ok(collector_mirror(&p->at[i], scoring, &p->w.err), p->w.err);
        json_decref(scoring);
    }
}

/* To the collector, and what it does not score to the service. Returns how many the service had to take. */
static size_t take(struct places *p, int at, const json_t *list)
{
    struct collector_taken taken = {0};
    assert_ok(collector_take(&p->at[at], list, false, p->w.now, &taken, &p->w.err), p->w.err);
    assert_false(taken.newer);
    size_t n = json_array_size(taken.plain);
    assert_int_equal(json_array_size(taken.refused), 0);
    json_decref(taken.refused);
    json_decref(world_take(&p->w, json_pack("{s:o}", "outcomes", taken.plain)));
    return n;
}

static void score(struct places *p, int at)
{
    for (bool more = true; more;) {
        more = false;
        assert_ok(collector_score(&p->at[at], &more, &p->w.err), p->w.err);
    }
}

/* Returns the units that the service has taken. */
static double send(struct places *p, int at, bool is_heard)
{
    json_t *sums = NULL, *answer = NULL;
    assert_ok(collector_pack(&p->at[at], &sums, &p->w.err), p->w.err);
    if (!sums) return 0;
    assert_ok(live_sums(p->w.store, "g2p", sums, p->w.now, &answer, &p->w.err), p->w.err);
    double taken = json_number_at(answer, "taken");
    json_decref(sums);
    json_decref(answer);
    if (is_heard) assert_ok(collector_sent(&p->at[at], &p->w.err), p->w.err);
    return taken;
}

static int place_of(const json_t *item)
{
    return atoi(json_string_value(json_object_get(item, "unit")) + strlen("user-")) % COLLECTORS;
}

/* Some new units; with segments, and some of them twice. */
static json_t *outcomes(struct world *w, long n)
{
    json_t *body = world_outcomes(w, n), *item, *list = json_object_get(body, "outcomes");
    size_t i;
    json_array_foreach(list, i, item)
        json_object_set_new(item, "segment", json_string(i % 3 ? "odd" : "another"));
    return body;
}

static json_t *challengers_of(struct world *w, json_t **ret_status)
{
    *ret_status = world_status(w);
    return json_object_get(json_object_get(*ret_status, "experiment"), "challengers");
}

static void assert_same_numbers(const json_t *x, const json_t *y)
{
    const json_t *a = json_array_get(x, 0), *b = json_array_get(y, 0);
    assert_true(json_equal(json_object_get(a, "units"), json_object_get(b, "units")));
    assert_true(json_equal(json_object_get(a, "missing"), json_object_get(b, "missing")));
    for (size_t t = 0; t < 3; t++) {
        const json_t *m = json_array_get(json_object_get(a, "metrics"), t), *n = json_array_get(json_object_get(b, "metrics"), t);
        if (t != 1) {
            assert_near(json_number_at(m, "champion"), json_number_at(n, "champion"), 1e-9);
            assert_near(json_number_at(m, "challenger"), json_number_at(n, "challenger"), 1e-9);
        }
        const char *by = t == 0 ? "difference" : "ratio"; /* offsets are those of the first block */
        assert_near(json_number_at(m, by), json_number_at(n, by), 0.02);
    }
}

/* What only the service's watch follows is no reason to refuse an outcome here; what nobody follows is. */
static void test_collector__knows_what_the_watch_follows(void **state)
{
    (void)state;
    struct places p;
    struct collector_taken taken = {0};
    const char *const name[] = {"letters", "letters", "words"};
    const double value[] = {8, 50, 1};
    open_places(&p, 6);
    const struct live_watch_wish wish = {.rollout = "g2p", .study = "g2p", .plan_name = "watch.yaml", .by = "test",
                                         .plan = "metrics: {em: {}, letters: {range: [0, 40], both: true}}\n"};
    assert_ok(live_watch(p.w.store, &wish, p.w.now, &p.w.err), p.w.err);
    world_run(&p.w, 200, 3);
    mirror(&p);
    json_t *body = world_outcomes(&p.w, 3), *list = json_object_get(body, "outcomes"), *item;
    size_t i;
    json_array_foreach(list, i, item)
        json_object_set_new(json_object_get(item, "metrics"), name[i], json_real(value[i]));
    assert_ok(collector_take(&p.at[0], list, false, p.w.now, &taken, &p.w.err), p.w.err);
    assert_int_equal(json_array_size(taken.plain), 0);
    assert_int_equal(json_array_size(taken.refused), 2);
    assert_contains(json_string_value(json_object_get(json_array_get(taken.refused, 0), "why")), "letters must be from 0 to 40");
    assert_contains(json_string_value(json_object_get(json_array_get(taken.refused, 1), "why")), "has a metric 'words'");
    json_decref(taken.plain);
    json_decref(taken.refused);
    json_decref(body);
    close_places(&p);
}

/* One experiment twice: by outcomes, and by two collectors that lose answers, are told things twice, and late. */
static void test_collector__says_what_outcomes_say(void **state)
{
    (void)state;
    struct places p;
    struct world plain;
    size_t passed_on = 0;
    open_places(&p, 1);
    world_open(&plain, 1);
    assert_ok(world_start(&plain, PLAN, 1), plain.err);
    for (int minute = 0; minute < 12; minute++) {
        json_t *split[COLLECTORS], *item, *body = outcomes(&p.w, 100);
        size_t i;
        for (int k = 0; k < COLLECTORS; k++) split[k] = json_array();
        json_array_foreach(json_object_get(body, "outcomes"), i, item) json_array_append(split[place_of(item)], item);
        json_decref(body);
        mirror(&p);
        for (int k = 0; k < COLLECTORS; k++) {
            passed_on += take(&p, k, split[k]);
            if (minute % 3 == 0) take(&p, k, split[k]); /* again */
            json_decref(split[k]);
        }
        json_decref(world_take(&plain, outcomes(&plain, 100)));
        p.w.now += 60000, plain.now += 60000;
        mirror(&p);
        for (int k = 0; k < COLLECTORS; k++) {
            score(&p, k);
            if (minute % 4 == k) assert_true(send(&p, k, false) >= 0); /* the answer is lost … */
            send(&p, k, true);                                         /* … so it is sent again, … */
            assert_near(send(&p, k, true), 0, 0);                      /* … and there is no more */
        }
        world_tick(&p.w);
        world_tick(&plain);
    }
    json_t *one, *other, *a = challengers_of(&p.w, &one), *b = challengers_of(&plain, &other);
    assert_true(json_number_read(json_array_get(json_object_get(json_array_get(b, 0), "units"), 1)) > 300);
    assert_same_numbers(a, b);
    const json_t *e = json_object_get(one, "experiment"), *f = json_object_get(other, "experiment");
    json_t *c = json_object_get(e, "counts"), *d = json_object_get(f, "counts");
    assert_near(json_number_at(c, "scored"), json_number_at(d, "scored"), 0);
    assert_near(json_number_at(c, "spanned"), json_number_at(d, "spanned"), 0);
    assert_near(json_number_at(c, "taken"), json_number_at(d, "taken"), 0);
    const json_t *x = json_array_get(json_object_get(e, "periods"), 1), *y = json_array_get(json_object_get(f, "periods"), 1);
    assert_true(json_equal(json_object_get(x, "arrived"), json_object_get(y, "arrived")));
    assert_in_range(passed_on, 100, 300); /* the champion's, while what is usual was learnt */
    json_decref(one);
    json_decref(other);
    world_close(&plain);
    close_places(&p);
}

static void reach_running(struct places *p)
{
    char phase[32];
    world_run(&p->w, 100, 2);
    assert_string_equal(world_phase(&p->w, phase, sizeof phase), "running");
    mirror(p);
}

static void test_collector__holds_what_is_newer_than_its_mirror(void **state)
{
    (void)state;
    struct places p;
    struct collector_taken taken;
    struct live_order pause = {.verb = LIVE_DO_PAUSE}, resume = {.verb = LIVE_DO_RESUME};
    open_places(&p, 2);
    reach_running(&p);
    assert_ok(live_order(p.w.store, "g2p", &pause, p.w.now, &p.w.err), p.w.err);
    p.w.now += 1000;
    assert_ok(live_order(p.w.store, "g2p", &resume, p.w.now, &p.w.err), p.w.err);
    json_t *body = outcomes(&p.w, 10), *list = json_object_get(body, "outcomes");
    assert_ok(collector_take(&p.at[0], list, false, p.w.now, &taken, &p.w.err), p.w.err);
    assert_true(taken.newer);
    assert_null(taken.plain);
    mirror(&p);
    assert_int_equal(take(&p, 0, list), 0);
    json_object_set_new(json_array_get(list, 0), "period", json_integer(99)); /* nobody knows it */
    assert_ok(collector_take(&p.at[0], list, true, p.w.now, &taken, &p.w.err), p.w.err);
    assert_int_equal(json_array_size(taken.plain), 1);
    json_decref(taken.plain);
    json_decref(taken.refused);
    json_decref(body);
    close_places(&p);
}

static void test_collector__scores_no_unit_before_it_knows_its_shares(void **state)
{
    (void)state;
    struct places p;
    struct live_order pause = {.verb = LIVE_DO_PAUSE};
    open_places(&p, 3);
    reach_running(&p);
    json_t *body = outcomes(&p.w, 100);
    take(&p, 0, json_object_get(body, "outcomes"));
    json_decref(body);
    p.w.now += 15000; /* within the window */
    assert_ok(live_order(p.w.store, "g2p", &pause, p.w.now, &p.w.err), p.w.err);
    p.w.now += 60000; /* the service was away; the collector knows of no pause */
    score(&p, 0);
    send(&p, 0, true); /* arrivals alone */
    mirror(&p);
    score(&p, 0);
    assert_near(send(&p, 0, true), 0, 0);
    json_t *status = world_status(&p.w);
    assert_true(json_number_at(json_object_get(json_object_get(status, "experiment"), "counts"), "spanned") >= 100);
    json_decref(status);
    close_places(&p);
}

static void test_collector__an_experiment_that_is_over_counts_no_more(void **state)
{
    (void)state;
    struct places p;
    struct live_order stop = {.verb = LIVE_DO_STOP};
    open_places(&p, 4);
    reach_running(&p);
    json_t *body = outcomes(&p.w, 100), *sums = NULL, *answer = NULL;
    take(&p, 0, json_object_get(body, "outcomes"));
    p.w.now += 60000;
    mirror(&p);
    score(&p, 0);
    assert_ok(collector_pack(&p.at[0], &sums, &p.w.err), p.w.err);
    assert_ok(live_order(p.w.store, "g2p", &stop, p.w.now, &p.w.err), p.w.err);
    assert_ok(live_sums(p.w.store, "g2p", sums, p.w.now, &answer, &p.w.err), p.w.err);
    assert_near(json_number_at(answer, "taken"), 0, 0);
    assert_near(json_number_at(answer, "left_out"), 100, 0);
    json_decref(answer);
    json_decref(sums);
    mirror(&p);
    size_t n = json_array_size(json_object_get(body, "outcomes"));
    assert_int_equal(take(&p, 0, json_object_get(body, "outcomes")), n);
    json_decref(body);
    assert_ok(world_start(&p.w, PLAN "holdout: 0.01\n", 1), p.w.err); /* the next one */
    mirror(&p);
    send(&p, 0, true);
    score(&p, 0);
    assert_near(send(&p, 0, true), 0, 0);
    close_places(&p);
}

static void assert_sums_refused(struct places *p, json_t *body, enum status status, const char *why)
{
    json_t *answer = NULL;
    assert_int_equal(live_sums(p->w.store, "g2p", body, p->w.now, &answer, &p->w.err), status);
    assert_contains(p->w.err.text, why);
    json_decref(body);
}

static void test_collector__sums_are_refused_that_cannot_be(void **state)
{
    (void)state;
    struct places p;
    json_t *scoring = json_pack("{s:s}", "rollout", "g2p");
    open_places(&p, 5);
    assert_sums_refused(&p, json_pack("{s:s, s:i, s:i}", "collector", "a", "number", 1, "experiment", 1), STATUS_CONFLICT, "learning");
    reach_running(&p);
    assert_sums_refused(&p, json_pack("{s:i, s:i}", "number", 1, "experiment", 1), STATUS_INVALID, "collector must be");
    assert_sums_refused(&p, json_pack("{s:s, s:i, s:i}", "collector", "a", "number", 0, "experiment", 1), STATUS_INVALID, "grows from 1");
    assert_sums_refused(&p, json_pack("{s:s, s:i}", "collector", "a", "number", 1), STATUS_INVALID, "experiment must be");
    assert_sums_refused(&p, json_pack("{s:s, s:i, s:i, s:[i]}", "collector", "a", "number", 1, "experiment", 1, "cells", 1), STATUS_INVALID, "cells 0");
    assert_sums_refused(&p, json_pack("{s:s, s:i, s:i, s:i}", "collector", "a", "number", 1, "experiment", 1, "more", 1), STATUS_INVALID, "more");
    assert_int_equal(collector_mirror(&p.at[0], scoring, &p.w.err), STATUS_INVALID);
    json_decref(scoring);
    close_places(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_collector__knows_what_the_watch_follows),
        cmocka_unit_test(test_collector__says_what_outcomes_say),
        cmocka_unit_test(test_collector__holds_what_is_newer_than_its_mirror),
        cmocka_unit_test(test_collector__scores_no_unit_before_it_knows_its_shares),
        cmocka_unit_test(test_collector__an_experiment_that_is_over_counts_no_more),
        cmocka_unit_test(test_collector__sums_are_refused_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
