/* What scored units say, without a store: units of which something was expected, kept and read again, repeated some
 * hundred times. */
#include "tests/findings_world.h"

#include "tests/test.h"

#define PLAN                                                                                                           \
    "metrics: {score: {prove: not_worse, range: [0, 1], margin: 0, effect: 0.02, guard: 0.9}}\n"                       \
    "learn: 200\nramp: [0.5]\n"

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct repeated {
    double median, decided, wrong;
};

enum { RUNS = 150 };

static struct repeated repeat(double told, double better, long most)
{
    double at[RUNS], wrong = 0;
    size_t n = 0;
    for (uint64_t k = 0; k < RUNS; k++) {
        struct findings_world w = {.told = told, .better = {better}};
        struct error err;
        bool good = false;
        if (!findings_world_open(&w, PLAN, 1, k, &err)) fail_msg("%s", err.text);
        assert_int_equal(w.f.adjustment[0].explained > 0, told > 0);
        double units = findings_world_verdict(&w, 25, most, &good);
        at[k] = units > 0 ? units : (double)most + 1;
        n += units > 0;
        wrong += units > 0 && good != (better > 0);
        findings_world_close(&w);
    }
    qsort(at, RUNS, sizeof *at, compare);
    return (struct repeated){at[RUNS / 2], (double)n / RUNS, wrong / RUNS};
}

static void test_findings__what_is_expected_saves_units(void **state)
{
    (void)state;
    struct repeated bare = repeat(0, -0.03, 6000), told = repeat(0.7, -0.03, 6000);
    double ratio = told.median / bare.median; /* 1 − 0.7² = 0.51 */
    printf("median %.0f, with what is expected %.0f: %.2f of it\n", bare.median, told.median, ratio);
    if (!(ratio > 0.35 && ratio < 0.68)) fail_msg("%.2f of the units, not about 0.51", ratio);
    assert_true(bare.decided > 0.8 && told.decided > 0.95);
    assert_true(told.wrong <= 0.02);
}

static void test_findings__what_is_expected_invents_nothing(void **state)
{
    (void)state;
    struct repeated told = repeat(0.7, 0, 1500);
    printf("of experiments without a difference %.1f %% say one\n", 100 * told.decided);
    assert_true(told.decided <= 0.1); /* 5 % are promised; three standard errors of 150 runs */
}

static void test_findings__what_explains_nothing_is_not_taken_off(void **state)
{
    (void)state;
    double value[1];
    for (int turn = 0; turn < 3; turn++) { /* 0: of too few; 1: of noise; 2: of the outcome itself */
        struct findings_world w = {.told = 0};
        struct error err;
        assert_ok(live_plan_read("plan", PLAN, &w.arena, &w.plan, &err), err);
        findings_init(&w.f, &w.plan, 1, &w.arena);
        w.rng = rng_derive(1, "noise", 0);
        for (int i = 0; i < 200; i++) {
            struct scored_unit unit = findings_world_unit(&w, 0, value);
            bool is_told = turn > 0 || i < FINDINGS_PAIRS - 1;
            unit.expected = !is_told ? NAN : turn == 1 ? rng_unit(&w.rng) : value[0];
            findings_learn(&w.f, &unit);
        }
        assert_ok(findings_begin(&w.f, &err), err);
        if (turn == 2)
            assert_near(w.f.adjustment[0].explained, 1, 1e-9);
        else
            assert_near(w.f.adjustment[0].explained, 0, 0);
        findings_world_close(&w);
    }
}

/* A unit of which nothing was expected is an average one; whatever is taken off, differences stay in the metric's unit. */
static void test_findings__differences_are_the_metrics_own(void **state)
{
    (void)state;
    struct findings_world w = {.told = 0.8, .better = {0.05}};
    struct error err;
    struct judgement j;
    assert_true(findings_world_open(&w, PLAN, 1, 3, &err));
    findings_world_more(&w, 4000);
    judge(&w.x, &w.f, true, &j);
    const struct track_reading *r = &j.challenger[0].track[0];
    assert_near(r->by, 0.05, 0.02);
    assert_true(r->low < 0.05 && r->high > 0.05 && r->high - r->low < 0.1);
    json_t *out = judgement_json(&w.x, &w.f, &j), *track = json_array_get(json_object_get(json_array_get(out, 0), "metrics"), 0);
    assert_near(json_number_at(track, "champion"), 0.5, 0.03);
    assert_near(json_number_at(track, "challenger"), 0.55, 0.03);
    assert_near(json_number_at(track, "explained"), 0.64, 0.12);
    json_decref(out);
    double known = w.f.known[0].n, value[1] = {0.5};
    struct scored_unit plain = {.period = 1, .expected = NAN, .chance = 0.5, .value = value};
    findings_see(&w.f, &plain, experiment_now(&w.x)->share);
    assert_near(w.f.known[0].n, known + 1, 0);
    findings_world_close(&w);
}

static void test_findings__are_kept_to_the_last_bit(void **state)
{
    (void)state;
    for (int turn = 0; turn < 2; turn++) { /* 0: still learning */
        struct findings_world w = {.told = 0.6};
        struct findings read;
        struct error err;
        double value[1];
        assert_true(findings_world_open(&w, PLAN, 2, 4, &err));
        if (turn == 0) {
            findings_init(&w.f, &w.plan, 2, &w.arena);
            for (int i = 0; i < 70; i++) {
                struct scored_unit unit = findings_world_unit(&w, 0, value);
                unit.expected = i % 3 ? unit.expected : NAN;
                findings_learn(&w.f, &unit);
            }
        } else {
            findings_world_more(&w, 500);
        }
        json_t *kept = findings_json(&w.f);
        findings_init(&read, &w.plan, 2, &w.arena);
        assert_ok(findings_read(kept, &read, &err), err);
        json_t *again = findings_json(&read);
        assert_true(json_equal(kept, again));
        json_decref(kept);
        json_decref(again);
        findings_world_close(&w);
    }
}

/* ---- sums ---- */

#define TOKENS                                                                                                         \
    "metrics: {em: {prove: not_worse}, tokens: {prove: fewer}}\nsegments: [long]\nlearn: 100\nramp: [0.3]\n"

static struct scored_unit answer(struct rng *r, size_t arm, double *value)
{
    value[0] = rng_unit(r) < 0.6;
    value[1] = rng_unit(r) < 0.05 ? NAN : floor(100 * exp(rng_normal(r)));
    return (struct scored_unit){
        .segment = rng_unit(r) < 0.3, .arm = arm, .expected = NAN, .chance = rng_unit(r), .value = value};
}

static void begin_answers(struct findings *f, struct experiment *x, const struct live_plan *plan, struct arena *arena)
{
    struct rng r = rng_derive(5, "learnt", 0);
    struct error err;
    double value[2];
    experiment_begin(x, plan, 1, 0, arena);
    findings_init(f, plan, 1, arena);
    for (int i = 0; i < 100; i++) {
        struct scored_unit unit = answer(&r, 0, value);
        findings_learn(f, &unit);
    }
    assert_ok(findings_begin(f, &err), err);
    assert_ok(experiment_enter(x, LIVE_RUNNING, "", 1, &err), err);
}

static void assert_same_counts(const struct followed *x, const struct followed *y)
{
    assert_int_equal(x->n, y->n);
    for (size_t i = 0; i < x->n; i++) {
        size_t k = x->stratum[i].segment == y->stratum[i].segment ? i : x->n - 1 - i;
        assert_int_equal(x->stratum[i].segment, y->stratum[k].segment);
        assert_memory_equal(x->stratum[i].tally.units, y->stratum[k].tally.units, sizeof x->stratum[i].tally.units);
    }
}

/* What two collectors have counted, sent as JSON, is what one would have seen unit by unit. */
static void test_findings__sums_add_up_to_what_units_say(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct live_plan plan;
    struct experiment x, y;
    struct findings one, other;
    struct sums sums[2], all;
    struct error err;
    struct judgement j[2];
    struct rng r = rng_derive(6, "units", 0);
    double value[2];
    assert_ok(live_plan_read("plan", TOKENS, &arena, &plan, &err), err);
    begin_answers(&one, &x, &plan, &arena);
    begin_answers(&other, &y, &plan, &arena);
    for (int i = 0; i < 2; i++) sums_begin(&sums[i], other.n_tracks, &arena);
    sums_begin(&all, other.n_tracks, &arena);
    for (int i = 0; i < 2000; i++) {
        struct scored_unit unit = answer(&r, rng_unit(&r) < 0.3, value);
        unit.period = 1;
        findings_see(&one, &unit, experiment_now(&x)->share);
        findings_sum(&other, &unit, &sums[i % 2]);
    }
    for (int i = 0; i < 2; i++) {
        json_t *sent = sums_json(&sums[i], &y);
        assert_ok(sums_read(sent, &y, &all, &err), err);
        json_decref(sent);
    }
    assert_int_equal(all.n, 4); /* two arms of two segments */
    findings_fold(&other, &all, &y);
    judge(&x, &one, true, &j[0]);
    judge(&y, &other, true, &j[1]);
    for (size_t t = 0; t < 3; t++) {
        const struct track_reading *a = &j[0].challenger[0].track[t], *b = &j[1].challenger[0].track[t];
        assert_near(a->by, b->by, 0.02); /* offsets of strata are those of their first units */
        assert_near(a->low, b->low, 0.05);
        assert_near(a->high, b->high, 0.05);
        assert_same_counts(&one.challenger[0].track[t], &other.challenger[0].track[t]);
    }
    assert_near(one.challenger[0].units[0], other.challenger[0].units[0], 0);
    assert_near(one.challenger[0].missing[1], other.challenger[0].missing[1], 0);
    arena_done(&arena);
}

/* The base rate is not at all what was learnt, and nothing is different: arms told one after the other would each be
 * evidence by themselves. */
static void test_findings__sums_are_one_bet_on_both_arms(void **state)
{
    (void)state;
    long broken = 0, said = 0;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct arena arena = {0};
        struct live_plan plan;
        struct experiment x;
        struct findings f;
        struct error err;
        struct judgement j;
        struct rng r = rng_derive(seed, "aa", 0);
        double value[2];
        assert_ok(live_plan_read("plan", TOKENS "units: 20000\n", &arena, &plan, &err), err);
        begin_answers(&f, &x, &plan, &arena);
        for (int sent = 0; sent < 3; sent++) {
            struct sums s;
            sums_begin(&s, f.n_tracks, &arena);
            for (int i = 0; i < 700; i++) {
                struct scored_unit unit = answer(&r, rng_unit(&r) < 0.3, value);
                unit.period = 1;
                value[0] = rng_unit(&r) < 0.95;
                findings_sum(&f, &unit, &s);
            }
            findings_fold(&f, &s, &x);
            judge(&x, &f, false, &j);
            broken += j.challenger[0].broken;
            for (size_t t = 0; t < f.n_tracks; t++) said += j.challenger[0].track[t].bad;
        }
        arena_done(&arena);
    }
    assert_int_equal(broken, 0);
    assert_true(said <= 6);
}

static void test_findings__sums_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct live_plan plan;
    struct experiment x;
    struct findings f;
    struct error err;
    assert_ok(live_plan_read("plan", TOKENS, &arena, &plan, &err), err);
    begin_answers(&f, &x, &plan, &arena);
    static const struct {
        const char *sums, *why;
    } bad[] = {
        {"{\"cells\":{}}", "must be a list"},
        {"{\"cells\":[{\"period\":2,\"variant\":\"champion\",\"units\":0,\"missing\":0,\"tracks\":[[],[],[]]}]}", "period must be"},
        {"{\"cells\":[{\"period\":1.0,\"variant\":\"champion\",\"units\":0,\"missing\":0,\"tracks\":[[],[],[]]}]}", "period must be"},
        {"{\"cells\":[{\"period\":1,\"variant\":\"third\",\"units\":0,\"missing\":0,\"tracks\":[[],[],[]]}]}", "no variant"},
        {"{\"cells\":[{\"period\":1,\"variant\":\"champion\",\"units\":1.5,\"missing\":0,\"tracks\":[[],[],[]]}]}", "whole numbers"},
        {"{\"cells\":[{\"period\":1,\"variant\":\"champion\",\"units\":-1,\"missing\":0,\"tracks\":[[],[],[]]}]}", "whole numbers"},
        {"{\"cells\":[{\"period\":1,\"variant\":\"champion\",\"units\":1,\"missing\":2,\"tracks\":[[],[],[]]}]}", "no more missing"},
        {"{\"cells\":[{\"period\":1,\"variant\":\"champion\",\"units\":1,\"missing\":0,\"tracks\":[[],[]]}]}", "follows 3"},
        {"{\"cells\":[{\"period\":1,\"variant\":\"champion\",\"units\":1,\"missing\":0,\"tracks\":[[[65,1]],[],[]]}]}", "levels from 0 to 64"},
        {"{\"cells\":[{\"period\":1,\"variant\":\"champion\",\"units\":1,\"missing\":0,\"tracks\":[[[-1,1]],[],[]]}]}", "levels from 0 to 64"},
        {"{\"cells\":[{\"period\":1,\"variant\":\"champion\",\"units\":1,\"missing\":0,\"tracks\":[[[0,0.5],[1,0.5]],[],[]]}]}", "levels from 0 to 64"},
        {"{\"cells\":[{\"period\":1,\"variant\":\"champion\",\"units\":2,\"missing\":0,\"tracks\":[[[0,1],[1,1]],[[3,2]],[[4,1]]]}]}", "adds up to 1 units, not to 2"},
        {"{\"arrived\":[{\"period\":1,\"variant\":\"champion\",\"units\":\"3\"}]}", "whole number"},
        {"{\"cells\":[{\"period\":1,\"variant\":\"champion\",\"units\":1000000000001,\"missing\":0,\"tracks\":[[],[],[]]}]}", "at most 1000000000000"},
        {"{\"arrived\":[{\"period\":1,\"variant\":\"champion\",\"units\":1000000000001}]}", "at most 1000000000000"},
        {"{\"counts\":{\"taken\":-1}}", "counts"},
        {"{\"counts\":{\"taken\":1e308}}", "counts"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sums s;
        json_t *in = json_loads(bad[i].sums, 0, NULL);
        sums_begin(&s, f.n_tracks, &arena);
        assert_non_null(in);
        if (!sums_read(in, &x, &s, &err)) fail_msg("%s is taken", bad[i].sums);
        assert_contains(err.text, bad[i].why);
        json_decref(in);
    }
    arena_done(&arena);
}

/* ---- prefer: finding ---- */

#define FINDING                                                                                                        \
    "metrics: {score: {prove: not_worse, range: [0, 1], margin: 0, effect: 0.03, guard: 0.9}}\n"                      \
    "prefer: finding\nwindow: 10s\nlearn: 200\nramp: [0.9]\n"

/* Of so many units, all over the experiment. */
static void run_finding(struct findings_world *w, uint64_t seed, long units)
{
    struct error err;
    w->apart_ms = 100;
    if (!findings_world_open(w, FINDING, 4, seed, &err)) fail_msg("%s", err.text);
    for (long n = 0; n < units; n += 100) {
        findings_world_more(w, 100);
        findings_world_share(w);
    }
}

static void test_findings__the_best_gets_most_of_what_comes(void **state)
{
    (void)state;
    enum { SEEDS = 8 };
    double best = 0, champion = 0, all = 0;
    long proven = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct findings_world w = {.better = {0, 0.04, 0, -0.02}};
        struct judgement j;
        run_finding(&w, seed, 20000);
        judge(&w.x, &w.f, false, &j);
        for (size_t i = 0; i < 4; i++) all += w.f.challenger[i].units[ARM_CHALLENGER];
        best += w.f.challenger[1].units[ARM_CHALLENGER];
        champion += w.f.challenger[0].units[ARM_CHAMPION] / 20000;
        proven += j.challenger[1].proven;
        assert_true(w.x.n_periods <= 40);
        for (size_t k = 1; k < w.x.n_periods; k++) {
            const struct period *p = &w.x.period[k];
            assert_true(p->share[0] >= 0.25 - 1e-9 && 1 - p->share[0] <= 0.9 + 1e-9);
            if (p->to_ms) assert_true(p->to_ms - p->from_ms >= PREFERENCE_WINDOWS * w.plan.window_ms);
        }
        findings_world_close(&w);
    }
    printf("the best of four had %.0f %% of the challengers' units, the champion %.0f %% of all; proven in %ld of %d\n",
           100 * best / all, 100 * champion / SEEDS, proven, SEEDS);
    assert_true(best / all > 0.4); /* of equal shares a quarter */
    assert_true(proven >= SEEDS - 1);
}

static void test_findings__nothing_is_found_where_nothing_is(void **state)
{
    (void)state;
    long said = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct findings_world w = {.better = {0}};
        struct judgement j;
        run_finding(&w, 100 + seed, 5000);
        judge(&w.x, &w.f, false, &j);
        for (size_t i = 0; i < 4; i++) said += j.challenger[i].proven;
        findings_world_close(&w);
    }
    assert_true(said <= 3);
}

static void test_findings__who_is_dropped_gets_nothing_and_one_alone_is_not_weighed(void **state)
{
    (void)state;
    struct findings_world w = {.better = {0.02, 0, 0, 0}};
    struct preferred p;
    run_finding(&w, 7, 2000);
    w.x.dropped[0] = true;
    assert_true(preference_weigh(&w.x, &w.f, &p));
    assert_near(p.weight[0], 0, 0);
    assert_near(p.weight[1] + p.weight[2] + p.weight[3], 1, 1e-9);
    w.x.dropped[1] = w.x.dropped[2] = true;
    assert_false(preference_weigh(&w.x, &w.f, &p));
    findings_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings__what_is_expected_saves_units),
        cmocka_unit_test(test_findings__what_is_expected_invents_nothing),
        cmocka_unit_test(test_findings__what_explains_nothing_is_not_taken_off),
        cmocka_unit_test(test_findings__differences_are_the_metrics_own),
        cmocka_unit_test(test_findings__are_kept_to_the_last_bit),
        cmocka_unit_test(test_findings__sums_add_up_to_what_units_say),
        cmocka_unit_test(test_findings__sums_are_one_bet_on_both_arms),
        cmocka_unit_test(test_findings__sums_that_cannot_be_are_refused),
        cmocka_unit_test(test_findings__the_best_gets_most_of_what_comes),
        cmocka_unit_test(test_findings__nothing_is_found_where_nothing_is),
        cmocka_unit_test(test_findings__who_is_dropped_gets_nothing_and_one_alone_is_not_weighed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
