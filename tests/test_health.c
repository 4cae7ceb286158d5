/* A study's health as a whole: healthy studies, the worst level, odd values. */
#include "tests/health_world.h"

static void test_health__says_nothing_wrong_of_a_new_study(void **state)
{
    struct world *w = world_of(PLAIN);
    struct looked x = look_with(w, &AT_IT);
    (void)state;
    assert_int_equal(x.health.level, HEALTH_FINE);
    assert_found(&x, HEALTH_BASELINE, HEALTH_LATER, "not complete yet");
    assert_found(&x, HEALTH_EFFECT, HEALTH_LATER, "0 so far");
    assert_false(x.health.forecast.known);
    json_t *json = health_json(&x.health), *forecast = end_forecast_json(&x.health.forecast);
    assert_string_equal(json_string_value(json_object_get(json, "level")), "fine");
    assert_true(json_array_size(json_object_get(json, "later")) > 3);
    assert_true(json_is_null(forecast));
    json_decref(json);
    json_decref(forecast);
    arena_done(&x.arena);
    world_free(w);
}

/* Healthy ones of noisy trials, half of them confirmed: nobody cries wolf. */
static void test_health__says_nothing_wrong_of_healthy_studies(void **state)
{
    size_t cries = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct world *w = world_of(PLAIN);
        struct rng rng = rng_derive(seed, "healthy", 0);
        run_baseline(w, noisy(0.68, &rng));
        search(w, 40, &rng);
        for (int i = 0; i < 2; i++) confirm(w, 0, noisy(0.68, &rng), 1e5);
        struct looked x = look_with(w, &AT_IT);
        for (size_t i = 0; i < x.health.n; i++) {
            if (x.health.finding[i].level <= HEALTH_FINE) continue;
            print_message("seed %d, %s: %s\n", (int)seed, health_check_name(x.health.finding[i].check),
                          x.health.finding[i].sentence);
            cries++;
        }
        arena_done(&x.arena);
        world_free(w);
    }
    assert_in_range(cries, 0, 1); /* by the rules about one of 40 studies */
}

static void test_health__is_as_bad_as_its_worst(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 6; i++) fails(w, add(w, ROLE_SEARCH, 0.1, 3), "exited with 1");
    struct looked x = look_with(w, &AT_IT);
    assert_int_equal(x.health.level, HEALTH_WRONG);
    json_t *json = health_json(&x.health), *first = NULL, *each;
    size_t i;
    json_array_foreach(json_object_get(json, "checks"), i, each)
    {
        if (strcmp(json_string_value(json_object_get(each, "check")), "failures") == 0) first = each;
        assert_true(json_is_string(json_object_get(each, "sentence")) && json_object_get(each, "action"));
    }
    assert_string_equal(json_string_value(json_object_get(first, "level")), "wrong");
    json_decref(json);
    arena_done(&x.arena);
    world_free(w);
}

static void test_health__of_huge_values(void **state)
{
    struct world *w = world_of("baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                               "constraints: [tokens <= 2 * baseline]\nbudget: {trials: 60, tokens: 1e6, wall: 1h}\n"
                               "stopping: {pruner: auto}\n");
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 30; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 2 + i % 9), i % 2, i % 3 ? 1.7e308 : 0);
    for (int i = 0; i < 3; i++) confirm(w, 0, i % 2, 1.7e308);
    struct looked x = look_with(w, &AT_IT);
    for (size_t i = 0; i < x.health.n; i++) assert_true(*x.health.finding[i].sentence);
    json_t *json = health_json(&x.health), *forecast = end_forecast_json(&x.health.forecast);
    assert_non_null(json);
    assert_non_null(forecast);
    json_decref(json);
    json_decref(forecast);
    arena_done(&x.arena);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_health__says_nothing_wrong_of_a_new_study),
        cmocka_unit_test(test_health__says_nothing_wrong_of_healthy_studies),
        cmocka_unit_test(test_health__is_as_bad_as_its_worst),
        cmocka_unit_test(test_health__of_huge_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
