/* What bets are made on: counts by level, outcomes that are adjusted; and several bets at once. */
#include "tests/tally_world.h"

/* ---- tally ---- */

static void test_tally__outcomes_keep_their_mean(void **state)
{
    (void)state;
    for (double y = 0; y <= 1; y += 1.0 / 333) {
        double sum = 0;
        for (int k = 0; k < 1000; k++) sum += tally_outcome(tally_level(y, (k + 0.5) / 1000));
        assert_near(sum / 1000, y, 1e-5);
    }
    assert_int_equal(tally_level(1, 0), TALLY_LEVELS - 1);
    assert_int_equal(tally_level(0, 0), 0);
}

static void test_tally__refuses_what_is_no_outcome(void **state)
{
    (void)state;
    const double bad[] = {NAN, -1e-9, 1 + 1e-9, INFINITY, -INFINITY};
    struct tally t = {.share = 7};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(tally_level(bad[i], 0.5), TALLY_LEVELS);
        assert_false(tally_begin(&t, bad[i], 0.5, 0.2));
        assert_false(tally_begin(&t, 0.5, bad[i], 0.2));
        assert_false(tally_begin(&t, 0.5, 0.5, bad[i]));
    }
    assert_false(tally_begin(&t, 0, 0.5, 0.2));
    assert_false(tally_begin(&t, 1, 0.5, 0.2));
    assert_true(t.share == 7);
}

static void test_tally__counts_add_up(void **state)
{
    (void)state;
    struct tally a = step_of(0.25, 0.5), b = a, both = a;
    a.units[ARM_CHAMPION][3] = 2, b.units[ARM_CHAMPION][3] = 5, b.units[ARM_CHALLENGER][64] = 1;
    tally_add(&both, &a);
    tally_add(&both, &b);
    assert_near(both.units[ARM_CHAMPION][3], 7, 0);
    assert_near(tally_units(&both, ARM_CHALLENGER), 1, 0);
    assert_near(tally_mean(&both, ARM_CHALLENGER), 1, 0);
    assert_true(isnan(tally_mean(&a, ARM_CHALLENGER)));
}

/* ---- adjustment ---- */

/* Outcomes that x explains to a half: what is left has the same difference and half the variance. */
static void test_adjustment__same_difference_less_variance(void **state)
{
    (void)state;
    struct rng r = rng_derive(1, "adjustment", 0);
    struct adjustment_history h = {0};
    struct adjustment a;
    for (int i = 0; i < 20000; i++) {
        double x = rng_normal(&r), y = fmin(fmax(0.5 + 0.05 * x + 0.05 * rng_normal(&r), 0), 1);
        h.n++, h.x += x, h.y += y, h.xx += x * x, h.xy += x * y, h.yy += y * y;
    }
    assert_true(adjustment_fit(&a, &h));
    assert_near(a.slope, 0.05, 0.002);
    assert_near(a.variance, 0.0025, 0.0001);
    assert_near(adjustment_outcome(&a, 1, 0.5) - adjustment_outcome(&a, 1, 0.4), adjustment_difference(&a, 0.1), 1e-12);
    assert_near(adjustment_offset(&a), 0.5, 1e-12);
    assert_near(adjustment_outcome(&a, a.centre, a.mean), adjustment_offset(&a), 1e-12);
    struct tally t;
    assert_true(adjustment_tally(&a, 0.5, &t));
    assert_near(t.variance, a.variance / 4, 1e-12);
    for (int i = 0; i < 40000; i++) {
        enum arm arm = rng_unit(&r) < 0.5 ? ARM_CHALLENGER : ARM_CHAMPION;
        double x = rng_normal(&r),
               y = fmin(fmax(0.5 + 0.05 * x + 0.05 * rng_normal(&r) - (arm == ARM_CHALLENGER ? 0.01 : 0), 0), 1);
        t.units[arm][tally_level(adjustment_outcome(&a, x, y), rng_unit(&r))]++;
    }
    struct sequence s;
    assert_true(sequence_begin(&s, &(struct sequence_plan){.effect = adjustment_difference(&a, 0.01), .alpha = 0.05}));
    const struct sequence_interval x = sequence_interval(&s, &t, 1);
    assert_true(2 * x.low < -0.01 && 2 * x.high > -0.01 && x.high < 0);
}

static void test_adjustment__refuses(void **state)
{
    (void)state;
    struct adjustment a = {.mean = 0.5, .slope = 1, .low = -1, .high = 1};
    assert_true(isnan(adjustment_outcome(&a, NAN, 0.5)) && isnan(adjustment_outcome(&a, 0, NAN)) &&
                isnan(adjustment_outcome(&a, 0, 2)));
    assert_near(adjustment_outcome(&a, 1e300, 0), 0, 0);
    assert_false(adjustment_fit(&a, &(struct adjustment_history){0}));
    assert_false(adjustment_fit(&a, &(struct adjustment_history){5, 5, 2, 5, 2, 1})); /* x does not move */
    assert_false(adjustment_fit(&a, &(struct adjustment_history){5, NAN, 2, 5, 2, 1}));
    assert_near(a.slope, 1, 0);
}

/* ---- evidence ---- */

static void test_evidence__closed_and_listed(void **state)
{
    (void)state;
    bool x[4];
    evidence_closed((const double[]){log(40), log(1), log(1), log(1)}, 4, 0.05, x);
    assert_false(x[0]); /* 40 + 1 + 1 + 1 over 4 is less than 20 */
    evidence_closed((const double[]){log(78), log(1), log(1), log(1)}, 4, 0.05, x);
    assert_true(x[0] && !x[1] && !x[2] && !x[3]);
    evidence_closed((const double[]){log(25), log(1000), log(25), log(25)}, 4, 0.05, x);
    assert_true(x[0] && x[1] && x[2] && x[3]);
    evidence_listed((const double[]){log(41), log(1), log(41), log(1)}, 4, 0.05, x);
    assert_true(x[0] && !x[1] && x[2] && !x[3]); /* 2 of 4: each at least 4/(2 · 0.05) = 40 */
    evidence_listed((const double[]){log(41), log(1), log(39), log(1)}, 4, 0.05, x);
    assert_true(!x[0] && !x[2]);
    evidence_closed((const double[]){NAN, INFINITY, -INFINITY}, 3, 0.05, x);
    assert_false(x[0] || x[1] || x[2]); /* nothing is said beside what is unknown */
    evidence_listed((const double[]){NAN, INFINITY, -INFINITY}, 3, 0.05, x);
    assert_false(x[0] || x[1] || x[2]);
    double many[EVIDENCE_MAX + 1];
    bool said[EVIDENCE_MAX + 1];
    for (int i = 0; i <= EVIDENCE_MAX; i++) many[i] = 1000;
    evidence_closed(many, EVIDENCE_MAX, 0.05, said);
    assert_true(said[0] && said[EVIDENCE_MAX - 1]);
    evidence_closed(many, EVIDENCE_MAX + 1, 0.05, said);
    assert_false(said[0] || said[EVIDENCE_MAX]);
    evidence_listed(many, EVIDENCE_MAX + 1, 0.05, said);
    assert_false(said[0] || said[EVIDENCE_MAX]);
    assert_true(evidence_sum((const double[]){-INFINITY, -INFINITY}, 2) == -INFINITY);
    assert_near(evidence_sum((const double[]){1e5, 1e5}, 2), 1e5 + M_LN2, 1e-9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tally__outcomes_keep_their_mean),
        cmocka_unit_test(test_tally__refuses_what_is_no_outcome),
        cmocka_unit_test(test_tally__counts_add_up),
        cmocka_unit_test(test_adjustment__same_difference_less_variance),
        cmocka_unit_test(test_adjustment__refuses),
        cmocka_unit_test(test_evidence__closed_and_listed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
