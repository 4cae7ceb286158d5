/* The morning's story: how a difference is said, of what is sure, of what is open, and of what was measured once. */
#include "tests/test.h"

#include "tuner/report/morning_parts.h"

enum { EM, TOKENS, METRICS };

/* What is said of these two differences; the margins are half a point and half a percent. */
static void says(const char *expected, struct difference em, struct difference tokens)
{
    const struct objective o = {.form = OBJECTIVE_WEIGHTS,
                                .weight = {0.7, 0.3},
                                .n_metrics = METRICS,
                                .metric = {[EM] = {.name = "em", .goal = GOAL_MAXIMIZE, .kind = METRIC_PROPORTION},
                                           [TOKENS] = {.name = "tokens", .goal = GOAL_MINIMIZE, .kind = METRIC_COUNT}}};
    const struct difference apart[METRICS] = {[EM] = em, [TOKENS] = tokens};
    const double margin[METRICS] = {0.005, 0.005};
    const struct verdict v = {.reference = "baseline", .apart = apart, .margin = margin};
    struct arena arena = {0};
    const struct morning m = {.o = &o, .a = &arena};
    char plain[400] = "";
    size_t n = 0;
    for (const char *c = morning_beside(&m, &v); *c && n + 1 < sizeof plain; c++)
        if ((unsigned char)*c >= ' ') plain[n++] = *c; /* without what is bold */
    assert_string_equal(plain, expected);
    arena_done(&arena);
}

static struct difference ratio(double by, double low, double high)
{
    return (struct difference){true, by, low, high};
}

static struct difference points(double by, double low, double high)
{
    return (struct difference){false, by, low, high};
}

static void test_morning__each_range_has_the_unit_of_what_it_is_around(void **state)
{
    (void)state;
    const struct difference none = points(0, 0, 0);
    says("takes 62.0 % fewer tokens (42.0 to 75.0 %); em is the same, which holds within what the study lets go", none,
         ratio(-0.62, -0.75, -0.42));
    says("takes 3 times the tokens (2.5 to 4.1 times); em is the same, which holds within what the study lets go", none,
         ratio(2, 1.5, 3.1));
    says("takes 2.2 times the tokens (1.1 to 3.4 times); em is the same, which holds within what the study lets go",
         none, ratio(1.2, 0.1, 2.4));
    says("gains 2.00 points of em (1.00 to 3.00); tokens 0.0 % (−0.1 to +0.1), which holds within what the study lets "
         "go",
         points(0.02, 0.01, 0.03), ratio(0, -0.001, 0.001));
}

static void test_morning__what_was_measured_once_is_not_sure(void **state)
{
    (void)state;
    says("takes 8.0 % more tokens, and gains 2.00 points of em", points(0.02, NAN, NAN), ratio(0.08, NAN, NAN));
    says("takes 8.0 % more tokens (7.0 to 9.0 %), and gains 2.00 points of em (one seed)", points(0.02, NAN, NAN),
         ratio(0.08, 0.07, 0.09));
    struct arena arena = {0};
    const struct objective o = {.n_metrics = 1, .weight = {1}, .metric = {{.name = "em", .goal = GOAL_MAXIMIZE}}};
    const struct morning m = {.o = &o, .a = &arena};
    const struct difference once = points(0.02, NAN, NAN), often = points(0.02, 0.01, 0.03);
    struct verdict v = {.apart = &once, .margin = (double[]){0}};
    assert_string_equal(morning_open(&m, &v), "em");
    v.apart = &often;
    assert_string_equal(morning_open(&m, &v), "");
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_morning__each_range_has_the_unit_of_what_it_is_around),
        cmocka_unit_test(test_morning__what_was_measured_once_is_not_sure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
