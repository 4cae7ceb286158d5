#include "tests/study_world.h"

#include "tuner/coordinator/adviser.h"
#include "tuner/history/lease.h"

#include "tuner/history/ledger.h"

#include "surrogate/surrogate.h"

#include <unistd.h>

/* ---- states ---- */

static void test_trial_state__only_the_drawn_ways_are_legal(void **state)
{
    (void)state;
    int legal = 0;
    for (int a = 0; a < TRIAL_STATES; a++) {
        enum trial_state parsed;
        assert_true(trial_state_parse(trial_state_name((enum trial_state)a), &parsed) && (int)parsed == a);
        for (int b = 0; b < TRIAL_STATES; b++) {
            legal += trial_state_may((enum trial_state)a, (enum trial_state)b);
            if (trial_state_final((enum trial_state)a))
                assert_false(trial_state_may((enum trial_state)a, (enum trial_state)b));
        }
    }
    assert_int_equal(legal, 4 + 5 + 6);
    assert_false(trial_state_may(TRIAL_QUEUED, TRIAL_RUNNING));
    enum trial_state s;
    assert_false(trial_state_parse("dancing", &s));
}

/* ---- history ---- */

static void test_session__begins_with_baseline_and_references(void **state)
{
    (void)state;
    struct world *w = world_make();
    assert_int_equal(w->history->m.n, 2);
    assert_int_equal(w->history->m.trial[0]->role, ROLE_BASELINE);
    assert_int_equal(w->history->m.trial[1]->role, ROLE_REFERENCE);
    assert_string_equal(w->history->m.trial[1]->source, "strong");
    assert_null(memory_baseline(&w->history->m));
    assert_null(memory_trial(&w->history->m, 2));
    assert_true(memory_trial_seed(&w->history->m, 0) != memory_trial_seed(&w->history->m, 1));
    world_free(w);
}

static void test_session__reopening_restores_every_bit(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct error err;
    complete(w, w->history->m.trial[0], 0.1 + 0.2, 3333333);
    const struct trial *t = add(w, ROLE_SEARCH, 0.123456, 3);
    start(w, t);
    json_t *reported = memory_metrics(&w->history->m, w->history->m.trial[0]);
    history_report(w->history, t, 4, reported);
    json_decref(reported);
    uint64_t seed = t->seed;
    reopen(w);
    assert_int_equal(w->history->m.seed, 7); /* the stored seed wins */
    assert_true(memory_baseline(&w->history->m)[0] == 0.1 + 0.2);
    t = w->history->m.trial[2];
    assert_true(t->seed == seed && t->config[0] == 0.123456 && t->effort.attempts == 1);
    assert_int_equal(t->state, TRIAL_RUNNING);
    assert_ok(lease_recover(w->history, false, &err), err);
    assert_int_equal(t->state, TRIAL_QUEUED);
    assert_int_equal(t->effort.crashes, 0); /* the coordinator's end is not the trial's fault */
    world_free(w);
}

static void test_session__refuses_illegal_moves_and_incomplete_results(void **state)
{
    (void)state;
    struct world *w = world_make();
    const struct trial *t = w->history->m.trial[0];
    struct error err;
    json_t *partial = json_pack("{s:f}", "em", 0.5);
    assert_int_equal(history_started(w->history, t, 1, 0, &err), STATUS_INVALID);
    assert_contains(err.text, "trial 0 is queued and cannot become running");
    start(w, t);
    assert_int_equal(history_finish(w->history, t, &(struct ending){.state = TRIAL_COMPLETE, .metrics = partial}, &err),
                     STATUS_INVALID);
    assert_contains(err.text, "'tokens' is missing");
    assert_int_equal(t->state, TRIAL_RUNNING);
    assert_ok(history_finish(w->history, t, &(struct ending){.state = TRIAL_FAILED, .reason = "why"}, &err), err);
    assert_int_equal(history_return(w->history, t, OUTCOME_LOST, "", 0, &err), STATUS_INVALID);
    json_decref(partial);
    world_free(w);
}

static void test_session__another_space_is_another_study(void **state)
{
    (void)state;
    struct world *w = world_make();
    char text[sizeof STUDY];
    struct study *other = NULL;
    struct history *s = NULL;
    struct error err;
    memcpy(text, STUDY, sizeof text);
    for (char *at; (at = strstr(text, " k: "));) at[1] = 'j';
    assert_ok(study_parse("s.yaml", text, strlen(text), &other, &err), err);
    assert_int_equal(history_open(w->store, other, &(struct opening){.seed = 7}, &w->clock.clock, &s, &err),
                     STATUS_INVALID);
    assert_contains(err.text, "parameter 'k' is gone");
    study_free(other);
    assert_ok(history_load(w->store, "s", &w->clock.clock, &other, &s, &err), err);
    assert_int_equal(s->m.n, 2);
    history_free(s);
    study_free(other);
    assert_int_equal(history_load(w->store, "t", &w->clock.clock, &other, &s, &err), STATUS_NOT_FOUND);
    world_free(w);
}

static enum status open_edited(struct world *w, const char *old, const char *new, size_t *ret_n, struct error *err)
{
    struct study *study = study_edited(old, new);
    struct history *s = NULL;
    enum status st = history_open(w->store, study, &(struct opening){.seed = 7}, &w->clock.clock, &s, err);
    if (!st) *ret_n = s->m.n;
    history_free(s);
    study_free(study);
    return st;
}

static void test_session__the_baseline_stays_and_references_may_join(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct error err;
    size_t n = 0;
    assert_int_equal(open_edited(w, "{x: 0.5, k: 5}", "{x: 0.5, k: 6}", &n, &err), STATUS_INVALID);
    assert_contains(err.text, "the baseline differs from trial 0");
    const char *more = "{strong: {x: 0.2, k: 2}, other: {x: 0.3, k: 3}}";
    assert_ok(open_edited(w, "{strong: {x: 0.2, k: 2}}", more, &n, &err), err);
    assert_int_equal(n, 3);
    assert_ok(open_edited(w, "{strong: {x: 0.2, k: 2}}", more, &n, &err), err);
    assert_int_equal(n, 3);
    world_free(w);
}

static void test_session__history_maps_states(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct error err;
    struct arena a = {0};
    complete(w, w->history->m.trial[0], 0.5, 1000);
    start(w, w->history->m.trial[1]);
    assert_ok(history_finish(w->history, w->history->m.trial[1],
                             &(struct ending){.state = TRIAL_INFEASIBLE, .reason = "x"}, &err),
              err);
    assert_ok(history_finish(w->history, add(w, ROLE_SEARCH, 0.1, 1),
                             &(struct ending){.state = TRIAL_CANCELLED, .reason = "x"}, &err),
              err);
    add(w, ROLE_SEARCH, 0.2, 1);
    struct search_history h = history_snapshot(w->history, &a);
    assert_int_equal(h.n, 3); /* cancelled ones are nobody's business */
    assert_int_equal(h.trial[0].outcome, SEARCH_COMPLETE);
    assert_int_equal(h.trial[1].outcome, SEARCH_FAILED);
    assert_int_equal(h.trial[2].outcome, SEARCH_PENDING);
    assert_near(h.baseline[1], 1000, 0);
    lending_end(w->history);
    arena_done(&a);
    world_free(w);
}

/* Whoever thinks with a snapshot sees what was when it was taken, whatever becomes of the trial. */
static void test_session__lent_curves_stay_as_they_were(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct arena a = {0};
    w->study->stopping.pruner = PRUNER_AUTO;
    const struct trial *t = add(w, ROLE_SEARCH, 0.3, 3), *running = add(w, ROLE_SEARCH, 0.4, 3);
    start(w, t);
    start(w, running);
    for (int k = 1; k <= 3; k++) {
        report_on(w, t, 0.1 * k, 100 * k);
        report_on(w, running, 0.1, 100 * k);
    }
    complete(w, t, 0.3, 300);
    lending_begin(w->history);
    const struct learning_curve *c = curve_lend(t, &a), *copy = curve_lend(running, &a);
    const struct learning_curve *own = &t->attempt.curve->curve;
    assert_ptr_equal(c->at, own->at); /* nothing was copied … */
    assert_ptr_not_equal(copy->at, running->attempt.curve->curve.at);
    for (int k = 4; k <= 3 * LEARNING_CURVE_POINTS; k++) {
        report_on(w, t, 0.9, 100 * k);
        report_on(w, running, 0.9, 100 * k);
    }
    assert_ptr_not_equal(c->at, own->at); /* … before something changed */
    assert_true(own->reports == 3 * LEARNING_CURVE_POINTS && own->every > 1);
    assert_true(c->n == 3 && copy->n == 3 && c->reports == 3);
    for (size_t k = 0; k < 3; k++) {
        assert_near(c->at[k], 100 * (double)(k + 1), 0);
        assert_near(copy->at[k], c->at[k], 0);
        assert_near(c->value[2 * k], 0.1 * (double)(k + 1), 0);
    }
    lending_end(w->history);
    lending_begin(w->history); /* lent when the history ends: freed with it */
    curve_lend(t, &a);
    report_on(w, t, 0.9, 1e6);
    arena_done(&a);
    world_free(w);
}

/* What is stored of a reason is what memory has of it: bounded, and UTF-8. */
static void test_session__reasons_are_bounded_and_come_back(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct error err;
    char reason[10001];
    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = 0;
    reason[1] = (char)0xff;
    const struct trial *t = add(w, ROLE_SEARCH, 0.3, 3);
    start(w, t);
    assert_ok(history_finish(w->history, t, &(struct ending){.state = TRIAL_FAILED, .reason = reason}, &err), err);
    assert_int_equal(strlen(t->reason), 2000);
    assert_memory_equal(t->reason, "r?rr", 4);
    assert_string_equal(t->reason + 1997, "…");
    char *kept = strdup(t->reason);
    long number = t->number;
    reopen(w);
    assert_string_equal(memory_trial(&w->history->m, number)->reason, kept);
    free(kept);
    world_free(w);
}

/* Moving all that come after each cancelled trial would be three thousand million moves. */
static void test_session__many_are_cancelled_in_linear_time(void **state)
{
    enum { N = 80000 };
    (void)state;
    struct world *w = world_make();
    struct error err;
    size_t before = history_view(w->history).n;
    long first = (long)w->history->m.n;
    alarm(60);
    for (int i = 0; i < N; i++) add(w, ROLE_SEARCH, (double)i / N, 3);
    assert_int_equal(history_view(w->history).n, before + N);
    for (long i = 0; i < N; i++)
        if (i % 100)
            assert_ok(history_finish(w->history, memory_trial(&w->history->m, first + i),
                                     &(struct ending){.state = TRIAL_CANCELLED, .reason = "no"}, &err),
                      err);
    struct search_history h = history_view(w->history);
    assert_int_equal(h.n, before + N / 100);
    for (size_t i = before; i < h.n; i++)
        assert_ptr_equal(h.trial[i].config, memory_trial(&w->history->m, first + (long)(i - before) * 100)->config);
    alarm(0);
    world_free(w);
}

/* ---- ledger ---- */

static bool admits(struct world *w, struct budget budget, size_t confirms, size_t trials, char *why)
{
    w->history->m.run.budget = budget;
    w->history->m.run.slots = 2;
    struct need need = ledger_need(&w->history->m, NAN);
    need.trials = trials;
    *why = 0;
    return ledger_admits(&w->history->m, need, confirms, why, 400);
}

static void test_ledger__each_budget_refuses(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct budget trials = {.trials = 3, .until_minutes = -1}, tokens = {.tokens = 2500, .until_minutes = -1},
                  wall = {.wall_ms = 10000, .until_minutes = -1},
                  money = {.cost = 2.5, .price_token = 1e-3, .price_hour = 0, .until_minutes = -1},
                  time = {.cost = 1, .price_hour = 1800, .until_minutes = -1}; /* half a unit a second */
    char why[400];
    assert_true(admits(w, trials, 0, 1, why));
    assert_true(ledger_eta_ms(&w->history->m, 0) < 0);
    complete(w, w->history->m.trial[0], 0.5, 1000);
    assert_true(ledger_eta_ms(&w->history->m, 0) > 0);
    add(w, ROLE_SEARCH, 0.5, 5);
    assert_false(admits(w, trials, 0, 1, why));
    assert_contains(why, "trials");
    assert_true(admits(w, trials, 0, 0, why)); /* it is counted already */
    assert_true(admits(w, tokens, 0, 1, why));
    assert_false(admits(w, tokens, 1, 1, why)); /* the confirmation has its share */
    assert_contains(why, "token budget is spent: 1500 left, and a trial (with the confirmation) may need 2000");
    assert_true(admits(w, money, 0, 1, why));
    assert_true(admits(w, time, 0, 1, why));
    complete(w, w->history->m.trial[1], 0.5, 1000);
    assert_false(admits(w, tokens, 0, 1, why));
    assert_false(admits(w, money, 0, 1, why));
    assert_contains(why, "cost");
    assert_false(admits(w, time, 0, 1, why));
    w->history->m.run.mono_ms = w->clock.mono;
    assert_true(admits(w, wall, 0, 1, why));
    fake_clock_pass(&w->clock, 9500); /* a trial takes a second */
    assert_false(admits(w, wall, 0, 1, why));
    assert_contains(why, "deadline is near: 0.5s left");
    w->history->m.run.budget = (struct budget){.until_minutes = 0};
    w->history->m.run.wall_ms = w->clock.wall;
    assert_true(ledger_time_left_ms(&w->history->m) > -9500 && ledger_time_left_ms(&w->history->m) <= 25 * 3600000LL);
    world_free(w);
}

/* What runs is reserved: its prediction, less what it has reported. */
static void test_ledger__entries_add_up(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct ledger_entry e[LEDGER_ENTRIES_MAX];
    w->history->m.run.budget = (struct budget){.trials = 10, .tokens = 10000, .until_minutes = -1};
    complete(w, w->history->m.trial[0], 0.5, 1000);
    const struct trial *t = history_add(w->history, &(struct addition){.role = ROLE_SEARCH,
                                                                       .config = (double[]){0.5, 3},
                                                                       .source = "gp",
                                                                       .expect_tokens = 3000,
                                                                       .expect_ms = 5000});
    start(w, t);
    json_t *m = json_pack("{s:f}", "tokens", 400.0);
    history_report(w->history, t, 1, m);
    json_decref(m);
    assert_int_equal(ledger_entries(&w->history->m, e), 2);
    assert_string_equal(e[0].name, "trials");
    assert_near(e[0].spent, 1, 0);
    assert_near(e[0].reserved, 2, 0); /* the reference waits */
    assert_near(e[1].spent, 1400, 0);
    assert_near(e[1].reserved, 2600, 0);
    world_free(w);
}

/* ---- adviser ---- */

static json_t *say(struct adviser *a, const char *line)
{
    json_t *answer = adviser_answer(a, line, strlen(line));
    assert_non_null(answer);
    return answer;
}

static void expect(struct adviser *a, const char *line, const char *part)
{
    json_t *answer = say(a, line);
    char *text = json_dumps(answer, JSON_SORT_KEYS);
    assert_contains(text, part);
    free(text);
    json_decref(answer);
}

static void test_adviser__speaks_the_protocol(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct adviser *a = adviser_create(w->history);
    expect(a, "{\"best\": true}", "error");
    expect(a, "{\"ask\": 2}", "\"trial\": 1");
    expect(a, "{\"report\": 0, \"step\": 3, \"metrics\": {\"em\": 0.3}}", "{\"stop\": false}");
    expect(a, "{\"tell\": 0, \"metrics\": {\"em\": 0.61, \"tokens\": 3100000}}", "{\"ok\": true}");
    expect(a, "{\"tell\": 0, \"metrics\": {\"em\": 0.61, \"tokens\": 3100000}}", "{\"ok\": true}"); /* idempotent */
    expect(a, "{\"tell\": 0, \"metrics\": {\"em\": 0.62, \"tokens\": 3100000}}", "trial 0 is complete already");
    expect(a, "{\"tell\": 1, \"failed\": \"burnt\"}", "{\"ok\": true}");
    expect(a, "{\"ask\": 1}", "\"trial\": 2");
    expect(a, "{\"tell\": 2, \"infeasible\": true}", "{\"ok\": true}");
    expect(a, "{\"best\": true}", "\"trial\": 0");
    adviser_free(a);
    world_free(w);
}

static void test_adviser__wrong_requests_are_answered(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct adviser *a = adviser_create(w->history);
    expect(a, "{\"ask\": 1}", "\"trial\": 0");
    const char *const wrong[] = {"garbage",
                                 "{}",
                                 "{\"ask\": 0}",
                                 "{\"ask\": \"two\"}",
                                 "{\"ask\": 99999}",
                                 "{\"tell\": 5, \"failed\": \"x\"}",
                                 "{\"tell\": 1, \"failed\": \"not asked\"}",
                                 "{\"tell\": -1, \"failed\": true}",
                                 "{\"tell\": 0}",
                                 "{\"tell\": 0, \"metrics\": {\"em\": 0.5}}",
                                 "{\"tell\": 0, \"metrics\": {\"em\": 1.5, \"tokens\": 1}}",
                                 "{\"tell\": 0, \"metrics\": {\"em\": \"high\", \"tokens\": 1}}",
                                 "{\"tell\": 0, \"metrics\": {\"em\": null, \"loss\": [NaN]}, \"x\": 1}",
                                 "{\"tell\": 0, \"failed\": 3}",
                                 "{\"tell\": 0, \"failed\": true, \"infeasible\": true}",
                                 "{\"report\": 0, \"step\": 1}",
                                 "{\"report\": 0, \"step\": -1, \"metrics\": {}}",
                                 "{\"report\": 7, \"step\": 1, \"metrics\": {}}"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) expect(a, wrong[i], "\"error\"");
    expect(a, "{\"tell\": 0, \"metrics\": {\"em\": 0.5, \"tokens\": 1}}", "{\"ok\": true}"); /* the pipe goes on */
    expect(a, "{\"report\": 0, \"step\": 1, \"metrics\": {}}", "complete already");
    adviser_free(a);
    world_free(w);
}

static void test_adviser__a_metric_that_is_nan_ends_the_trial(void **state)
{
    (void)state;
    static const char *const metrics[] = {"\"em\": NaN, \"tokens\": 1", "\"tokens\": Infinity, \"em\": 0.5",
                                          "\"em\": 0.5, \"tokens\": -Infinity", "\"em\": null, \"note\": 1"};
    for (size_t i = 0; i < 4; i++) {
        struct world *w = world_make();
        struct adviser *a = adviser_create(w->history);
        char line[200];
        expect(a, "{\"ask\": 1}", "\"trial\": 0");
        snprintf(line, sizeof line, "{\"tell\": 0, \"metrics\": {%s}}", metrics[i]);
        expect(a, line, "{\"ok\": true}");
        assert_int_equal(w->history->m.trial[0]->state, TRIAL_FAILED);
        assert_contains(w->history->m.trial[0]->reason, "is NaN or infinite");
        adviser_free(a);
        world_free(w);
    }
}

static void test_adviser__hands_out_again_what_was_never_told(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct adviser *a = adviser_create(w->history);
    json_t *first = say(a, "{\"ask\": 3}");
    expect(a, "{\"tell\": 1, \"metrics\": {\"em\": 0.5, \"tokens\": 7}}", "ok");
    adviser_free(a);
    reopen(w); /* as after a crash */
    a = adviser_create(w->history);
    json_t *again = say(a, "{\"ask\": 2}");
    json_array_remove(json_object_get(first, "trials"), 1);
    for (size_t i = 0; i < 2; i++) { /* under a new lease */
        json_t *was = json_array_get(json_object_get(first, "trials"), i),
               *is = json_array_get(json_object_get(again, "trials"), i);
        assert_true(json_integer_value(json_object_get(is, "lease")) >
                    json_integer_value(json_object_get(was, "lease")));
        json_object_del(was, "lease");
        json_object_del(is, "lease");
    }
    assert_true(json_equal(first, again));
    expect(a, "{\"ask\": 1}", "\"trial\": 3");
    json_decref(first);
    json_decref(again);
    adviser_free(a);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trial_state__only_the_drawn_ways_are_legal),
        cmocka_unit_test(test_session__begins_with_baseline_and_references),
        cmocka_unit_test(test_session__reopening_restores_every_bit),
        cmocka_unit_test(test_session__refuses_illegal_moves_and_incomplete_results),
        cmocka_unit_test(test_session__another_space_is_another_study),
        cmocka_unit_test(test_session__the_baseline_stays_and_references_may_join),
        cmocka_unit_test(test_session__history_maps_states),
        cmocka_unit_test(test_session__lent_curves_stay_as_they_were),
        cmocka_unit_test(test_session__reasons_are_bounded_and_come_back),
        cmocka_unit_test(test_session__many_are_cancelled_in_linear_time),
        cmocka_unit_test(test_ledger__each_budget_refuses),
        cmocka_unit_test(test_ledger__entries_add_up),
        cmocka_unit_test(test_adviser__speaks_the_protocol),
        cmocka_unit_test(test_adviser__wrong_requests_are_answered),
        cmocka_unit_test(test_adviser__a_metric_that_is_nan_ends_the_trial),
        cmocka_unit_test(test_adviser__hands_out_again_what_was_never_told),
    };
    surrogate_setup();
    return cmocka_run_group_tests_name("coordinator", tests, NULL, NULL);
}
