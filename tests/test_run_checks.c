/* Each check of a run: it speaks when it should, is silent when it should, and where its edge is. */
#include "tests/health_world.h"

/* ---- who is at it ---- */

static void test_run_checks__work(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    expect(w, HEALTH_WORK, HEALTH_FINE, "somebody");
    expect_with(w, &NOBODY, HEALTH_WORK, HEALTH_LOOK, "nocturne run s.yaml");
    expect_with(w, &(struct health_facts){.known = true, .running = true, .paused = "the disk is full"}, HEALTH_WORK,
                HEALTH_WRONG, "disk is full");
    history_set_phase(w->history, STUDY_PAUSED);
    expect(w, HEALTH_WORK, HEALTH_LOOK, "nocturne resume s");
    history_fail(w->history, "no baseline");
    expect_with(w, &NOBODY, HEALTH_WORK, HEALTH_WRONG, "no baseline");
    world_free(w);
}

static void test_run_checks__facts(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    expect_nothing(w, HEALTH_DISK);
    expect_nothing(w, HEALTH_FLEET);
    expect_nothing(w, HEALTH_SERVICE);
    expect_with(w, &(struct health_facts){.disk_free = 2e9}, HEALTH_DISK, HEALTH_FINE, "2.00GB");
    expect_with(w, &(struct health_facts){.disk_free = 9e8}, HEALTH_DISK, HEALTH_LOOK, "nocturne gc");
    expect_with(w, &(struct health_facts){.disk_free = 9e7}, HEALTH_DISK, HEALTH_WRONG, "90.00MB");
    expect_with(w, &(struct health_facts){.agents = 3}, HEALTH_FLEET, HEALTH_FINE, "3 agents");
    expect_with(w, &(struct health_facts){.agents = 3, .agents_lost = 1, .agent_lost = "node7"}, HEALTH_FLEET,
                HEALTH_LOOK, "node7");
    expect_with(
        w,
        &(struct health_facts){
            .agents = 2, .agents_other = 1, .agent_other = "node8", .agent_version = "0.0.9", .version = "0.1.0"},
        HEALTH_FLEET, HEALTH_LOOK, "0.0.9");
    expect_with(w, &(struct health_facts){.service_lost = "connection refused"}, HEALTH_SERVICE, HEALTH_WRONG,
                "refused");
    world_free(w);
}

/* ---- silence ---- */

static void report(struct world *w, const struct trial *t, long step, int64_t after_ms)
{
    json_t *m = json_pack("{s:f, s:f}", "em", 0.5, "tokens", 100.0 * (double)(step + 1));
    fake_clock_pass(&w->clock, after_ms);
    history_report(w->history, t, step, m);
    json_decref(m);
}

static void test_run_checks__reports(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    expect_nothing(w, HEALTH_REPORTS);
    start(w, seen(w)->trial[0]);
    for (long i = 0; i < 10; i++) report(w, seen(w)->trial[0], i, 30000);
    fake_clock_pass(&w->clock, 4 * 30000);
    expect(w, HEALTH_REPORTS, HEALTH_FINE, NULL); /* nine gaps: four times the longest */
    fake_clock_pass(&w->clock, 1);
    expect(w, HEALTH_REPORTS, HEALTH_WRONG, "trial 0 has said nothing for 2m 00s"); /* nothing else runs */
    const struct trial *other = add(w, ROLE_SEARCH, 0.1, 3);
    start(w, other);
    report(w, other, 0, 1000);
    expect(w, HEALTH_REPORTS, HEALTH_LOOK, "nocturne show s 0");
    expect_with(w, &NOBODY, HEALTH_WORK, HEALTH_LOOK, NULL);
    report(w, seen(w)->trial[0], 10, 1000);
    expect(w, HEALTH_REPORTS, HEALTH_FINE, NULL); /* it speaks again */
    world_free(w);
}

/* Of few gaps more is asked, and of less than a minute nothing is said. */
static void test_run_checks__reports_of_few_gaps(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    start(w, seen(w)->trial[0]);
    for (long i = 0; i < 4; i++) report(w, seen(w)->trial[0], i, 1000);
    fake_clock_pass(&w->clock, 60000);
    expect(w, HEALTH_REPORTS, HEALTH_FINE, NULL);
    fake_clock_pass(&w->clock, 1);
    expect(w, HEALTH_REPORTS, HEALTH_WRONG, NULL);
    for (long i = 4; i < 8; i++) report(w, seen(w)->trial[0], i, 60000);
    fake_clock_pass(&w->clock, 4 * 60000 + 1000); /* seven gaps: more than four times is asked */
    expect(w, HEALTH_REPORTS, HEALTH_FINE, NULL);
    world_free(w);
}

/* The same by another process, which has the log and the wall clock only. */
static void test_run_checks__reports_as_the_log_has_them(void **state)
{
    struct world *w = world_of(PLAIN);
    struct error err;
    struct study *study = NULL;
    struct history *other = NULL;
    (void)state;
    start(w, seen(w)->trial[0]);
    for (long i = 0; i < 12; i++) report(w, seen(w)->trial[0], i, 30000);
    assert_ok(history_flush(w->history, &err), err);
    fake_clock_pass(&w->clock, 100000);
    assert_ok(history_load(w->store, "s", &w->clock.clock, &study, &other, &err), err);
    const struct trial *t = history_memory(other)->trial[0];
    assert_int_equal(memory_silent_ms(history_memory(other), t), 100000);
    assert_int_equal(memory_silent_ms(seen(w), seen(w)->trial[0]), 100000);
    assert_int_equal(t->attempt.heard.longest_ms, 30000);
    fake_clock_pass(&w->clock, 30000);
    struct looked x = {0};
    x.health = health_of(history_memory(other), &AT_IT, &x.arena);
    assert_found(&x, HEALTH_REPORTS, HEALTH_WRONG, "trial 0");
    arena_done(&x.arena);
    history_free(other);
    study_free(study);
    world_free(w);
}

/* A trial that never reports is silent for longer than four of the longest. */
static void test_run_checks__reports_of_none(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 2; i++) {
        const struct trial *t = add(w, ROLE_SEARCH, 0.1, 3 + i);
        start(w, t);
        fake_clock_pass(&w->clock, 99000);
        complete(w, t, 0.6, 1e5);
    }
    start(w, add(w, ROLE_SEARCH, 0.2, 7));
    fake_clock_pass(&w->clock, 400000);
    expect(w, HEALTH_REPORTS, HEALTH_FINE, NULL);
    fake_clock_pass(&w->clock, 1);
    expect(w, HEALTH_REPORTS, HEALTH_WRONG, "the longest of the others took 1m 40s");
    world_free(w);
}

/* ---- failures ---- */

static void test_run_checks__failures(void **state)
{
    struct world *w = world_of(PLAIN);
    struct rng rng = rng_derive(1, "f", 0);
    (void)state;
    run_baseline(w, 0.6);
    expect(w, HEALTH_FAILURES, HEALTH_FINE, "no trial failed");
    fails(w, add(w, ROLE_SEARCH, 0.1, 3), "exited with 1; its last line: out of memory at 0x12");
    fails(w, add(w, ROLE_SEARCH, 0.1, 3), "timed out");
    search(w, 8, &rng);
    expect(w, HEALTH_FAILURES, HEALTH_FINE, "2 of 11"); /* 18 % */
    fails(w, add(w, ROLE_SEARCH, 0.1, 4), "exited with 1; its last line: out of memory at 0x34");
    expect(w, HEALTH_FAILURES, HEALTH_FINE, NULL); /* 25 %, but so few may be luck, and two are alike */
    fails(w, add(w, ROLE_SEARCH, 0.1, 4), "exited with 1; its last line: out of memory at 0x56");
    expect(w, HEALTH_FAILURES, HEALTH_LOOK, "nocturne retry s --failed");
    search(w, 20, &rng);
    expect(w, HEALTH_FAILURES, HEALTH_FINE, "4 of 33"); /* long ago */
    world_free(w);
}

static void test_run_checks__failures_have_a_place(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 8; i++) complete(w, add(w, ROLE_SEARCH, 0.01 + 0.001 * i, 2 + i % 3), 0.6, 1e5);
    for (int i = 0; i < 6; i++) fails(w, add(w, ROLE_SEARCH, 0.01 + 0.001 * i, 8 + i % 3), "out of memory");
    expect(w, HEALTH_FAILURES, HEALTH_LOOK, "all with k of 8 or more");
    world_free(w);
}

/* ---- what it spends ---- */

static void test_run_checks__budget(void **state)
{
    struct world *w = world_of("baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                               "budget: {trials: 20, tokens: 1e6}\nconfirm: {top: 0}\n");
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 6; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 3), 0.6, 1e5);
    complete(w, add(w, ROLE_SEARCH, 0.1, 3), 0.6, 99000);
    expect(w, HEALTH_BUDGET, HEALTH_FINE, "79 %");
    complete(w, add(w, ROLE_SEARCH, 0.1, 3), 0.6, 1000);
    expect(w, HEALTH_BUDGET, HEALTH_LOOK, "9 of 20 trials");
    for (int i = 0; i < 8; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 3), 0.6, 10);
    expect(w, HEALTH_BUDGET, HEALTH_FINE, "80 %"); /* 17 of 20 trials: they go together */
    world_free(w);
}

static void test_run_checks__deadline(void **state)
{
    struct world *w = world_of("baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                               "budget: {trials: 30, wall: 100s}\nconfirm: {top: 1, seeds: 2}\n");
    (void)state;
    expect(w, HEALTH_DEADLINE, HEALTH_LATER, NULL);
    run_baseline(w, 0.6);
    for (int i = 0; i < 8; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 3), 0.6, 1e5); /* a second each */
    expect(w, HEALTH_DEADLINE, HEALTH_FINE, "100 % to end in time");
    start(w, add(w, ROLE_SEARCH, 0.1, 3));
    fake_clock_pass(&w->clock, 80000);
    expect(w, HEALTH_DEADLINE, HEALTH_LOOK, "--until");
    world_free(w);
}

static void test_run_checks__deadline_with_a_running_trial(void **state)
{
    struct world *w = world_of("baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                               "budget: {trials: 11}\nconfirm: {top: 0}\n");
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 9; i++) {
        const struct trial *t = add(w, ROLE_SEARCH, 0.1, 3);
        start(w, t);
        fake_clock_pass(&w->clock, 99000);
        complete(w, t, 0.6, 1e5);
    }
    start(w, add(w, ROLE_SEARCH, 0.1, 3)); /* the last; all but the baseline took 100 s */
    fake_clock_pass(&w->clock, 60000);
    struct looked x = look_with(w, &AT_IT);
    const struct end_forecast *f = &x.health.forecast;
    assert_true(f->known);
    assert_int_equal(f->running, 1);
    assert_near(f->end_ms.median, (double)(w->clock.wall + 40000), 1);
    assert_near(f->tokens.median, 11e5, 1);
    assert_true(isnan(f->on_time) && f->deadline_ms == 0);
    arena_done(&x.arena);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_checks__work),
        cmocka_unit_test(test_run_checks__facts),
        cmocka_unit_test(test_run_checks__reports),
        cmocka_unit_test(test_run_checks__reports_of_few_gaps),
        cmocka_unit_test(test_run_checks__reports_as_the_log_has_them),
        cmocka_unit_test(test_run_checks__reports_of_none),
        cmocka_unit_test(test_run_checks__failures),
        cmocka_unit_test(test_run_checks__failures_have_a_place),
        cmocka_unit_test(test_run_checks__budget),
        cmocka_unit_test(test_run_checks__deadline),
        cmocka_unit_test(test_run_checks__deadline_with_a_running_trial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
