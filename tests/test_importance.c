/* What matters, beside functions whose Sobol indices are known; and studies that say little or nothing. */
#include "tests/told_world.h"

#include "tuner/analysis/analysis.h"

#include "tuner/base/json.h"

#include "surrogate/surrogate.h"

static double truth_of_ishigami(const double *x)
{
    return sin(x[0]) + 7 * pow(sin(x[1]), 2) + 0.1 * pow(x[2], 4) * sin(x[0]);
}

static double truth_of_g(const double *x)
{
    const double a[] = {0, 1, 4.5, 9};
    double product = 1;
    for (size_t i = 0; i < 4; i++) product *= (fabs(4 * x[i] - 2) + a[i]) / (1 + a[i]);
    return product;
}

static double truth_of_sum(const double *x)
{
    return 4 * x[0] + 2 * x[1] + x[2] + 0 * x[3];
}

static void tell(struct told_world *w, size_t n, double (*f)(const double *))
{
    double x[SPACE_PARAMS_MAX];
    for (size_t i = 0; i < n; i++) {
        told_draw(w, x);
        told_add(w, x, json_pack("{s:f}", "y", f(x)));
    }
}

struct asked {
    struct arena arena;
    struct surface *surface;
    struct importance x;
};

static struct asked ask(const struct told_world *w, size_t only)
{
    struct asked a = {.surface = NULL};
    struct error err;
    assert_ok(surface_make(w->memory, &a.surface, &err), err);
    assert_ok(importance_make(a.surface, only, &a.arena, &a.x, &err), err);
    return a;
}

static void done(struct asked *a)
{
    surface_free(a->surface);
    arena_done(&a->arena);
}

static const struct importance_row *row_of(const struct importance_target *t, size_t param, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (t->row[i].param == param) return &t->row[i];
    return NULL;
}

static void assert_shares(const struct asked *a, size_t n, const double *total, const double *alone, double tolerance)
{
    for (size_t i = 0; i < n; i++) {
        const struct importance_row *r = row_of(&a->x.target[0], i, n);
        assert_near(r->share.middle, total[i], tolerance);
        assert_near(r->alone.middle, alone[i], tolerance);
        assert_true(r->share.low <= r->share.middle && r->share.middle <= r->share.high);
        assert_true(r->best.low <= r->best.middle && r->best.middle <= r->best.high);
    }
    for (size_t i = 1; i < n; i++) /* the largest first */
        assert_true(a->x.target[0].row[i - 1].share.middle >= a->x.target[0].row[i].share.middle);
}

#define Y "metrics: {y: {goal: minimize}}\nobjective: {minimize: y}\n"
#define UNIT(name) "  " name ": {type: float, range: [0, 1]}\n"
#define ANGLE(name) "  " name ": {type: float, range: [-3.141592653589793, 3.141592653589793]}\n"

/* [Ishigami & Homma 1990], a = 7, b = 0.1. */
static void test_sobol__ishigami(void **state)
{
    (void)state;
    struct told_world *w = told_make("study: s\nparameters:\n" ANGLE("a") ANGLE("b") ANGLE("c") Y);
    tell(w, 220, truth_of_ishigami);
    struct asked a = ask(w, SIZE_MAX);
    assert_shares(&a, 3, (double[]){0.5576, 0.4424, 0.2437}, (double[]){0.3139, 0.4424, 0}, 0.08);
    assert_true(a.x.target[0].r2 > 0.9);
    assert_int_equal(a.x.n, 2); /* y, and the utility, which is −y */
    assert_near(a.x.target[1].row[0].share.middle, a.x.target[0].row[0].share.middle, 1e-9);
    done(&a);
    told_free(w);
}

/* [Sobol 1993]: V_i = 1/(3 (1 + a_i)²), V = Π (1 + V_i) − 1; T_i = V_i Π_{k≠i} (1 + V_k) / V. */
static void test_sobol__g_function(void **state)
{
    (void)state;
    struct told_world *w = told_make("study: s\nparameters:\n" UNIT("a") UNIT("b") UNIT("c") UNIT("d") Y);
    const double v[] = {1.0 / 3, 1.0 / 12, 1 / (3 * 5.5 * 5.5), 1.0 / 300};
    double all = 1, total[4], alone[4];
    for (size_t i = 0; i < 4; i++) all *= 1 + v[i];
    for (size_t i = 0; i < 4; i++) {
        alone[i] = v[i] / (all - 1);
        total[i] = v[i] / (1 + v[i]) * all / (all - 1);
    }
    tell(w, 200, truth_of_g);
    struct asked a = ask(w, SIZE_MAX);
    assert_shares(&a, 4, total, alone, 0.05);
    done(&a);
    told_free(w);
}

static void test_sobol__a_sum_and_a_parameter_that_the_program_ignores(void **state)
{
    (void)state;
    struct told_world *w = told_make("study: s\nparameters:\n" UNIT("a") UNIT("b") UNIT("c") UNIT("d") Y);
    const double share[] = {16.0 / 21, 4.0 / 21, 1.0 / 21, 0};
    tell(w, 60, truth_of_sum);
    struct asked a = ask(w, 0);
    assert_int_equal(a.x.n, 1); /* of y alone */
    assert_shares(&a, 4, share, share, 0.03);
    const struct importance_row *r = row_of(&a.x.target[0], 3, 4);
    assert_true(r->share.low < 0.005 && r->share.high < 0.02 && r->best.low < 0.05);
    assert_true(a.x.flat[3].whole && a.x.flat[3].low == 0 && a.x.flat[3].high == 1); /* d is all the same */
    assert_false(a.x.flat[0].whole);
    assert_true(a.x.flat[0].low <= a.x.flat[0].winner && a.x.flat[0].high >= a.x.flat[0].winner);
    done(&a);
    told_free(w);
}

/* Few trials: what is said is unsure, and says so. */
static void test_intervals__are_wide_while_trials_are_few(void **state)
{
    (void)state;
    double width[2];
    for (size_t k = 0; k < 2; k++) {
        struct told_world *w = told_make("study: s\nparameters:\n" ANGLE("a") ANGLE("b") ANGLE("c") Y);
        tell(w, k ? 150 : 15, truth_of_ishigami);
        struct asked a = ask(w, 0);
        const struct importance_row *r = row_of(&a.x.target[0], 0, 3);
        width[k] = r->share.high - r->share.low;
        done(&a);
        told_free(w);
    }
    assert_true(width[0] > 0.3);
    assert_true(width[1] < width[0] / 2);
}

static void test_importance__needs_ten_complete_trials(void **state)
{
    (void)state;
    struct told_world *w = told_make("study: few\nparameters:\n" UNIT("a") Y);
    struct surface *f = NULL;
    struct arena arena = {0};
    struct importance x;
    struct error err;
    assert_int_equal(surface_make(w->memory, &f, &err), STATUS_EXHAUSTED);
    assert_contains(err.text, "needs 4 complete trials; there are 0 so far");
    tell(w, 9, truth_of_sum);
    for (size_t i = 0; i < 20; i++) told_add(w, (double[]){(double)i / 20}, NULL); /* failures are no results */
    assert_ok(surface_make(w->memory, &f, &err), err);
    assert_int_equal(importance_make(f, SIZE_MAX, &arena, &x, &err), STATUS_EXHAUSTED);
    assert_string_equal(err.text, "study 'few': importance needs 10 complete trials; 9 so far");
    surface_free(f);
    tell(w, 1, truth_of_sum);
    assert_ok(importance_ready(w->memory, &err), err);
    told_free(w);
}

/* Trials that were stopped are no results: 30 of them, as bad as could be, change nothing of the trials' own view. */
static void test_importance__stopped_trials_are_no_results(void **state)
{
    (void)state;
    double best[2];
    for (size_t k = 0; k < 2; k++) {
        struct told_world *w = told_make("study: s\nparameters:\n" UNIT("a") UNIT("b") Y);
        double x[2];
        tell(w, 30, truth_of_sum);
        for (size_t i = 0; k && i < 30; i++) {
            told_draw(w, x);
            const struct trial *t =
                history_add(w->history, &(struct addition){.role = ROLE_SEARCH, .config = x, .source = "test"});
            told_end(w, t, TRIAL_PRUNED, NULL);
        }
        struct asked a = ask(w, 0);
        assert_int_equal(a.x.trials, 30);
        best[k] = row_of(&a.x.target[0], 0, 2)->best.middle;
        done(&a);
        told_free(w);
    }
    assert_true(best[0] == best[1]);
}

static void test_importance__a_constant_metric(void **state)
{
    (void)state;
    struct told_world *w = told_make("study: s\nparameters:\n" UNIT("a") UNIT(
        "b") "metrics: {y: {goal: minimize}, z: {goal: maximize}}\nobjective: {minimize: y}\n");
    for (size_t i = 0; i < 20; i++) {
        double x[2];
        told_draw(w, x);
        told_add(w, x, json_pack("{s:f, s:f}", "y", 5.0, "z", x[0]));
    }
    struct asked a = ask(w, SIZE_MAX);
    assert_contains(a.x.target[0].note, "y is the same in every trial");
    assert_true(isnan(a.x.target[0].row[0].share.middle) && isnan(a.x.target[0].r2));
    assert_null(a.x.target[1].note);
    assert_int_equal(a.x.target[1].row[0].param, 0);
    assert_true(a.x.target[1].row[0].share.middle > 0.95);
    assert_contains(a.x.target[2].note, "the utility is not known, or is the same");
    assert_null(a.x.flat);
    json_t *json = importance_json(&a.x);
    char *text = json_tight(json);
    assert_contains(text, "\"share\":null");
    free(text);
    json_decref(json);
    done(&a);
    told_free(w);
}

static void test_importance__one_parameter(void **state)
{
    (void)state;
    struct told_world *w = told_make("study: s\nparameters:\n  k: {type: int, range: [1, 12]}\n" Y);
    for (size_t i = 0; i < 24; i++) {
        double k = (double)(i % 12) + 1;
        told_add(w, &k, json_pack("{s:f}", "y", pow(k - 7, 2)));
    }
    struct asked a = ask(w, 0);
    assert_near(a.x.target[0].row[0].share.middle, 1, 1e-6);
    assert_near(a.x.target[0].row[0].best.middle, 1, 1e-9);
    assert_true(a.x.flat[0].winner == 7);
    done(&a);
    told_free(w);
}

/* Choices only. */
static void test_importance__all_categorical(void **state)
{
    (void)state;
    struct told_world *w = told_make("study: s\nparameters:\n  a: {type: categorical, values: [p, q, r]}\n"
                                     "  b: {type: bool}\n" Y);
    for (size_t i = 0; i < 30; i++) {
        double x[2];
        told_draw(w, x);
        told_add(w, x, json_pack("{s:f}", "y", x[0] == 1 ? -3.0 : 0.0));
    }
    struct asked a = ask(w, 0);
    const struct importance_row *r = row_of(&a.x.target[0], 0, 2);
    assert_true(r->share.middle > 0.9 && r->best.middle > 0.9);
    assert_int_equal(a.x.flat[0].n, 1);
    assert_true(a.x.flat[0].value[0] == 1);
    assert_true(a.x.flat[1].n == 2 && a.x.flat[1].whole); /* b: either */
    done(&a);
    told_free(w);
}

/* A metric that few trials report, and one that none does. */
static void test_importance__metrics_that_are_missing(void **state)
{
    (void)state;
    struct told_world *w =
        told_make("study: s\nparameters:\n" UNIT("a")
                      UNIT("b") "metrics: {y: {goal: minimize}, some: {goal: minimize}, none: {goal: minimize}}\n"
                                "objective: {minimize: y}\n");
    for (size_t i = 0; i < 30; i++) {
        double x[2];
        told_draw(w, x);
        json_t *m = json_pack("{s:f}", "y", x[0]);
        if (i % 5 == 0) json_object_set_new(m, "some", json_real(x[1]));
        told_add(w, x, m);
    }
    struct asked a = ask(w, SIZE_MAX);
    assert_contains(a.x.target[1].note, "6 of the complete trials have a result of some; importance needs 10");
    assert_contains(a.x.target[2].note, "0 of the complete trials have a result of none");
    assert_true(isnan(a.x.target[2].row[1].share.high) && isnan(a.x.target[1].row[0].best.middle));
    done(&a);
    told_free(w);
}

/* b exists only with one of two kinds, and makes the difference there: it counts for half. */
static void test_importance__a_parameter_that_exists_only_sometimes(void **state)
{
    (void)state;
    struct told_world *w = told_make("study: s\nparameters:\n  kind: {type: categorical, values: [p, q]}\n"
                                     "  b: {type: float, range: [0, 1], when: kind == q}\n" UNIT("c") Y);
    for (size_t i = 0; i < 80; i++) {
        double x[3];
        told_draw(w, x);
        told_add(w, x, json_pack("{s:f}", "y", (isnan(x[1]) ? 0.5 : x[1]) + 0.5 * x[2]));
    }
    struct asked a = ask(w, 0);
    /* Var = ½ · 1/12 + ¼ · 1/12: b has two thirds of it, c one third; kind moves nothing but whether b is there. */
    assert_near(row_of(&a.x.target[0], 1, 3)->share.middle, 2.0 / 3, 0.06);
    assert_near(row_of(&a.x.target[0], 2, 3)->share.middle, 1.0 / 3, 0.06);
    assert_near(row_of(&a.x.target[0], 0, 3)->alone.middle, 0, 0.05);
    assert_true(a.x.flat[1].winner < 0.2 || isnan(a.x.flat[1].winner));
    done(&a);
    told_free(w);
}

/* Sixteen metrics; of a front; counts and proportions; without a baseline. */
static void test_importance__of_a_front_with_sixteen_metrics(void **state)
{
    (void)state;
    char text[2000], name[16];
    int n = snprintf(text, sizeof text, "study: s\nparameters:\n%s%smetrics:\n", UNIT("a"), UNIT("b"));
    for (int i = 0; i < 16; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "  m%d: {goal: %s, kind: %s}\n", i,
                      i % 2 ? "minimize" : "maximize", i % 2 ? "count" : "proportion");
    snprintf(text + n, sizeof text - (size_t)n, "objective: {pareto: [m0, m1]}\n");
    struct told_world *w = told_make(text);
    for (size_t i = 0; i < 24; i++) {
        double x[2];
        told_draw(w, x);
        json_t *m = json_object();
        for (int k = 0; k < 16; k++) {
            snprintf(name, sizeof name, "m%d", k);
            json_object_set_new(m, name, json_real(k % 2 ? 1000 * exp(3 * x[1]) : 0.2 + 0.6 * x[0]));
        }
        told_add(w, x, m);
    }
    struct asked a = ask(w, SIZE_MAX);
    assert_int_equal(a.x.n, 17);
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(a.x.target[i].row[0].param, i % 2);
        assert_true(a.x.target[i].row[0].share.middle > 0.95);
    }
    assert_non_null(a.x.flat);
    done(&a);
    told_free(w);
}

/* Values on which arithmetic stumbles. */
static void test_importance__of_terrible_values(void **state)
{
    (void)state;
    struct told_world *w = told_make("study: s\nparameters:\n" UNIT("a") UNIT("b") Y);
    for (size_t i = 0; i < 40; i++) {
        double x[2];
        told_draw(w, x);
        told_add(w, x, json_pack("{s:f}", "y", i == 7 ? 1e300 : i == 9 ? 1e30 : x[0]));
    }
    struct asked a = ask(w, SIZE_MAX);
    for (size_t i = 0; i < 2; i++) {
        const struct importance_row *r = &a.x.target[0].row[i];
        assert_true(r->share.low >= 0 && r->share.high <= 1 && isfinite(r->best.middle));
    }
    assert_int_equal(a.x.target[0].row[0].param, 0); /* two diverged trials hide nothing */
    done(&a);
    told_free(w);
}

/* A part of many trials is learnt from; the same log gives the same bits. */
static void test_importance__of_many_trials_and_again(void **state)
{
    (void)state;
    struct told_world *w = told_make("study: s\nparameters:\n" UNIT("a") UNIT("b") UNIT("c") UNIT("d") Y);
    char *text[2];
    tell(w, 3000, truth_of_sum);
    for (size_t k = 0; k < 2; k++) {
        struct asked a = ask(w, 0);
        json_t *json = importance_json(&a.x);
        text[k] = json_tight(json);
        json_decref(json);
        assert_int_equal(a.x.trials, 3000);
        assert_shares(&a, 4, (double[]){16.0 / 21, 4.0 / 21, 1.0 / 21, 0}, (double[]){16.0 / 21, 4.0 / 21, 1.0 / 21, 0},
                      0.03);
        done(&a);
    }
    assert_string_equal(text[0], text[1]);
    free(text[0]);
    free(text[1]);
    told_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sobol__ishigami),
        cmocka_unit_test(test_sobol__g_function),
        cmocka_unit_test(test_sobol__a_sum_and_a_parameter_that_the_program_ignores),
        cmocka_unit_test(test_intervals__are_wide_while_trials_are_few),
        cmocka_unit_test(test_importance__needs_ten_complete_trials),
        cmocka_unit_test(test_importance__stopped_trials_are_no_results),
        cmocka_unit_test(test_importance__a_constant_metric),
        cmocka_unit_test(test_importance__one_parameter),
        cmocka_unit_test(test_importance__all_categorical),
        cmocka_unit_test(test_importance__metrics_that_are_missing),
        cmocka_unit_test(test_importance__a_parameter_that_exists_only_sometimes),
        cmocka_unit_test(test_importance__of_a_front_with_sixteen_metrics),
        cmocka_unit_test(test_importance__of_terrible_values),
        cmocka_unit_test(test_importance__of_many_trials_and_again),
    };
    surrogate_setup();
    return cmocka_run_group_tests_name("importance", tests, NULL, NULL);
}
