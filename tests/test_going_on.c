/* Trials that were stopped and go on: in memory and in the log, whoever is killed when; who goes on, and why. */
#include "tests/memory_world.h"

#include "surrogate/surrogate.h"

#include <limits.h>

/* ---- in memory ---- */

/* One event of trial 1: l: it is leased, s200: started, with a checkpoint that cost this, r300: a report, n300: one
 * with a gap, c: a checkpoint, d: condemned, p: pruned, g: it goes on, x: it crashed, f500: complete, k: cancelled, a:
 * tried again. */
static void take_turn(struct world *w, char what, double tokens)
{
    struct history *s = w->live;
    const struct trial *t = s->m.trial[1];
    struct error err = {0};
    const struct checkpoint left = {.name = "c", .trial = 1, .attempt = t->effort.attempts, .step = 3, .bytes = 9};
    const struct ending cancelled = {.state = TRIAL_CANCELLED, .reason = "so"};
    json_t *said = json_pack("{s:f}", "tokens", tokens), *by = json_pack("{s:s, s:f}", "by", "asha", "at", 300.0);
    if (what != 'n') json_object_set_new(said, "em", json_real(0.001 * tokens));
    enum status st = STATUS_OK;
    switch (what) {
    case 'r':
    case 'n': history_report(s, t, (long)(tokens / 100), said); break;
    case 'l': st = history_lease(s, t, NULL, 0, &err); break;
    case 's': st = history_started(s, t, 7, tokens, &err); break;
    case 'c': st = history_checkpoint(s, t, &left, &err); break;
    case 'd': st = history_condemn(s, t, "hopeless", by, false, &err); break;
    case 'p': st = monitor_prune(s, t, NULL, &err); break;
    case 'g': st = history_resume(s, t, &(struct resuming){"better than it was", by, false}, &err); break;
    case 'x': st = history_return(s, t, OUTCOME_CRASHED, "so", 0, &err); break;
    case 'f': st = history_finish(s, t, &(struct ending){.state = TRIAL_COMPLETE, .metrics = said}, &err); break;
    case 'k': st = history_finish(s, t, &cancelled, &err); break;
    case 'a': st = history_retry(s, t, &err); break;
    default: fail();
    }
    if (st) fail_msg("%c: %s", what, err.text);
    json_decref(said);
    json_decref(by);
}

/* kill -9, and what the next process knows. */
static void open_again(struct world *w)
{
    struct error err;
    struct opening opening = {.seed = 3, .slots = 2};
    assert_ok(history_flush(w->live, &err), err);
    history_free(w->live);
    w->live = NULL;
    assert_ok(history_open(w->store, w->study, &opening, clock_real(), &w->live, &err), err);
}

struct gone { /* how trial 1 has gone */
    enum trial_state state;
    double spent, resumed_cost;
    long times, reports, judged;
    size_t points;
    double at[LEARNING_CURVE_POINTS];
};

static void look(const struct world *w, struct gone *ret)
{
    const struct trial *t = w->live->m.trial[1];
    const struct learning_curve *c = t->attempt.curve ? &t->attempt.curve->curve : NULL;
    *ret = (struct gone){t->state, w->live->m.tally.tokens, t->attempt.resumed_cost, t->resumed.times, 0, 0, 0, {0}};
    if (!c) return;
    ret->reports = c->reports;
    ret->judged = t->attempt.curve->judged;
    ret->points = c->n;
    memcpy(ret->at, c->at, c->n * sizeof *c->at);
}

static const char STOPPING[] = "stopping: {pruner: asha, adaptive: true}\n";

/* Compared with the log at every event, or with another process that takes over before the one `killed`. Returns how
 * many events there are. */
static int play(const char *events, int killed, struct gone *ret)
{
    struct world w = {0};
    char text[sizeof STUDY + sizeof STOPPING];
    int i = 0;
    snprintf(text, sizeof text, "%s%s", STUDY, STOPPING);
    open_world_of(&w, text);
    add_trials(w.live, 3);
    for (const char *at = events; *at; i++) {
        char *next;
        double tokens = strtod(at + 1, &next);
        if (i == killed) open_again(&w);
        take_turn(&w, *at, tokens);
        if (killed < 0) compare_now(&w);
        at = next + strspn(next, " ");
    }
    look(&w, ret);
    end(&w);
    return i;
}

static void play_killed_anywhere(const char *events, struct gone *ret)
{
    int n = play(events, -1, ret);
    for (int k = 0; k < n; k++) {
        struct gone y;
        play(events, k, &y);
        if (y.state != ret->state || y.spent != ret->spent || y.resumed_cost != ret->resumed_cost ||
            y.times != ret->times || y.judged != ret->judged || y.reports != ret->reports || y.points != ret->points)
            fail_msg("%s, killed before event %d: state %d, %g tokens, %ld reports, and without that %d, %g, %ld",
                     events, k, (int)y.state, y.spent, y.reports, (int)ret->state, ret->spent, ret->reports);
        assert_memory_equal(y.at, ret->at, ret->points * sizeof *y.at);
    }
}

#define STOPPED "l r100 r200 c r300 d p "

static void test_going_on__a_stopped_trial_goes_on(void **state)
{
    (void)state;
    struct gone x;
    play_killed_anywhere(STOPPED "g l s200 r300 r400 f500", &x); /* from its checkpoint: 300 more */
    assert_true(x.state == TRIAL_COMPLETE && x.spent == 600 && x.times == 1);
    assert_true(x.points == 4 && x.reports == 4 && x.at[3] == 400);
    play_killed_anywhere(STOPPED "g l s0 r100 f500", &x); /* it has none */
    assert_true(x.spent == 800 && x.points == 1);
    play_killed_anywhere(STOPPED "g l s200 r100 r200 f500", &x); /* it cannot use it */
    assert_true(x.spent == 800 && x.resumed_cost == 0 && x.points == 2);
    play_killed_anywhere(STOPPED "g l s300 n400 r350 r500 d p", &x); /* a gap, and one out of order */
    assert_true(x.state == TRIAL_PRUNED && x.spent == 500 && x.points == 5);
}

static void test_going_on__it_goes_on_again_and_again(void **state)
{
    (void)state;
    struct gone x;
    play_killed_anywhere(STOPPED "g l s200 r300 x l s200 x l s200 r400 f600", &x); /* once without a report */
    assert_true(x.state == TRIAL_COMPLETE && x.spent == 300 + 100 + 400 && x.points == 4 && x.times == 1);
    play_killed_anywhere(STOPPED "g l s300 r400 d p g l s400 r500 d p", &x);
    assert_true(x.state == TRIAL_PRUNED && x.spent == 500 && x.points == 5 && x.times == 2);
    play_killed_anywhere(STOPPED "g l s300 k a l s200 r300 f400", &x);
    assert_true(x.state == TRIAL_COMPLETE && x.spent == 500 && x.times == 1);
    play_killed_anywhere(STOPPED "g k a k", &x);
    assert_true(x.state == TRIAL_CANCELLED && x.spent == 300);
    play_killed_anywhere("l d p g l n100 d p", &x); /* nothing was known of it */
    assert_true(x.state == TRIAL_PRUNED && x.spent == 100 && x.times == 1);
}

/* A client that was told to stop, and says its result then: it is not that of the trial, which goes on. */
static void test_going_on__what_was_stopped_says_nothing_late(void **state)
{
    (void)state;
    struct world w = {0};
    open_world_of(&w, STUDY);
    add_trials(w.live, 1);
    const struct trial *t = w.live->m.trial[1];
    for (const char *at = "lrdp"; *at; at++) take_turn(&w, *at, 100);
    int64_t old = t->attempt.lease;
    assert_int_equal(lease_judge(t, &(struct lease_claim){.lease = old}, LEASE_RESULT, false), LEASE_DECIDED);
    take_turn(&w, 'g', 0);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(lease_judge(t, &(struct lease_claim){.lease = old}, LEASE_RESULT, false), LEASE_STALE);
        assert_int_equal(lease_judge(t, &(struct lease_claim){.lease = old}, LEASE_REPORT, false), LEASE_STALE);
        if (!again) assert_int_equal(lease_judge(t, &(struct lease_claim){0}, LEASE_RESULT, false), LEASE_STALE);
        if (!again) take_turn(&w, 'l', 0);
    }
    assert_int_equal(lease_judge(t, &(struct lease_claim){0}, LEASE_RESULT, false), LEASE_ACCEPT);
    take_turn(&w, 'x', 0); /* but of who goes on it counts, late as it is */
    old = t->attempt.lease;
    take_turn(&w, 'l', 0);
    assert_int_equal(lease_judge(t, &(struct lease_claim){.lease = old}, LEASE_RESULT, false), LEASE_LATE);
    end(&w);
}

/* Of a curve with more reports than are kept. */
static void test_going_on__a_thinned_curve_goes_on(void **state)
{
    (void)state;
    struct gone x, y;
    char events[4000] = "l";
    for (int k = 1; k <= LEARNING_CURVE_POINTS + 7; k++) sprintf(events + strlen(events), " r%d", 100 * k);
    strcat(events, " d p g l s1000");
    for (int k = 11; k <= 40; k++) sprintf(events + strlen(events), " r%d", 100 * k);
    int n = play(events, INT_MAX, &x);
    assert_true(x.state == TRIAL_RUNNING && x.at[x.points - 1] == 4000);
    for (int k = n - 36; k < n; k += 4) {
        play(events, k, &y);
        assert_memory_equal(&x, &y, sizeof x);
    }
}

static void test_going_on__only_what_was_stopped_goes_on(void **state)
{
    (void)state;
    struct world w = {0};
    struct error err;
    const struct resuming how = {"so", NULL, false};
    open_world_of(&w, STUDY);
    struct history *s = w.live;
    add_trials(s, 4);
    for (long i = 0; i < 4; i++)
        end_trial(&w, i,
                  (const enum trial_state[]){TRIAL_COMPLETE, TRIAL_FAILED, TRIAL_INFEASIBLE, TRIAL_CANCELLED}[i]);
    int64_t seq = s->m.seq;
    for (long i = 0; i < 5; i++) assert_int_equal(history_resume(s, s->m.trial[i], &how, &err), STATUS_CONFLICT);
    assert_string_equal(err.text, "trial 4 is queued and was not stopped");
    assert_ok(history_lease(s, s->m.trial[4], "/d", 0, &err), err);
    assert_int_equal(history_resume(s, s->m.trial[4], &how, &err), STATUS_CONFLICT);
    assert_int_equal(s->m.seq, seq + 1);
    assert_ok(history_started(s, s->m.trial[4], 7, 0, &err), err);
    assert_ok(history_condemn(s, s->m.trial[4], "so", NULL, false, &err), err);
    assert_ok(monitor_prune(s, s->m.trial[4], NULL, &err), err);
    assert_int_equal(history_retry(s, s->m.trial[4], &err), STATUS_CONFLICT);
    char reason[5000];
    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = 0;
    assert_ok(history_resume(s, s->m.trial[4], &(struct resuming){reason, NULL, true}, &err), err);
    compare_now(&w);
    assert_true(s->m.trial[4]->resumed.whole && s->m.trial[4]->resumed.times == 1);
    end(&w);
}

/* ---- second looks ---- */

/* A study that maximizes em, by a pruner. */
static void open_pruned(struct world *w, const char *objective, const char *stopping)
{
    char text[sizeof STUDY + 200], *at;
    snprintf(text, sizeof text, "%s", STUDY);
    at = strstr(text, "objective:");
    snprintf(at, sizeof text - (size_t)(at - text), "objective: {%s}\nstopping: {%s}\n", objective, stopping);
    open_world_of(w, text);
}

static void say(struct history *s, const struct trial *t, double em, double tokens)
{
    json_t *said = json_pack("{s:f}", "tokens", tokens);
    if (!isnan(em)) json_object_set_new(said, "em", json_real(em));
    history_report(s, t, (long)(tokens / 100), said);
    json_decref(said);
}

/* em of each report; stopped there, or complete with the last. */
static const struct trial *add_curve(struct history *s, const double *em, size_t n, bool stopped)
{
    const double config[] = {0.001 * (double)(s->m.n + 1), 3, 1e-3}, tokens = 100 * (double)n;
    struct error err;
    const struct trial *t =
        s->m.trial[0]->state == TRIAL_QUEUED
            ? s->m.trial[0]
            : history_add(s, &(struct addition){.role = ROLE_SEARCH, .config = config, .source = "t"});
    json_t *metrics = json_pack("{s:f, s:f}", "em", em[n - 1], "tokens", tokens), *by = json_pack("{s:s}", "by", "x");
    assert_ok(history_lease(s, t, NULL, 0, &err), err);
    for (size_t k = 0; k < n; k++) say(s, t, em[k], 100 * (double)(k + 1));
    if (stopped) assert_ok(history_condemn(s, t, "so", by, false, &err), err);
    if (stopped)
        assert_ok(monitor_prune(s, t, NULL, &err), err);
    else
        assert_ok(history_finish(s, t, &(struct ending){.state = TRIAL_COMPLETE, .metrics = metrics}, &err), err);
    json_decref(metrics);
    json_decref(by);
    return t;
}

static const struct trial *add_level(struct history *s, double level, size_t n, bool stopped)
{
    double em[16];
    for (size_t k = 0; k < n; k++) em[k] = level + 0.01 * (double)k;
    return add_curve(s, em, n, stopped);
}

/* The one that would go on, and does if `decide`; NULL: none. */
static const struct trial *look_again(struct world *w, bool in_place, bool decide)
{
    struct forecaster *f = forecaster_create(w->study, 1);
    struct second_look *q = second_look_ask(w->live, in_place);
    const struct trial *t = NULL;
    struct error err;
    if (q) second_look_think(f, q);
    if (q) t = second_look_choice(q);
    if (t) assert_true(t->state == TRIAL_PRUNED && *second_look_why(q));
    if (t && decide) assert_ok(second_look_decide(w->live, q, &err), err);
    if (q) second_look_forget(q);
    forecaster_free(f);
    return t;
}

static void test_second_look__asha_promotes_when_others_fall_behind(void **state)
{
    (void)state;
    struct world w = {0};
    open_pruned(&w, "maximize: em", "pruner: asha, audit: 0");
    assert_null(look_again(&w, true, false)); /* nothing has run */
    for (int i = 0; i < 4; i++) add_level(w.live, 0.5 + 0.05 * i, 8, false);
    const struct trial *t = add_level(w.live, 0.4, 1, true);
    add_level(w.live, 0.2, 1, true);
    assert_null(look_again(&w, true, false)); /* four of five are better */
    for (int i = 0; i < 9; i++) add_level(w.live, 0.1 + 0.01 * i, 1, true);
    assert_ptr_equal(look_again(&w, true, true), t);
    assert_true(t->state == TRIAL_QUEUED && t->resumed.times == 1 && !t->resumed.whole);
    assert_true(t->resumed.from.step == 1 && t->resumed.from.cost == 100);
    assert_null(look_again(&w, true, false)); /* only it */
    compare_now(&w);
    end(&w);
}

/* Whoever has no checkpoint has the whole way to go: where nearly all of it was gone, that is not worth it. */
static void test_second_look__what_is_lost_counts(void **state)
{
    (void)state;
    struct world w = {0};
    struct error err;
    open_pruned(&w, "maximize: em", "pruner: asha, audit: 0");
    for (int i = 0; i < 3; i++) add_level(w.live, 0.5 + 0.05 * i, 10, false);
    const struct trial *t = add_level(w.live, 0.45, 9, true);
    for (int i = 0; i < 9; i++) add_level(w.live, 0.1, 9, true);
    assert_ptr_equal(look_again(&w, true, false), t);
    assert_null(look_again(&w, false, false));
    const struct checkpoint left = {.name = "c", .trial = t->number, .attempt = 1, .bytes = 3};
    assert_ok(history_checkpoint(w.live, t, &left, &err), err);
    assert_ptr_equal(look_again(&w, false, false), t);
    end(&w);
}

static void test_second_look__auto_takes_the_one_that_leads(void **state)
{
    (void)state;
    struct world w = {0};
    open_pruned(&w, "maximize: em", "pruner: auto, audit: 0");
    for (int i = 0; i < 40; i++) add_level(w.live, 0.1 + 0.005 * (i * 7 % 40), 8, false);
    add_level(w.live, 0.01, 1, true);
    assert_null(look_again(&w, true, false));
    const struct trial *t = add_level(w.live, 0.8, 4, true);
    assert_ptr_equal(look_again(&w, true, true), t);
    end(&w);
}

enum { MANY = 300 }; /* more than anybody's patience */

/* A pruner that never looks again, and nothing but stops. */
static void test_second_look__one_in_a_long_row_goes_to_its_end(void **state)
{
    (void)state;
    struct world w = {0};
    struct error err;
    open_pruned(&w, "maximize: em", "pruner: median, audit: 0");
    for (int i = 0; i < 3; i++) add_level(w.live, 0.5, 4, false);
    const struct trial *furthest = add_level(w.live, 0.1, 3, true);
    assert_null(look_again(&w, true, false));
    for (int i = 0; i < MANY; i++) add_level(w.live, 0.2, 1, true);
    assert_ptr_equal(look_again(&w, false, true), furthest);
    assert_true(furthest->resumed.whole);
    compare_now(&w);
    assert_null(look_again(&w, true, false)); /* while it waits */
    assert_ok(history_lease(w.live, furthest, NULL, 0, &err), err);
    for (int k = 1; k < 7; k++) {
        say(w.live, furthest, 0.001, 100 * k);
        assert_null(monitor_ask(w.live, furthest)); /* nobody judges it */
    }
    assert_null(look_again(&w, true, false)); /* while it runs */
    json_t *metrics = json_pack("{s:f, s:f}", "em", 0.6, "tokens", 700.0);
    const struct ending complete = {.state = TRIAL_COMPLETE, .metrics = metrics};
    assert_ok(history_finish(w.live, furthest, &complete, &err), err);
    json_decref(metrics);
    assert_null(look_again(&w, true, false)); /* the row is broken */
    assert_ptr_equal(w.live->m.best.trial, furthest);
    end(&w);
}

/* Every pruner and objective: whoever is chosen was stopped, and may go on. */
static void test_second_look__odd_curves(void **state)
{
    (void)state;
    static const double odd[][3] = {{NAN, NAN, NAN}, {0.5, NAN, 0.5},  {NAN, NAN, 0.9}, {0, 0, 0},
                                    {1, 0, 1},       {0.9, 0.5, 0.01}, {0.1, 0.9, 0.2}};
    static const char *const objective[] = {"maximize: em", "pareto: [em, tokens]", "weights: {em: 0.7, tokens: 0.3}"},
                             *const pruner[] = {"auto", "asha", "median"};
    for (size_t k = 0; k < 18; k++) {
        struct world w = {0};
        char stopping[40];
        snprintf(stopping, sizeof stopping, "pruner: %s, audit: 0", pruner[k % 3]);
        open_pruned(&w, objective[k / 3 % 3], stopping);
        add_level(w.live, 0.5, 3, k >= 9); /* from 9 on none is complete */
        for (size_t i = 0; i < MANY; i++) add_curve(w.live, odd[i % 7], 1 + i % 3, true);
        for (size_t i = 0; i < 5; i++) look_again(&w, i % 2, true);
        compare_now(&w);
        end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_going_on__a_stopped_trial_goes_on),
        cmocka_unit_test(test_going_on__it_goes_on_again_and_again),
        cmocka_unit_test(test_going_on__what_was_stopped_says_nothing_late),
        cmocka_unit_test(test_going_on__a_thinned_curve_goes_on),
        cmocka_unit_test(test_going_on__only_what_was_stopped_goes_on),
        cmocka_unit_test(test_second_look__asha_promotes_when_others_fall_behind),
        cmocka_unit_test(test_second_look__what_is_lost_counts),
        cmocka_unit_test(test_second_look__auto_takes_the_one_that_leads),
        cmocka_unit_test(test_second_look__one_in_a_long_row_goes_to_its_end),
        cmocka_unit_test(test_second_look__odd_curves),
    };
    surrogate_setup();
    return cmocka_run_group_tests_name("going_on", tests, NULL, NULL);
}
