/* Under which weights which configuration wins: beside a ranking that is made anew at each weight, on studies of
 * chance, twins, rows on a line and the greatest numbers; what was spent, over time. */
#include "tests/study_world.h"

#include "tuner/analysis/analysis.h"
#include "tuner/base/rng.h"

#include "surrogate/surrogate.h"

#include <float.h>
#include <math.h>

static struct objective weighed(const struct world *w, double em)
{
    struct objective o = w->study->objective;
    o.weight[0] = em;
    o.weight[1] = 1 - em;
    return o;
}

static long winner_at(const struct world *w, double em)
{
    struct arena a = {0};
    const struct objective o = weighed(w, em);
    const struct ranking all = ranking_make(&w->history->m, &o, &a);
    long out = all.winner ? all.winner->trial->number : -1;
    arena_done(&a);
    return out;
}

static struct envelope envelope_of(const struct world *w, int metric, struct arena *a)
{
    struct envelope x;
    const struct objective o = weighed(w, 0.6);
    const struct ranking all = ranking_make(&w->history->m, &o, a);
    assert_true(envelope_make(&w->history->m, &o, &all, metric, a, &x));
    return x;
}

/* In the middle of each step, and a little from both of its ends. */
static void compare_with_rankings(const struct world *w)
{
    struct arena a = {0};
    struct envelope x = envelope_of(w, 0, &a);
    assert_true(x.n > 0 && x.from[0].weight == 0 && x.n <= x.n_front);
    for (size_t i = 0; i < x.n; i++) {
        double low = x.from[i].weight, high = i + 1 < x.n ? x.from[i + 1].weight : 1;
        assert_true(low < high || i + 1 == x.n);
        double inside = fmin(1e-9, (high - low) / 4);
        assert_int_equal(winner_at(w, low + inside), x.from[i].trial);
        assert_int_equal(winner_at(w, (low + high) / 2), x.from[i].trial);
        assert_int_equal(winner_at(w, high - inside), x.from[i].trial);
    }
    arena_done(&a);
}

static struct world *world_of(size_t n, uint64_t seed, double scale)
{
    struct world *w = world_make();
    struct rng rng = rng_derive(seed, "envelope", 0);
    complete(w, w->history->m.trial[0], 0.50, 10000 * scale);
    for (size_t i = 0; i < n; i++)
        complete(w, add(w, ROLE_SEARCH, rng_unit(&rng), 1), rng_unit(&rng), 20000 * scale * rng_unit(&rng));
    return w;
}

static void test_envelope__says_what_a_ranking_says(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *w = world_of(40, seed, seed % 5 == 0 ? 1e100 : 1);
        compare_with_rankings(w);
        world_free(w);
    }
}

static void test_envelope__twins_lines_and_one(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct arena a = {0};
    struct envelope x = envelope_of(w, 0, &a);
    assert_int_equal(x.n, 0); /* nothing is complete */
    assert_int_equal(x.n_front, 0);
    complete(w, w->history->m.trial[0], 0.50, 10000);
    x = envelope_of(w, 0, &a);
    assert_int_equal(x.n, 1);
    const double em[] = {0.50, 0.75, 1.00, 0.75, 1.00}, tokens[] = {2500, 5000, 7500, 5000, 7500};
    for (size_t i = 0; i < 5; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 1), em[i], tokens[i]);
    x = envelope_of(w, 0, &a); /* on a line: the middle never wins alone; of twins the older */
    assert_int_equal(x.n_front, 3);
    assert_int_equal(x.n, 2);
    assert_int_equal(x.from[0].trial, 2);
    assert_int_equal(x.from[1].trial, 4);
    assert_near(x.from[1].weight, 1.0 / 3, 1e-12); /* 0.5 in tokens against 1 in em */
    x = envelope_of(w, 1, &a);
    assert_int_equal(x.from[0].trial, 4);
    assert_near(x.from[1].weight, 2.0 / 3, 1e-12);
    arena_done(&a);
    world_free(w);
}

static void test_envelope__the_greatest_numbers(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct arena a = {0};
    complete(w, w->history->m.trial[0], 0.5, 1);
    complete(w, add(w, ROLE_SEARCH, 0.1, 1), 1.0, DBL_MAX);
    complete(w, add(w, ROLE_SEARCH, 0.2, 1), 0.6, 0);
    struct envelope x = envelope_of(w, 0, &a);
    for (size_t i = 0; i < x.n; i++) assert_true(x.from[i].weight >= 0 && x.from[i].weight <= 1);
    assert_int_equal(x.from[0].trial, 3);
    arena_done(&a);
    world_free(w);
}

static void test_envelope__what_breaks_a_constraint_never_wins(void **state)
{
    (void)state;
    struct world *w = world_of(5, 3, 1);
    struct arena a = {0};
    complete(w, add(w, ROLE_SEARCH, 0.1, 1), 0.1, 1);
    struct envelope x = envelope_of(w, 0, &a);
    for (size_t i = 0; i < x.n_front; i++) assert_int_not_equal(x.front[i], 7);
    arena_done(&a);
    world_free(w);
}

static void test_spending__sums(void **state)
{
    (void)state;
    struct world *w = world_of(30, 2, 1);
    struct arena a = {0};
    for (int64_t step = 0; step < 100000; step = step ? step * 7 : 1) {
        struct spending x = spending_make(&w->history->m, step, &a);
        assert_true(x.n > 0 && x.n <= SPENDING_POINTS_MAX && x.step_ms >= step);
        assert_near(x.point[x.n - 1].tokens, w->history->m.tally.tokens, 1e-6);
        assert_int_equal(x.point[x.n - 1].trials, w->history->m.tally.finished);
        for (size_t i = 1; i < x.n; i++)
            assert_true(x.point[i].tokens >= x.point[i - 1].tokens && x.point[i].trials >= x.point[i - 1].trials);
    }
    arena_done(&a);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_envelope__says_what_a_ranking_says),
        cmocka_unit_test(test_envelope__twins_lines_and_one),
        cmocka_unit_test(test_envelope__the_greatest_numbers),
        cmocka_unit_test(test_envelope__what_breaks_a_constraint_never_wins),
        cmocka_unit_test(test_spending__sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
