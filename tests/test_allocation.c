/* How many units are needed, and how the next are shared among several challengers. */
#include "tests/tally_world.h"

static void test_exposure__of_the_fixed_test(void **state)
{
    (void)state;
    assert_near(exposure_fixed(0.25, 0.5, 0.1), 784.888, 0.01);
    assert_near(exposure_needed(0.24, 0.05, 0.05), 1.3 * exposure_fixed(0.24, 0.05, 0.05), 1e-6);
    const struct tally t = step_of(0.05, 0.6);
    double n = exposure_fixed(t.variance, t.share, 0.05);
    assert_true(exposure_can_decide(sequence_information(&t, n * 1.001), 0.05));
    assert_false(exposure_can_decide(sequence_information(&t, n * 0.999), 0.05));
    assert_false(exposure_can_decide(NAN, 0.05));
}

static void test_allocation__floors_and_favourites(void **state)
{
    (void)state;
    struct rng r = rng_derive(1, "allocation", 0);
    const struct allocation_floors floors = {0.25, 0.05};
    const struct allocation_arm even[4] = {{0, 0}, {0, 0}, {0, 0}, {0, 0}};
    const struct allocation_arm one[4] = {{1e6, 5e5}, {1000, 900}, {1000, 850}, {1e6, 1e5}};
    double s[4] = {0};
    assert_true(allocation_share(even, 4, &floors, &r, s));
    assert_near(s[0] + s[1] + s[2] + s[3], 1, 1e-12);
    for (int i = 1; i < 4; i++) assert_near(s[i], 0.2, 0.03);
    assert_true(allocation_share(one, 4, &floors, &r, s));
    assert_near(s[0], 0.25, 1e-9);
    assert_near(s[1], 0.05 + 0.3, 1e-9); /* half to the best, half to the second */
    assert_near(s[2], 0.05 + 0.3, 1e-9);
    assert_near(s[3], 0.05, 1e-9);
}

static void test_allocation__refuses(void **state)
{
    (void)state;
    struct rng r = rng_derive(1, "allocation", 1);
    const struct allocation_floors floors = {0.25, 0.05}, much = {0.5, 0.6}, unknown = {NAN, 0};
    const struct allocation_arm good[2] = {{10, 5}, {10, 5}}, bad[2] = {{10, 11}, {10, 5}},
                                none[2] = {{NAN, 0}, {1, 1}};
    double s[2] = {7, 7};
    assert_false(allocation_share(good, 1, &floors, &r, s) || allocation_share(good, 2, &much, &r, s));
    assert_false(allocation_share(good, 2, &unknown, &r, s) || allocation_share(bad, 2, &floors, &r, s));
    assert_false(allocation_share(none, 2, &floors, &r, s));
    assert_true(s[0] == 7 && s[1] == 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exposure__of_the_fixed_test),
        cmocka_unit_test(test_allocation__floors_and_favourites),
        cmocka_unit_test(test_allocation__refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
