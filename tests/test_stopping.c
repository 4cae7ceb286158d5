/* Learning curves, forecasts, the pruner and the adaptive stopping rule, on curves that are known. */
#include "tests/test.h"

#include "tuner/search/pruner.h"
#include "tuner/search/schedule.h"
#include "tuner/search/search.h"
#include "tuner/search/stopping.h"

#include "surrogate/surrogate.h"

#include "tuner/base/rng.h"

enum { TRIALS_MAX = 64 };

static const double BASELINE[2] = {0.5, 1e6};

#define STUDY                                                                                                          \
    "study: s\nparameters:\n  rate: {type: float, range: [0.001, 1], scale: log}\n"                                    \
    "  patience: {type: int, range: [1, 20]}\n"                                                                        \
    "metrics:\n  em: {goal: maximize, kind: proportion, of: 10000}\n  tokens: {goal: minimize, kind: count}\n"         \
    "baseline: {rate: 0.01, patience: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"                              \
    "constraints: [em >= baseline]\n"

struct world {
    struct study *study;
    struct learning_curve curve[TRIALS_MAX];
    struct evidence_trial trial[TRIALS_MAX];
    double config[TRIALS_MAX][2], result[TRIALS_MAX][2];
    struct evidence evidence;
    struct forecaster *forecaster;
};

static struct world *world_make(const char *stopping)
{
    struct world *w = calloc(1, sizeof *w);
    struct error err;
    char text[2048];
    snprintf(text, sizeof text, STUDY "%s\n", stopping);
    assert_ok(study_parse("s", text, strlen(text), &w->study, &err), err);
    w->evidence =
        (struct evidence){.trial = w->trial, .baseline = BASELINE, .best_utility = -HUGE_VAL, .target = -HUGE_VAL};
    w->forecaster = forecaster_create(w->study, 1);
    return w;
}

static void world_free(struct world *w)
{
    for (size_t i = 0; i < TRIALS_MAX; i++) learning_curve_done(&w->curve[i]);
    forecaster_free(w->forecaster);
    study_free(w->study);
    free(w);
}

/* EM rises to a ceiling that depends on the rate, best at 0.1, and faster for larger rates. */
static double em_at(double rate, double tokens, double noise, struct rng *rng)
{
    double ceiling = 0.6 - 0.08 * pow(log10(rate / 0.1), 2), pace = 1e5 / sqrt(rate / 0.1);
    return fmin(fmax(ceiling * (1 - exp(-tokens / pace)) + noise * rng_normal(rng), 0), 1);
}

static void report(struct world *w, size_t i, long step, double em, double tokens)
{
    learning_curve_add(&w->curve[i], &w->study->objective, step, (double[]){em, tokens});
}

/* A trial that has run `steps` evaluations of 20k tokens; complete if `ended`. */
static void add_trial(struct world *w, double rate, long steps, bool ended)
{
    size_t i = w->evidence.n++;
    struct rng rng = rng_derive(7, "curve", i);
    w->config[i][0] = rate;
    w->config[i][1] = 5;
    for (long k = 0; k < steps; k++)
        report(w, i, k, em_at(rate, 2e4 * (double)(k + 1), 0.002, &rng), 2e4 * (double)(k + 1));
    w->result[i][0] = learning_curve_best(&w->curve[i], &w->study->objective, 0);
    w->result[i][1] = 2e4 * (double)steps;
    w->trial[i] = (struct evidence_trial){(long)i, w->config[i], &w->curve[i], ended ? w->result[i] : NULL};
    if (!ended) return;
    bool feasible = objective_feasible(&w->study->objective, w->result[i], BASELINE);
    double u = feasible ? objective_utility(&w->study->objective, w->result[i], BASELINE) : -HUGE_VAL;
    w->evidence.target = w->evidence.best_utility = fmax(w->evidence.best_utility, u);
}

static void add_known(struct world *w, size_t n)
{
    for (size_t i = 0; i < n; i++) add_trial(w, pow(10, -2.5 + 2.5 * (double)i / (double)(n - 1)), 25, true);
}

static struct stop_decision judge_again(struct world *w, size_t i, const struct early_stopping *rule, long judged)
{
    struct running r = {(long)i, w->config[i], &w->curve[i], rule, judged};
    struct forecast *x = NULL;
    struct stop_decision v;
    struct error err;
    enum status s = forecast_make(w->forecaster, &w->evidence, &r, &x, &err);
    pruner_judge(w->study, &w->evidence, &r, s ? NULL : x, &v);
    if (!s && v.stop) pruner_expect(w->study, &w->evidence, &r, x, &v);
    forecast_free(x);
    return v;
}

static struct stop_decision judge(struct world *w, size_t i, const struct early_stopping *rule)
{
    return judge_again(w, i, rule, 0);
}

/* ---- curves ---- */

static void test_curve__order_and_gaps(void **state)
{
    (void)state;
    struct world *w = world_make("");
    const struct objective *o = &w->study->objective;
    struct learning_curve *c = &w->curve[0];
    assert_true(learning_curve_add(c, o, 0, (double[]){0.1, 100}));
    assert_false(learning_curve_add(c, o, 0, (double[]){0.1, 100})); /* repeated */
    assert_false(learning_curve_add(c, o, 5, (double[]){0.2, 50}));  /* out of order */
    assert_false(learning_curve_add(c, o, 6, (double[]){0.2, NAN})); /* no cost */
    assert_false(learning_curve_add(c, o, 6, (double[]){0.2, -1}));
    assert_true(learning_curve_add(c, o, 7, (double[]){NAN, 200})); /* the metric is missing */
    assert_true(learning_curve_add(c, o, 8, (double[]){0.05, 300}));
    assert_int_equal(c->n, 3);
    assert_near(learning_curve_best(c, o, 0), 0.1, 0);
    assert_near(learning_curve_cost(c), 300, 0);
    world_free(w);
}

static void test_curve__long_ones_are_thinned_and_keep_their_ends(void **state)
{
    (void)state;
    struct world *w = world_make("");
    struct learning_curve *c = &w->curve[0];
    for (long i = 0; i < 100000; i++) {
        report(w, 0, i, 0.5, (double)(i + 1));
        assert_true(c->n <= LEARNING_CURVE_POINTS);
        assert_near(learning_curve_cost(c), (double)(i + 1), 0);
    }
    assert_int_equal(c->reports, 100000);
    assert_true(c->n > LEARNING_CURVE_POINTS / 2);
    assert_near(c->at[0], 1, 0);
    for (size_t i = 1; i < c->n; i++) assert_true(c->at[i] > c->at[i - 1]);
    for (size_t i = 0; i + 1 < c->n; i++) assert_int_equal(((long)c->at[i] - 1) % c->every, 0);
    world_free(w);
}

static long ends_at(double patience, double threshold, const double *v, size_t n)
{
    struct early_stopping e = {.patience = patience, .threshold = threshold, .mode = GOAL_MAXIMIZE, .best = NAN};
    for (size_t i = 0; i < n; i++)
        if (early_stopping_update(&e, v[i])) return (long)i;
    return -1;
}

static void test_rule__patience_evaluations_without_improvement(void **state)
{
    (void)state;
    double v[] = {1, 2, 2, 2.5, 2.5, 2.4, 3, 3, 3, 3};
    assert_int_equal(ends_at(1, 0, v, 10), 2);
    assert_int_equal(ends_at(2, 0, v, 10), 5);
    assert_int_equal(ends_at(3, 0, v, 10), 9);
    assert_int_equal(ends_at(4, 0, v, 10), -1);
    assert_int_equal(ends_at(2, 0.6, v, 10), 3); /* 2.5 is no improvement of 2 by more than 0.6 */
    struct early_stopping e = {.patience = 1, .mode = GOAL_MINIMIZE, .best = NAN};
    assert_false(early_stopping_update(&e, 3));
    assert_false(early_stopping_update(&e, 2));
    assert_true(early_stopping_update(&e, 2));
}

/* A run whose patience was changed on the way ends where a constant patience would have; if one can. */
static void test_rule__equivalent_constant_patience(void **state)
{
    (void)state;
    struct rng rng = rng_derive(3, "equivalent", 0);
    int can_do = 0;
    for (int round = 0; round < 2000; round++) {
        struct world *w = world_make("");
        double v[40];
        size_t n = 2 + rng_below(&rng, 38);
        struct early_stopping e = {.patience = 1, .threshold = 0.01, .metric = 0, .mode = GOAL_MAXIMIZE, .best = NAN};
        for (size_t i = 0; i < n; i++) {
            v[i] = 0.5 + 0.3 * rng_unit(&rng) + 0.01 * (double)i * (double)(round % 2);
            report(w, 0, (long)i, v[i], (double)(i + 1));
        }
        long patience = early_stopping_equivalent(&w->curve[0], &e), end = ends_at((double)patience, 0.01, v, n);
        assert_true(patience >= 1);
        assert_true(end == (long)n - 1 || end == -1); /* there, or not yet; never earlier */
        if (end == -1 && patience > 1) assert_true(ends_at((double)patience - 1, 0.01, v, n) >= 0);
        can_do += end == (long)n - 1;
        world_free(w);
    }
    assert_true(can_do > 500);
}

/* ---- forecasts and the pruner ---- */

static void test_forecast__needs_complete_trials(void **state)
{
    (void)state;
    struct world *w = world_make("stopping: {}");
    struct forecast *x = NULL;
    struct error err;
    add_trial(w, 0.1, 3, false);
    struct running r = {0, w->config[0], &w->curve[0], NULL, 0};
    assert_int_equal(forecast_make(w->forecaster, &w->evidence, &r, &x, &err), STATUS_NOT_FOUND);
    assert_false(judge(w, 0, NULL).stop);
    world_free(w);
}

/* Central intervals of the end, from a fifth of the curve, over many rates: are they honest? */
static void test_forecast__intervals_cover(void **state)
{
    (void)state;
    struct world *w = world_make("stopping: {}");
    size_t inside = 0, n = 0;
    add_known(w, 12);
    for (double x = -2.4; x < 0; x += 0.06, n++) {
        struct forecast *f = NULL;
        struct forecast_end out[FORECAST_DRAWS];
        struct error err;
        struct rng rng = rng_derive(11, "truth", n);
        double rate = pow(10, x), truth = 0, low = 1, high = 0;
        size_t i = w->evidence.n;
        add_trial(w, rate, 5, false);
        struct running r = {(long)i, w->config[i], &w->curve[i], NULL, 0};
        assert_ok(forecast_make(w->forecaster, &w->evidence, &r, &f, &err), err);
        forecast_outcomes(f, NULL, out);
        for (size_t k = 0; k < FORECAST_DRAWS; k++) {
            assert_near(out[k].cost, 5e5, 1);
            assert_near(out[k].value[1], out[k].cost, 0);
            low = fmin(low, out[k].value[0]);
            high = fmax(high, out[k].value[0]);
        }
        for (long k = 0; k < 25; k++) truth = fmax(truth, em_at(rate, 2e4 * (double)(k + 1), 0.002, &rng));
        inside += truth >= low && truth <= high;
        forecast_free(f);
        learning_curve_done(&w->curve[i]);
        w->evidence.n--;
    }
    assert_true(inside >= n * 85 / 100);
    world_free(w);
}

static void test_pruner__stops_the_hopeless_and_spares_the_hopeful(void **state)
{
    (void)state;
    struct world *w = world_make("stopping: {}");
    add_known(w, 12);
    size_t bad = w->evidence.n, good = bad + 1;
    add_trial(w, 0.0013, 4, false);
    add_trial(w, 0.3, 4, false);
    struct rng none = rng_derive(0, "none", 0);
    struct stop_decision v = judge(w, bad, NULL);
    assert_true(v.stop);
    assert_true(v.chance < 0.1);
    assert_true(isfinite(v.target));
    assert_contains(v.why, "among the best sixteenth");
    assert_near(v.saves, 5e5 - 8e4, 1);
    assert_int_equal(v.n_nearest, FORECAST_NEAREST);
    assert_int_equal(v.nearest[0], 0);                /* the slowest of the known ones */
    assert_true(v.spread[0] > 0 && v.spread[1] >= 0); /* all have ended at the same cost */
    assert_near(v.expected[0], em_at(0.0013, 5e5, 0, &none), 0.05);
    w->evidence.target = objective_utility(&w->study->objective, (double[]){0.5, 5e5}, BASELINE);
    v = judge(w, good, NULL);
    assert_false(v.stop);
    assert_true(v.chance > 1.0 / 16);
    world_free(w);
}

static void test_pruner__grace_and_no_baseline_stop_nothing(void **state)
{
    (void)state;
    struct world *w = world_make("stopping: {grace: 9}");
    add_known(w, 12);
    add_trial(w, 0.0013, 4, false);
    assert_false(judge(w, 12, NULL).stop);
    world_free(w);
    w = world_make("stopping: {}");
    add_known(w, 12);
    add_trial(w, 0.0013, 4, false);
    w->evidence.baseline = NULL;
    assert_false(judge(w, 12, NULL).stop);
    world_free(w);
}

static void test_pruner__asha_and_median(void **state)
{
    (void)state;
    const char *kinds[] = {"stopping: {pruner: asha}", "stopping: {pruner: median}", "stopping: {pruner: none}"};
    for (size_t k = 0; k < 3; k++) {
        struct world *w = world_make(kinds[k]);
        add_known(w, 12);
        add_trial(w, 0.0013, 3, false);
        add_trial(w, 1.0, 3, false);
        struct stop_decision bad = judge(w, 12, NULL), good = judge(w, 13, NULL);
        assert_int_equal(bad.stop, k < 2);
        assert_false(good.stop);
        if (k == 0) assert_contains(bad.why, "asha: ");
        if (k == 1) assert_contains(bad.why, "median: ");
        world_free(w);
    }
}

/* On a busy machine several reports come at once, and the rung may be among them; once judged, it is not again. */
static void test_pruner__each_is_chosen_by_its_name(void **state)
{
    (void)state;
    size_t n;
    const char *const *names = pruner_names(&n);
    for (size_t i = 0; i < n; i++) {
        char text[64];
        snprintf(text, sizeof text, "stopping: {pruner: %s}", names[i]);
        struct world *w = world_make(text);
        assert_int_equal(w->study->stopping.pruner, i);
        assert_string_equal(pruner_name((enum pruner)i), names[i]);
        world_free(w);
    }
}

static void test_pruner__a_rung_is_not_missed(void **state)
{
    (void)state;
    struct world *w = world_make("stopping: {pruner: asha}");
    add_known(w, 12);
    add_trial(w, 0.0013, 5, false);
    assert_true(judge_again(w, 12, NULL, 0).stop);
    assert_true(judge_again(w, 12, NULL, 2).stop);
    assert_false(judge_again(w, 12, NULL, 3).stop);
    assert_false(judge_again(w, 12, NULL, 4).stop);
    world_free(w);
}

/* A program with a fixed number of epochs: its last report is no reason to throw a good result away. */
static void test_pruner__a_good_end_is_kept(void **state)
{
    (void)state;
    struct world *w = world_make("stopping: {pruner: asha}");
    add_known(w, 12); /* 25 reports each */
    add_trial(w, 0.0013, 25, false);
    assert_true(judge(w, 12, NULL).stop);
    w->evidence.target = -HUGE_VAL; /* anything is good */
    assert_false(judge(w, 12, NULL).stop);
    add_trial(w, 0.0013, 24, false); /* not at the end */
    assert_true(judge(w, 13, NULL).stop);
    world_free(w);
}

/* Missing metrics, one point, constant metrics, huge ones: never a crash, never a NaN. */
static void test_forecast__odd_curves(void **state)
{
    (void)state;
    double odd[][4] = {{0, 0, 0, 0}, {1, 1, 1, 1}, {NAN, NAN, 0.5, NAN}, {0.5, 1, 0, 1}, {0.2, NAN, 0.3, 0.4}};
    struct world *w = world_make("stopping: {adaptive: true}");
    add_known(w, 8);
    for (size_t k = 0; k < 5; k++) {
        size_t i = w->evidence.n++;
        w->config[i][0] = 0.02;
        w->config[i][1] = 3;
        w->trial[i] = (struct evidence_trial){(long)i, w->config[i], &w->curve[i], NULL};
        for (long s = 0; s < 4; s++)
            report(w, i, s, odd[k][s], k == 4 ? 1e-3 * (double)(s + 1) : 1e12 * (double)(s + 1));
        struct stop_decision v = judge(w, i, NULL);
        assert_true(isnan(v.chance) || (v.chance >= 0 && v.chance <= 1));
        for (size_t m = 0; m < 2; m++)
            assert_true(isnan(v.spread[m]) || (isfinite(v.spread[m]) && isfinite(v.expected[m])));
    }
    world_free(w);
}

/* ---- the adaptive rule ---- */

static struct advice advise(struct world *w, size_t i, double patience, double threshold)
{
    struct early_stopping rule = {.patience = patience, .threshold = threshold, .mode = GOAL_MAXIMIZE, .best = NAN};
    for (size_t k = 0; k < w->curve[i].n; k++) early_stopping_update(&rule, w->curve[i].value[2 * k]);
    struct running r = {(long)i, w->config[i], &w->curve[i], &rule, 0};
    struct forecast *x = NULL;
    struct advice a;
    struct error err;
    assert_ok(forecast_make(w->forecaster, &w->evidence, &r, &x, &err), err);
    stopping_advise(w->study, &w->evidence, &r, x, &a);
    if (a.change) assert_true(a.threshold >= fmin(forecast_noise(x, 0), w->study->stopping.threshold[1]) - 1e-12);
    forecast_free(x);
    return a;
}

static void test_advice__flat_curves_end_and_climbing_ones_go_on(void **state)
{
    (void)state;
    struct world *w = world_make("stopping: {adaptive: true, patience: [1, 20], threshold: [0, 0.1]}");
    add_known(w, 12);
    add_trial(w, 1.0, 24, false); /* long since flat */
    add_trial(w, 0.05, 3, false); /* in the middle of its climb */
    struct advice flat = advise(w, 12, 20, 0), climbing = advise(w, 13, 1, 0.09);
    assert_true(flat.change && flat.patience < 20);
    assert_contains(flat.why, "what is left to climb is not worth its cost");
    assert_true(climbing.change && climbing.patience > 1); /* 9 points an evaluation would be asking too much */
    assert_contains(climbing.why, "it would end under the floor");
    world_free(w);
}

static void test_advice__bounds_and_a_rule_that_would_never_stop(void **state)
{
    (void)state;
    struct world *w = world_make("stopping: {adaptive: true, patience: [2, 6], threshold: [0.001, 0.01]}");
    add_known(w, 12);
    add_trial(w, 0.1, 10, false);
    struct advice a = advise(w, 12, 1e9, 0);
    assert_true(a.change && a.patience <= 6 && a.patience >= 2);
    assert_true(a.threshold >= 0.001 && a.threshold <= 0.01);
    struct early_stopping rule = {.patience = 1e9, .threshold = -3};
    assert_true(stopping_clamp(&w->study->stopping, &rule));
    assert_near(rule.patience, 6, 0);
    assert_near(rule.threshold, 0.001, 0);
    assert_false(stopping_clamp(&w->study->stopping, &rule));
    world_free(w);
}

/* ---- partial evidence in the search ---- */

/* A stopped trial that is only expected to be good, with little certainty, is worth less than a measured one. */
static void test_search__uncertain_rows_count_less(void **state)
{
    (void)state;
    struct error err;
    struct study *study = NULL;
    static const char text[] =
        "study: s\nparameters:\n  x: {type: float, range: [0, 1]}\n"
        "metrics:\n  em: {goal: maximize, kind: proportion, of: 1000}\nobjective: {maximize: em}\n";
    assert_ok(study_parse("s", text, strlen(text), &study, &err), err);
    double config[12], value[12], spread[2] = {5, 0.01}, median[2];
    struct search_trial trial[12];
    for (size_t i = 0; i < 12; i++) {
        config[i] = (double)i / 11;
        value[i] = i == 6 ? 0.9 : 0.5;
        trial[i] = (struct search_trial){
            .outcome = SEARCH_COMPLETE, .config = &config[i], .metrics = &value[i], .told = (long)i};
    }
    for (size_t k = 0; k < 2; k++) {
        struct search *search = search_create(study, 1, NULL, 0);
        struct search_history h = {.n = 12, .trial = trial};
        struct prediction p[METRICS_MAX];
        trial[6].spread = &spread[k];
        assert_ok(search_predict(search, &h, &config[6], 0.9, p, &err), err);
        median[k] = p[0].median;
        search_free(search);
    }
    assert_true(median[0] < 0.6);
    assert_true(median[1] > median[0] + 0.05);
    study_free(study);
}

/* ---- schedules ---- */

static void test_schedule__learns_what_gains(void **state)
{
    (void)state;
    struct world *w = world_make("schedule: {rate: pb2, interval: 100k tokens}");
    struct interval x[40];
    double config[40][2], proposed[2], sum = 0;
    char why[200];
    struct error err;
    for (size_t i = 0; i < 40; i++) { /* gains are the larger the nearer the rate is to 0.5 */
        config[i][0] = pow(10, -3 + 3 * (double)(i * 17 % 40) / 39);
        config[i][1] = 5;
        x[i] = (struct interval){config[i], (long)i / 8, i < 8 ? NAN : 0.1 * (double)(i / 8),
                                 0.1 * (double)(i / 8) + 0.1 - 0.05 * fabs(log10(config[i][0] / 0.5))};
    }
    for (uint64_t seed = 0; seed < 5; seed++) {
        struct bandit *b = NULL;
        assert_ok(bandit_create(w->study, &(struct intervals){x, 40, 5}, seed, &b, &err), err);
        memcpy(proposed, (double[]){0.001, 7}, sizeof proposed);
        bandit_propose(b, 0.5, seed, proposed, why, sizeof why);
        assert_near(proposed[1], 7, 0); /* not scheduled: as it was */
        assert_contains(why, "pb2: upper bound");
        sum += log10(proposed[0]);
        bandit_free(b);
    }
    assert_near(sum / 5, log10(0.5), 0.4);
    struct bandit *ignorant = NULL;
    assert_ok(bandit_create(w->study, &(struct intervals){x, 2, 1}, 1, &ignorant, &err), err);
    bandit_propose(ignorant, 0.1, 1, proposed, why, sizeof why);
    assert_contains(why, "at random, because little is known");
    bandit_free(ignorant);
    world_free(w);
}

static void test_schedule__begins_with_the_baseline(void **state)
{
    (void)state;
    struct world *w = world_make("schedule: {rate: pb2, interval: 100k tokens}");
    double config[2];
    struct error err;
    for (size_t i = 0; i < 8; i++) {
        assert_ok(schedule_begin(w->study, 3, i, config, &err), err);
        assert_near(config[1], 5, 0);
        assert_true(config[0] >= 0.001 && config[0] <= 1);
        if (i == 0) assert_near(config[0], 0.01, 0);
        if (i > 0) assert_true(config[0] != 0.01);
    }
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_curve__order_and_gaps),
        cmocka_unit_test(test_curve__long_ones_are_thinned_and_keep_their_ends),
        cmocka_unit_test(test_rule__patience_evaluations_without_improvement),
        cmocka_unit_test(test_rule__equivalent_constant_patience),
        cmocka_unit_test(test_forecast__needs_complete_trials),
        cmocka_unit_test(test_forecast__intervals_cover),
        cmocka_unit_test(test_pruner__stops_the_hopeless_and_spares_the_hopeful),
        cmocka_unit_test(test_pruner__grace_and_no_baseline_stop_nothing),
        cmocka_unit_test(test_pruner__asha_and_median),
        cmocka_unit_test(test_pruner__each_is_chosen_by_its_name),
        cmocka_unit_test(test_pruner__a_rung_is_not_missed),
        cmocka_unit_test(test_pruner__a_good_end_is_kept),
        cmocka_unit_test(test_forecast__odd_curves),
        cmocka_unit_test(test_advice__flat_curves_end_and_climbing_ones_go_on),
        cmocka_unit_test(test_advice__bounds_and_a_rule_that_would_never_stop),
        cmocka_unit_test(test_search__uncertain_rows_count_less),
        cmocka_unit_test(test_schedule__learns_what_gains),
        cmocka_unit_test(test_schedule__begins_with_the_baseline),
    };
    surrogate_setup();
    return cmocka_run_group_tests_name("stopping", tests, NULL, NULL);
}
