/* What the surrogate says of a study: predictions and their intervals, slices, contours, trials run again, quality. */
#include "tests/told_world.h"

#include "tuner/analysis/analysis.h"

#include "tuner/base/json.h"

#include "surrogate/surrogate.h"

static const char MIXED[] =
    "study: s\nparameters:\n  lr: {type: float, range: [1e-4, 1e-1], scale: log}\n"
    "  layers: {type: int, range: [1, 6]}\n  width: {type: ordinal, values: [32, 64, 128]}\n"
    "  kind: {type: categorical, values: [adam, sgd]}\n  momentum: {type: float, range: [0, 0.9], when: kind == sgd}\n"
    "metrics:\n  em: {goal: maximize, kind: proportion, of: 1000}\n  tokens: {goal: minimize, kind: count}\n"
    "baseline: {lr: 1e-2, layers: 3, width: 64, kind: adam}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
    "constraints: [em >= baseline - 0.05]\n";

static double em_of(const double *x)
{
    double off = log10(x[0]) + 2.5;
    return 0.6 - 0.05 * off * off + 0.02 * x[2] + (x[3] == 1 ? 0.1 * (x[4] - 0.5) : 0);
}

static double tokens_of(const double *x)
{
    return 1e6 * x[1] * (1 + x[2]);
}

static struct told_world *mixed(size_t n, double noise)
{
    struct told_world *w = told_make(MIXED);
    double x[8];
    const struct trial *baseline = w->memory->trial[0];
    told_end(w, baseline, TRIAL_COMPLETE,
             json_pack("{s:f, s:f}", "em", em_of(baseline->config), "tokens", tokens_of(baseline->config)));
    for (size_t i = 0; i < n; i++) {
        told_draw(w, x);
        double em = fmin(fmax(em_of(x) + noise * rng_normal(&w->rng), 0), 1);
        told_add(w, x, json_pack("{s:f, s:f}", "em", em, "tokens", tokens_of(x)));
    }
    return w;
}

static struct surface *fit(const struct told_world *w)
{
    struct surface *f = NULL;
    struct error err;
    assert_ok(surface_make(w->memory, &f, &err), err);
    return f;
}

static void test_predict__at_new_places(void **state)
{
    (void)state;
    struct told_world *w = mixed(80, 0.01);
    struct surface *f = fit(w);
    size_t inside = 0, n = 60;
    double x[8];
    for (size_t i = 0; i < n; i++) {
        struct landscape_view v;
        told_draw(w, x);
        landscape_look(f->landscape, x, 1, LANDSCAPE_MEASUREMENT, &v);
        double em = em_of(x) + 0.01 * rng_normal(&w->rng), metrics[] = {em_of(x), tokens_of(x)};
        inside += em >= v.metric[0].low && em <= v.metric[0].high;
        assert_near(v.metric[0].middle, em_of(x), 0.06);
        assert_near(log(v.metric[1].middle / tokens_of(x)), 0, 0.25);
        assert_near(v.utility.middle, objective_utility(&w->study->objective, metrics, memory_baseline(w->memory)),
                    0.25);
        assert_true(v.utility.low < v.utility.middle && v.utility.middle < v.utility.high && v.utility.sd > 0);
        assert_true(v.feasible >= 0 && v.feasible <= 1);
    }
    assert_true(inside >= 48 && inside < 60); /* of 60, 90 % intervals */
    surface_free(f);
    told_free(w);
}

static void test_predict__chance_of_feasibility(void **state)
{
    (void)state;
    struct told_world *w = mixed(60, 0.005);
    for (size_t i = 0; i < 12; i++) told_add(w, (double[]){1e-2, 6, (double)(i % 3), 0, NAN}, NULL);
    struct surface *f = fit(w);
    struct landscape_view good, bad, fails;
    landscape_look(f->landscape, (double[]){3e-3, 2, 2, 0, NAN}, 1, LANDSCAPE_MEAN, &good);
    landscape_look(f->landscape, (double[]){1e-4, 2, 0, 0, NAN}, 1, LANDSCAPE_MEAN, &bad);
    landscape_look(f->landscape, (double[]){1e-2, 6, 1, 0, NAN}, 1, LANDSCAPE_MEAN, &fails);
    assert_true(good.feasible > 0.9);
    assert_true(bad.feasible < 0.1);
    assert_true(fails.feasible < 0.5);
    surface_free(f);
    told_free(w);
}

static void test_predict__as_json(void **state)
{
    (void)state;
    struct told_world *w = mixed(20, 0.01);
    struct surface *f = fit(w);
    struct error err;
    json_t *out = NULL,
           *in = json_loads("{\"params\": [{\"lr\": 0.01, \"layers\": 3, \"width\": 64, \"kind\": \"sgd\", "
                            "\"momentum\": 0.5}]}",
                            0, NULL);
    assert_ok(surface_predict_json(f, in, &out, &err), err);
    const json_t *one = json_array_get(json_object_get(out, "predictions"), 0),
                 *em = json_object_get(json_object_get(one, "metrics"), "em");
    assert_true(json_real_value(json_object_get(em, "low")) < json_real_value(json_object_get(em, "mean")));
    assert_true(json_is_real(json_object_get(one, "feasible")));
    json_decref(out);
    json_decref(in);
    static const char *const bad[][2] = {
        {"{}", "\"params\" must be a list of 1 to 1000"},
        {"{\"params\": []}", "\"params\" must be a list"},
        {"{\"params\": [{\"lr\": 7}]}", "params[0]: "},
        {"{\"params\": [3]}", "params[0]"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        in = json_loads(bad[i][0], 0, NULL);
        assert_int_equal(surface_predict_json(f, in, &out, &err), STATUS_INVALID);
        assert_contains(err.text, bad[i][1]);
        json_decref(in);
    }
    surface_free(f);
    told_free(w);
}

static struct slice slice_of(const struct surface *f, const struct slice_names *names, struct slice_wish wish,
                             struct arena *a)
{
    struct slice s;
    struct error err;
    assert_ok(slice_wish_read(f->memory->study, names, &wish, &err), err);
    assert_ok(slice_make(f, &wish, a, &s, &err), err);
    return s;
}

static void test_slice__goes_along_its_scale(void **state)
{
    (void)state;
    struct told_world *w = mixed(80, 0.005);
    struct surface *f = fit(w);
    struct arena a = {0};
    struct slice s = slice_of(f, &(struct slice_names){.param = "lr", .metric = "em"},
                              (struct slice_wish){.points = 31, .at = -1}, &a);
    assert_int_equal(s.n, 31);
    assert_true(s.x[0] == 1e-4 && s.x[30] == 1e-1);
    assert_near(log10(s.x[15]), -2.5, 0.01); /* log: the middle is the geometric one */
    assert_int_equal(s.at, f->winner->number);
    size_t top = 0;
    for (size_t i = 0; i < s.n; i++) {
        assert_true(s.y[i].low < s.y[i].middle && s.y[i].middle < s.y[i].high);
        if (s.y[i].middle > s.y[top].middle) top = i;
    }
    assert_near(log10(s.x[top]), -2.5, 0.5);
    assert_int_equal(s.n_trials, 81);
    s = slice_of(f, &(struct slice_names){.param = "layers"}, (struct slice_wish){.at = 1}, &a);
    assert_int_equal(s.n, 6);
    assert_int_equal(s.at, 1);
    s = slice_of(f, &(struct slice_names){.param = "width", .metric = "tokens"},
                 (struct slice_wish){.points = 2, .at = -1}, &a);
    assert_int_equal(s.n, 3);
    assert_true(s.y[2].middle > 2 * s.y[0].middle);
    json_t *json = slice_json(f, &s);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(json, "x"), 2)), 128);
    json_decref(json);
    arena_done(&a);
    surface_free(f);
    told_free(w);
}

static void test_slice__of_what_exists_only_sometimes(void **state)
{
    (void)state;
    struct told_world *w = mixed(80, 0.005);
    struct surface *f = fit(w);
    struct arena a = {0};
    struct slice s =
        slice_of(f, &(struct slice_names){.param = "momentum", .metric = "em"}, (struct slice_wish){.at = -1}, &a);
    assert_true(memory_trial(w->memory, s.at)->config[3] == 1); /* the winner, or the best trial that has it */
    assert_true(s.y[s.n - 1].middle > s.y[0].middle + 0.05);
    for (size_t i = 0; i < s.n_trials; i++) assert_true(s.trial[i].x >= 0);
    s = slice_of(f, &(struct slice_names){.param = "kind", .metric = "em"}, (struct slice_wish){.at = 0},
                 &a); /* momentum appears */
    assert_int_equal(s.n, 2);
    assert_true(isfinite(s.y[0].middle) && isfinite(s.y[1].middle));
    struct slice_wish wish = {.param = 4, .target = 0, .at = 0}; /* the baseline has adam */
    struct error err;
    assert_int_equal(slice_make(f, &wish, &a, &s, &err), STATUS_INVALID);
    assert_contains(err.text, "'momentum' exists only when kind == sgd, which is not so in that trial");
    wish = (struct slice_wish){.param = 0, .at = 9999};
    assert_int_equal(slice_make(f, &wish, &a, &s, &err), STATUS_NOT_FOUND);
    arena_done(&a);
    surface_free(f);
    told_free(w);
}

static void test_contour__has_mean_and_sd_everywhere(void **state)
{
    (void)state;
    struct told_world *w = mixed(60, 0.005);
    struct surface *f = fit(w);
    struct arena a = {0};
    struct contour c;
    struct slice_wish wish = {.points = 7, .at = -1};
    struct error err;
    assert_ok(slice_wish_read(w->study, &(struct slice_names){"lr", "layers", "tokens"}, &wish, &err), err);
    assert_ok(contour_make(f, &wish, &a, &c, &err), err);
    assert_true(c.n[0] == 7 && c.n[1] == 6);
    for (size_t row = 1; row < c.n[1]; row++) /* tokens go with layers, and not with lr */
        for (size_t i = 0; i < c.n[0]; i++) {
            assert_true(c.z[row * 7 + i].middle > c.z[(row - 1) * 7 + i].middle);
            assert_true(c.z[row * 7 + i].sd > 0);
        }
    assert_ok(slice_wish_read(w->study, &(struct slice_names){"kind", "momentum", "em"}, &wish, &err), err);
    assert_ok(contour_make(f, &wish, &a, &c, &err), err);
    assert_true(isnan(c.z[0].middle) && isfinite(c.z[1].middle)); /* there is none with adam */
    json_t *json = contour_json(f, &c);
    assert_true(json_is_null(json_array_get(json_array_get(json_object_get(json, "mean"), 0), 0)));
    json_decref(json);
    arena_done(&a);
    surface_free(f);
    told_free(w);
}

static void test_names__that_are_not_there(void **state)
{
    (void)state;
    struct told_world *w = mixed(0, 0);
    struct slice_wish wish = {.at = -1};
    struct error err;
    assert_int_equal(slice_wish_read(w->study, &(struct slice_names){.param = "nope"}, &wish, &err), STATUS_INVALID);
    assert_contains(err.text, "it has lr, layers, width, kind, momentum");
    assert_int_equal(slice_wish_read(w->study, &(struct slice_names){.param = "lr", .metric = "f1"}, &wish, &err),
                     STATUS_INVALID);
    assert_contains(err.text, "it has em, tokens, utility");
    assert_int_equal(slice_wish_read(w->study, &(struct slice_names){"lr", "lr", NULL}, &wish, &err), STATUS_INVALID);
    assert_int_equal(slice_wish_read(w->study, &(struct slice_names){NULL, NULL, NULL}, &wish, &err), STATUS_INVALID);
    told_free(w);
}

/* Of 60 configurations that are equally good, the best by luck is not expected to be that good again. */
static void test_rerun__luck_is_not_expected_again(void **state)
{
    (void)state;
    struct told_world *w = told_make("study: s\nparameters:\n  a: {type: float, range: [0, 1]}\n"
                                     "metrics: {y: {goal: maximize}}\nobjective: {maximize: y}\n");
    const struct trial *best = NULL;
    for (size_t i = 0; i < 60; i++) {
        double x;
        told_draw(w, &x);
        const struct trial *t = told_add(w, &x, json_pack("{s:f}", "y", rng_normal(&w->rng)));
        if (!best || t->value[0] > best->value[0]) best = t;
    }
    struct surface *f = fit(w);
    json_t *json = rerun_json(f, best), *y = json_object_get(json_object_get(json, "metrics"), "y");
    assert_true(json_real_value(json_object_get(y, "observed")) > 1.5);
    assert_true(json_real_value(json_object_get(y, "expected")) < 0.8);
    assert_true(json_real_value(json_object_get(y, "low")) < 0.3);
    assert_true(landscape_quality(f->landscape, 0) < 0.3); /* nothing to predict, and it is said */
    struct arena a = {0};
    char says[100];
    snprintf(says, sizeof says, "a re-run of trial %ld is expected to give y ", best->number);
    assert_contains(rerun_say(f, best, &a), says);
    const struct ranking all = ranking_make(w->memory, &w->memory->study->objective, &a);
    const struct comparison c = comparison_make(w->memory, &w->memory->study->objective, &all, &a);
    assert_string_equal(rerun_say(f, best, &a), rerun_of_best(w->memory, &c, &a));
    arena_done(&a);
    json_decref(json);
    surface_free(f);
    told_free(w);
}

static void test_quality__of_a_model_that_fits(void **state)
{
    (void)state;
    struct told_world *w = mixed(80, 0.002);
    struct surface *f = fit(w);
    json_t *json = surface_quality_json(f);
    assert_true(json_real_value(json_object_get(json_object_get(json, "em"), "r2")) > 0.8);
    assert_true(json_real_value(json_object_get(json_object_get(json, "tokens"), "r2")) > 0.9);
    assert_true(json_real_value(json_object_get(json_object_get(json, "utility"), "r2")) > 0.8);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "em"), "trials")), 81);
    json_decref(json);
    surface_free(f);
    told_free(w);
}

/* A configuration that was measured ten times is told by itself: it does not make the model look better. */
static void test_quality__repeated_configurations_do_not_flatter(void **state)
{
    (void)state;
    struct told_world *w = told_make("study: s\nparameters:\n  a: {type: float, range: [0, 1]}\n"
                                     "metrics: {y: {goal: maximize}}\nobjective: {maximize: y}\n");
    for (size_t i = 0; i < 20; i++) {
        double x;
        told_draw(w, &x);
        told_add(w, &x, json_pack("{s:f}", "y", rng_normal(&w->rng)));
    }
    for (size_t i = 0; i < 10; i++) told_add(w, (double[]){0.5}, json_pack("{s:f}", "y", 9.0));
    struct surface *f = fit(w);
    assert_true(landscape_quality(f->landscape, 0) < 0.2);
    surface_free(f);
    told_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predict__at_new_places),
        cmocka_unit_test(test_predict__chance_of_feasibility),
        cmocka_unit_test(test_predict__as_json),
        cmocka_unit_test(test_slice__goes_along_its_scale),
        cmocka_unit_test(test_slice__of_what_exists_only_sometimes),
        cmocka_unit_test(test_contour__has_mean_and_sd_everywhere),
        cmocka_unit_test(test_names__that_are_not_there),
        cmocka_unit_test(test_rerun__luck_is_not_expected_again),
        cmocka_unit_test(test_quality__of_a_model_that_fits),
        cmocka_unit_test(test_quality__repeated_configurations_do_not_flatter),
    };
    surrogate_setup();
    return cmocka_run_group_tests_name("surface", tests, NULL, NULL);
}
