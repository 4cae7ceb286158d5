/* Ranges of places: whoever has which, and that no unit moves that need not when shares change; places themselves, which
 * other languages give, too. */
#include "tests/test.h"

#include "tuner/base/rng.h"
#include "tuner/rollout/rollout.h"

enum { CHANGES = 500 };

struct layout {
    struct assignment_range ranges[SHARES_RANGES_MAX];
    size_t n;
};

static void lay(struct layout *x, const double *shares, size_t n)
{
    assert_true(shares_lay(x->ranges, x->n, shares, n, x->ranges, &x->n));
}

static double share_of(const struct layout *x, size_t arm)
{
    double sum = 0;
    for (size_t i = 0; i < x->n; i++)
        if (x->ranges[i].arm == arm) sum += x->ranges[i].to - x->ranges[i].from;
    return sum;
}

static void assert_is(const struct layout *x, size_t i, double from, double to, size_t arm)
{
    assert_true(i < x->n);
    assert_near(x->ranges[i].from, from, 1e-12);
    assert_near(x->ranges[i].to, to, 1e-12);
    assert_int_equal(x->ranges[i].arm, arm);
}

/* Sorted, merged, within [0, 1), with the shares that were wanted. */
static void assert_well_made(const struct layout *x, const double *shares, size_t n)
{
    for (size_t i = 0; i < x->n; i++) {
        const struct assignment_range *r = &x->ranges[i];
        assert_true(r->from >= 0 && r->from < r->to && r->to <= 1);
        assert_in_range(r->arm, 1, n);
        if (i) assert_true(r->from > r[-1].to || (r->from == r[-1].to && r->arm != r[-1].arm));
    }
    for (size_t i = 0; i < n; i++) assert_near(share_of(x, i + 1), shares[i], 1e-12);
}

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* The width of [0, 1) that has another arm in b than in a, from all the edges of both. */
static double moved(const struct layout *a, const struct layout *b)
{
    double at = 0, sum = 0;
    while (at < 1) {
        double next = 1;
        const struct layout *both[] = {a, b};
        for (size_t k = 0; k < 2; k++)
            for (size_t i = 0; i < both[k]->n; i++) {
                const struct assignment_range *r = &both[k]->ranges[i];
                if (r->from > at) next = smaller(next, r->from);
                if (r->to > at) next = smaller(next, r->to);
            }
        if (assignment_arm(at, a->ranges, a->n) != assignment_arm(at, b->ranges, b->n)) sum += next - at;
        at = next;
    }
    return sum;
}

/* No layout can move less: what an arm gains, the champion's share among them, must come from another. */
static double least(const double *before, const double *after, size_t n)
{
    double sum = 0, champion = 0;
    for (size_t i = 0; i < n; i++) sum += larger(after[i] - before[i], 0), champion += before[i] - after[i];
    return sum + larger(champion, 0);
}

static void test_assignment__a_range_has_its_first_place_and_not_its_last(void **state)
{
    (void)state;
    const struct assignment_range r[] = {{0, 0.2, 1}, {0.3, 0.5, 3}, {0.5, 1, 2}};
    assert_int_equal(assignment_arm(0, r, 3), 1);
    assert_int_equal(assignment_arm(0.2, r, 3), 0);
    assert_int_equal(assignment_arm(0.3, r, 3), 3);
    assert_int_equal(assignment_arm(0.5, r, 3), 2);
    assert_int_equal(assignment_arm(1 - 0x1p-52, r, 3), 2);
    assert_int_equal(assignment_arm(0.1, r, 0), 0);
    assert_int_equal(assignment_arm(NAN, r, 3), 0);
}

static void test_shares__a_ramp_is_one_range_that_grows(void **state)
{
    (void)state;
    struct layout x = {.n = 0};
    const double ramp[] = {0.05, 0.25, 0.5, 0.3, 1, 0};
    for (size_t i = 0; i < 5; i++) {
        lay(&x, &ramp[i], 1);
        assert_int_equal(x.n, 1);
        assert_is(&x, 0, 0, ramp[i], 1);
    }
    lay(&x, &ramp[5], 1);
    assert_int_equal(x.n, 0);
}

static void test_shares__growing_and_shrinking(void **state)
{
    (void)state;
    struct layout x = {.n = 0};
    lay(&x, (const double[]){0.05, 0.05}, 2);
    assert_int_equal(x.n, 2);
    assert_is(&x, 0, 0, 0.05, 1);
    assert_is(&x, 1, 0.05, 0.1, 2);
    lay(&x, (const double[]){0.05, 0.25}, 2); /* beside its own */
    assert_int_equal(x.n, 2);
    assert_is(&x, 1, 0.05, 0.3, 2);
    lay(&x, (const double[]){0.15, 0.25}, 2); /* none free beside it */
    assert_int_equal(x.n, 3);
    assert_is(&x, 2, 0.3, 0.4, 1);
    lay(&x, (const double[]){0.02, 0.25}, 2); /* back from its end */
    assert_int_equal(x.n, 2);
    assert_is(&x, 0, 0, 0.02, 1);
    lay(&x, (const double[]){0.5, 0.1}, 2); /* first what the other gave back, then beside its own */
    assert_int_equal(x.n, 3);
    assert_is(&x, 0, 0, 0.05, 1);
    assert_is(&x, 1, 0.05, 0.15, 2);
    assert_is(&x, 2, 0.15, 0.6, 1);
    lay(&x, (const double[]){0.5}, 1); /* the second is out */
    assert_int_equal(x.n, 2);
}

static void test_shares__refuses_what_cannot_be(void **state)
{
    (void)state;
    const struct assignment_range fine[] = {{0.1, 0.2, 1}, {0.2, 0.3, 2}};
    const struct assignment_range bad[][2] = {{{0.1, 0.2, 1}, {0.15, 0.3, 2}}, {{0.2, 0.3, 1}, {0.1, 0.2, 2}},
                                              {{0.1, 0.1, 1}, {0.2, 0.3, 2}},  {{0.1, 0.2, 1}, {0.2, 1.1, 2}},
                                              {{-0.1, 0.2, 1}, {0.2, 0.3, 2}}, {{0.1, 0.2, 0}, {0.2, 0.3, 2}},
                                              {{NAN, 0.2, 1}, {0.2, 0.3, 2}},  {{0.1, 0.2, 1}, {0.2, NAN, 2}}};
    const double wanted[] = {0.1, 0.1}, shares[][2] = {{-0.1, 0.2}, {NAN, 0.2}, {0.6, 0.5}, {INFINITY, 0}};
    struct layout x = {.n = 77};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(shares_lay(bad[i], 2, wanted, 2, x.ranges, &x.n));
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        assert_false(shares_lay(fine, 2, shares[i], 2, x.ranges, &x.n));
    double many[SHARES_CHALLENGERS_MAX + 1] = {0};
    assert_false(shares_lay(fine, 2, many, SHARES_CHALLENGERS_MAX + 1, x.ranges, &x.n));
    assert_int_equal(x.n, 77);
    assert_true(x.ranges[0].to == 0);
    assert_true(shares_lay(fine, 2, many, SHARES_CHALLENGERS_MAX, x.ranges, &x.n));
    assert_int_equal(x.n, 0);
}

/* The fewest of five cells that change, of all ways to give them to the champion and two challengers. */
static size_t fewest(const size_t *now, const size_t counts[3], size_t cell)
{
    if (cell == 5) return 0;
    size_t best = SIZE_MAX, left[3] = {counts[0], counts[1], counts[2]};
    for (size_t arm = 0; arm < 3; arm++) {
        if (!left[arm]) continue;
        left[arm]--;
        size_t rest = fewest(now, left, cell + 1), all = rest == SIZE_MAX ? rest : rest + (now[cell] != arm);
        if (all < best) best = all;
        left[arm]++;
    }
    return best;
}

static void cells(const size_t *now, struct layout *ret)
{
    ret->n = 0;
    for (size_t i = 0; i < 5; i++)
        if (now[i]) ret->ranges[ret->n++] = (struct assignment_range){(double)i / 5, (double)(i + 1) / 5, now[i]};
}

/* All 243 layouts of five cells for two challengers, and from each all 21 shares. */
static void test_shares__none_moves_who_need_not(void **state)
{
    (void)state;
    for (int code = 0; code < 243; code++) {
        size_t now[5];
        for (int i = 0, c = code; i < 5; i++, c /= 3) now[i] = (size_t)c % 3;
        for (size_t one = 0; one <= 5; one++)
            for (size_t two = 0; one + two <= 5; two++) {
                const double shares[] = {(double)one / 5, (double)two / 5};
                struct layout before, after = {.n = 0};
                cells(now, &before);
                assert_true(shares_lay(before.ranges, before.n, shares, 2, after.ranges, &after.n));
                assert_well_made(&after, shares, 2);
                double want = (double)fewest(now, (const size_t[]){5 - one - two, one, two}, 0) / 5;
                assert_near(moved(&before, &after), want, 1e-12);
            }
    }
}

/* Shares of sum ≤ 1, often 0, now and then of no champion. */
static void some_shares(struct rng *r, double *ret, size_t n)
{
    double sum = rng_unit(r) < 0.1 ? 0 : rng_unit(r);
    for (size_t i = 0; i < n; i++) sum += ret[i] = rng_unit(r) < 0.1 ? 0 : rng_unit(r);
    for (size_t i = 0; i < n && sum > 0; i++) ret[i] /= sum;
}

static void test_shares__stay_exact_and_few_however_often_they_change(void **state)
{
    (void)state;
    struct rng r = rng_derive(1, "shares", 0);
    for (size_t n = 1; n <= SHARES_CHALLENGERS_MAX; n = n < 4 ? n + 1 : 4 * n) {
        double before[SHARES_CHALLENGERS_MAX] = {0}, after[SHARES_CHALLENGERS_MAX];
        struct layout x = {.n = 0}, old;
        size_t anew = 0;
        for (int i = 0; i < CHANGES; i++) {
            old = x;
            some_shares(&r, after, n);
            lay(&x, after, n);
            assert_well_made(&x, after, n);
            double more = moved(&old, &x) - least(before, after, n);
            assert_true(more > -1e-11);
            if (more > 1e-11) { /* only where the pieces had become too many */
                assert_true(x.n <= n);
                anew++;
            }
            memcpy(before, after, sizeof before);
        }
        print_message("%zu challengers: laid anew %zu times in %d changes, %zu ranges at last\n", n, anew, CHANGES, x.n);
        assert_true(anew < CHANGES / 10);
    }
}

/* ---- places ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assignment__a_range_has_its_first_place_and_not_its_last),
        cmocka_unit_test(test_shares__a_ramp_is_one_range_that_grows),
        cmocka_unit_test(test_shares__growing_and_shrinking),
        cmocka_unit_test(test_shares__refuses_what_cannot_be),
        cmocka_unit_test(test_shares__none_moves_who_need_not),
        cmocka_unit_test(test_shares__stay_exact_and_few_however_often_they_change),
        cmocka_unit_test(test_assignment__places_are_those_of_other_languages),
        cmocka_unit_test(test_assignment__balanced_and_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
