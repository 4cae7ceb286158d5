/* The difference of two means: the mean of its evidence over all that can happen, edges, intervals on simulated
 * experiments. */
#include "tests/tally_world.h"

static const struct sequence_plan usual = {.effect = 0.1, .target = {0, 0}, .alpha = 0.05, .information = 20};

/* Mean of a side's evidence against d when the difference is `apart`. */
static double mean_sequence(const struct sequence_plan *plan, enum side side, double d, double apart)
{
    double sum = 0;
    for (unsigned path = 0; path < PATHS; path++) {
        const struct path p = walk(path, apart);
        struct sequence s;
        assert_true(sequence_begin(&s, plan));
        for (int u = 0; u < UNITS; u++) sequence_fold(&s, &p.blocks[u]);
        sum += p.chance * exp(sequence_evidence(&s, p.steps, 2, side, d));
    }
    return sum;
}

static void test_sequence__mean_is_one_at_the_null(void **state)
{
    (void)state;
    struct sequence_plan plan = usual;
    for (int with = 0; with < 2; with++, plan.information = 0)
        for (int side = 0; side < SIDES; side++) {
            assert_near(mean_sequence(&plan, (enum side)side, 0, 0), 1, 1e-9);
            plan.target[0] = plan.target[1] = -0.1;
            assert_near(mean_sequence(&plan, (enum side)side, -0.1, -0.1), 1, 1e-9);
            plan.target[0] = plan.target[1] = 0;
        }
}

static void test_sequence__mean_is_less_within_it(void **state)
{
    (void)state;
    assert_true(mean_sequence(&usual, SIDE_ABOVE, 0.05, 0) < 1);
    assert_true(mean_sequence(&usual, SIDE_ABOVE, 0, -0.1) < 1);
    assert_true(mean_sequence(&usual, SIDE_BELOW, 0, 0.1) < 1);
    assert_true(mean_sequence(&usual, SIDE_BELOW, 0, -0.1) > 1);
}

static struct tally many(double scale)
{
    struct tally t = step_of(0.5, 0.6);
    t.units[ARM_CHAMPION][0] = 40 * scale, t.units[ARM_CHAMPION][64] = 60 * scale;
    t.units[ARM_CHALLENGER][0] = 50 * scale, t.units[ARM_CHALLENGER][64] = 50 * scale;
    return t;
}

static void test_sequence__evidence_is_monotone(void **state)
{
    (void)state;
    const struct tally t = many(10);
    struct sequence s;
    struct sequence_plan plan = usual;
    plan.information = sequence_information(&t, 3000);
    assert_true(sequence_begin(&s, &plan));
    for (int i = 0; i < 20; i++) {
        const struct tally part = many(0.5);
        sequence_fold(&s, &part);
    }
    double above = INFINITY, below = -INFINITY;
    for (double d = -1; d <= 1; d += 0.01) {
        double a = sequence_evidence(&s, &t, 1, SIDE_ABOVE, d), b = sequence_evidence(&s, &t, 1, SIDE_BELOW, d);
        assert_true(a <= above && b >= below && isfinite(a) && isfinite(b));
        above = a, below = b;
    }
    const struct sequence_interval x = sequence_interval(&s, &t, 1);
    assert_true(x.low < -0.1 && x.high > -0.1 && x.low > -0.4 && x.high < 0.2);
    assert_near(sequence_difference(&t, 1), -0.1, 1e-12);
}

static void test_sequence__order_within_a_block_does_not_matter(void **state)
{
    (void)state;
    struct tally a = many(0.04), b = many(0), c = b;
    struct sequence one, two;
    for (size_t i = 0; i < TALLY_LEVELS; i++) b.units[ARM_CHALLENGER][i] = a.units[ARM_CHALLENGER][i];
    for (size_t i = 0; i < TALLY_LEVELS; i++) c.units[ARM_CHAMPION][i] = a.units[ARM_CHAMPION][i];
    tally_add(&b, &c); /* what came of one arm, then what came of the other */
    assert_true(sequence_begin(&one, &usual) && sequence_begin(&two, &usual));
    sequence_fold(&one, &a);
    sequence_fold(&two, &b);
    for (int side = 0; side < SIDES; side++)
        assert_near(sequence_evidence(&one, &a, 1, (enum side)side, 0),
                    sequence_evidence(&two, &b, 1, (enum side)side, 0), 0);
}

/* Segments of very different base rates, side by side: the mean of the evidence is 1, and a fall in both is found
 * sooner than in one heap. */
static void test_sequence__segments_side_by_side(void **state)
{
    (void)state;
    struct tally apart[2] = {step_of(0.5, 0.1), step_of(0.5, 0.9)}, heap = step_of(0.5, 0.5);
    struct sequence s;
    struct sequence_plan plan = {.effect = 0.03, .alpha = 0.05};
    for (int h = 0; h < 2; h++)
        for (int arm = 0; arm < ARMS; arm++) {
            double right = 1000 * (apart[h].offset - (arm ? 0.03 : 0));
            apart[h].units[arm][64] = right, apart[h].units[arm][0] = 1000 - right;
            heap.units[arm][64] += right, heap.units[arm][0] += 1000 - right;
        }
    assert_true(sequence_begin(&s, &plan));
    double strata = sequence_evidence(&s, apart, 2, SIDE_BELOW, 0),
           one = sequence_evidence(&s, &heap, 1, SIDE_BELOW, 0);
    assert_true(strata > one + 1);
    assert_near(sequence_difference(apart, 2), -0.03, 1e-9);
}

static void test_sequence__knows_nothing_of_nobody(void **state)
{
    (void)state;
    const struct tally t = step_of(0.5, 0.6);
    struct sequence s;
    assert_true(sequence_begin(&s, &usual));
    sequence_fold(&s, &t);
    assert_near(sequence_evidence(&s, &t, 1, SIDE_ABOVE, 0), 0, 1e-12);
    const struct sequence_interval x = sequence_interval(&s, &t, 1), none = sequence_interval(&s, &t, 0);
    assert_true(x.low == -1 && x.high == 1 && none.low == -1 && none.high == 1);
    assert_true(isnan(sequence_difference(&t, 1)));
}

static void test_sequence__ends_of_everything_are_finite(void **state)
{
    (void)state;
    const double shares[] = {0.01, 0.5, 0.99}, offsets[] = {0, 0.5, 1}, units[] = {1, 1e9};
    for (size_t i = 0; i < 18; i++) {
        struct tally t = step_of(shares[i % 3], offsets[i / 3 % 3]);
        struct sequence s;
        struct sequence_plan plan = {.effect = i % 2 ? 1 : 0.01, .alpha = 0.05, .information = 1e6};
        t.units[ARM_CHAMPION][64] = t.units[ARM_CHALLENGER][0] = t.units[ARM_CHAMPION][31] = units[i / 9];
        assert_true(sequence_begin(&s, &plan));
        sequence_fold(&s, &t);
        const struct sequence_interval x = sequence_interval(&s, &t, 1);
        assert_true(x.low >= -1 && x.high <= 1 && x.low <= x.high);
        for (double d = -1; d <= 1; d += 0.25) {
            assert_true(!isnan(sequence_evidence(&s, &t, 1, SIDE_ABOVE, d)));
            assert_true(!isnan(sequence_evidence(&s, &t, 1, SIDE_BELOW, d)));
        }
    }
}

static void test_sequence__a_billion_units_decide(void **state)
{
    (void)state;
    const struct tally t = many(5e6); /* 10 points apart */
    struct sequence s;
    struct sequence_plan plan = usual;
    plan.information = 0;
    assert_true(sequence_begin(&s, &plan));
    const struct sequence_interval x = sequence_interval(&s, &t, 1);
    assert_true(x.low < -0.1 && x.high > -0.1 && x.high - x.low < 0.1 / 8);
}

static void test_sequence__refuses_plans_that_are_none(void **state)
{
    (void)state;
    struct sequence s;
    for (int i = 0; i < 6; i++) {
        struct sequence_plan plan = usual;
        *(double *[]){&plan.effect, &plan.alpha, &plan.information, &plan.target[0], &plan.target[1], &plan.effect}[i] =
            i < 5 ? NAN : 0;
        assert_false(sequence_begin(&s, &plan));
    }
}

/* Experiments of 4,000 units, 40 looks, a ramp and a moving base rate: the interval misses the truth at any look in at
 * most 5 % of them. Of 300, more than 26 have a chance of less than 0.3 % if it were 5. */
static bool misses(struct rng *r, double apart)
{
    const double shares[] = {0.05, 0.25, 0.5};
    struct tally steps[3], block;
    struct sequence s;
    struct sequence_plan plan = usual;
    for (size_t h = 0; h < 3; h++) steps[h] = step_of(shares[h], 0.6);
    plan.information = sequence_information(&steps[2], 3000);
    assert_true(sequence_begin(&s, &plan));
    for (size_t look = 0; look < 40; look++) {
        struct tally *step = &steps[look < 5 ? 0 : look < 10 ? 1 : 2];
        block = step_of(step->share, 0.6);
        for (int u = 0; u < 100; u++) {
            enum arm arm = rng_unit(r) < step->share ? ARM_CHALLENGER : ARM_CHAMPION;
            double p = 0.6 + 0.004 * (double)look + (arm == ARM_CHALLENGER ? apart : 0);
            block.units[arm][rng_unit(r) < p ? TALLY_LEVELS - 1 : 0]++;
        }
        sequence_fold(&s, &block);
        tally_add(step, &block);
        const struct sequence_interval x = sequence_interval(&s, steps, 3);
        if (x.low > apart || x.high < apart) return true;
    }
    return false;
}

static void test_sequence__intervals_cover(void **state)
{
    (void)state;
    int missed = 0;
    struct rng r = rng_derive(1, "cover", 0);
    for (int i = 0; i < 300; i++) missed += misses(&r, i % 2 ? -0.05 : 0);
    assert_true(missed >= 1 && missed <= 26);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequence__mean_is_one_at_the_null),
        cmocka_unit_test(test_sequence__mean_is_less_within_it),
        cmocka_unit_test(test_sequence__evidence_is_monotone),
        cmocka_unit_test(test_sequence__order_within_a_block_does_not_matter),
        cmocka_unit_test(test_sequence__segments_side_by_side),
        cmocka_unit_test(test_sequence__knows_nothing_of_nobody),
        cmocka_unit_test(test_sequence__ends_of_everything_are_finite),
        cmocka_unit_test(test_sequence__a_billion_units_decide),
        cmocka_unit_test(test_sequence__refuses_plans_that_are_none),
        cmocka_unit_test(test_sequence__intervals_cover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
