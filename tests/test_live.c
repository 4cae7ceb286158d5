/* An experiment from its start to its end, in memory: phases, what is counted and what not, what it decides by itself. */
#include "tests/live_world.h"

#define PLAN "window: 30s\nlate: 10s\nramp: [0.1, 0.5]\nstep_units: 100\nunits: 20000\nlearn: 100\n"

static void assert_phase(struct world *w, const char *want)
{
    char phase[32];
    assert_string_equal(world_phase(w, phase, sizeof phase), want);
}

static json_t *experiment_of(struct world *w, json_t **ret_status)
{
    *ret_status = world_status(w);
    return json_object_get(*ret_status, "experiment");
}

static void test_live__what_saves_and_holds_is_promoted(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 1);
    w.tokens[1] = 70;
    w.em[1] = 0.66;
    assert_ok(world_start(&w, PLAN "promote: auto\n", 1), w.err);
    assert_phase(&w, "learning");
    world_run(&w, 200, 200);
    assert_phase(&w, "promoted");
    json_t *status = world_status(&w);
    double served = json_number_at(json_object_get(json_object_get(status, "champion"), "parameters"), "threshold");
    assert_near(served, 2, 0);
    json_decref(status);
    world_close(&w);
}

static void test_live__asks_unless_it_may_promote_by_itself(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 2);
    w.tokens[1] = 70, w.em[1] = 0.66;
    assert_ok(world_start(&w, PLAN, 1), w.err);
    world_run(&w, 200, 60);
    assert_phase(&w, "running");
    json_t *status, *e = experiment_of(&w, &status);
    assert_string_equal(json_string_value(json_object_get(e, "ready")), "challenger");
    json_t *c = json_array_get(json_object_get(e, "challengers"), 0);
    assert_string_equal(json_string_value(json_object_get(c, "verdict")), "adopt");
    int64_t version = json_integer_value(json_object_get(status, "version"));
    json_decref(status);
    struct live_order late = {.verb = LIVE_DO_PROMOTE, .version = version - 1, .by = "ada"},
                      order = {.verb = LIVE_DO_PROMOTE, .version = version, .by = "ada"};
    assert_int_equal(live_order(w.store, "g2p", &late, w.now, &w.err), STATUS_CONFLICT);
    assert_ok(live_order(w.store, "g2p", &order, w.now, &w.err), w.err);
    assert_phase(&w, "promoted");
    assert_int_equal(live_order(w.store, "g2p", &order, w.now, &w.err), STATUS_CONFLICT);
    struct live_order back = {.verb = LIVE_DO_ROLLBACK, .why = "it was not", .by = "ada"};
    assert_ok(live_order(w.store, "g2p", &back, w.now, &w.err), w.err);
    assert_phase(&w, "rolled back");
    status = world_status(&w);
    assert_near(json_number_at(json_object_get(json_object_get(status, "champion"), "parameters"), "threshold"), 1, 0);
    json_decref(status);
    assert_int_equal(live_order(w.store, "g2p", &back, w.now, &w.err), STATUS_CONFLICT);
    world_close(&w);
}

static void test_live__a_fall_is_taken_back(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 3);
    w.em[1] = 0.4, w.tokens[1] = 60;
    assert_ok(world_start(&w, PLAN, 1), w.err);
    world_run(&w, 200, 200);
    assert_phase(&w, "rolled back");
    json_t *status, *e = experiment_of(&w, &status);
    assert_contains(json_string_value(json_object_get(e, "why")), "em");
    struct ruleset *rules = NULL;
    assert_ok(live_ruleset(w.store, "g2p", &rules, &w.err), w.err);
    assert_string_equal(ruleset_assign(rules, "anybody").variant, "champion");
    assert_null(json_object_get(ruleset_document(rules), "experiment"));
    ruleset_free(rules);
    json_decref(status);
    world_close(&w);
}

static void test_live__of_several_the_bad_one_goes_and_the_good_one_wins(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 4);
    w.em[1] = 0.3, w.em[2] = 0.68, w.tokens[2] = 60;
    assert_ok(world_start(&w, PLAN "promote: auto\n", 2), w.err);
    world_run(&w, 300, 300);
    assert_phase(&w, "promoted");
    json_t *status, *e = experiment_of(&w, &status);
    assert_true(json_is_true(json_array_get(json_object_get(e, "dropped"), 0)));
    assert_string_equal(json_string_value(json_object_get(e, "ready")), "challenger-2");
    json_decref(status);
    world_close(&w);
}

static void test_live__where_finding_is_preferred_shares_follow_what_is_known(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 16);
    w.em[1] = 0.55, w.em[2] = 0.7, w.tokens[2] = 60;
    assert_ok(world_start(&w, "window: 10s\nlate: 5s\nramp: [0.5]\nlearn: 100\nprefer: finding\npromote: auto\n", 3), w.err);
    world_run(&w, 300, 300);
    assert_phase(&w, "promoted");
    json_t *status, *e = experiment_of(&w, &status), *events = NULL, *event;
    assert_string_equal(json_string_value(json_object_get(e, "ready")), "challenger-2");
    assert_ok(live_events(w.store, "g2p", 0, 0, &events, &w.err), w.err);
    size_t i, shared = 0;
    json_array_foreach(events, i, event) shared += strcmp(json_string_value(json_object_get(event, "kind")), "shared") == 0;
    assert_true(shared >= 2);
    json_decref(events);
    json_decref(status);
    world_close(&w);
}

/* ---- in the shadow ---- */

#define SHADOW PLAN "shadow: {units: 300}\n"

static double exposed_to_challengers(const json_t *experiment)
{
    double n = 0;
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(experiment, "periods"), i, p)
        for (size_t arm = 1; arm < json_array_size(json_object_get(p, "arrived")); arm++)
            n += json_number_read(json_array_get(json_object_get(p, "arrived"), arm));
    return n;
}

static void test_live__what_falls_in_the_shadow_is_taken_back_before_anybody_sees_it(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 17);
    w.shadows = true;
    w.em[1] = 0.4;
    assert_ok(world_start(&w, SHADOW, 1), w.err);
    world_run(&w, 50, 200);
    assert_phase(&w, "rolled back");
    json_t *status, *e = experiment_of(&w, &status);
    assert_contains(json_string_value(json_object_get(e, "why")), "pairs in the shadow");
    assert_contains(json_string_value(json_object_get(e, "why")), "em −");
    assert_near(exposed_to_challengers(e), 0, 0);
    json_decref(status);
    world_close(&w);
}

static void test_live__what_fails_in_the_shadow_counts_as_wrong(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 18);
    w.shadows = true;
    assert_ok(world_start(&w, SHADOW, 1), w.err);
    world_run(&w, 50, 3);
    assert_phase(&w, "shadow");
    w.silent[1] = 0.3; /* of the challenger's runs; no unit is assigned to it */
    world_run(&w, 50, 200);
    assert_phase(&w, "rolled back");
    world_close(&w);
}

static void test_live__after_the_shadow_the_ramp_begins(void **state)
{
    (void)state;
    struct world w;
    struct ruleset *rules = NULL;
    world_open(&w, 19);
    w.shadows = true;
    w.em[1] = 0.3, w.em[2] = 0.62, w.tokens[2] = 70;
    assert_ok(world_start(&w, SHADOW, 2), w.err);
    world_run(&w, 50, 3);
    assert_phase(&w, "shadow");
    assert_ok(live_ruleset(w.store, "g2p", &rules, &w.err), w.err);
    assert_int_equal(json_array_size(json_object_get(ruleset_document(rules), "shadow")), 2);
    assert_int_equal(json_array_size(json_object_get(ruleset_document(rules), "ranges")), 0);
    ruleset_free(rules);
    struct live_order pause = {.verb = LIVE_DO_PAUSE}, resume = {.verb = LIVE_DO_RESUME}, promote = {.verb = LIVE_DO_PROMOTE, .variant = "challenger-2"};
    assert_int_equal(live_order(w.store, "g2p", &promote, w.now, &w.err), STATUS_CONFLICT);
    assert_ok(live_order(w.store, "g2p", &pause, w.now, &w.err), w.err);
    assert_ok(live_order(w.store, "g2p", &resume, w.now, &w.err), w.err);
    assert_phase(&w, "shadow");
    world_run(&w, 50, 7);
    assert_phase(&w, "running");
    json_t *status, *e = experiment_of(&w, &status), *c = json_object_get(e, "challengers");
    assert_true(json_is_true(json_array_get(json_object_get(e, "dropped"), 0)));
    assert_true(json_number_at(json_array_get(c, 1), "pairs") >= 300);
    assert_true(json_number_at(json_array_get(c, 0), "pairs") < 300);
    json_decref(status);
    assert_ok(live_ruleset(w.store, "g2p", &rules, &w.err), w.err);
    assert_null(json_object_get(ruleset_document(rules), "shadow"));
    ruleset_free(rules);
    world_close(&w);
}

static void test_live__clients_that_know_no_shadow_are_named(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 20);
    assert_ok(world_start(&w, "metrics: {em: {prove: not_worse}}\nlearn: 0\nwindow: 30s\nshadow: {units: 50}\n", 1), w.err);
    assert_phase(&w, "shadow");
    json_t *body = world_outcomes(&w, 200), *list = json_object_get(body, "outcomes"), *item;
    size_t i;
    json_array_foreach(list, i, item) json_object_del(json_object_get(item, "metrics"), "tokens");
    json_decref(world_take(&w, body));
    w.now += 200000;
    world_tick(&w);
    assert_phase(&w, "paused");
    json_t *status, *e = experiment_of(&w, &status);
    assert_contains(json_string_value(json_object_get(e, "why")), "would have answered");
    json_decref(status);
    world_close(&w);
}

/* By their places they would come arm by arm, and a stretch of one arm alone looks like a fall. */
static void test_live__units_of_one_moment_come_in_no_order_of_arms(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct world w;
        world_open(&w, seed);
        w.tokens[1] = 60, w.em[1] = 0.75;
        assert_ok(world_start(&w,
                              "metrics:\n  em: {prove: not_worse}\n  tokens: {prove: fewer, marks: [10, 1000], cap: 512}\n"
                              "window: 30s\nlate: 10s\nlearn: 0\nramp: [0.2]\n",
                              1),
                  w.err);
        json_decref(world_take(&w, world_outcomes(&w, 4000)));
        w.now += 60000;
        world_tick(&w);
        assert_phase(&w, "running");
        world_close(&w);
    }
}

static void test_live__lost_units_stop_it(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 5);
    w.lost[1] = 0.4;
    assert_ok(world_start(&w, PLAN, 1), w.err);
    world_run(&w, 200, 200);
    assert_phase(&w, "paused");
    json_t *status, *e = experiment_of(&w, &status);
    assert_contains(json_string_value(json_object_get(e, "why")), "shares");
    json_decref(status);
    world_close(&w);
}

static void test_live__silence_counts_as_wrong(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 6);
    w.silent[1] = 0.5;
    assert_ok(world_start(&w, PLAN, 1), w.err);
    world_run(&w, 200, 200);
    assert_phase(&w, "rolled back");
    world_close(&w);
}

/* What an arm's clients do not tell, of `part` of their units. */
static void forget(struct world *w, json_t *body, const char *variant, const char *metric, double part)
{
    json_t *item;
    size_t i;
    json_array_foreach(json_object_get(body, "outcomes"), i, item)
    {
        const char *of = json_string_value(json_object_get(item, "variant"));
        if (strcmp(of, variant) == 0 && rng_unit(&w->rng) < part)
            json_object_del(json_object_get(item, "metrics"), metric);
    }
}

static void forget_and_run(struct world *w, double champion, double challenger, long minutes)
{
    for (long i = 0; i < minutes; i++) {
        json_t *body = world_outcomes(w, 200);
        forget(w, body, "champion", "tokens", champion);
        forget(w, body, "challenger", "tokens", challenger);
        json_decref(world_take(w, body));
        w->now += 60000;
        world_tick(w);
    }
}

#define MARKED "window: 30s\nlate: 10s\nlearn: 0\nramp: [0.1, 0.5]\nstep_units: 50\npromote: auto\nmetrics: " \
               "{tokens: {prove: fewer, marks: [10, 1000], cap: 2000}, em: {prove: nothing, guard: 0.9}}\n"

static const json_t *tokens_of(const json_t *experiment)
{
    const json_t *c = json_array_get(json_object_get(experiment, "challengers"), 0);
    return json_array_get(json_object_get(c, "metrics"), 0);
}

static void test_live__what_the_champion_does_not_tell_proves_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct world w;
        world_open(&w, seed);
        assert_ok(world_start(&w, MARKED, 1), w.err);
        forget_and_run(&w, seed % 2 ? 1 : 0.3, 0, 40);
        assert_phase(&w, "running");
        json_t *status, *e = experiment_of(&w, &status), *c = json_array_get(json_object_get(e, "challengers"), 0);
        assert_string_equal(json_string_value(json_object_get(c, "verdict")), "not confirmed");
        assert_true(json_is_true(json_object_get(tokens_of(e), "unfair")));
        assert_true(json_is_false(json_object_get(tokens_of(e), "proven")));
        assert_near(json_number_read(json_array_get(json_object_get(tokens_of(e), "unheard"), 1)), 0, 0);
        json_decref(status);
        world_close(&w);
    }
}

static void test_live__what_both_do_not_tell_is_fair(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 6);
    w.tokens[1] = 60;
    assert_ok(world_start(&w, MARKED, 1), w.err);
    forget_and_run(&w, 0.3, 0.3, 100);
    assert_phase(&w, "promoted");
    world_close(&w);
}

static void test_live__what_the_challenger_does_not_tell_counts_against_it(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 7);
    w.tokens[1] = 60;
    assert_ok(world_start(&w, MARKED, 1), w.err);
    forget_and_run(&w, 0, 1, 40);
    assert_phase(&w, "rolled back");
    json_t *status, *e = experiment_of(&w, &status);
    assert_true(json_is_false(json_object_get(tokens_of(e), "unfair")));
    assert_true(json_number_read(json_array_get(json_object_get(tokens_of(e), "unheard"), 1)) > 20);
    json_decref(status);
    world_close(&w);
}

static void test_live__nothing_heard_pauses_it(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 7);
    assert_ok(world_start(&w, PLAN "silence: 20m\n", 1), w.err);
    world_run(&w, 200, 5);
    assert_phase(&w, "running");
    w.now += 21 * 60000;
    world_tick(&w);
    assert_phase(&w, "paused");
    struct live_order resume = {.verb = LIVE_DO_RESUME};
    assert_ok(live_order(w.store, "g2p", &resume, w.now, &w.err), w.err);
    assert_phase(&w, "running");
    world_tick(&w);
    assert_phase(&w, "running");
    world_close(&w);
}

static void test_live__a_days_limit_pauses_it_until_midnight(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 8);
    w.now = 1790000000000 / 86400000 * 86400000 + 3600000; /* one o'clock */
    assert_ok(world_start(&w, PLAN "limit: 50\nsilence: 0\n", 1), w.err);
    world_run(&w, 200, 50);
    assert_phase(&w, "paused");
    w.now += 23 * 3600000;
    world_tick(&w);
    assert_phase(&w, "running");
    world_close(&w);
}

#define ANSWERS "window: 30s\nlate: 10s\nlearn: 0\nramp: [0.5]\nmetrics: {em: {prove: not_worse, margin: 0.02, guard: 0.05}}\n"

/* Where it is wrong it says nonsense. If that were not counted at all, it would always be right. */
static void test_live__who_fails_with_nonsense_is_taken_back(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 8);
    w.em[0] = 0.9, w.em[1] = 0.75;
    assert_ok(world_start(&w, ANSWERS, 1), w.err);
    for (int minute = 0; minute < 30; minute++) {
        json_t *body = world_outcomes(&w, 200), *item;
        size_t i;
        json_array_foreach(json_object_get(body, "outcomes"), i, item)
        {
            json_t *metrics = json_object_get(item, "metrics");
            const char *variant = json_string_value(json_object_get(item, "variant"));
            json_object_del(metrics, "tokens");
            if (strcmp(variant, "challenger") == 0 && json_number_at(metrics, "em") == 0)
                json_object_set_new(metrics, "em", json_null());
        }
        json_decref(world_take(&w, body));
        w.now += 60000;
        world_tick(&w);
    }
    assert_phase(&w, "rolled back");
    json_t *status, *e = experiment_of(&w, &status), *c = json_array_get(json_object_get(e, "challengers"), 0);
    assert_true(json_is_true(json_object_get(json_array_get(json_object_get(c, "metrics"), 0), "worse")));
    json_decref(status);
    world_close(&w);
}

/* ---- what is counted ---- */

static long number_of(const json_t *answer, const char *key)
{
    return (long)json_integer_value(json_object_get(answer, key));
}

static void assert_refused(struct world *w, const char *item, const char *why)
{
    json_error_t ignored;
    json_t *one = json_loads(item, 0, &ignored);
    assert_non_null(one);
    json_t *answer = world_take(w, json_pack("{s:[o]}", "outcomes", one));
    json_t *refused = json_object_get(answer, "refused");
    if (json_array_size(refused) != 1) fail_msg("%s is not refused", item);
    assert_contains(json_string_value(json_object_get(json_array_get(refused, 0), "why")), why);
    json_decref(answer);
}

static void test_live__what_cannot_be_is_refused_item_by_item(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 9);
    assert_ok(world_start(&w, PLAN, 1), w.err);
    assert_refused(&w, "{\"variant\":\"champion\"}", "unit is missing");
    assert_refused(&w, "{\"unit\":\"u\"}", "variant is missing");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"third\"}", "no variant 'third'");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"champion\",\"metrics\":{\"em\":1}}", "id is missing");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"champion\",\"id\":\"1\",\"metrics\":{\"em\":1.2}}", "from 0 to 1");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"champion\",\"id\":\"1\",\"metrics\":{\"tokens\":-3}}", "at least 0");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"champion\",\"id\":\"1\",\"metrics\":{\"tokens\":\"3\"}}", "a number");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"champion\",\"id\":\"1\",\"metrics\":{\"ms\":3}}", "no metric 'ms'");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"champion\",\"at_ms\":1890000000000}", "in the future");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"champion\",\"period\":7}", "has not been yet");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"champion\",\"colour\":\"red\"}", "colour");
    assert_refused(&w, "{\"unit\":\"\",\"variant\":\"champion\"}", "1 to 1024 bytes");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"champion\",\"expected\":1.5}", "from 0 to 1");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"champion\",\"expected\":\"1\"}", "from 0 to 1");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"champion\",\"shadow\":{\"challenger\":{}}}", "beside metrics");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"champion\",\"id\":\"1\",\"metrics\":{\"em\":1},\"shadow\":{\"c\":{}}}", "no challenger 'c'");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"champion\",\"id\":\"1\",\"metrics\":{\"em\":1},\"shadow\":{\"challenger\":{\"em\":2}}}", "from 0 to 1");
    assert_refused(&w, "{\"unit\":\"u\",\"variant\":\"challenger\"}", "champion's in period 0");
    json_t *status, *e = experiment_of(&w, &status);
    assert_near(json_number_at(json_object_get(e, "counts"), "refused"), 18, 0);
    assert_near(json_number_at(json_object_get(e, "counts"), "taken"), 0, 0);
    json_decref(status);
    world_close(&w);
}

static double arrived(const struct world *w)
{
    json_t *status, *e = experiment_of((struct world *)w, &status);
    double n = json_number_read(json_array_get(json_object_get(json_array_get(json_object_get(e, "periods"), 0), "arrived"), 0));
    json_decref(status);
    return n;
}

/* Who fails with nonsense is not heard, and not unseen; a metric that nobody follows says nothing of anybody. */
static void test_live__of_a_value_that_cannot_be_the_unit_was_served(void **state)
{
    (void)state;
    static const char *const wrong[] = {"{\"em\":7}", "{\"em\":null}", "{\"em\":1,\"tokens\":-1}", "{\"em\":\"1\"}"},
                      *const none[] = {"{\"speed\":1}", "{\"em\":7},\"expected\":2", "{\"em\":7},\"variant\":\"third\"",
                                       "{\"em\":7},\"period\":9"};
    struct world w;
    char item[200];
    world_open(&w, 9);
    assert_ok(world_start(&w, PLAN, 1), w.err);
    for (size_t i = 0; i < 4; i++) {
        snprintf(item, sizeof item, "{\"unit\":\"w%zu\",\"id\":\"1\",\"variant\":\"champion\",\"metrics\":%s}", i, wrong[i]);
        assert_refused(&w, item, "must be");
        assert_near(arrived(&w), (double)i + 1, 0);
    }
    for (size_t i = 0; i < 4; i++) {
        const char *own = strstr(none[i], "variant") ? "" : "\"variant\":\"champion\",";
        snprintf(item, sizeof item, "{\"unit\":\"n%zu\",\"id\":\"1\",%s\"metrics\":%s}", i, own, none[i]);
        assert_refused(&w, item, "");
        assert_near(arrived(&w), 4, 0);
    }
    json_t *good = json_pack("{s:[{s:s, s:s, s:s, s:{s:i}}]}", "outcomes", "unit", "w0", "variant", "champion", "id", "1",
                             "metrics", "em", 1);
    json_t *answer = world_take(&w, good);
    assert_int_equal(number_of(answer, "taken"), 1); /* the nonsense did not use up its id */
    json_decref(answer);
    assert_near(arrived(&w), 4, 0);
    world_close(&w);
}

/* Once there are arms, one of them may fail with a metric of its own. */
static void test_live__who_fails_with_another_metric_was_served(void **state)
{
    (void)state;
    static const char *const wrong[] = {"\"metrics\":{\"em\":0,\"crashed\":1},\"id\":\"1\"", "\"metrics\":{\"em\":0}", "\"metrics\":{\"em\":0},\"id\":7"};
    struct world w;
    char item[200];
    world_open(&w, 9);
    assert_ok(world_start(&w, MARKED, 1), w.err);
    for (size_t i = 0, n = 0; i < 3; i++) {
        double before = arrived(&w);
        for (; arrived(&w) == before; n++) { /* the champion's */
            assert_true(n < 100);
            snprintf(item, sizeof item, "{\"unit\":\"w%zu\",\"variant\":\"champion\",%s}", n, wrong[i]);
            assert_refused(&w, item, "");
        }
    }
    world_close(&w);
}

static void test_live__what_is_sent_again_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 10);
    assert_ok(world_start(&w, PLAN, 1), w.err);
    world_run(&w, 200, 3);
    json_t *body = world_outcomes(&w, 50), *again = json_deep_copy(body), *late = json_deep_copy(body);
    size_t n = json_array_size(json_object_get(body, "outcomes"));
    json_t *answer = world_take(&w, body);
    assert_int_equal(number_of(answer, "taken"), n);
    json_decref(answer);
    answer = world_take(&w, again);
    assert_int_equal(number_of(answer, "repeated"), n);
    json_decref(answer);
    w.now += 60000;
    world_tick(&w);
    json_t *before, *e = experiment_of(&w, &before);
    answer = world_take(&w, late);
    assert_int_equal(number_of(answer, "late"), n);
    json_decref(answer);
    world_tick(&w);
    json_t *after, *f = experiment_of(&w, &after);
    assert_true(json_equal(json_object_get(e, "challengers"), json_object_get(f, "challengers")));
    assert_near(json_number_at(json_object_get(e, "counts"), "scored"),
                json_number_at(json_object_get(f, "counts"), "scored"), 0);
    json_decref(before);
    json_decref(after);
    world_close(&w);
}

static void test_live__the_order_in_which_outcomes_come_does_not_matter(void **state)
{
    (void)state;
    json_t *said[2];
    for (int turn = 0; turn < 2; turn++) {
        struct world w;
        world_open(&w, 11);
        assert_ok(world_start(&w, PLAN, 1), w.err);
        world_run(&w, 200, 4);
        json_t *body = world_outcomes(&w, 300), *list = json_object_get(body, "outcomes"), *turned = json_array();
        for (size_t i = json_array_size(list); i-- > 0;) json_array_append(turned, json_array_get(list, i));
        if (turn) json_object_set(body, "outcomes", turned);
        json_decref(turned);
        json_decref(world_take(&w, body));
        w.now += 60000;
        world_tick(&w);
        json_t *status, *e = experiment_of(&w, &status);
        said[turn] = json_deep_copy(json_object_get(e, "challengers"));
        json_decref(status);
        world_close(&w);
    }
    assert_true(json_equal(said[0], said[1]));
    json_decref(said[0]);
    json_decref(said[1]);
}

static void test_live__a_unit_whose_window_a_change_lies_in_is_not_scored(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 12);
    assert_ok(world_start(&w, "window: 30s\nlate: 10s\nmetrics: {em: {prove: not_worse}, tokens: {guard: 90000, range: [0, 100000], goal: minimize}}\nlearn: 0\nramp: [0.1, 0.2, 0.5]\n"
                          "step_units: 1000000\n", 1),
              w.err);
    json_decref(world_take(&w, world_outcomes(&w, 100)));
    w.now += 10000;
    struct live_order ramp = {.verb = LIVE_DO_RAMP, .share = 0.5};
    assert_ok(live_order(w.store, "g2p", &ramp, w.now, &w.err), w.err);
    json_decref(world_take(&w, world_outcomes(&w, 100)));
    w.now += 60000;
    world_tick(&w);
    json_t *status, *e = experiment_of(&w, &status), *counts = json_object_get(e, "counts");
    assert_near(json_number_at(counts, "spanned"), 100, 0);
    assert_near(json_number_at(counts, "scored"), 100, 0);
    assert_near(json_number_at(e, "share"), 0.5, 1e-9);
    json_decref(status);
    world_close(&w);
}

/* ---- salts and starts ---- */

static void test_live__the_same_again_is_sticky_and_anything_else_is_not(void **state)
{
    (void)state;
    struct world w;
    struct ruleset *rules[2] = {NULL, NULL};
    struct live_order stop = {.verb = LIVE_DO_STOP};
    const char *plan = "metrics: {em: {prove: not_worse}}\nlearn: 0\nramp: [0.4, 0.5]\n";
    world_open(&w, 13);
    for (int turn = 0; turn < 2; turn++) {
        assert_ok(world_start(&w, plan, 1), w.err);
        assert_ok(live_ruleset(w.store, "g2p", &rules[turn], &w.err), w.err);
        assert_int_equal(world_start(&w, plan, 1), STATUS_CONFLICT);
        assert_ok(live_order(w.store, "g2p", &stop, w.now, &w.err), w.err);
    }
    for (int i = 0; i < 200; i++) {
        char unit[16];
        snprintf(unit, sizeof unit, "u%d", i);
        assert_string_equal(ruleset_assign(rules[0], unit).variant, ruleset_assign(rules[1], unit).variant);
    }
    ruleset_free(rules[0]);
    ruleset_free(rules[1]);
    assert_ok(world_start(&w, plan, 2), w.err);
    json_t *status, *e = experiment_of(&w, &status);
    assert_string_equal(json_string_value(json_object_get(e, "salt")), "g2p-3");
    json_decref(status);
    world_close(&w);
}

static void test_live__a_salt_of_others_and_units_that_cannot_decide_are_refused(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 14);
    assert_int_equal(world_start(&w, "units: 100\n", 1), STATUS_INVALID);
    assert_contains(w.err.text, "cannot decide");
    assert_ok(world_start(&w, "", 1), w.err);
    struct configuration a = configuration_with(7), b = configuration_with(8);
    struct live_wish wish = {.rollout = "other", .study = "s", .plan_name = "p", .plan = "", .champion = &a, .n = 1,
                             .challenger = &b, .salt = "g2p-1", .by = "test"};
    assert_int_equal(live_start(w.store, &wish, w.now, &w.err), STATUS_INVALID);
    assert_contains(w.err.text, "was used by another experiment");
    wish.salt = NULL, wish.challenger = &a;
    assert_int_equal(live_start(w.store, &wish, w.now, &w.err), STATUS_INVALID);
    assert_contains(w.err.text, "champion's own");
    free(a.body);
    free(b.body);
    world_close(&w);
}

static void test_live__killed_serves_the_champion(void **state)
{
    (void)state;
    struct world w;
    struct ruleset *rules = NULL;
    struct live_order kill = {.verb = LIVE_DO_KILL, .why = "smoke", .by = "ada"}, revive = {.verb = LIVE_DO_REVIVE};
    world_open(&w, 15);
    assert_ok(world_start(&w, "metrics: {em: {prove: not_worse}}\nlearn: 0\nramp: [0.9]\n", 1), w.err);
    assert_ok(live_order(w.store, "g2p", &kill, w.now, &w.err), w.err);
    assert_ok(live_ruleset(w.store, "g2p", &rules, &w.err), w.err);
    for (int i = 0; i < 50; i++) {
        char unit[16];
        snprintf(unit, sizeof unit, "u%d", i);
        assert_string_equal(ruleset_assign(rules, unit).variant, "champion");
        assert_int_equal(ruleset_assign(rules, unit).reason, REASON_DISABLED);
    }
    ruleset_free(rules);
    assert_phase(&w, "paused");
    assert_ok(live_order(w.store, "g2p", &revive, w.now, &w.err), w.err);
    assert_phase(&w, "paused");
    world_close(&w);
}

static void test_live__what_cannot_follow_is_said_with_the_way_out(void **state)
{
    (void)state;
    struct world w;
    struct live_order promote = {.verb = LIVE_DO_PROMOTE, .by = "ada"}, resume = {.verb = LIVE_DO_RESUME, .by = "ada"};
    world_open(&w, 16);
    assert_ok(world_start(&w, "metrics: {em: {prove: not_worse}}\nlearn: 20\n", 1), w.err);
    assert_int_equal(live_order(w.store, "g2p", &promote, w.now, &w.err), STATUS_CONFLICT);
    assert_contains(w.err.text, "is learning: nobody has had a challenger yet; promote it once some have");
    assert_int_equal(live_order(w.store, "g2p", &resume, w.now, &w.err), STATUS_CONFLICT);
    assert_contains(w.err.text, "is learning already");
    assert_phase(&w, "learning");
    world_close(&w);
}

static void test_live__a_clock_that_jumps_undoes_nothing(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 16);
    w.em[1] = 0.66, w.tokens[1] = 70;
    assert_ok(world_start(&w, PLAN "promote: auto\n", 1), w.err);
    world_run(&w, 200, 4);
    w.now -= 3600000;
    world_run(&w, 200, 3);
    struct live_order pause = {.verb = LIVE_DO_PAUSE}, resume = {.verb = LIVE_DO_RESUME};
    assert_ok(live_order(w.store, "g2p", &pause, w.now, &w.err), w.err);
    assert_ok(live_order(w.store, "g2p", &resume, w.now, &w.err), w.err);
    json_t *status, *e = experiment_of(&w, &status), *p;
    size_t i;
    json_array_foreach(json_object_get(e, "periods"), i, p) {
        int64_t from = json_integer_value(json_object_get(p, "from_ms")),
                to = json_integer_value(json_object_get(p, "to_ms"));
        assert_true(to == 0 || to >= from);
    }
    json_decref(status);
    w.now += 2 * 3600000;
    world_run(&w, 200, 200);
    assert_phase(&w, "promoted");
    world_close(&w);
}

static void test_live__units_that_turn_out_too_few_are_said_before_anybody_is_exposed(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 17);
    assert_ok(world_start(&w, "window: 30s\nlate: 10s\nlearn: 100\nunits: 1500\n"
                              "metrics: {em: {prove: not_worse, effect: 0.05}, tokens: {range: [0, 100000], guard: 9}}\n",
                          1),
              w.err);
    world_run(&w, 200, 20);
    assert_phase(&w, "rolled back");
    json_t *status, *e = experiment_of(&w, &status);
    assert_contains(json_string_value(json_object_get(e, "why")), "cannot decide a difference of 0.05 in em");
    assert_int_equal(json_array_size(json_object_get(e, "periods")), 1);
    json_decref(status);
    world_close(&w);
}

/* ---- plans ---- */

static json_t *rules_of(const char *text, struct live_plan *p, struct arena *a)
{
    struct error err;
    assert_ok(live_plan_read("plan.yaml", text, a, p, &err), err);
    return live_plan_json(p);
}

static void test_live__a_plan_is_read_back_from_its_json(void **state)
{
    (void)state;
    static const char *const plans[] = {
        "",
        "{window: 90s, late: 0, silence: 0, ramp: [0.02, 0.3], units: 1e6, promote: auto, prefer: finding}",
        "metrics:\n  tokens: {prove: fewer, saving: 0.2, cap: 512, marks: [4, 400], missing: 7, guard: 1}\n"
        "  latency: {goal: minimize, range: [0, 5000], guard: 100}\n  em: {prove: not_worse, effect: 0.03}\n"
        "learn: 0\ngroup: {name: checkout, part: [0, 0.5]}\nholdout: 0.02\nlimit: 500\n"
        "overrides: {ada: challenger}\nsegments: [long, short]\nshadow: {units: 500}\notlp: {correctness: em}\n",
    };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        struct arena a = {0};
        struct live_plan p, again;
        json_t *one = rules_of(plans[i], &p, &a);
        char *text = json_text(one);
        json_t *two = rules_of(text, &again, &a);
        assert_true(json_equal(one, two));
        assert_int_equal(again.window_ms, p.window_ms);
        assert_int_equal(again.n_metrics, p.n_metrics);
        assert_true(memcmp(again.step, p.step, sizeof p.step) == 0);
        assert_near(again.shadow, p.shadow, 0);
        free(text);
        json_decref(one);
        json_decref(two);
        arena_done(&a);
    }
}

/* Beside the formula by hand: (1.96 + 0.84)² of units at equal shares, four times the variance, and what looking costs.
 */
static void test_live__what_a_plan_needs(void **state)
{
    (void)state;
    struct arena a = {0};
    struct live_plan p;
    json_decref(rules_of("{ramp: [0.1, 0.5], step_units: 50, learn: 100}", &p, &a));
    double looking = exposure_needed(0.25, 0.5, 0.05) / exposure_fixed(0.25, 0.5, 0.05);
    assert_near(needs_before(&p, 1), 100 + 500, 1e-9);
    assert_near(needs_before(&p, 3), 100 + 1500, 1e-9);
    assert_near(needs_to_prove(&p, 1, 0, TRUTH_EFFECT, SPREAD_LARGE), looking * 7.849 / (0.05 * 0.05), 5);
    assert_near(needs_to_prove(&p, 1, 0, TRUTH_SAME, SPREAD_LARGE), looking * 7.849 / (0.01 * 0.01), 120);
    assert_true(isinf(needs_to_prove(&p, 1, 1, TRUTH_SAME, SPREAD_SMALL)));
    assert_near(needs_days(&p, 1, 400, 100), 10, 1e-9);
    p.limit = 10; /* of challengers in a day: the first step's 50 take five days, the last one's 200 take 20 */
    assert_near(needs_days(&p, 1, 400, 100), 1 + 5 + 20, 1e-9);
    p.holdout = 0.5;
    assert_near(needs_before(&p, 1), 1200, 1e-9);
    arena_done(&a);
}

/* ---- how the differences went ---- */

static json_t *course_of(struct world *w)
{
    json_t *out = NULL;
    assert_ok(live_course(w->store, "g2p", 0, w->now, &out, &w->err), w->err);
    return out;
}

static double reading_of(const json_t *track, const char *key, size_t i)
{
    return json_number_read(json_array_get(json_object_get(track, key), i));
}

static const json_t *track_of(const json_t *course, size_t t)
{
    const json_t *c = json_array_get(json_object_get(course, "challengers"), 0);
    return json_array_get(json_object_get(c, "tracks"), t);
}

static void test_live__how_the_differences_went_is_kept(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 3);
    w.em[1] = 0.4, w.tokens[1] = 60;
    assert_ok(world_start(&w, PLAN, 1), w.err);
    json_t *course = course_of(&w);
    assert_int_equal(json_array_size(json_object_get(course, "at_ms")), 0);
    json_decref(course);
    world_run(&w, 200, 200);
    assert_phase(&w, "rolled back");
    json_t *status, *e = experiment_of(&w, &status), *c = json_array_get(json_object_get(e, "challengers"), 0);
    course = course_of(&w);
    const json_t *em = track_of(course, 0), *tokens = track_of(course, 1), *bill = track_of(course, 2),
                 *units = json_object_get(course, "units"), *at = json_object_get(course, "at_ms");
    size_t n = json_array_size(units);
    assert_true(n >= 3);
    for (size_t i = 0; i < n; i++) {
        assert_true(reading_of(em, "low", i) <= reading_of(em, "by", i));
        assert_true(reading_of(em, "by", i) <= reading_of(em, "high", i));
        if (i == 0) continue;
        assert_true(json_integer_value(json_array_get(units, i)) > json_integer_value(json_array_get(units, i - 1)));
        assert_true(json_integer_value(json_array_get(at, i)) >= json_integer_value(json_array_get(at, i - 1)));
    }
    const json_t *last = json_array_get(json_object_get(c, "metrics"), 0);
    assert_near(reading_of(em, "by", n - 1), json_number_at(last, "difference"), 1e-6);
    assert_near(reading_of(em, "low", n - 1), json_number_at(last, "low"), 1e-6);
    assert_near(json_number_at(em, "line"), -0.01, 1e-12);
    assert_near(json_number_at(tokens, "line"), 0, 0);
    assert_true(json_is_true(json_object_get(em, "points")) && json_is_true(json_object_get(bill, "ratio")));
    const json_t *ramp = json_object_get(course, "ramp");
    assert_near(json_number_at(json_array_get(ramp, 0), "share"), 0.1, 1e-9);
    assert_near(json_number_at(json_array_get(ramp, json_array_size(ramp) - 1), "share"), 0, 0);
    json_decref(course);
    json_decref(status);
    world_close(&w);
}

static void test_live__the_course_is_thin_and_ends_with_how_it_stands(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 2);
    assert_ok(world_start(&w, "window: 30s\nlate: 10s\nramp: [0.5]\nlearn: 100\n", 1), w.err);
    world_run(&w, 40, 200);
    assert_phase(&w, "running");
    json_t *status, *e = experiment_of(&w, &status), *course = course_of(&w);
    const json_t *units = json_object_get(course, "units");
    size_t n = json_array_size(units);
    double scored = json_number_at(json_object_get(e, "counts"), "scored") - json_number_at(e, "learnt");
    assert_near(json_number_read(json_array_get(units, n - 1)), scored, 0);
    assert_true(scored > 4000 && n > 20 && n < 100);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(course, "at_ms"), n - 1)), w.now);
    json_decref(course);
    json_decref(status);
    world_close(&w);
}

static void test_live__status_of_all_or_of_a_study(void **state)
{
    (void)state;
    struct world w;
    json_t *all = NULL;
    world_open(&w, 16);
    assert_ok(live_status_all(w.store, NULL, w.now, &all, &w.err), w.err);
    assert_int_equal(json_array_size(all), 0);
    json_decref(all);
    assert_ok(world_start(&w, "", 1), w.err);
    assert_ok(live_status_all(w.store, "g2p", w.now, &all, &w.err), w.err);
    assert_int_equal(json_array_size(all), 1);
    json_t *rules = json_object_get(json_object_get(json_array_get(all, 0), "experiment"), "rules");
    assert_string_equal(json_string_value(json_object_get(rules, "window")), "10m");
    json_decref(all);
    assert_ok(live_status_all(w.store, "other", w.now, &all, &w.err), w.err);
    assert_int_equal(json_array_size(all), 0);
    json_decref(all);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live__what_saves_and_holds_is_promoted),
        cmocka_unit_test(test_live__asks_unless_it_may_promote_by_itself),
        cmocka_unit_test(test_live__a_fall_is_taken_back),
        cmocka_unit_test(test_live__of_several_the_bad_one_goes_and_the_good_one_wins),
        cmocka_unit_test(test_live__where_finding_is_preferred_shares_follow_what_is_known),
        cmocka_unit_test(test_live__what_falls_in_the_shadow_is_taken_back_before_anybody_sees_it),
        cmocka_unit_test(test_live__what_fails_in_the_shadow_counts_as_wrong),
        cmocka_unit_test(test_live__after_the_shadow_the_ramp_begins),
        cmocka_unit_test(test_live__clients_that_know_no_shadow_are_named),
        cmocka_unit_test(test_live__units_of_one_moment_come_in_no_order_of_arms),
        cmocka_unit_test(test_live__lost_units_stop_it),
        cmocka_unit_test(test_live__silence_counts_as_wrong),
        cmocka_unit_test(test_live__what_the_champion_does_not_tell_proves_nothing),
        cmocka_unit_test(test_live__what_both_do_not_tell_is_fair),
        cmocka_unit_test(test_live__what_the_challenger_does_not_tell_counts_against_it),
        cmocka_unit_test(test_live__nothing_heard_pauses_it),
        cmocka_unit_test(test_live__a_days_limit_pauses_it_until_midnight),
        cmocka_unit_test(test_live__what_cannot_be_is_refused_item_by_item),
        cmocka_unit_test(test_live__of_a_value_that_cannot_be_the_unit_was_served),
        cmocka_unit_test(test_live__who_fails_with_another_metric_was_served),
        cmocka_unit_test(test_live__who_fails_with_nonsense_is_taken_back),
        cmocka_unit_test(test_live__what_is_sent_again_changes_nothing),
        cmocka_unit_test(test_live__the_order_in_which_outcomes_come_does_not_matter),
        cmocka_unit_test(test_live__a_unit_whose_window_a_change_lies_in_is_not_scored),
        cmocka_unit_test(test_live__the_same_again_is_sticky_and_anything_else_is_not),
        cmocka_unit_test(test_live__a_salt_of_others_and_units_that_cannot_decide_are_refused),
        cmocka_unit_test(test_live__killed_serves_the_champion),
        cmocka_unit_test(test_live__what_cannot_follow_is_said_with_the_way_out),
        cmocka_unit_test(test_live__a_clock_that_jumps_undoes_nothing),
        cmocka_unit_test(test_live__units_that_turn_out_too_few_are_said_before_anybody_is_exposed),
        cmocka_unit_test(test_live__a_plan_is_read_back_from_its_json),
        cmocka_unit_test(test_live__what_a_plan_needs),
        cmocka_unit_test(test_live__how_the_differences_went_is_kept),
        cmocka_unit_test(test_live__the_course_is_thin_and_ends_with_how_it_stands),
        cmocka_unit_test(test_live__status_of_all_or_of_a_study),
    };
    return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
