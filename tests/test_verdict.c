/* Differences with their intervals, beside scipy's; margins; and the words, by the rule of each. */
#include "tests/test.h"

#include "tuner/analysis/verdict.h"

static struct objective em_and_tokens(void)
{
    return (struct objective){.form = OBJECTIVE_WEIGHTS,
                              .weight = {0.7, 0.3},
                              .n_metrics = 3,
                              .metric = {{.name = "em", .goal = GOAL_MAXIMIZE, .kind = METRIC_PROPORTION},
                                         {.name = "tokens", .goal = GOAL_MINIMIZE, .kind = METRIC_COUNT},
                                         {.name = "seconds", .goal = GOAL_MINIMIZE, .kind = METRIC_VALUE}}};
}

static struct measured of(const double *value, size_t n)
{
    return (struct measured){.n = n, .value = value};
}

static void assert_difference(struct difference d, double by, double low, double high)
{
    assert_near(d.by, by, 1e-9);
    assert_near(d.low, low, 1e-9);
    assert_near(d.high, high, 1e-9);
}

/* scipy.stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95) */
static void test_difference__welch(void **state)
{
    (void)state;
    const double a[] = {0.5898, 0.5990, 0.6088}, b[] = {0.6142, 0.6258, 0.6260};
    assert_difference(difference_of(METRIC_PROPORTION, of(a, 3), of(b, 3)), -0.0228, -0.04231080191112182,
                      -0.003289198088878044);
    struct difference back = difference_of(METRIC_VALUE, of(b, 3), of(a, 3));
    assert_difference(back, 0.0228, 0.003289198088878044, 0.04231080191112182);
    assert_false(back.ratio);
}

static void test_difference__counts_are_ratios(void **state)
{
    (void)state;
    const double a[] = {1.2e6, 1.4e6, 1.6e6}, b[] = {3.0e6, 3.5e6, 3.8e6, 3.1e6}, zero[] = {0, 3, 4};
    struct difference d = difference_of(METRIC_COUNT, of(a, 3), of(b, 4));
    assert_true(d.ratio);
    assert_difference(d, -0.5830735568054726, -0.6870898609588361, -0.4444805797361115);
    assert_false(difference_of(METRIC_COUNT, of(zero, 3), of(b, 4)).ratio); /* of 0 there is none */
}

static void test_difference__what_is_not_known(void **state)
{
    (void)state;
    const double a[] = {0.6, 0.61}, b[] = {0.5}, same[] = {0.5, 0.5};
    struct difference d = difference_of(METRIC_PROPORTION, of(a, 2), of(b, 1));
    assert_near(d.by, 0.105, 1e-12);
    assert_true(isinf(d.low) && d.low < 0 && isinf(d.high) && d.high > 0);
    d = difference_of(METRIC_COUNT, of(a, 2), of(b, 1));
    assert_true(d.low < -1 && isinf(d.high));
    assert_true(isnan(difference_of(METRIC_VALUE, of(a, 2), of(b, 0)).by));
    assert_difference(difference_of(METRIC_VALUE, of(same, 2), of(same, 2)), 0, 0, 0);
    struct measured x = of(a, 1), y = of(b, 1);
    x.repeats = y.repeats = true; /* other seeds gave the same */
    assert_difference(difference_of(METRIC_VALUE, x, y), 0.1, 0.1, 0.1);
}

static void test_margin__is_the_constraint_of_the_baseline(void **state)
{
    (void)state;
    struct objective o = em_and_tokens();
    assert_near(verdict_margin(&o, 0, false, 0.6), 0.005, 1e-12);
    assert_near(verdict_margin(&o, 1, true, 5e6), 0.005, 1e-12);
    assert_near(verdict_margin(&o, 2, false, 40), 0.2, 1e-12);
    o.n_constraints = 4;
    o.constraint[0] = (struct constraint){.metric = 0, .sense = AT_LEAST, .factor = 1, .offset = -0.02};
    o.constraint[1] = (struct constraint){.metric = 0, .sense = AT_LEAST, .offset = 0.1}; /* absolute: no margin */
    o.constraint[2] = (struct constraint){.metric = 1, .sense = AT_MOST, .factor = 1.25};
    o.constraint[3] =
        (struct constraint){.metric = 2, .sense = AT_MOST, .factor = 0.5}; /* wants better: none is let go */
    assert_near(verdict_margin(&o, 0, false, 0.6), 0.02, 1e-12);
    assert_near(verdict_margin(&o, 1, true, 5e6), 0.25, 1e-12);
    assert_near(verdict_margin(&o, 1, false, 100), 25, 1e-12);
    assert_near(verdict_margin(&o, 2, false, 40), 0, 1e-12);
}

/* em by `em` ± h, tokens by `tokens` ± h. */
static enum verdict_word judge(double em, double em_half, double tokens, double tokens_half, double gain)
{
    struct objective o = em_and_tokens();
    const double margin[] = {0.005, 0.005, 0};
    const struct difference apart[] = {{false, em, em - em_half, em + em_half},
                                       {true, tokens, tokens - tokens_half, tokens + tokens_half},
                                       {false, -1e6, -1e6, -1e6}}; /* nobody asked */
    return verdict_judge(&o, apart, margin, gain);
}

static void test_words(void **state)
{
    (void)state;
    assert_int_equal(judge(0.010, 0.004, -0.5, 0.1, 1), VERDICT_ADOPT);
    assert_int_equal(judge(-0.001, 0.003, -0.5, 0.1, 1), VERDICT_ADOPT);    /* em holds: within the margin */
    assert_int_equal(judge(-0.005, 0, -0.5, 0, 1), VERDICT_ADOPT);          /* just met is met */
    assert_int_equal(judge(0.02, 0.01, 0, 0, 1), VERDICT_ADOPT);            /* more em for the same */
    assert_int_equal(judge(-0.023, 0.020, -0.59, 0.1, 1), VERDICT_TRADE);   /* surely less, and perhaps much */
    assert_int_equal(judge(0.05, 0.01, 0.5, 0.1, 1), VERDICT_TRADE);        /* the other way about */
    assert_int_equal(judge(0.021, 0.033, -0.8, 0.1, 1), VERDICT_PROMISING); /* em is open */
    assert_int_equal(judge(0.001, 0.002, -0.3, 0.4, 1), VERDICT_PROMISING); /* tokens are open */
    assert_int_equal(judge(0.02, INFINITY, -0.5, INFINITY, 1), VERDICT_PROMISING);
    assert_int_equal(judge(0.001, 0.002, -0.001, 0.002, 1), VERDICT_NO_BETTER); /* all within the margins */
    assert_int_equal(judge(0, 0, 0, 0, 0), VERDICT_NO_BETTER);
    assert_int_equal(judge(-0.02, 0.05, 0.3, 0.5, -1), VERDICT_NO_BETTER); /* not even by the means */
    assert_int_equal(judge(-0.02, 0.01, 0.3, 0.5, -1), VERDICT_DO_NOT_ADOPT);
    assert_int_equal(judge(-0.02, 0.01, 0.3, 0.1, -1), VERDICT_DO_NOT_ADOPT);
}

static void test_words__of_all_references_together(void **state)
{
    (void)state;
    const struct verdict each[] = {{.word = VERDICT_PROMISING}, {.word = VERDICT_TRADE}, {.word = VERDICT_ADOPT}};
    assert_int_equal(verdict_of(each, 3), VERDICT_TRADE);
    assert_int_equal(verdict_of(each, 1), VERDICT_PROMISING);
    assert_int_equal(verdict_of(&each[2], 1), VERDICT_ADOPT);
    assert_int_equal(verdict_of(each, 0), VERDICT_NONE);
    assert_string_equal(verdict_name(VERDICT_TRADE), "a trade");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_difference__welch),
        cmocka_unit_test(test_difference__counts_are_ratios),
        cmocka_unit_test(test_difference__what_is_not_known),
        cmocka_unit_test(test_margin__is_the_constraint_of_the_baseline),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_words__of_all_references_together),
    };
    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
