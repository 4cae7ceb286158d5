/* What short curves say: ladders, chances on a rung, and what the search is told of stopped trials. */
#include "tests/test.h"

#include "tuner/search/ladder.h"
#include "tuner/search/outlook.h"
#include "tuner/search/partial.h"

#include "surrogate/surrogate.h"

#include "tuner/base/rng.h"

enum { N = 64, REPORTS = 20 };

static const char STUDY[] = "study: s\nparameters:\n  x: {type: float, range: [0, 1]}\n"
                            "metrics:\n  score: {goal: maximize, kind: value}\nobjective: {maximize: score}\n";

struct world {
    struct study *study;
    struct learning_curve curve[N];
    struct ladder_trial trial[N];
    struct evidence_trial known[N];
    double result[N], config[N];
    struct evidence evidence;
};

static struct world *world_make(void)
{
    struct world *w = calloc(1, sizeof *w);
    struct error err;
    assert_ok(study_parse("s", STUDY, strlen(STUDY), &w->study, &err), err);
    return w;
}

static void world_free(struct world *w)
{
    for (size_t i = 0; i < N; i++) learning_curve_done(&w->curve[i]);
    study_free(w->study);
    free(w);
}

static void report(struct world *w, size_t i, double v)
{
    learning_curve_add(&w->curve[i], &w->study->objective, w->curve[i].reports, &v);
}

static void finish(struct world *w, size_t i, double result)
{
    w->result[i] = result;
    w->trial[i] = (struct ladder_trial){&w->curve[i], result};
    w->known[i] =
        (struct evidence_trial){(long)i, &w->config[i], &w->curve[i], isfinite(result) ? &w->result[i] : NULL};
    w->evidence = (struct evidence){.n = i + 1, .trial = w->known};
}

/* Levels from −1 to 1; every trial gains 0.1 a report; report 1 shows `told` of the level, the others all of it. Below
 * `pass`, as it looks at report 1, a trial is stopped there. */
static void fill(struct world *w, double told, double pass)
{
    struct rng rng = rng_derive(1, "levels", 0);
    for (size_t i = 0; i < N; i++) {
        double level = rng_normal(&rng), first = told * level + sqrt(1 - told * told) * rng_normal(&rng);
        report(w, i, first);
        for (long k = 1; first >= pass && k < REPORTS; k++)
            report(w, i, level + 0.1 * (double)k + 0.02 * rng_normal(&rng));
        finish(w, i, first >= pass ? learning_curve_last(&w->curve[i], 0) : NAN);
        w->config[i] = level; /* kept to compare with */
    }
}

static void test_ladder__what_was_stopped_does_not_bias(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct ladder l;
    struct ladder_end end;
    double error = 0, covered = 0, n = 0;
    fill(w, 0.8, 0.3);
    ladder_fit(&w->study->objective, 0, w->trial, N, &l);
    for (size_t i = 0; i < N; i++) {
        if (isfinite(w->result[i])) continue;
        assert_true(ladder_expect(&l, &w->curve[i], LADDER_RUNGS, &end));
        double off = end.mean - (w->config[i] + 0.1 * (REPORTS - 1));
        error += off;
        covered += fabs(off) < 1.645 * end.sd;
        n++;
    }
    assert_true(n > N / 3);
    assert_true(fabs(error / n) < 0.4);
    assert_true(covered / n > 0.75);
    world_free(w);
}

static struct outlook_chance chance(struct world *w, size_t i, size_t rung)
{
    struct outlook x;
    struct outlook_chance c;
    struct running r = {(long)i, &w->config[i], &w->curve[i], NULL, 0};
    outlook_make(w->study, &w->evidence, &x);
    assert_true(outlook_look(&x, &r, rung, 1.0 / 16, &c));
    return c;
}

static void test_outlook__chances_are_right_on_the_mean(void **state)
{
    (void)state;
    for (int told = 0; told < 3; told++) {
        struct world *w = world_make();
        double sum = 0, least = 1, most = 0;
        fill(w, told / 2.0, -HUGE_VAL);
        for (size_t i = 0; i < N; i++) {
            struct outlook_chance c = chance(w, i, 0);
            assert_int_equal(c.n, N);
            assert_near(c.mean, 1.0 / 16, 1e-6);
            sum += c.own / N;
            least = fmin(least, c.own);
            most = fmax(most, c.own);
        }
        assert_near(sum, 1.0 / 16, 1e-3);
        if (told == 0) assert_true(least > 0.01 && most < 0.2); /* nearly the same for all */
        if (told == 2) assert_true(least < 1e-3 && most > 0.5);
        world_free(w);
    }
}

static void test_outlook__later_rungs_know_more(void **state)
{
    (void)state;
    struct world *w = world_make();
    size_t best = 0;
    fill(w, 0.3, -HUGE_VAL);
    for (size_t i = 0; i < N; i++)
        if (w->result[i] > w->result[best]) best = i;
    assert_true(chance(w, best, 4).own > 0.9);
    assert_true(chance(w, best, 4).own > chance(w, best, 0).own);
    world_free(w);
}

static void test_ladder__odd_curves(void **state)
{
    (void)state;
    static const double odd[][4] = {{NAN, NAN, NAN, NAN}, {1, NAN, NAN, 2},    {1e300, -1e300, 1e300, 0}, {5, 5, 5, 5},
                                    {0, 1, 0, 1},         {INFINITY, 1, 2, 3}, {-1e-300, 1e-300, 0, 0}};
    for (size_t others = 0; others < sizeof odd / sizeof *odd; others++) {
        struct world *w = world_make();
        for (size_t i = 0; i < 14; i++) {
            const double *v = i % 2 ? odd[others] : odd[i / 2];
            for (size_t k = 0; k < 1 + i % 4; k++) report(w, i, v[k]);
            finish(w, i, i % 3 ? NAN : v[3]);
        }
        struct ladder l;
        struct ladder_end end;
        ladder_fit(&w->study->objective, 0, w->trial, 14, &l);
        for (size_t i = 0; i < 14; i++)
            if (ladder_expect(&l, &w->curve[i], LADDER_RUNGS, &end))
                assert_true(!isnan(end.mean) && !isnan(end.sd) && end.sd >= 0);
        world_free(w);
    }
}

static void test_partial__what_can_be_expected_is(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct search_trial t[N];
    struct arena arena = {0};
    double nan[1] = {NAN}, spread[1] = {0.5}, said[1] = {3};
    fill(w, 0.8, 0.3);
    for (size_t i = 0; i < N; i++) {
        bool ended = isfinite(w->result[i]);
        t[i] = (struct search_trial){.outcome = ended ? SEARCH_COMPLETE : SEARCH_STOPPED,
                                     .config = &w->config[i],
                                     .metrics = ended ? &w->result[i] : nan,
                                     .told = (long)i,
                                     .curve = &w->curve[i]};
    }
    t[0] = (struct search_trial){.outcome = SEARCH_STOPPED, .config = &w->config[0], .metrics = nan, .told = 0};
    t[1] = (struct search_trial){
        .outcome = SEARCH_STOPPED, .config = &w->config[1], .metrics = said, .spread = spread, .told = 1};
    struct search_history h = {.n = N, .trial = t}, told = partial_expect(w->study, &h, &arena),
                          again = partial_expect(w->study, &h, &arena);
    assert_int_equal(told.trial[0].outcome, SEARCH_STOPPED); /* nothing is known of it */
    assert_int_equal(told.trial[1].outcome, SEARCH_COMPLETE);
    assert_near(told.trial[1].metrics[0], 3, 0); /* what was expected when it was stopped */
    for (size_t i = 2; i < N; i++) {
        assert_int_equal(told.trial[i].outcome, SEARCH_COMPLETE);
        if (t[i].outcome == SEARCH_COMPLETE) assert_null(told.trial[i].spread);
        if (t[i].outcome == SEARCH_STOPPED) assert_true(told.trial[i].spread[0] > 0.01);
        assert_memory_equal(told.trial[i].metrics, again.trial[i].metrics, sizeof(double));
    }
    arena_done(&arena);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ladder__what_was_stopped_does_not_bias),
        cmocka_unit_test(test_ladder__odd_curves),
        cmocka_unit_test(test_outlook__chances_are_right_on_the_mean),
        cmocka_unit_test(test_outlook__later_rungs_know_more),
        cmocka_unit_test(test_partial__what_can_be_expected_is),
    };
    surrogate_setup();
    return cmocka_run_group_tests_name("outlook", tests, NULL, NULL);
}
