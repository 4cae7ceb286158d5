/* Each check of what is searched: it speaks when it should, is silent when it should, and where its edge is. */
#include "tests/health_world.h"

/* Results that follow from x and k as `uses_k` says, without noise. */
static void measure(struct world *w, double x, double k, bool uses_k)
{
    complete(w, add(w, ROLE_SEARCH, x, k), 0.5123 + 0.1 * x + (uses_k ? 0.00137 * k : 0), round(123457 * (1 + x)));
}

static void test_space_checks__parameters(void **state)
{
    for (int uses = 0; uses < 2; uses++) {
        struct world *w = world_of(PLAIN);
        (void)state;
        for (int i = 0; i < 3; i++) measure(w, 0.1, 2 + 3 * i, uses);
        expect(w, HEALTH_PARAMETERS, HEALTH_LATER, NULL); /* two pairs */
        measure(w, 0.3, 5, uses);
        measure(w, 0.3, 9, uses);
        if (uses)
            expect(w, HEALTH_PARAMETERS, HEALTH_LATER, NULL);
        else
            expect(w, HEALTH_PARAMETERS, HEALTH_LOOK, "k: seems to be ignored: 3 pairs");
        measure(w, 0.5, 2, uses);
        measure(w, 0.5, 10, true); /* one that is not the same takes it back */
        expect(w, HEALTH_PARAMETERS, HEALTH_LATER, NULL);
        world_free(w);
    }
}

/* A narrow part of the range says little: patience 9 and 10 may well be the same. */
static void test_space_checks__parameters_in_a_narrow_part(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    for (int i = 0; i < 4; i++) measure(w, 0.1, 7 + i, false);
    measure(w, 0.3, 7, false);
    expect(w, HEALTH_PARAMETERS, HEALTH_LATER, NULL);
    measure(w, 0.1, 4, false);
    expect(w, HEALTH_PARAMETERS, HEALTH_LOOK, "k: seems");
    world_free(w);
}

static enum health_level level_of(struct world *w, enum health_check check)
{
    struct looked x = look_with(w, &AT_IT);
    enum health_level level = find(&x, check)->level;
    arena_done(&x.arena);
    return level;
}

/* Trials that differ by `spread` of another seed's deviation. */
static struct world *world_of_spread(double spread, uint64_t seed)
{
    struct world *w = world_of(PLAIN);
    struct rng rng = rng_derive(seed, "effect", 0);
    run_baseline(w, noisy(0.6, &rng));
    for (int i = 0; i < 12; i++) confirm(w, 0, noisy(0.6, &rng), round(1e5 * (1 + 0.01 * rng_normal(&rng))));
    for (int i = 0; i < 29; i++)
        complete(w, add(w, ROLE_SEARCH, draw_x(&rng), 3), noisy(0.6 + 0.004 * spread * rng_normal(&rng), &rng),
                 round(1e5 * (1 + 0.01 * rng_normal(&rng))));
    return w;
}

static void test_space_checks__effect(void **state)
{
    size_t none = 0, thrice = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct world *w = world_of_spread(0, seed);
        none += level_of(w, HEALTH_EFFECT) == HEALTH_LOOK;
        world_free(w);
        w = world_of_spread(3, seed);
        thrice += level_of(w, HEALTH_EFFECT) != HEALTH_FINE;
        world_free(w);
    }
    assert_in_range(none, 10, 20);
    assert_in_range(thrice, 0, 1);
}

static void test_space_checks__effect_of_nothing(void **state)
{
    struct world *w = world_of(PLAIN);
    struct rng rng = rng_derive(3, "nothing", 0);
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 3; i++) complete(w, add(w, ROLE_SEARCH, draw_x(&rng), 3), 0.6, 1e5);
    expect(w, HEALTH_EFFECT, HEALTH_LATER, NULL);
    complete(w, add(w, ROLE_SEARCH, draw_x(&rng), 9), 0.6, 1e5);
    expect(w, HEALTH_EFFECT, HEALTH_WRONG, "all 5 configurations measured the same");
    world_free(w);
}

static void test_space_checks__bounds(void **state)
{
    struct world *w = world_of(PLAIN);
    struct rng rng = rng_derive(3, "bounds", 0);
    (void)state;
    run_baseline(w, 0.3);
    for (int i = 0; i < 12; i++) complete(w, add(w, ROLE_SEARCH, draw_x(&rng), 2 + i % 8), 0.4 + 0.001 * i, 1e5);
    for (int i = 0; i < 6; i++) complete(w, add(w, ROLE_SEARCH, draw_x(&rng), 10), 0.6 + 0.01 * i, 1e5);
    expect(w, HEALTH_BOUNDS, HEALTH_LATER, "19 so far");
    complete(w, add(w, ROLE_SEARCH, draw_x(&rng), 10), 0.7, 1e5);
    expect(w, HEALTH_BOUNDS, HEALTH_LOOK, "7 of the 10 best lie at k = 10");
    expect(w, HEALTH_BOUNDS, HEALTH_LOOK, "'k: {range: [2, 15]}'");
    for (int i = 0; i < 10; i++) complete(w, add(w, ROLE_SEARCH, draw_x(&rng), 10), 0.3, 1e5);
    expect(w, HEALTH_BOUNDS, HEALTH_FINE, NULL); /* many lie there, and most are bad */
    world_free(w);
}

static void test_space_checks__bounds_of_a_log_scale(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.3);
    for (int i = 0; i < 20; i++) complete(w, add(w, ROLE_SEARCH, 0.001 * (i + 1), 5), 0.5 - 0.002 * i, 1e5);
    for (int i = 0; i < 6; i++) complete(w, add(w, ROLE_SEARCH, 1e-4 * (1 + 0.01 * i), 5), 0.6, 1e5 + i);
    expect(w, HEALTH_BOUNDS, HEALTH_LOOK, "'x: {range: [1e-05, 1]}'");
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_space_checks__parameters),
        cmocka_unit_test(test_space_checks__parameters_in_a_narrow_part),
        cmocka_unit_test(test_space_checks__effect),
        cmocka_unit_test(test_space_checks__effect_of_nothing),
        cmocka_unit_test(test_space_checks__bounds),
        cmocka_unit_test(test_space_checks__bounds_of_a_log_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
