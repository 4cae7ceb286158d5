/* Fewer tokens: the mean of the evidence over all that can happen, where it turns, scales. */
#include "tests/tally_world.h"

/* Outcomes 0, ½ and 1 of both arms; the challenger's mean is r times the champion's. */
static void test_saving__mean_is_one_at_the_ratio(void **state)
{
    (void)state;
    const double champion[3] = {0.3, 0.4, 0.3}, challenger[3] = {0.5, 0.4, 0.1}, r = 0.6;
    for (int side = 0; side < SIDES; side++) {
        double sum = 0;
        for (unsigned path = 0; path < 7776; path++) { /* 6^5 */
            struct tally t = step_of(0.2, 0.4);
            double p = 1;
            for (unsigned u = 0, at = path; u < 5; u++, at /= 6) {
                enum arm arm = at % 2 ? ARM_CHALLENGER : ARM_CHAMPION;
                p *= arm == ARM_CHALLENGER ? t.share * challenger[at / 2 % 3] : (1 - t.share) * champion[at / 2 % 3];
                t.units[arm][at / 2 % 3 * 32]++;
            }
            sum += p * exp(saving_evidence(&t, 1, (enum side)side, r, 0.3));
        }
        assert_near(sum, 1, 1e-9);
    }
}

static void test_saving__scales(void **state)
{
    (void)state;
    double history[1000];
    struct saving_marks m;
    for (int i = 0; i < 1000; i++) history[i] = i % 10 ? 100 + (i * 37 % 1000) : 0;
    assert_true(saving_learn(history, 1000, 0, &m));
    assert_true(m.low >= 100 && m.low < 130 && m.high > 1080 && m.cap > 1060 && m.cap <= m.high);
    assert_near(saving_ratio(&m, saving_difference(&m, -0.1)), -0.1, 1e-12);
    assert_near(saving_typical(&m, 200) - saving_typical(&m, 220), saving_difference(&m, 200.0 / 220 - 1), 1e-12);
    assert_near(saving_typical(&m, 0), 0, 0);
    assert_near(saving_typical(&m, 1e300), 1, 0);
    assert_near(saving_billed(&m, 1e300), 1, 0);
    assert_true(isnan(saving_typical(&m, NAN)) && isnan(saving_billed(&m, NAN)) && isnan(saving_billed(&m, -1)));
    assert_true(saving_learn(history, 1000, 4096, &m) && m.cap == 4096);
    history[0] = NAN;
    assert_false(saving_learn(history, 1000, 0, &m));
    assert_false(saving_learn(history, 0, 0, &m));
    memset(history, 0, sizeof history);
    assert_false(saving_learn(history, 1000, 0, &m));
}

static struct tally bill_of(double scale, size_t challenger)
{
    struct tally t = step_of(0.3, 0.3);
    for (size_t i = 0; i < 4; i++) {
        t.units[ARM_CHAMPION][8 * i + 4] = 7 * scale;
        t.units[ARM_CHALLENGER][challenger * i + challenger / 2] = 3 * scale;
    }
    return t;
}

static void test_saving__interval_is_where_evidence_turns(void **state)
{
    (void)state;
    const size_t spends[] = {1, 2, 4, 8, 16};
    double limit = log(2 / 0.05);
    for (size_t i = 0; i < 5; i++)
        for (double scale = 1; scale <= 1e8; scale *= 100) {
            const struct tally t = bill_of(scale, spends[i]);
            const struct sequence_interval x = saving_interval(&t, 1, 0.1, 0.05);
            double truth = tally_mean(&t, ARM_CHALLENGER) / tally_mean(&t, ARM_CHAMPION);
            assert_true(x.low < truth && x.high > truth);
            if (x.low > 1.0 / 64) assert_true(saving_evidence(&t, 1, SIDE_ABOVE, x.low * 0.9999, 0.1) >= limit);
            if (x.low > 1.0 / 64) assert_true(saving_evidence(&t, 1, SIDE_ABOVE, x.low * 1.0001, 0.1) < limit);
            for (double r = x.high * 1.0001; r < 64; r *= 1.01)
                assert_true(saving_evidence(&t, 1, SIDE_BELOW, r, 0.1) >= limit);
            if (scale == 1e8) assert_true(x.high - x.low < 0.01 * truth);
        }
}

/* Where a bet has to be careful, with the champion's outcomes lower than was thought. */
static void test_saving__evidence_is_monotone(void **state)
{
    (void)state;
    struct tally t = step_of(0.02, 0.3);
    t.units[ARM_CHAMPION][0] = 50, t.units[ARM_CHALLENGER][20] = 1;
    double above = INFINITY;
    for (double r = 0.02; r < 50; r *= 1.01) {
        double a = saving_evidence(&t, 1, SIDE_ABOVE, r, 3);
        assert_true(a <= above);
        above = a;
    }
    for (double from = 0.0625; from < 10; from *= exp2(0.25)) {
        double below = -INFINITY;
        for (double r = from * 1.001; r < from * 1.18; r *= 1.01) {
            double b = saving_evidence(&t, 1, SIDE_BELOW, r, 3);
            assert_true(b >= below);
            below = b;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saving__mean_is_one_at_the_ratio),
        cmocka_unit_test(test_saving__scales),
        cmocka_unit_test(test_saving__interval_is_where_evidence_turns),
        cmocka_unit_test(test_saving__evidence_is_monotone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
