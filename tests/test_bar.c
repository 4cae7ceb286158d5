/* What a trial must exceed: lucky measurements set no bar, an uncertain baseline condemns nobody for sure. */
#include "tests/test.h"

#include "tuner/search/bar.h"

#include "tuner/base/rng.h"

enum { N = 40 };

static const char STUDY[] =
    "study: s\nparameters:\n  x: {type: float, range: [0, 1]}\n"
    "metrics:\n  em: {goal: maximize, kind: proportion}\n  tokens: {goal: minimize, kind: count}\n"
    "baseline: {x: 0.5}\nobjective: {weights: {em: 1, tokens: 0}}\nconstraints: [em >= baseline]\n"
    "confirm: {top: 2, seeds: 1}\n";

struct world {
    struct study *study;
    double result[N][2], baseline[2];
    struct evidence_trial trial[N];
    struct evidence evidence;
    struct bar bar;
};

static struct world *world_make(void)
{
    struct world *w = calloc(1, sizeof *w);
    struct error err;
    assert_ok(study_parse("s", STUDY, strlen(STUDY), &w->study, &err), err);
    w->baseline[0] = 0.2;
    w->baseline[1] = 1000;
    w->evidence = (struct evidence){.trial = w->trial, .baseline = w->baseline, .baseline_runs = 1};
    return w;
}

static void world_free(struct world *w)
{
    study_free(w->study);
    free(w);
}

static void add(struct world *w, double em)
{
    size_t i = w->evidence.n++;
    w->result[i][0] = em;
    w->result[i][1] = 500;
    w->trial[i] = (struct evidence_trial){.number = (long)i, .result = w->result[i]};
}

static void make(struct world *w, double noise)
{
    const double both[] = {noise, 0};
    bar_make(w->study, &w->evidence, both, &w->bar);
}

static double utility(double em)
{
    return (em - 0.2) / 0.2;
}

static double mean(const struct world *w, size_t *ret_feasible)
{
    double sum = 0;
    *ret_feasible = 0;
    for (size_t k = 0; k < FORECAST_DRAWS; k++)
        if (isfinite(w->bar.utility[k])) sum += w->bar.utility[k], ++*ret_feasible;
    return sum / (double)*ret_feasible;
}

static void test_bar__without_noise_it_is_the_second_best(void **state)
{
    (void)state;
    struct world *w = world_make();
    for (int i = 0; i < 10; i++) add(w, 0.1 + 0.03 * i);
    make(w, 0);
    for (size_t k = 0; k < FORECAST_DRAWS; k++) {
        assert_float_equal(w->bar.utility[k], utility(0.34), 1e-12);
        assert_float_equal(w->bar.baseline[k][0], 0.2, 0);
    }
    world_free(w);
}

static void test_bar__the_only_feasible_one_is_it(void **state)
{
    (void)state;
    struct world *w = world_make();
    add(w, 0.1);
    add(w, 0.3);
    make(w, 0);
    assert_float_equal(w->bar.utility[0], utility(0.3), 1e-12);
    w->result[1][0] = 0.19;
    make(w, 0);
    assert_true(w->bar.utility[0] == -HUGE_VAL);
    world_free(w);
}

/* All are as good as each other: what they measure is luck. */
static void test_bar__a_lucky_value_sets_no_bar(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct rng rng = rng_derive(7, "luck", 0);
    size_t feasible;
    double best = 0;
    for (size_t i = 0; i < N; i++) {
        add(w, 0.5 + 0.02 * rng_normal(&rng));
        best = fmax(best, w->result[i][0]);
    }
    make(w, 0.02);
    assert_true(best > 0.53);
    assert_true(mean(w, &feasible) < utility(0.525));
    assert_int_equal(feasible, FORECAST_DRAWS);
    world_free(w);
}

/* A difference that is far larger than the noise is believed. */
static void test_bar__real_differences_stay(void **state)
{
    (void)state;
    struct world *w = world_make();
    size_t feasible;
    for (int i = 0; i < 10; i++) add(w, 0.3 + 0.05 * i);
    make(w, 0.005);
    assert_float_equal(mean(w, &feasible), utility(0.70), 0.02);
    world_free(w);
}

static void test_bar__who_is_feasible_is_uncertain(void **state)
{
    (void)state;
    struct world *w = world_make();
    size_t once, often;
    add(w, 0.21);
    make(w, 0.02);
    mean(w, &once);
    assert_true(once > FORECAST_DRAWS / 4 && once < FORECAST_DRAWS * 9 / 10);
    w->evidence.baseline_runs = 100;
    w->result[0][0] = 0.25;
    make(w, 0.02);
    mean(w, &often);
    assert_true(often > once);
    world_free(w);
}

static void test_bar__the_same_evidence_gives_the_same_draws(void **state)
{
    (void)state;
    struct world *w = world_make();
    for (int i = 0; i < 5; i++) add(w, 0.2 + 0.01 * i);
    make(w, 0.02);
    struct bar before = w->bar;
    make(w, 0.02);
    assert_memory_equal(before.utility, w->bar.utility, sizeof before.utility);
    w->result[2][0] = NAN; /* one that did not say */
    make(w, 0.02);
    for (size_t k = 0; k < FORECAST_DRAWS; k++) assert_true(w->bar.utility[k] == w->bar.utility[k]);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bar__without_noise_it_is_the_second_best),
        cmocka_unit_test(test_bar__the_only_feasible_one_is_it),
        cmocka_unit_test(test_bar__a_lucky_value_sets_no_bar),
        cmocka_unit_test(test_bar__real_differences_stay),
        cmocka_unit_test(test_bar__who_is_feasible_is_uncertain),
        cmocka_unit_test(test_bar__the_same_evidence_gives_the_same_draws),
    };
    return cmocka_run_group_tests_name("bar", tests, NULL, NULL);
}
