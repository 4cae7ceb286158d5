/* The live side's bets and counts: means of e-values over all that can happen, edges, intervals on simulated
 * experiments. */
#include "tests/test.h"

#include "tuner/rollout/rollout.h"

static const struct sequence_plan usual = {.effect = 0.1, .target = {0, 0}, .alpha = 0.05, .information = 20};

static struct tally step_of(double share, double offset)
{
    struct tally t;
    assert_true(tally_begin(&t, share, offset, offset * (1 - offset)));
    return t;
}

static struct tally only(const struct tally *step, enum arm arm, size_t level)
{
    struct tally t = *step;
    memset(t.units, 0, sizeof t.units);
    t.units[arm][level] = 1;
    return t;
}

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

/* ---- e-processes: the mean over all paths ---- */

/* A world in which all four outcomes of a unit have known chances, and steps follow each other. */
enum { UNITS = 6, PATHS = 4096 /* 4^UNITS */ };

struct path {
    struct tally steps[2], blocks[UNITS];
    double chance;
};

/* Unit u is of step u / 3, whose base rates differ; the challenger is better by `apart`. */
static struct path walk(unsigned path, double apart)
{
    struct path p = {.steps = {step_of(0.05, 0.3), step_of(0.4, 0.7)}, .chance = 1};
    for (int u = 0; u < UNITS; u++, path /= 4) {
        struct tally *step = &p.steps[u / 3];
        enum arm arm = path % 2 ? ARM_CHALLENGER : ARM_CHAMPION;
        double base = u < 3 ? 0.45 : 0.85, mean = base + (arm == ARM_CHALLENGER ? apart : 0);
        bool right = path / 2 % 2;
        p.chance *= (arm == ARM_CHALLENGER ? step->share : 1 - step->share) * (right ? mean : 1 - mean);
        p.blocks[u] = only(step, arm, right ? TALLY_LEVELS - 1 : 0);
        tally_add(step, &p.blocks[u]);
    }
    return p;
}

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

/* ---- sequence ---- */

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

/* ---- saving ---- */

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

/* ---- detector ---- */

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

static void test_mismatch__edges(void **state)
{
    (void)state;
    assert_near(mismatch_evidence(NULL, 0), 0, 1e-12);
    assert_true(mismatch_evidence(&(struct arrivals){0.01, 99e7, 1e7}, 1) < log(100));
    assert_true(mismatch_evidence(&(struct arrivals){0.99, 1e7, 98e7}, 1) > log(100));
    assert_true(isfinite(mismatch_evidence(&(struct arrivals){0.5, 0, 1e9}, 1)));
}

/* ---- guard ---- */

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

/* ---- assignment ---- */

static const struct {
    const char *salt, *unit;
    size_t times; /* 1, or how often the unit's letter is repeated */
    uint64_t place;
} known[] = {
    {"summer", "user-1", 1, 0x575c46b742b90},
    {"summer", "user-2", 1, 0x911ca30358745},
    {"summer", "user-3", 1, 0x3b79a3806bdd0},
    {"summer", "user-1000000", 1, 0x8a4fb63c25257},
    {"winter", "user-1", 1, 0xf8ab99e09a6b7},
    {"", "", 1, 0xe7ac0786668e0},
    {"summer", "", 1, 0x964e0aa986cf3},
    {"", "user-1", 1, 0x8b044bb5709c9},
    {"summer", "\320\272\320\273\321\216\321\207", 1, 0xdd0a5baa89999},
    {"summer", "Zo\303\253", 1, 0x35f668b789e07},
    {"summer", "Zoe\314\210", 1, 0x5436709126a02},
    {"summer", "\346\227\245\346\234\254\350\252\236", 1, 0x38f5612353ad6},
    {"summer", "\360\237\246\211", 1, 0x9cdaa13c8e249},
    {"\303\251t\303\251", "user-1", 1, 0xf1b08123061a2},
    {"summer", " user-1", 1, 0x2a292d6bdb41b},
    {"summer", "USER-1", 1, 0x605593a7c0e3f},
    {"summer", "a:b", 1, 0x9d08103064a71},
    {"summer", "x", 300, 0x7af42e577027b},
    {"summer", "y", 1024, 0x9dca880049978},
    {"a-much-longer-salt-of-an-experiment-with-a-name", "550e8400-e29b-41d4-a716-446655440000", 1, 0x77edcfd77f827},
};

static void test_assignment__places_are_those_of_other_languages(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char unit[2048];
        size_t n = known[i].times > 1 ? known[i].times : strlen(known[i].unit);
        memset(unit, *known[i].unit, sizeof unit);
        if (known[i].times == 1) memcpy(unit, known[i].unit, n);
        double place = assignment_place(known[i].salt, unit, n);
        assert_true(place == (double)known[i].place / 0x1p52);
        assert_true(place >= 0 && place < 1);
    }
    char longest[ASSIGNMENT_UNIT_MAX + 1] = {0}, salt[ASSIGNMENT_SALT_MAX + 2] = {0};
    assert_true(isnan(assignment_place("s", longest, sizeof longest)));
    memset(salt, 's', sizeof salt - 1);
    assert_true(isnan(assignment_place(salt, "u", 1)));
    assert_true(isnan(assignment_place("a:b", "u", 1)));
}

/* 100,000 units on a table of 10 × 10 places under two salts: chi-square of 99 degrees, 99.9 % below 148.2. */
static void test_assignment__balanced_and_independent(void **state)
{
    (void)state;
    double table[10][10] = {{0}}, chi = 0;
    for (int i = 0; i < 100000; i++) {
        char unit[32];
        size_t n = (size_t)snprintf(unit, sizeof unit, "user-%d", i);
        table[(int)(10 * assignment_place("summer", unit, n))][(int)(10 * assignment_place("winter", unit, n))]++;
    }
    for (int i = 0; i < 100; i++) chi += pow(table[i / 10][i % 10] - 1000, 2) / 1000;
    assert_true(chi < 148.2);
    assert_true(chi > 60); /* nor too even: 0.1 % below */
}

/* ---- allocation ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tally__outcomes_keep_their_mean),
        cmocka_unit_test(test_tally__refuses_what_is_no_outcome),
        cmocka_unit_test(test_tally__counts_add_up),
        cmocka_unit_test(test_sequence__mean_is_one_at_the_null),
        cmocka_unit_test(test_sequence__mean_is_less_within_it),
        cmocka_unit_test(test_guard__mean_is_one_at_the_bound),
        cmocka_unit_test(test_guard__mean_is_one_of_pairs),
        cmocka_unit_test(test_mismatch__mean_is_one),
        cmocka_unit_test(test_saving__mean_is_one_at_the_ratio),
        cmocka_unit_test(test_detector__grows_by_one_an_outcome),
        cmocka_unit_test(test_sequence__evidence_is_monotone),
        cmocka_unit_test(test_sequence__order_within_a_block_does_not_matter),
        cmocka_unit_test(test_sequence__knows_nothing_of_nobody),
        cmocka_unit_test(test_sequence__ends_of_everything_are_finite),
        cmocka_unit_test(test_sequence__a_billion_units_decide),
        cmocka_unit_test(test_sequence__refuses_plans_that_are_none),
        cmocka_unit_test(test_sequence__intervals_cover),
        cmocka_unit_test(test_saving__scales),
        cmocka_unit_test(test_saving__interval_is_where_evidence_turns),
        cmocka_unit_test(test_saving__evidence_is_monotone),
        cmocka_unit_test(test_detector__refuses_and_ends),
        cmocka_unit_test(test_detector__careful_baselines),
        cmocka_unit_test(test_evidence__closed_and_listed),
        cmocka_unit_test(test_exposure__of_the_fixed_test),
        cmocka_unit_test(test_mismatch__edges),
        cmocka_unit_test(test_guard__refuses),
        cmocka_unit_test(test_race__is_seldom_wrong_on_any_set),
        cmocka_unit_test(test_race__edges),
        cmocka_unit_test(test_assignment__places_are_those_of_other_languages),
        cmocka_unit_test(test_assignment__balanced_and_independent),
        cmocka_unit_test(test_allocation__floors_and_favourites),
        cmocka_unit_test(test_allocation__refuses),
        cmocka_unit_test(test_adjustment__same_difference_less_variance),
        cmocka_unit_test(test_adjustment__refuses),
        cmocka_unit_test(test_sequence__segments_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
