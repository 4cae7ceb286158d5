/* Each check of what was measured: it speaks when it should, is silent when it should, and where its edge is. */
#include "tests/health_world.h"

static void test_result_checks__baseline(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    expect(w, HEALTH_BASELINE, HEALTH_LATER, "once");
    confirm(w, 0, 0.612, 1e5);
    expect(w, HEALTH_BASELINE, HEALTH_FINE, NULL); /* two runs 1.2 points apart say little of the deviation */
    confirm(w, 0, 0.59, 1e5);
    expect(w, HEALTH_BASELINE, HEALTH_FINE, NULL);
    confirm(w, 0, 0.62, 1e5);
    confirm(w, 0, 0.57, 1e5);
    confirm(w, 0, 0.63, 1e5);
    expect(w, HEALTH_BASELINE, HEALTH_LOOK, "em >= baseline - 0.01");
    world_free(w);
}

static void test_result_checks__baseline_that_changed(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.7);
    for (int i = 0; i < 4; i++) confirm(w, 0, 0.6 + 0.001 * i, 1e5);
    expect(w, HEALTH_BASELINE, HEALTH_WRONG, "0.7 at first");
    world_free(w);
}

static void test_result_checks__baseline_that_repeats(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6123);
    confirm(w, 0, 0.6123, 1e5);
    confirm(w, 0, 0.6123, 1e5);
    expect(w, HEALTH_BASELINE, HEALTH_FINE, "to the last digit");
    world_free(w);
}

static void test_result_checks__metrics_stand_still(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0);
    for (int i = 0; i < 8; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 2 + i), 0, 1e5 + i);
    expect(w, HEALTH_METRICS, HEALTH_LATER, NULL);
    complete(w, add(w, ROLE_SEARCH, 0.1, 10), 0, 2e5);
    expect(w, HEALTH_METRICS, HEALTH_LOOK, "em was 0.0000 in all of 10 trials");
    complete(w, add(w, ROLE_SEARCH, 0.2, 10), 0.001, 2e5);
    expect(w, HEALTH_METRICS, HEALTH_FINE, NULL);
    world_free(w);
}

static void train(struct world *w, double from, double to)
{
    const struct trial *t = add(w, ROLE_SEARCH, 0.1, 3);
    start(w, t);
    for (int i = 0; i < 4; i++) {
        json_t *m = json_pack("{s:f, s:f}", "em", from + (to - from) * i / 3, "tokens", 100.0 * (i + 1));
        history_report(w->history, t, i, m);
        json_decref(m);
    }
    complete(w, t, to, 400);
}

static void test_result_checks__metrics_that_go_backward(void **state)
{
    struct world *w = world_of("baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                               "budget: {trials: 60}\nstopping: {pruner: auto}\n");
    (void)state;
    run_baseline(w, 0.3);
    for (int i = 0; i < 7; i++) train(w, 0.8 + 0.01 * i, 0.3 + 0.01 * i);
    expect(w, HEALTH_METRICS, HEALTH_LATER, NULL); /* seven of seven: once in 64 studies, with two metrics */
    train(w, 0.9, 0.4);
    expect(w, HEALTH_METRICS, HEALTH_LOOK, "8 of 8");
    train(w, 0.3, 0.6);
    expect(w, HEALTH_METRICS, HEALTH_FINE, NULL); /* eight of nine are not nine of ten */
    world_free(w);
}

static void test_result_checks__metrics_that_are_missing(void **state)
{
    struct world *w = world_of("baseline: {x: 0.01, k: 5}\nobjective: {minimize: tokens}\nbudget: {trials: 60}\n");
    struct error err;
    (void)state;
    start(w, seen(w)->trial[0]);
    json_t *m = json_pack("{s:f, s:f}", "EM", 0.5, "tokens", 100.0);
    assert_ok(
        history_finish(w->history, seen(w)->trial[0], &(struct ending){.state = TRIAL_COMPLETE, .metrics = m}, &err),
        err);
    json_decref(m);
    expect(w, HEALTH_METRICS, HEALTH_LOOK, "did you mean 'EM'");
    world_free(w);
}

static void test_result_checks__constraints(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    expect(w, HEALTH_CONSTRAINTS, HEALTH_LATER, NULL);
    run_baseline(w, 0.6);
    for (int i = 0; i < 12; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 2 + i % 9), 0.5 + 0.001 * i, 1e5);
    expect(w, HEALTH_CONSTRAINTS, HEALTH_FINE, NULL); /* none of twelve: up to 26 % */
    complete(w, add(w, ROLE_SEARCH, 0.1, 3), 0.5, 1e5);
    expect(w, HEALTH_CONSTRAINTS, HEALTH_LOOK, "satisfied by 0 of 13");
    complete(w, add(w, ROLE_SEARCH, 0.2, 3), 0.595, 1e5);
    complete(w, add(w, ROLE_SEARCH, 0.3, 3), 0.595, 1e5);
    expect(w, HEALTH_CONSTRAINTS, HEALTH_FINE, NULL);
    world_free(w);
}

static void test_result_checks__best(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 12; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 2 + i % 9), 0.6 + 0.01 * (i % 4), 1e5);
    complete(w, add(w, ROLE_SEARCH, 0.1, 9), 0.66, 1e5);
    expect(w, HEALTH_BEST, HEALTH_FINE, NULL);
    complete(w, add(w, ROLE_SEARCH, 0.1, 9), 0.999, 1e5);
    expect(w, HEALTH_BEST, HEALTH_LOOK, "trial 14 has em 0.9990, and the next 0.6600");
    world_free(w);
}

/* Of ten one may well lie as far from the rest: of so few the deviation is hardly known. */
static void test_result_checks__best_of_few(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 8; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 2 + i), 0.6 + 0.01 * (i % 2), 1e5);
    complete(w, add(w, ROLE_SEARCH, 0.2, 3), 0.635, 1e5);
    expect(w, HEALTH_BEST, HEALTH_FINE, NULL); /* 4.8 deviations beyond the next, 5.5 beyond the mean */
    for (int i = 0; i < 20; i++) complete(w, add(w, ROLE_SEARCH, 0.3, 2 + i % 9), 0.6 + 0.01 * (i % 2), 1e5);
    expect(w, HEALTH_BEST, HEALTH_LOOK, "too good by 5 deviations");
    world_free(w);
}

/* Condemned, and runs on. */
static void audit(struct world *w, double em)
{
    struct error err;
    const struct trial *t = add(w, ROLE_SEARCH, 0.1, 3);
    start(w, t);
    assert_ok(history_condemn(w->history, t, "no chance", NULL, true, &err), err);
    complete(w, t, em, 1e5);
}

static void test_result_checks__stops(void **state)
{
    struct world *w = world_of("baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                               "budget: {trials: 60}\nstopping: {pruner: auto, audit: 0.05}\n");
    (void)state;
    run_baseline(w, 0.6);
    expect(w, HEALTH_STOPS, HEALTH_LATER, NULL);
    for (int i = 0; i < 4; i++) audit(w, 0.5);
    expect(w, HEALTH_STOPS, HEALTH_FINE, "0 of 4");
    audit(w, 0.9);
    expect(w, HEALTH_STOPS, HEALTH_LOOK, "1 of 5 audited stops would have been wrong");
    audit(w, 0.5);
    expect(w, HEALTH_STOPS, HEALTH_FINE, "1 of 6"); /* of six one may be */
    world_free(w);
}

static void run_silent(struct world *w, const char *json)
{
    struct error err;
    json_t *metrics = json_loads(json, 0, NULL);
    const struct trial *t = add(w, ROLE_SEARCH, 0.1, 3);
    start(w, t);
    for (long step = 0; step < 3; step++) {
        if (json_object_get(metrics, "tokens")) json_object_set_new(metrics, "tokens", json_integer(1000 * (step + 1)));
        history_report(w->history, t, step, metrics);
    }
    complete(w, t, 0.5, 1e5);
    assert_ok(history_flush(w->history, &err), err);
    json_decref(metrics);
}

static const char STOPPING[] = "baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                               "budget: {trials: 60}\nstopping: {pruner: auto}\n";

/* What the pruner judges by comes only at the end of each trial: before as after the study is opened again. */
static void test_result_checks__stops_that_see_nothing(void **state)
{
    static const char *const says[] = {"{\"tokens\": 1}", "{\"em\": 0.3}", "{}"},
                             *const part[] = {"goes by em, which none of the last 3 complete trials reported while it "
                                              "ran, only tokens",
                                              "goes by tokens, which none", "have the program report as it trains"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct world *w = world_of(STOPPING);
        for (int k = 0; k < 2; k++) run_silent(w, says[i]);
        expect(w, HEALTH_STOPS, HEALTH_LATER, "no stop");
        run_silent(w, says[i]);
        expect(w, HEALTH_STOPS, HEALTH_LOOK, part[i]);
        reopen(w);
        expect(w, HEALTH_STOPS, HEALTH_LOOK, part[i]);
        run_silent(w, "{\"em\": 0.3, \"tokens\": 1}");
        expect(w, HEALTH_STOPS, HEALTH_LATER, "no stop");
        world_free(w);
    }
}

static void suggest(struct world *w, double log_gain, double em)
{
    const struct addition a = {.role = ROLE_SEARCH,
                               .config = (double[]){0.1, 3},
                               .source = "gp: log improvement -1",
                               .expect_gain = exp(log_gain)};
    complete(w, history_add(w->history, &a), em, 1e5);
}

static void test_result_checks__gain(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 10; i++) suggest(w, -12, 0.6);
    expect(w, HEALTH_GAIN, HEALTH_LATER, "on two seeds");
    confirm(w, 0, 0.61, 1e5);
    expect(w, HEALTH_GAIN, HEALTH_LOOK, "nocturne stop s");
    for (int i = 0; i < 10; i++) suggest(w, -4, 0.6);
    expect(w, HEALTH_GAIN, HEALTH_FINE, NULL);
    world_free(w);
}

/* Its seeds, not the baseline's; and only what was suggested since it was known. */
static void test_result_checks__gain_is_over_the_best(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.5);
    for (int i = 0; i < 4; i++) confirm(w, 0, 0.3 + 0.1 * i, 1e5);
    for (int i = 0; i < 9; i++) suggest(w, -9, 0.6);
    const struct trial *best = add(w, ROLE_SEARCH, 0.1, 7);
    complete(w, best, 0.9, 1e5);
    for (int i = 0; i < 2; i++) confirm(w, best->number, 0.9 + 1e-4 * i, 1e5);
    for (int i = 0; i < 9; i++) suggest(w, -9, 0.6);
    expect(w, HEALTH_GAIN, HEALTH_LATER, NULL);
    suggest(w, -9, 0.6);
    expect(w, HEALTH_GAIN, HEALTH_FINE, "changes the best by 0.00011"); /* 39 times e⁻⁹ are more than that */
    world_free(w);
}

/* What the model expects of a single metric is on a scale of its own, and of a front an area. */
static void test_result_checks__gain_on_another_scale(void **state)
{
    const char *const objective[] = {"{maximize: em}", "{pareto: [em, tokens]}"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char rest[200];
        snprintf(rest, sizeof rest, "baseline: {x: 0.01, k: 5}\nobjective: %s\nbudget: {trials: 60}\n", objective[i]);
        struct world *w = world_of(rest);
        run_baseline(w, 0.6);
        confirm(w, 0, 0.61, 1e5);
        for (int k = 0; k < 10; k++) suggest(w, -12, 0.5);
        expect_nothing(w, HEALTH_GAIN);
        world_free(w);
    }
}

/* em follows x to this part, the rest is noise; tokens follow k. */
static void follow(struct world *w, size_t n, double part, struct rng *rng)
{
    for (size_t i = 0; i < n; i++) {
        double x = rng_unit(rng), k = 2 + (double)rng_below(rng, 9), em = part * x + (1 - part) * rng_unit(rng);
        complete(w, add(w, ROLE_SEARCH, 1e-4 + 0.99 * x, k), 0.5 + 0.2 * em, 1e5 + 1e4 * k);
    }
}

static void test_result_checks__model(void **state)
{
    struct rng rng = rng_derive(3, "model", 0);
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    follow(w, 18, 0.9, &rng);
    expect_with(w, &NOBODY, HEALTH_MODEL, HEALTH_LATER, "needs 20 complete trials; 19");
    follow(w, 6, 0.9, &rng);
    expect_with(w, &NOBODY, HEALTH_MODEL, HEALTH_FINE, "em (R² 0.");
    expect_nothing(w, HEALTH_MODEL); /* a run does not wait for it */
    world_free(w);
    w = world_of(PLAIN);
    run_baseline(w, 0.6);
    follow(w, 30, 0, &rng);
    expect_with(w, &NOBODY, HEALTH_MODEL, HEALTH_LOOK, "no better than their mean: em");
    expect_with(w, &NOBODY, HEALTH_MODEL, HEALTH_LOOK, "nocturne importance s");
    world_free(w);
}

static void test_result_checks__numerics(void **state)
{
    struct world *w = world_of(PLAIN);
    struct rng rng = rng_derive(3, "numerics", 0);
    (void)state;
    run_baseline(w, 0.6);
    search(w, 18, &rng);
    expect_nothing(w, HEALTH_NUMERICS);
    complete(w,
             history_add(w->history, &(struct addition){.role = ROLE_SEARCH,
                                                        .config = (double[]){0.1, 3},
                                                        .source = "random, because of it"}),
             0.6, 1e5);
    expect(w, HEALTH_NUMERICS, HEALTH_FINE, "1 of 20");
    complete(w,
             history_add(w->history, &(struct addition){.role = ROLE_SEARCH,
                                                        .config = (double[]){0.1, 3},
                                                        .source = "random, because of it"}),
             0.6, 1e5);
    expect(w, HEALTH_NUMERICS, HEALTH_LOOK, "2 of 21");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_result_checks__baseline),
        cmocka_unit_test(test_result_checks__baseline_that_changed),
        cmocka_unit_test(test_result_checks__baseline_that_repeats),
        cmocka_unit_test(test_result_checks__metrics_stand_still),
        cmocka_unit_test(test_result_checks__metrics_that_go_backward),
        cmocka_unit_test(test_result_checks__metrics_that_are_missing),
        cmocka_unit_test(test_result_checks__constraints),
        cmocka_unit_test(test_result_checks__best),
        cmocka_unit_test(test_result_checks__best_of_few),
        cmocka_unit_test(test_result_checks__stops),
        cmocka_unit_test(test_result_checks__stops_that_see_nothing),
        cmocka_unit_test(test_result_checks__gain),
        cmocka_unit_test(test_result_checks__gain_is_over_the_best),
        cmocka_unit_test(test_result_checks__gain_on_another_scale),
        cmocka_unit_test(test_result_checks__model),
        cmocka_unit_test(test_result_checks__numerics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
