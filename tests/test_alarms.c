/* What watches units as they come: the mean of its evidence over all that can happen, edges, how seldom it is wrong. */
#include "tests/tally_world.h"

/* ---- guard ---- */

static void test_guard__mean_is_one_at_the_bound(void **state)
{
    (void)state;
    double sum = 0, better = 0;
    for (unsigned path = 0; path < PATHS; path++)
        for (int is_better = 0; is_better < 2; is_better++) {
            const struct path p = walk(path, is_better ? 0.05 : -0.1);
            struct guard g;
            assert_true(guard_begin(&g, &(struct guard_plan){.bound = -0.1, .fall = 0.3, .exposed = 3}));
            for (int u = 0; u < UNITS; u++) guard_see(&g, &p.blocks[u]);
            *(is_better ? &better : &sum) += p.chance * exp(guard_evidence(&g));
        }
    assert_near(sum, 1, 1e-9);
    assert_true(better < 1);
}

static void test_guard__mean_is_one_of_pairs(void **state)
{
    (void)state;
    const double chance[4] = {0.3, 0.15, 0.05, 0.5}; /* both wrong, one right, the other, both right: apart by −0.1 */
    double sum = 0;
    for (unsigned path = 0; path < PATHS; path++) {
        double p = 1;
        struct guard g;
        assert_true(guard_begin(&g, &(struct guard_plan){.bound = -0.1, .fall = 0.2, .exposed = 4}));
        for (unsigned u = 0, at = path; u < UNITS; u++, at /= 4) {
            p *= chance[at % 4];
            assert_true(guard_see_pair(&g, at % 2, at / 2 % 2));
        }
        sum += p * exp(guard_evidence(&g));
    }
    assert_near(sum, 1, 1e-9);
}

static void test_guard__refuses(void **state)
{
    (void)state;
    struct guard g;
    const struct guard_plan bad[] = {{NAN, 0.05, 1, 0}, {0, NAN, 1, 0},    {0, 0, 1, 0},
                                     {0, 0.05, NAN, 0}, {0, 0.05, 1, NAN}, {1, 0.05, 1, 0}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(guard_begin(&g, &bad[i]));
    assert_true(guard_begin(&g, &(struct guard_plan){.fall = 0.05}));
    assert_near(guard_evidence(&g), 0, 1e-12);
    assert_false(guard_see_pair(&g, NAN, 0) || guard_see_pair(&g, 0, 1.5));
    assert_near(guard_evidence(&g), 0, 1e-12);
    for (int i = 0; i < 400; i++) assert_true(guard_see_pair(&g, 1, 0));
    assert_true(guard_evidence(&g) > log(100) && isfinite(guard_evidence(&g)));
}

/* ---- mismatch ---- */

static void test_mismatch__mean_is_one(void **state)
{
    (void)state;
    double sum = 0;
    for (unsigned path = 0; path < 1 << 8; path++) {
        struct arrivals steps[2] = {{0.05, 0, 0}, {0.5, 0, 0}};
        double p = 1;
        for (int u = 0; u < 8; u++) {
            bool challenger = path >> u & 1;
            struct arrivals *a = &steps[u / 4];
            p *= challenger ? a->share : 1 - a->share;
            *(challenger ? &a->challenger : &a->champion) += 1;
        }
        sum += p * exp(mismatch_evidence(steps, 2));
    }
    assert_near(sum, 1, 1e-12);
}

static void test_mismatch__of_the_champion(void **state)
{
    (void)state;
    double sum = 0;
    for (int n1 = 0; n1 <= 6; n1++) { /* the mean of E over six fair units is 1 */
        double p = tgamma(7) / (tgamma(n1 + 1) * tgamma(7 - n1)) * pow(.3, n1) * pow(.7, 6 - n1);
        sum += p * exp(mismatch_of_champion(&(struct arrivals){.3, 6 - n1, n1}, 1));
    }
    assert_near(sum, 1, 1e-12);
    assert_near(mismatch_of_champion(NULL, 0), 0, 1e-12);
    assert_true(mismatch_of_champion(&(struct arrivals){.5, 30, 0}, 1) > log(100));
    assert_true(mismatch_of_champion(&(struct arrivals){.5, 0, 1000}, 1) < 0);
}

static void test_mismatch__edges(void **state)
{
    (void)state;
    assert_near(mismatch_evidence(NULL, 0), 0, 1e-12);
    assert_true(mismatch_evidence(&(struct arrivals){0.01, 99e7, 1e7}, 1) < log(100));
    assert_true(mismatch_evidence(&(struct arrivals){0.99, 1e7, 98e7}, 1) > log(100));
    assert_true(isfinite(mismatch_evidence(&(struct arrivals){0.5, 0, 1e9}, 1)));
}

/* ---- detector ---- */

/* R − n has mean 0, after every number of outcomes. */
static void test_detector__grows_by_one_an_outcome(void **state)
{
    (void)state;
    for (double baseline = 0.2; baseline < 1; baseline += 0.3)
        for (int n = 1; n <= 8; n++) {
            double sum = 0;
            for (unsigned path = 0; path < 1u << n; path++) {
                struct detector x;
                double p = 1;
                assert_true(detector_begin(&x, baseline, baseline * (1 - baseline)));
                for (int u = 0; u < n; u++) {
                    p *= path >> u & 1 ? baseline : 1 - baseline;
                    assert_true(detector_see(&x, path >> u & 1));
                }
                sum += p * exp(detector_statistic(&x));
            }
            assert_near(sum, n, 1e-9);
        }
}

static void test_detector__refuses_and_ends(void **state)
{
    (void)state;
    struct detector x;
    assert_false(detector_begin(&x, NAN, 0.2) || detector_begin(&x, 0.5, NAN) || detector_begin(&x, 0, 0.2));
    assert_true(detector_begin(&x, 1, 0));
    assert_false(detector_see(&x, NAN) || detector_see(&x, 1.1) || detector_see(&x, -0.1));
    assert_true(detector_statistic(&x) == -INFINITY);
    for (int i = 0; i < 1000; i++) assert_true(detector_see(&x, 1));
    assert_near(exp(detector_statistic(&x)), 1000, 1e-6);
    for (int i = 0; i < 3000; i++) assert_true(detector_see(&x, 0));
    assert_true(isfinite(detector_statistic(&x)) && detector_statistic(&x) > log(10000));
}

static double binomial(int n, int k, double p)
{
    return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(p) + (n - k) * log1p(-p));
}

/* Of 60 outcomes, by enumeration: the careful baseline is above the true one in at most 5 % of all. */
static void test_detector__careful_baselines(void **state)
{
    (void)state;
    enum { N = 60 };
    for (double p = 0.02; p < 0.99; p += 0.003) {
        double above = 0;
        for (int k = 0; k <= N; k++) {
            double mean = (double)k / N;
            if (detector_careful(mean, mean * (1 - mean), N) > p) above += binomial(N, k, p);
        }
        assert_true(above <= 0.05 + 1e-9);
    }
    assert_near(detector_careful(1, 0, 100), pow(0.05, 0.01), 1e-9); /* by hand: p^100 = 0.05 */
    assert_near(detector_careful(0.6, 0.24, 10), 0.303537, 1e-6);    /* scipy: beta.ppf(0.05, 6, 5) */
    assert_near(detector_careful(0.6, 0.24, 10000), 0.591871, 1e-5); /* scipy: beta.ppf(0.05, 6000, 4001) */
    assert_near(detector_careful(0.6, 0.01, 10000), 0.6 - 1.644854e-3, 1e-8);
    for (double n = 1; n < 1e12; n *= 7)
        for (double mean = 0; mean <= 1; mean += 0.01) {
            double low = detector_careful(mean, mean * (1 - mean), n);
            assert_true(low >= 0 && low <= mean);
        }
    assert_near(detector_careful(0, 0, 100), 0, 0);
    assert_near(detector_careful(NAN, 0, 0), 0, 0);
}

/* ---- race ---- */

/* All orders of all sets of 6 questions: no more than a share alpha of orders has the wrong word, of any set. */
static void test_race__is_seldom_wrong_on_any_set(void **state)
{
    (void)state;
    struct rng r = rng_derive(1, "race", 0);
    enum { N = 60, ORDERS = 400 };
    for (int set = 0; set < 12; set++) {
        double x[N], y[N], champion = 0, challenger = 0;
        int wrong = 0;
        for (size_t i = 0; i < N; i++) {
            x[i] = rng_unit(&r) < 0.6, y[i] = rng_unit(&r) < (set % 3 ? 0.7 : 1) ? x[i] : rng_unit(&r);
            champion += x[i], challenger += y[i];
        }
        for (int order = 0; order < ORDERS; order++) {
            struct race race;
            enum race_word word = RACE_OPEN;
            assert_true(race_begin(&race, &(struct race_plan){N, champion / N, 0, 0.2}));
            for (size_t i = N; i-- > 0;) { /* shuffled as it is asked */
                size_t k = rng_below(&r, i + 1);
                double a = x[k], b = y[k];
                x[k] = x[i], y[k] = y[i], x[i] = a, y[i] = b;
                word = race_see(&race, a, b);
            }
            assert_true(word != RACE_OPEN);
            wrong += (word == RACE_WORSE) != (challenger < champion - 1e-9);
        }
        assert_true(wrong <= ORDERS / 5 + 20);
    }
}

static void test_race__edges(void **state)
{
    (void)state;
    struct race r;
    assert_false(race_begin(&r, &(struct race_plan){0, 0.5, 0, 0.05}));
    assert_false(race_begin(&r, &(struct race_plan){5, NAN, 0, 0.05}));
    assert_false(race_begin(&r, &(struct race_plan){5, 0.5, NAN, 0.05}));
    assert_false(race_begin(&r, &(struct race_plan){5, 0.5, 0, 0}));
    assert_true(race_begin(&r, &(struct race_plan){1, 1, 0, 0.05}));
    assert_int_equal(race_see(&r, NAN, 1), RACE_OPEN);
    assert_int_equal(race_see(&r, 1, 0), RACE_WORSE);
    assert_int_equal(race_see(&r, 1, 1), RACE_WORSE); /* after the last */
    assert_true(race_begin(&r, &(struct race_plan){4, 0.5, 0, 0.05}));
    assert_int_equal(race_see(&r, 1, 1), RACE_OPEN);
    assert_int_equal(race_see(&r, 0, 1), RACE_NOT_WORSE); /* has what the champion has in all */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guard__mean_is_one_at_the_bound),
        cmocka_unit_test(test_guard__mean_is_one_of_pairs),
        cmocka_unit_test(test_guard__refuses),
        cmocka_unit_test(test_mismatch__mean_is_one),
        cmocka_unit_test(test_mismatch__of_the_champion),
        cmocka_unit_test(test_mismatch__edges),
        cmocka_unit_test(test_detector__grows_by_one_an_outcome),
        cmocka_unit_test(test_detector__refuses_and_ends),
        cmocka_unit_test(test_detector__careful_baselines),
        cmocka_unit_test(test_race__is_seldom_wrong_on_any_set),
        cmocka_unit_test(test_race__edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
