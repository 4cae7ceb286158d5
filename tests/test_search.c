#include "tests/search_bench.h"

#include "tuner/search/draw.h"
#include "tuner/search/encode.h"

#include <pthread.h>

static void test_suggest__is_a_function_of_seed_number_and_history(void **state)
{
    (void)state;
    struct bench *b = bench_make(SINGLE);
    for (int i = 0; i < 12; i++) {
        struct suggestion s = bench_ask(b, 3), again = bench_ask(b, 3), other = bench_ask(b, 4);
        assert_memory_equal(s.config, again.config, 4 * sizeof(double));
        assert_string_equal(s.source, again.source);
        if (i < 5)
            assert_memory_not_equal(s.config, other.config, 4 * sizeof(double)); /* later both may want one corner */
        bench_add(b, s.config, SEARCH_COMPLETE, branin(s.config), 0);
    }
    bench_free(b);
}

static void test_suggest__parallel_asks_are_all_different(void **state)
{
    (void)state;
    struct bench *b = bench_make(SINGLE);
    for (int i = 0; i < 8; i++) {
        struct suggestion s = bench_ask(b, 1);
        bench_add(b, s.config, SEARCH_COMPLETE, branin(s.config), 0);
    }
    size_t told = b->n;
    for (int i = 0; i < 8; i++) {
        struct suggestion s = bench_ask(b, 1);
        assert_contains(s.source, "gp");
        bench_add(b, s.config, SEARCH_PENDING, NAN, 0);
    }
    for (size_t i = told; i < b->n; i++)
        for (size_t k = told; k < i; k++) assert_memory_not_equal(b->config[i], b->config[k], 4 * sizeof(double));
    bench_free(b);
}

enum { LINE = 41 };

/* The order is that of the draw itself: first what its bound allows, the best before the rest; then what it forbids,
 * the least before the rest. And other draws want other places. */
static void test_draw__ranks_by_one_draw(void **state)
{
    (void)state;
    const double x[] = {0.1, 0.2, 0.4, 0.5, 0.6, 0.8, 0.9}, y[] = {1.0, 2.5, 2.0, 0.5, 1.7, 1.2, 2.2};
    double at[LINE], f[LINE];
    struct search_rank r[LINE];
    struct gp *gp = NULL;
    struct error err;
    size_t different = 0, last = LINE, forbidden = 0;
    const struct dimension line = {.kind = DIMENSION_CONTINUOUS};
    for (size_t i = 0; i < LINE; i++) at[i] = (double)i / (LINE - 1);
    assert_ok(gp_fit(&(struct gp_data){.n = 7, .d = 1, .x = x, .y = y, .dim = &line}, 1, &gp, &err), err);
    struct model m = {.d = 1, .n_outputs = 1, .output = {{gp, -1, LINK_IDENTITY}}, .bound = {{0, 1.5, true}}};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        const struct gp_draws draws = {at, LINE, 1, seed};
        assert_ok(gp_sample(gp, &draws, f, &err), err);
        for (m.n_bounds = 0; m.n_bounds < 2; m.n_bounds++) {
            double bound = m.n_bounds ? 1.5 : -HUGE_VAL;
            assert_ok(draw_rank(&m, &draws, r, &err), err);
            for (size_t i = 1; i < LINE; i++) {
                double before = f[r[i - 1].at], now = f[r[i].at];
                assert_true(now < bound ? before >= bound || before >= now : before >= bound && before <= now);
                forbidden += now < bound;
            }
        }
        different += r[0].at != last;
        last = r[0].at;
    }
    assert_true(different > 5 && forbidden > LINE);
    gp_free(gp);
}

static bool is_on_edge(const double *config)
{
    return config[0] == -5 || config[0] == 10 || config[1] == 0 || config[1] == 15;
}

/* Of ten suggestions after thirty random trials: how many are the best place of a draw? None of these is on an edge,
 * where a noisy model is widest. `of`: EM over so many items. */
static int draws_wanted(const char *text, double sd, double of)
{
    struct bench *b = bench_make(text);
    struct rng rng = rng_derive(5, "noise", 0);
    int draws = 0;
    for (int i = 0; i < 30; i++) {
        double x = rng_unit(&rng), y = rng_unit(&rng), u = 0.7 - 0.3 * x * x - 0.2 * y;
        double config[4] = {15 * x - 5, 15 * y, 1 + (double)rng_below(&rng, 64), (double)rng_below(&rng, 3)};
        if (of > 0) u = round(of * u + sqrt(of * u * (1 - u)) * rng_normal(&rng)) / of;
        bench_add(b, config, SEARCH_COMPLETE, of > 0 ? u : -u + sd * rng_normal(&rng), 0);
    }
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct suggestion s = bench_ask(b, seed);
        bool drawn = strstr(s.source, "draw") != NULL;
        draws += drawn;
        assert_false(drawn && is_on_edge(s.config));
    }
    bench_free(b);
    return draws;
}

static void test_suggest__draws_where_it_is_noisy(void **state)
{
    (void)state;
    char em[600];
    assert_int_equal(draws_wanted(SINGLE, 0, 0), 0);
    assert_true(draws_wanted(SINGLE, 0.3, 0) >= 7); /* three times the spread */
    for (int fine = 0; fine < 2; fine++) {          /* what binomial noise of a metric is, is known */
        int of = fine ? 2000000 : 20;
        snprintf(em, sizeof em,
                 "study: b\n" SPACE "metrics: {em: {goal: maximize, kind: proportion, of: %d}}\n"
                 "objective: {maximize: em}\n",
                 of);
        assert_true(fine ? draws_wanted(em, 0, of) == 0 : draws_wanted(em, 0, of) >= 7);
    }
}

/* All that is near is tried before all that there is. */
static void test_suggest__a_small_noisy_space_is_exhausted(void **state)
{
    (void)state;
    struct bench *b =
        bench_make("study: b\nparameters: {k: {type: int, range: [1, 40]}}\nobjective: {minimize: loss}\n");
    struct rng rng = rng_derive(6, "noise", 0);
    bool tried[41] = {0};
    int draws = 0;
    for (int i = 0; i < 40; i++) {
        struct suggestion s = bench_ask(b, 1);
        int k = (int)s.config[0];
        assert_false(tried[k]);
        tried[k] = true;
        draws += strstr(s.source, "draw") != NULL;
        bench_add(b, s.config, SEARCH_COMPLETE, 0.01 * k + rng_normal(&rng), 0);
    }
    assert_true(draws > 5);
    struct search_history h = {.n = b->n, .trial = b->trial};
    struct suggestion s;
    struct error err;
    assert_int_equal(search_suggest(bench_search(b, 1), &h, (long)b->n, &s, &err), STATUS_EXHAUSTED);
    bench_free(b);
}

static void test_suggest__starts_with_sobol_also_when_nothing_completes(void **state)
{
    (void)state;
    struct bench *b = bench_make(SINGLE);
    for (int i = 0; i < 20; i++) {
        struct suggestion s = bench_ask(b, 1);
        assert_string_equal(s.source, "sobol");
        bench_add(b, s.config, SEARCH_FAILED, NAN, 0);
    }
    bench_free(b);
}

/* Everything with x > 2.5 fails; after 20 trials the suggestions know. */
static void test_suggest__avoids_a_region_that_fails(void **state)
{
    (void)state;
    struct bench *b = bench_make(SINGLE);
    int failed_late = 0;
    for (int i = 0; i < 40; i++) {
        struct suggestion s = bench_ask(b, 2);
        bool fails = s.config[0] > 2.5;
        failed_late += fails && i >= 20;
        bench_add(b, s.config, fails ? SEARCH_FAILED : SEARCH_COMPLETE, fails ? NAN : branin(s.config), 0);
    }
    assert_true(failed_late <= 7); /* half of the space fails: chance alone would give 10 of 20 */
    bench_free(b);
}

static void test_estimate__without_data_is_an_error(void **state)
{
    (void)state;
    struct bench *b = bench_make(SINGLE);
    struct search_history h = {0};
    struct error err;
    assert_int_equal(search_estimate(bench_search(b, 1), &h, NULL, NULL, &err), STATUS_NUMERIC);
    bench_free(b);
}

static void test_suggest__small_space_is_exhausted_then_says_so(void **state)
{
    (void)state;
    struct bench *b = bench_make("study: s\nparameters:\n  k: {type: int, range: [1, 3]}\n  c: {type: bool}\n"
                                 "objective: {minimize: loss}\n");
    struct suggestion s;
    struct error err;
    enum status st = STATUS_OK;
    for (int i = 0; i < 30 && !st; i++) {
        struct search_history h = {.n = b->n, .trial = b->trial};
        st = search_suggest(bench_search(b, 1), &h, (long)b->n, &s, &err);
        if (!st) bench_add(b, s.config, SEARCH_COMPLETE, s.config[0] + s.config[1], 0);
    }
    assert_int_equal(st, STATUS_EXHAUSTED);
    assert_in_range(b->n, 6, 10); /* Sobol may repeat a point, the model does not */
    bench_free(b);
}

/* A suggestion by the model, and none that fell back to chance. */
static void ask_soundly(struct bench *b)
{
    struct suggestion s = bench_ask(b, 1);
    if (s.kind == SUGGESTION_FALLBACK) fail_msg("%s", s.source);
}

static void test_suggest__awkward_histories(void **state)
{
    (void)state;
    const double values[][4] = {{3, 3, 3, 3},
                                {1e300, -1e300, 1e299, 0},
                                {1e-300, 2e-300, 0, 1e-299},
                                {0, 0, 0, 1},
                                {1e300, 1, 2, 3},
                                {-1e300, -1e300, -1e300, 1e300},
                                {5e-324, 1e-320, 0, 1},
                                {1e15, 1e15 + 1, 1e15, 1e15 + 2}};
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
        struct bench *b = bench_make(SINGLE);
        const double same[] = {1, 2, 3, 1};
        for (int i = 0; i < 24; i++) { /* every fourth row is a duplicate; 30 % fail */
            struct suggestion s = bench_ask(b, 1);
            bench_add(b, i % 4 ? s.config : same, i % 10 < 3 ? SEARCH_FAILED : SEARCH_COMPLETE, values[v][i % 4], 0);
        }
        ask_soundly(b);
        bench_free(b);
    }
}

static void test_suggest__two_hundred_categories(void **state)
{
    (void)state;
    char text[4096];
    size_t n = (size_t)snprintf(text, sizeof text,
                                "study: c\nparameters:\n  x: {type: float, range: [0, 1]}\n"
                                "  c: {type: categorical, values: [c0");
    for (int i = 1; i < 200; i++) n += (size_t)snprintf(text + n, sizeof text - n, ", c%d", i);
    snprintf(text + n, sizeof text - n, "]}\nobjective: {minimize: loss}\n");
    struct bench *b = bench_make(text);
    double best = INFINITY;
    for (int i = 0; i < 60; i++) {
        struct suggestion s = bench_ask(b, 1);
        double loss = fabs(s.config[0] - 0.7) + ((int)s.config[1] % 20 != 3);
        best = fmin(best, loss);
        bench_add(b, s.config, SEARCH_COMPLETE, loss, 0);
    }
    assert_true(best < 0.1); /* one category in twenty is good */
    bench_free(b);
}

/* The same history on four threads at once, each with a search of its own. */
static void *suggest_on_thread(void *data)
{
    struct bench *b = data;
    struct search *search = search_create(b->study, 9, NULL, 0);
    struct search_history h = {.n = b->n, .trial = b->trial};
    struct suggestion *s = calloc(1, sizeof *s);
    if (search_suggest(search, &h, (long)b->n, s, NULL)) snprintf(s->source, sizeof s->source, "failed");
    search_free(search);
    return s;
}

static void test_suggest__is_the_same_on_any_thread(void **state)
{
    (void)state;
    struct bench *b = bench_make(SINGLE);
    pthread_t thread[4];
    struct suggestion *s[4];
    for (int i = 0; i < 30; i++) {
        struct suggestion next = bench_ask(b, 9);
        bench_add(b, next.config, SEARCH_COMPLETE, branin(next.config), 0);
    }
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&thread[i], NULL, suggest_on_thread, b), 0);
    for (int i = 0; i < 4; i++) pthread_join(thread[i], (void **)&s[i]);
    for (int i = 0; i < 4; i++) {
        assert_contains(s[i]->source, "gp");
        assert_string_equal(s[i]->source, s[0]->source);
        assert_memory_equal(s[i]->config, s[0]->config, 4 * sizeof(double));
    }
    for (int i = 0; i < 4; i++) free(s[i]);
    bench_free(b);
}

/* Results come in before the baseline's, and the first has an EM of 0; later the baseline itself is 0. */
static void test_suggest__a_baseline_that_is_unknown_or_zero(void **state)
{
    (void)state;
    char text[1024];
    snprintf(text, sizeof text, WEIGHTED, "{weights: {em: 0.7, tokens: 0.3}}", "tokens <= 1e9");
    struct bench *b = bench_make(text);
    const double zero[] = {0, 2e6};
    struct rng rng = rng_derive(3, "noise", 0);
    for (int i = 0; i < 12; i++) {
        double em, tokens;
        struct suggestion s = bench_ask(b, 1);
        if (s.kind == SUGGESTION_FALLBACK) fail_msg("%s", s.source);
        tradeoff(s.config, &rng, &em, &tokens);
        bench_add(b, s.config, SEARCH_COMPLETE, i == 0 ? 0 : em, tokens);
        if (i == 8) b->baseline = zero;
    }
    bench_free(b);
}

/* 1,200 trials, told in a moment: the region takes over, and the search still closes in. */
static void test_suggest__large_histories_use_a_region(void **state)
{
    (void)state;
    enum { N = 1200 };
    struct study *study = NULL;
    struct search_trial *trial = calloc(N + 8, sizeof *trial);
    double(*config)[4] = calloc(N + 8, sizeof *config), *value = calloc(N + 8, sizeof *value), best = INFINITY;
    struct error err;
    struct suggestion s;
    assert_ok(study_parse("b", SINGLE, strlen(SINGLE), &study, &err), err);
    struct search *search = search_create(study, 1, NULL, 0);
    for (size_t i = 0; i < N + 8; i++) {
        struct rng rng = rng_derive(5, "large", i);
        double *c = config[i];
        c[0] = -5 + 15 * rng_unit(&rng), c[1] = 15 * rng_unit(&rng);
        c[2] = (double)(1 + rng_below(&rng, 64)), c[3] = (double)rng_below(&rng, 3);
        if (i >= N) {
            struct search_history h = {.n = i, .trial = trial};
            assert_ok(search_suggest(search, &h, (long)i, &s, &err), err);
            assert_contains(s.source, "gp");
            memcpy(c, s.config, sizeof *config);
        }
        value[i] = branin(c);
        best = fmin(best, value[i]);
        trial[i] =
            (struct search_trial){.outcome = SEARCH_COMPLETE, .config = c, .metrics = &value[i], .told = (long)i};
    }
    assert_true(best < 0.5); /* the minimum is 0.398 */
    search_free(search);
    study_free(study);
    free(trial);
    free(config);
    free(value);
}

static void test_encode__round_trip_and_snap(void **state)
{
    (void)state;
    struct bench *b =
        bench_make("study: s\nparameters:\n  i: {type: int, range: [1, 100], scale: log}\n"
                   "  big: {type: int, range: [0, 1000000]}\n  f: {type: float, range: [1e-5, 1], scale: log}\n"
                   "  o: {type: ordinal, values: [s, m, l]}\n  c: {type: categorical, values: [p, q]}\n"
                   "objective: {minimize: loss}\n");
    const double configs[][5] = {{1, 0, 1e-5, 0, 0}, {100, 1000000, 1, 2, 1}, {17, 123456, 0.00314, 1, 0}};
    struct arena a = {0};
    struct encoding e;
    struct error err;
    assert_ok(encoding_make(&b->study->space, &a, &e, &err), err);
    const struct dimension *dim = e.dim;
    assert_int_equal(dim[0].kind, DIMENSION_GRID);
    assert_int_equal(dim[0].levels, 100);
    assert_int_equal(dim[1].kind, DIMENSION_CONTINUOUS); /* too many levels to list */
    assert_int_equal(dim[4].kind, DIMENSION_CATEGORY);
    for (size_t i = 0; i < 3; i++) {
        double point[5], back[5];
        encode(&e, configs[i], point);
        decode(&e, point, back);
        for (size_t k = 0; k < 5; k++) {
            assert_near(back[k], configs[i][k], 1e-12);
            if (k < 4) assert_true(point[k] >= 0 && point[k] <= 1);
        }
    }
    arena_done(&a);
    bench_free(b);
}

/* Branches are what exists: by a category, within another, or by a number. */
static void test_encode__knows_branches(void **state)
{
    (void)state;
    struct bench *plain = bench_make(SINGLE),
                 *b = bench_make("study: s\nparameters:\n  m: {type: categorical, values: [p, q, r]}\n"
                                 "  k: {type: int, range: [1, 9]}\n"
                                 "  x: {type: float, range: [0, 1], when: m == p}\n"
                                 "  c: {type: categorical, values: [u, v], when: m == q}\n"
                                 "  y: {type: float, range: [0, 1], when: c == v}\n"
                                 "  z: {type: float, range: [0, 1], when: k >= 5}\n"
                                 "objective: {minimize: loss}\n");
    /* three of one branch, then each of its own; r and r with another k ≥ 5 are one */
    const double configs[][6] = {{0, 1, 0.1, NAN, NAN, NAN}, {0, 4, 0.9, NAN, NAN, NAN}, {0, 2, 0.5, NAN, NAN, NAN},
                                 {0, 5, 0.1, NAN, NAN, 0.3}, {1, 1, NAN, 0, NAN, NAN},   {1, 1, NAN, 1, 0.5, NAN},
                                 {2, 1, NAN, NAN, NAN, NAN}, {2, 6, NAN, NAN, NAN, 0.1}, {2, 9, NAN, NAN, NAN, 0.9}};
    const int branch[] = {0, 0, 0, 1, 2, 3, 4, 5, 5};
    struct arena arena = {0};
    struct encoding e, whole;
    struct error err;
    double point[9][SURROGATE_DIMS_MAX];
    assert_ok(encoding_make(&b->study->space, &arena, &e, &err), err);
    assert_ok(encoding_make(&plain->study->space, &arena, &whole, &err), err);
    assert_true(encoding_is_conditional(&e));
    assert_false(encoding_is_conditional(&whole));
    for (size_t i = 0; i < 9; i++) encode(&e, configs[i], point[i]);
    for (size_t i = 0; i < 9; i++)
        for (size_t k = 0; k < 9; k++)
            assert_int_equal(encoding_same_branch(&e, point[i], point[k]), branch[i] == branch[k]);
    arena_done(&arena);
    bench_free(b);
    bench_free(plain);
}

/* A search that has been there all along and one that is new answer the same, to the last bit. */
static void test_suggest__a_restart_changes_no_bit(void **state)
{
    (void)state;
    struct bench *b = bench_make(SINGLE);
    for (int i = 0; i < 50; i++) {
        struct suggestion s = bench_ask(b, 3);
        if (i % 7 == 6) {
            struct search *other = search_create(b->study, 3, NULL, 0);
            struct search_history h = {.n = b->n, .trial = b->trial};
            struct suggestion again;
            struct error err;
            assert_ok(search_suggest(other, &h, (long)b->n, &again, &err), err);
            assert_memory_equal(s.config, again.config, 4 * sizeof(double));
            assert_string_equal(s.source, again.source);
            search_free(other);
        }
        bench_add(b, s.config, i % 11 == 10 ? SEARCH_FAILED : SEARCH_COMPLETE, branin(s.config), 0);
    }
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suggest__is_a_function_of_seed_number_and_history),
        cmocka_unit_test(test_suggest__parallel_asks_are_all_different),
        cmocka_unit_test(test_draw__ranks_by_one_draw),
        cmocka_unit_test(test_suggest__draws_where_it_is_noisy),
        cmocka_unit_test(test_suggest__a_small_noisy_space_is_exhausted),
        cmocka_unit_test(test_suggest__starts_with_sobol_also_when_nothing_completes),
        cmocka_unit_test(test_suggest__avoids_a_region_that_fails),
        cmocka_unit_test(test_estimate__without_data_is_an_error),
        cmocka_unit_test(test_suggest__small_space_is_exhausted_then_says_so),
        cmocka_unit_test(test_suggest__awkward_histories),
        cmocka_unit_test(test_suggest__two_hundred_categories),
        cmocka_unit_test(test_suggest__a_baseline_that_is_unknown_or_zero),
        cmocka_unit_test(test_suggest__is_the_same_on_any_thread),
        cmocka_unit_test(test_suggest__large_histories_use_a_region),
        cmocka_unit_test(test_encode__round_trip_and_snap),
        cmocka_unit_test(test_encode__knows_branches),
        cmocka_unit_test(test_suggest__a_restart_changes_no_bit),
    };
    surrogate_setup();
    return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
