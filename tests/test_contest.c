/* Who is run again after an alarm, beside the champion: on the same seeds, and on the same items. */
#include "tests/test.h"

#include "tuner/base/rng.h"
#include "tuner/live/answers.h"
#include "tuner/live/contest.h"
#include "tuner/live/duel.h"

/* ---- on the same seeds ---- */

enum { SEEDS = 20 };

static struct study *study_of_errors(void)
{
    static const char text[] = "study: s\nparameters: {x: {type: float, range: [0, 1]}}\nmetrics:\n  error: {goal: minimize, kind: proportion}\n"
                               "  tokens: {goal: minimize, kind: count}\nbaseline: {x: 0.5}\nobjective: {weights: {error: 0.5, tokens: 0.5}}\n"
                               "budget: {trials: 3}\n";
    struct study *study = NULL;
    struct error err;
    assert_ok(study_parse("s.yaml", text, strlen(text), &study, &err), err);
    return study;
}

/* After how many seeds it goes, who makes so many more errors; 0: never. */
static size_t goes_after(const struct study *study, struct rng *rng, double more, size_t silent)
{
    double error[SEEDS], tokens[SEEDS];
    const double *const champion[METRICS_MAX] = {error, tokens};
    struct contest c;
    for (size_t k = 0; k < SEEDS; k++) error[k] = 0.3 + 0.02 * rng_normal(rng), tokens[k] = 100;
    error[3] = NAN; /* the champion failed there */
    contest_begin(&c, &study->objective, champion, SEEDS);
    assert_int_equal(c.n, 1);
    for (size_t k = 0; k < SEEDS; k++) {
        double it[METRICS_MAX] = {k < silent ? NAN : 0.3 + more + 0.02 * rng_normal(rng), 1e9};
        if (contest_see(&c, k, it)) return k + 1;
    }
    return 0;
}

static void test_contest__who_is_much_worse_goes_early(void **state)
{
    (void)state;
    struct study *study = study_of_errors();
    struct rng rng = rng_derive(34, "contest", 0);
    size_t wrong = 0;
    for (int i = 0; i < 200; i++) {
        size_t much = goes_after(study, &rng, 0.4, 0), little = goes_after(study, &rng, 0.2, 0);
        assert_in_range(much, 3, SEEDS / 2 + 2);
        assert_in_range(little, much, SEEDS - 2);
        size_t same = goes_after(study, &rng, 0, 0), better = goes_after(study, &rng, -0.1, 0);
        wrong += same > 0 && same < SEEDS;
        assert_int_equal(better, 0);
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(goes_after(study, &rng, 0.4, SEEDS), 0); /* of whom nothing is heard nothing is said */
    study_free(study);
}

/* ---- on the same items ---- */

enum { ITEMS = 1000 };

static const char *id_of(size_t i)
{
    static char id[24];
    snprintf(id, sizeof id, "item %zu", i);
    return id;
}

static void test_answers__are_found_by_their_id(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct answers a;
    size_t n = 0;
    answers_begin(&a, 2, &arena);
    assert_null(answers_find(&a, "item 0"));
    assert_true(isnan(answers_mean(&a, 0, &n)));
    for (size_t i = 0; i < ITEMS; i++) assert_true(answers_add(&a, id_of(i), (double[]){(double)i, i % 2 ? NAN : 1}));
    for (size_t i = 0; i < ITEMS; i++) assert_false(answers_add(&a, id_of(i), (double[]){-1, -1})); /* the first counts */
    for (size_t i = 0; i < ITEMS; i++) assert_true(answers_find(&a, id_of(i))[0] == (double)i);
    assert_null(answers_find(&a, "item 1000"));
    assert_int_equal(a.n, ITEMS);
    assert_near(answers_mean(&a, 0, &n), (ITEMS - 1) / 2.0, 1e-9);
    assert_int_equal(n, ITEMS);
    assert_near(answers_mean(&a, 1, &n), 1, 0);
    assert_int_equal(n, ITEMS / 2);
    arena_done(&arena);
}

enum order { RANDOM, EASY_FIRST, HARD_FIRST };

struct duelling {
    double apart;   /* so many more errors */
    double between; /* spread of the champion's means between two seeds */
    enum order order;
    size_t unknown; /* items that the champion has not answered come first */
    size_t stutter; /* how often each is said */
};

/* After how many items it has lost; 0: never. Each item has a hardness, the same for both. */
static size_t loses_after(const struct study *study, struct rng *rng, const struct duelling *c)
{
    struct arena arena = {0};
    struct answers champion[2];
    struct duel d;
    double leeway[METRICS_MAX];
    const struct duel_race *lost = NULL;
    for (size_t k = 0; k < 2; k++) {
        answers_begin(&champion[k], 2, &arena);
        for (size_t i = 0; i < ITEMS; i++)
            answers_add(&champion[k], id_of(i), (double[]){(double)i < 0.3 * ITEMS + (double)k * c->between * ITEMS, 100});
    }
    duel_leeway(&study->objective, champion, 2, leeway);
    assert_true(leeway[0] == 0 ? c->between == 0 : leeway[0] > c->between);
    assert_true(duel_begin(&d, &study->objective, &champion[0], leeway, 2, &arena));
    assert_int_equal(d.n, 1); /* tokens have no bound */
    size_t order[ITEMS];
    for (size_t i = 0; i < ITEMS; i++) {
        size_t k = c->order == RANDOM ? rng_below(rng, i + 1) : i;
        order[i] = order[k], order[k] = i;
    }
    for (size_t i = 0; i < c->unknown; i++) assert_null(duel_see(&d, id_of(ITEMS + i), (double[]){1, 1e9}));
    for (size_t i = 0; i < ITEMS && !lost; i++) {
        size_t item = c->order == EASY_FIRST ? ITEMS - 1 - order[i] : order[i];
        bool wrong = (double)item < 0.3 * ITEMS || rng_unit(rng) < c->apart / 0.7;
        for (size_t k = 0; k < c->stutter; k++) lost = duel_see(&d, id_of(item), (double[]){wrong, 1e9});
    }
    if (lost) assert_int_equal(lost->metric, 0);
    size_t n = d.challenger.n;
    arena_done(&arena);
    return lost ? n : 0;
}

static void test_duel__who_is_worse_loses_early(void **state)
{
    (void)state;
    struct study *study = study_of_errors();
    struct rng rng = rng_derive(35, "duel", 0);
    size_t wrong = 0, big = 0, small = 0;
    for (int i = 0; i < 100; i++) {
        size_t much = loses_after(study, &rng, &(struct duelling){.apart = 0.2, .stutter = 1});
        size_t little = loses_after(study, &rng, &(struct duelling){.apart = 0.08, .stutter = 1});
        wrong += loses_after(study, &rng, &(struct duelling){.stutter = 1}) > 0;
        big += much ? much : ITEMS;
        small += little ? little : ITEMS;
    }
    assert_true(big < 100 * ITEMS / 5);
    assert_true(small > big && small < 100 * ITEMS / 2);
    assert_int_equal(wrong, 0);
    study_free(study);
}

static void test_duel__what_is_unknown_or_said_again_changes_nothing(void **state)
{
    (void)state;
    struct study *study = study_of_errors();
    struct rng once = rng_derive(36, "duel", 0), again = once;
    size_t n = loses_after(study, &once, &(struct duelling){.apart = 0.2, .stutter = 1});
    assert_true(n > 0);
    assert_int_equal(loses_after(study, &again, &(struct duelling){.apart = 0.2, .unknown = 300, .stutter = 3}), n);
    study_free(study);
}

/* Whoever says the hard ones first looks worse than he is, and the easy ones better. */
static void test_duel__an_order_that_is_not_random_decides_nothing(void **state)
{
    (void)state;
    struct study *study = study_of_errors();
    struct rng rng = rng_derive(37, "duel", 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(loses_after(study, &rng, &(struct duelling){.order = HARD_FIRST, .stutter = 1}), 0);
        assert_int_equal(loses_after(study, &rng, &(struct duelling){.order = EASY_FIRST, .stutter = 1}), 0);
    }
    study_free(study);
}

static void test_duel__where_seeds_differ_more_is_let_go(void **state)
{
    (void)state;
    struct study *study = study_of_errors();
    struct rng rng = rng_derive(38, "duel", 0);
    size_t still = 0, noisy = 0;
    for (int i = 0; i < 50; i++) {
        still += loses_after(study, &rng, &(struct duelling){.apart = 0.08, .stutter = 1}) > 0;
        noisy += loses_after(study, &rng, &(struct duelling){.apart = 0.08, .between = 0.05, .stutter = 1}) > 0;
    }
    assert_true(still > 40);
    assert_int_equal(noisy, 0);
    study_free(study);
}

static void test_duel__without_items_there_is_none(void **state)
{
    (void)state;
    struct study *study = study_of_errors();
    struct arena arena = {0};
    struct answers none;
    struct duel d;
    answers_begin(&none, 2, &arena);
    assert_false(duel_begin(&d, &study->objective, &none, (double[METRICS_MAX]){0}, 1, &arena));
    assert_null(duel_see(&d, "item 1", (double[]){1, 1}));
    answers_add(&none, "item 1", (double[]){NAN, 5}); /* nothing of the proportion */
    assert_false(duel_begin(&d, &study->objective, &none, (double[METRICS_MAX]){0}, 1, &arena));
    assert_false(duel_has_races(&study->objective, &none));
    answers_add(&none, "item 2", (double[]){1, NAN});
    assert_true(duel_has_races(&study->objective, &none));
    arena_done(&arena);
    study_free(study);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contest__who_is_much_worse_goes_early),
        cmocka_unit_test(test_answers__are_found_by_their_id),
        cmocka_unit_test(test_duel__who_is_worse_loses_early),
        cmocka_unit_test(test_duel__what_is_unknown_or_said_again_changes_nothing),
        cmocka_unit_test(test_duel__an_order_that_is_not_random_decides_nothing),
        cmocka_unit_test(test_duel__where_seeds_differ_more_is_let_go),
        cmocka_unit_test(test_duel__without_items_there_is_none),
    };
    return cmocka_run_group_tests_name("contest", tests, NULL, NULL);
}
