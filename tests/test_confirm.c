/* Who wins, what is confirmed and when; what a study cannot go on with. */
#include "tests/study_world.h"

#include "tuner/analysis/ranking.h"
#include "tuner/analysis/remark.h"
#include "tuner/coordinator/failure.h"
#include "tuner/policy/policy.h"

#include "surrogate/surrogate.h"

static void test_ranking__confirmed_means_decide(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct arena a = {0};
    complete(w, w->history->m.trial[0], 0.60, 10000);
    complete(w, w->history->m.trial[1], 0.61, 9000);
    for (int i = 0; i < 6; i++) complete(w, add(w, ROLE_SEARCH, 0.1 * i, 1 + i), 0.60, 5000 - 100 * i);
    complete(w, add(w, ROLE_SEARCH, 0.9, 9), 0.30, 10); /* cheap and useless */
    double utility;
    assert_int_equal(ranking_incumbent(&w->history->m, &utility)->number, 7);
    struct ranking before = ranking_make(&w->history->m, &w->study->objective, &a);
    assert_int_equal(before.winner->trial->number, 7);
    assert_int_equal(before.winner->confirmed, 0);
    assert_int_equal(study_confirm_count(w->history->m.study), 8);
    size_t chosen = 0, first = w->history->m.n;
    struct confirm_choice choice;
    assert_int_equal(confirm_step(w->history, &choice), CONFIRM_ROUND);
    assert_contains(choice.text, "trial 7");
    assert_contains(choice.text, "the best by a model of all trials, of what probably satisfies the constraints");
    assert_null(strstr(choice.text, "measured best"));
    assert_int_equal(w->history->m.n - first, 4); /* the first seed of all */
    assert_int_equal(confirm_step(w->history, NULL), CONFIRM_WAITS);
    for (size_t i = first; i < w->history->m.n; i++) {
        if (i == first + 4) assert_int_equal(w->history->m.n, first + 8);
        const struct trial *t = w->history->m.trial[i];
        assert_int_equal(t->role, ROLE_CONFIRM);
        assert_int_not_equal(t->confirms, 8); /* what breaks the constraint is not confirmed */
        chosen += t->confirms == 7;
        assert_true(t->seed != memory_trial(&w->history->m, t->confirms)->seed); /* fresh */
        /* trial 7 turns out to have been lucky */
        complete(w, t, t->confirms == 7 ? 0.50 : i < first + 4 ? 0.60 : 0.602, t->confirms == 0 ? 10000 : 6000);
        if (i == first + 1)
            assert_int_equal(confirm_step(w->history, NULL), CONFIRM_SEEDS); /* one that differs is enough */
    }
    assert_int_equal(chosen, 2);
    struct ranking all = ranking_make(&w->history->m, &w->study->objective, &a);
    assert_int_equal(all.baseline->confirmed, 2);
    assert_near(all.baseline->mean[0], 0.601, 1e-12);
    assert_near(all.baseline->sd[0], 0.002 / sqrt(2), 1e-12);
    assert_true(all.winner->confirmed == 2 && all.winner->trial->number != 7);
    assert_int_equal(confirm_step(w->history, NULL), CONFIRM_OVER); /* once is enough */
    assert_false(confirm_contradicts(&w->history->m));
    arena_done(&a);
    world_free(w);
}

/* One lucky measurement among many that break the constraint: it is the best as measured, and is passed over, and both
 * the choice and what is said of the end name it. */
static void test_confirm__names_the_best_that_it_passes_over(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct arena a = {0};
    struct confirm_choice choice;
    double utility;
    complete(w, w->history->m.trial[0], 0.60, 10000);
    complete(w, w->history->m.trial[1], 0.61, 9000);
    for (int i = 0; i < 10; i++) complete(w, add(w, ROLE_SEARCH, 0.9 + 0.005 * i, 9), 0.55 + 0.002 * (i % 3), 2000);
    for (int i = 0; i < 6; i++) complete(w, add(w, ROLE_SEARCH, 0.1 + 0.02 * i, 2), 0.62, 8000 + 10 * i);
    const struct trial *lucky = add(w, ROLE_SEARCH, 0.92, 9);
    complete(w, lucky, 0.595, 2000);
    assert_ptr_equal(ranking_incumbent(&w->history->m, &utility), lucky);
    assert_null(remark_unconfirmed(&w->history->m, &a)); /* nothing is confirmed yet */
    size_t first = w->history->m.n;
    assert_int_equal(confirm_step(w->history, &choice), CONFIRM_ROUND);
    assert_contains(choice.text, "; trial 18 measured best, but satisfies the constraints with a chance of ");
    for (size_t i = first; i < w->history->m.n; i++) {
        assert_int_not_equal(w->history->m.trial[i]->confirms, lucky->number);
        assert_null(remark_unconfirmed(&w->history->m, &a)); /* it is not over */
        complete(w, w->history->m.trial[i], w->history->m.trial[i]->confirms ? 0.62 + 1e-4 * (double)i : 0.6, 8000);
        confirm_step(w->history, NULL);
    }
    assert_contains(remark_unconfirmed(&w->history->m, &a), "trial 18, the best as measured once, is not confirmed");
    confirm_again(w->history, lucky, 1);
    complete(w, w->history->m.trial[w->history->m.n - 1], 0.56, 2000);
    assert_null(remark_unconfirmed(&w->history->m, &a));
    arena_done(&a);
    world_free(w);
}

/* … unless a person had it tried. */
static struct world *wish(const struct trial **ret)
{
    struct world *w = world_make();
    complete(w, w->history->m.trial[0], 0.60, 10000);
    complete(w, w->history->m.trial[1], 0.61, 9000);
    for (int i = 0; i < 10; i++) complete(w, add(w, ROLE_SEARCH, 0.9 + 0.005 * i, 9), 0.55 + 0.002 * (i % 3), 2000);
    for (int i = 0; i < 6; i++) complete(w, add(w, ROLE_SEARCH, 0.1 + 0.02 * i, 2), 0.62, 8000 + 10 * i);
    *ret = history_enqueue(w->history, (double[]){0.92, 9});
    return w;
}

static size_t times_confirmed(const struct world *w, const struct trial *t)
{
    size_t n = 0;
    for (size_t i = 0; i < w->history->m.n; i++) n += w->history->m.trial[i]->confirms == t->number;
    return n;
}

static void test_confirm__what_a_person_had_tried_is_confirmed_if_it_is_the_best(void **state)
{
    (void)state;
    const struct trial *wished;
    struct world *w = wish(&wished);
    struct confirm_choice choice;
    complete(w, wished, 0.595, 2000);
    assert_int_equal(confirm_step(w->history, &choice), CONFIRM_ROUND);
    assert_memory_equal(choice.text, "trial 18 (enqueued; ", strlen("trial 18 (enqueued; "));
    assert_null(strstr(choice.text, "less is expected"));
    assert_int_equal(times_confirmed(w, wished), 1);
    world_free(w);
}

static void test_confirm__what_was_only_told_is_not_wished(void **state)
{
    (void)state;
    const struct trial *wished;
    struct world *w = wish(&wished);
    complete(w, wished, 0.50, 2000);
    const struct trial *told = add(w, ROLE_ENQUEUED, 0.92, 9);
    complete(w, told, 0.595, 2000);
    assert_int_equal(confirm_step(w->history, NULL), CONFIRM_ROUND);
    assert_int_equal(times_confirmed(w, told), 0);
    world_free(w);
}

/* What is being confirmed is measured on its fresh seeds, wherever they stand. */
static enum confirm_step confirm_on(struct world *w, size_t *done, struct confirm_choice *ret)
{
    const struct memory *s = history_memory(w->history);
    for (; *done < s->n; (*done)++) {
        const struct trial *t = s->trial[*done];
        if (t->role == ROLE_CONFIRM) complete(w, t, (t->confirms ? 0.62 : 0.60) + 1e-4 * (double)t->number, 8000);
    }
    return confirm_step(w->history, ret);
}

static void test_confirm__also_when_others_are_confirmed(void **state)
{
    (void)state;
    const struct trial *wished, *worse;
    struct world *w = wish(&wished);
    struct confirm_choice choice;
    size_t done = w->history->m.n;
    complete(w, wished, 0.50, 2000);
    while (confirm_on(w, &done, NULL) != CONFIRM_OVER) {}
    assert_int_equal(times_confirmed(w, wished), 0);
    wished = history_enqueue(w->history, (double[]){0.93, 9});
    complete(w, wished, 0.60, 2000);
    worse = history_enqueue(w->history, (double[]){0.95, 9});
    complete(w, worse, 0.59, 9999);
    done = w->history->m.n;
    assert_int_equal(confirm_step(w->history, &choice), CONFIRM_ROUND);
    assert_contains(choice.text, "(enqueued; ");
    while (confirm_on(w, &done, NULL) != CONFIRM_OVER) {}
    assert_int_equal(times_confirmed(w, wished), 2);
    assert_int_equal(times_confirmed(w, worse), 0);
    world_free(w);
}

static void test_confirm__also_in_the_middle_of_a_round(void **state)
{
    (void)state;
    const struct trial *wished;
    struct world *w = wish(&wished);
    size_t done = w->history->m.n;
    complete(w, wished, 0.50, 2000);
    assert_int_equal(confirm_on(w, &done, NULL), CONFIRM_ROUND);
    wished = history_enqueue(w->history, (double[]){0.93, 9});
    assert_int_equal(confirm_on(w, &done, NULL), CONFIRM_SEEDS);
    complete(w, wished, 0.60, 2000); /* after the first seed of the others, before their second */
    while (confirm_on(w, &done, NULL) != CONFIRM_OVER) {}
    assert_int_equal(times_confirmed(w, wished), 2);
    world_free(w);
}

static void test_ranking__no_baseline_no_verdict(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct arena a = {0};
    double utility;
    complete(w, add(w, ROLE_SEARCH, 0.5, 5), 0.9, 10);
    assert_null(ranking_incumbent(&w->history->m, &utility));
    assert_null(ranking_make(&w->history->m, &w->study->objective, &a).winner);
    arena_done(&a);
    world_free(w);
}

static void test_confirm__another_round_if_all_winners_break_the_constraint(void **state)
{
    (void)state;
    struct world *w = world_make();
    size_t rounds = 0, before = 0, done = 10, expected[] = {8, 4, 4};
    enum confirm_step step;
    complete(w, w->history->m.trial[0], 0.60, 10000);
    complete(w, w->history->m.trial[1], 0.61, 9000);
    for (int i = 0; i < 8; i++) complete(w, add(w, ROLE_SEARCH, 0.1 * i, 1 + i), 0.60, 5000 - 100 * i);
    while ((step = confirm_step(w->history, NULL)) != CONFIRM_OVER) {
        if (step == CONFIRM_ROUND && rounds++ > 0) assert_int_equal(done - before, expected[rounds - 2]);
        if (step == CONFIRM_ROUND) before = done;
        for (; done < w->history->m.n; done++)
            complete(w, w->history->m.trial[done], w->history->m.trial[done]->confirms < 2 ? 0.60 : 0.50, 5000);
    }
    assert_int_equal(rounds, 3); /* baseline and reference need no second confirmation */
    assert_true(confirm_contradicts(&w->history->m));
    assert_int_equal(w->history->m.n, 10 + 8 + 4 + 4);
    assert_int_equal(w->history->m.baseline.runs, 3); /* its own run and two confirmations */
    reopen(w);
    assert_int_equal(w->history->m.baseline.runs, 3);
    assert_near(memory_baseline(&w->history->m)[1], 20000.0 / 3, 1e-9);
    world_free(w);
}

/* `n` more trials of the search are stopped. */
static void prune(struct world *w, size_t n)
{
    struct error err;
    for (size_t i = 0; i < n; i++) {
        const struct trial *t = add(w, ROLE_SEARCH, 0.01 * (double)i, 3);
        start(w, t);
        report_on(w, t, 0.3, 100);
        assert_ok(history_condemn(w->history, t, "so", NULL, false, &err), err);
        assert_ok(monitor_prune(w->history, t, NULL, &err), err);
    }
}

static const struct trial *last(const struct world *w)
{
    return w->history->m.trial[w->history->m.n - 1];
}

static void test_confirm__the_baseline_is_measured_again_before_many_are_judged_by_it(void **state)
{
    (void)state;
    struct world *w = world_make();
    const struct memory *s = history_memory(w->history);
    complete(w, s->trial[0], 0.60, 10000);
    complete(w, s->trial[1], 0.61, 9000);
    prune(w, 3);
    complete(w, add(w, ROLE_SEARCH, 0.3, 3), 0.60, 5000);
    complete(w, add(w, ROLE_SEARCH, 0.4, 3), 0.60, 5100);
    assert_int_equal(confirm_baseline(w->history, false), 0);
    assert_int_equal(confirm_due(s), 8);
    complete(w, add(w, ROLE_SEARCH, 0.5, 3), 0.60, 5200);
    assert_int_equal(confirm_baseline(w->history, false), 8); /* itself and the reference, too */
    assert_true(last(w)->role == ROLE_CONFIRM && last(w)->confirms == 0 && last(w)->seed != s->trial[0]->seed);
    assert_string_equal(last(w)->source, "confirm: 8 trials are judged by it");
    assert_int_equal(confirm_due(s), 7);
    assert_int_equal(confirm_baseline(w->history, false), 0); /* once */
    complete(w, last(w), 0.58, 9000);
    assert_near(memory_baseline(s)[0], 0.59, 1e-12);
    assert_false(memory_has_confirmed(s));
    struct arena a = {0};
    assert_int_equal(ranking_make(s, &w->study->objective, &a).winner->trial->number, 5); /* as before */
    arena_done(&a);
    prune(w, 15);
    assert_int_equal(confirm_baseline(w->history, false), 0);
    prune(w, 1);
    assert_int_equal(confirm_baseline(w->history, false), 24);
    complete(w, last(w), 0.60, 9000);
    prune(w, 100);
    assert_int_equal(confirm_baseline(w->history, false), 0); /* it has all its seeds */
    assert_int_equal(confirm_baseline(w->history, true), 0);
    size_t before = s->n;
    assert_int_equal(confirm_step(w->history, NULL), CONFIRM_ROUND);
    assert_int_equal(s->n - before, 3); /* reference and winners: the baseline has its first seed */
    reopen(w);
    assert_int_equal(w->history->m.baseline.again, 2);
    world_free(w);
}

static void test_confirm__without_a_bound_of_its_own_those_stopped_are_judged_by_it(void **state)
{
    (void)state;
    struct world *w = world_with(study_edited("em >= baseline - 0.01", "em >= 0.5"));
    complete(w, w->history->m.trial[0], 0.60, 10000);
    for (int i = 0; i < 10; i++) complete(w, add(w, ROLE_SEARCH, 0.05 * i, 3), 0.60, 5000);
    prune(w, 7);
    assert_int_equal(confirm_baseline(w->history, false), 0);
    assert_int_equal(confirm_baseline(w->history, true), 0); /* it bounds nothing, and can wait for the others */
    prune(w, 1);
    assert_int_equal(confirm_baseline(w->history, false), 8);
    world_free(w);
}

static void test_confirm__a_baseline_that_repeats_is_measured_again_once(void **state)
{
    (void)state;
    struct world *w = world_make();
    complete(w, w->history->m.trial[0], 0.60, 10000);
    prune(w, 8);
    assert_int_equal(confirm_baseline(w->history, false), 9);
    complete(w, last(w), 0.60, 10000);
    prune(w, 30);
    assert_int_equal(confirm_baseline(w->history, false), 0);
    assert_int_equal(confirm_baseline(w->history, true), 0);
    world_free(w);
}

/* Its one run was lucky by four points: by that, nothing cheap satisfies the constraint. */
static struct world *lucky_baseline(void)
{
    struct world *w = world_make();
    complete(w, w->history->m.trial[0], 0.64, 10000);
    complete(w, w->history->m.trial[1], 0.61, 9000);
    for (int i = 0; i < 2; i++) complete(w, add(w, ROLE_SEARCH, 0.05 * i, 1), 0.65, 9500);
    for (int i = 0; i < 3; i++) complete(w, add(w, ROLE_SEARCH, 0.9 + 0.05 * i, 9), 0.60, 2000 + 100 * i);
    return w;
}

static bool confirms_any_of(const struct world *w, long from, long to)
{
    const struct memory *s = history_memory(w->history);
    for (size_t i = 0; i < s->n; i++)
        if (s->trial[i]->role == ROLE_CONFIRM && s->trial[i]->confirms >= from && s->trial[i]->confirms <= to) return true;
    return false;
}

static void test_confirm__a_lucky_baseline_passes_over_what_is_best(void **state)
{
    (void)state;
    struct world *w = lucky_baseline();
    assert_int_equal(confirm_step(w->history, NULL), CONFIRM_ROUND);
    assert_true(confirms_any_of(w, 2, 3) && !confirms_any_of(w, 4, 6));
    world_free(w);
}

static void test_confirm__its_own_seeds_come_first(void **state)
{
    (void)state;
    struct world *w = lucky_baseline();
    size_t before = w->history->m.n;
    assert_int_equal(confirm_baseline(w->history, true), 7);
    assert_int_equal(w->history->m.n - before, 1); /* one seed first: they may make no difference */
    assert_int_equal(confirm_due(&w->history->m), 7);
    reopen(w);
    assert_int_equal(confirm_baseline(w->history, true), 0); /* it is still to run */
    complete(w, last(w), 0.59, 10000);
    reopen(w);
    assert_int_equal(confirm_baseline(w->history, true), 7);
    uint64_t seed[] = {w->history->m.trial[before]->seed, last(w)->seed};
    complete(w, last(w), 0.60, 10000);
    assert_int_equal(confirm_baseline(w->history, true), 0);
    assert_int_equal(w->history->m.n - before, 2);
    assert_int_equal(confirm_step(w->history, NULL), CONFIRM_ROUND);
    assert_true(confirms_any_of(w, 4, 6));
    for (size_t i = before + 2; i < w->history->m.n; i++) {
        assert_int_equal(w->history->m.trial[i]->seed, seed[0]); /* the same seeds for all */
        assert_int_not_equal(w->history->m.trial[i]->confirms, 0);
    }
    assert_int_not_equal(seed[0], seed[1]);
    world_free(w);
}

/* Who cannot wait for it (adviser.c) chooses by what is known. */
static void test_confirm__a_round_does_not_wait_for_the_baseline_alone(void **state)
{
    (void)state;
    struct world *w = lucky_baseline();
    size_t before = w->history->m.n;
    confirm_baseline(w->history, true);
    start(w, last(w));
    assert_int_equal(confirm_step(w->history, NULL), CONFIRM_ROUND);
    assert_int_equal(w->history->m.n - before, 1 + 1 + 2); /* its own, the reference, the winners */
    for (size_t i = before + 1; i < w->history->m.n; i++)
        complete(w, w->history->m.trial[i], 0.60 + 0.001 * (double)i, 9000);
    assert_int_equal(confirm_step(w->history, NULL), CONFIRM_SEEDS);
    world_free(w);
}

static void test_confirm__a_baseline_that_fails_does_not_keep_the_others(void **state)
{
    (void)state;
    struct world *w = lucky_baseline();
    struct error err;
    assert_int_equal(confirm_baseline(w->history, true), 7);
    start(w, last(w));
    assert_ok(history_finish(w->history, last(w), &(struct ending){.state = TRIAL_FAILED, .reason = "no"}, &err), err);
    assert_int_equal(confirm_baseline(w->history, true), 0);
    assert_int_equal(confirm_step(w->history, NULL), CONFIRM_ROUND);
    world_free(w);
}

/* ---- failures alike ---- */

static enum status look_at(struct world *w, const struct trial *t, struct alike *alike)
{
    struct error err;
    return failure_look(history_memory(w->history), t, alike, &err);
}

static enum status fail_one(struct world *w, struct alike *alike)
{
    struct error err;
    const struct trial *t = add(w, ROLE_SEARCH, 0.01 * (double)w->history->m.n, 3);
    start(w, t);
    struct ending failed = {.state = TRIAL_FAILED, .reason = "it exited with 1"};
    assert_ok(history_finish(w->history, t, &failed, &err), err);
    return look_at(w, t, alike);
}

static void test_failure__what_was_stopped_lies_between(void **state)
{
    (void)state;
    struct world *w = world_make();
    struct alike alike = {0};
    assert_int_equal(fail_one(w, &alike), STATUS_OK);
    assert_int_equal(fail_one(w, &alike), STATUS_OK);
    prune(w, 1);
    assert_int_equal(look_at(w, last(w), &alike), STATUS_OK);
    assert_int_equal(fail_one(w, &alike), STATUS_OK);
    assert_int_equal(fail_one(w, &alike), STATUS_OK);
    assert_int_equal(fail_one(w, &alike), STATUS_FAILED);
    world_free(w);
}

/* A hair below the bound, where a model of noisy results would give them every other chance. */
static void test_confirm__where_seeds_make_no_difference_what_broke_a_constraint_is_not_confirmed(void **state)
{
    (void)state;
    struct world *w = world_with(study_edited("kind: proportion, of: 1000", "kind: proportion"));
    complete(w, w->history->m.trial[0], 0.60123, 10123);
    complete(w, w->history->m.trial[1], 0.61, 9000);
    for (int i = 0; i < 12; i++) complete(w, add(w, ROLE_SEARCH, 0.9 - 0.01 * i, 9), 0.59122, 2000 + 10 * i);
    complete(w, add(w, ROLE_SEARCH, 0.7, 8), 0.5932, 4000);
    complete(w, add(w, ROLE_SEARCH, 0.65, 8), 0.595, 4500);
    prune(w, 30);
    while (confirm_baseline(w->history, true)) complete(w, last(w), 0.60123, 10123);
    assert_int_equal(confirm_step(w->history, NULL), CONFIRM_ROUND);
    assert_false(confirms_any_of(w, 2, 13));
    assert_true(confirms_any_of(w, 14, 14) && confirms_any_of(w, 15, 15));
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranking__confirmed_means_decide),
        cmocka_unit_test(test_confirm__names_the_best_that_it_passes_over),
        cmocka_unit_test(test_confirm__what_a_person_had_tried_is_confirmed_if_it_is_the_best),
        cmocka_unit_test(test_confirm__what_was_only_told_is_not_wished),
        cmocka_unit_test(test_confirm__also_when_others_are_confirmed),
        cmocka_unit_test(test_confirm__also_in_the_middle_of_a_round),
        cmocka_unit_test(test_ranking__no_baseline_no_verdict),
        cmocka_unit_test(test_confirm__another_round_if_all_winners_break_the_constraint),
        cmocka_unit_test(test_confirm__the_baseline_is_measured_again_before_many_are_judged_by_it),
        cmocka_unit_test(test_confirm__without_a_bound_of_its_own_those_stopped_are_judged_by_it),
        cmocka_unit_test(test_confirm__a_baseline_that_repeats_is_measured_again_once),
        cmocka_unit_test(
            test_confirm__where_seeds_make_no_difference_what_broke_a_constraint_is_not_confirmed),
        cmocka_unit_test(test_confirm__a_lucky_baseline_passes_over_what_is_best),
        cmocka_unit_test(test_confirm__its_own_seeds_come_first),
        cmocka_unit_test(test_confirm__a_round_does_not_wait_for_the_baseline_alone),
        cmocka_unit_test(test_confirm__a_baseline_that_fails_does_not_keep_the_others),
        cmocka_unit_test(test_failure__what_was_stopped_lies_between),
    };
    surrogate_setup();
    return cmocka_run_group_tests_name("confirm", tests, NULL, NULL);
}
