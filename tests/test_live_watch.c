/* What is live is watched: what is usual is learnt, a drift is found, and what follows, step by step. */
#include "tests/live_world.h"

#include "tuner/live/watch_study.h"

#define WATCH                                                                                                          \
    "metrics: {em: {}, tokens: {amount: true}}\nwindow: 30s\nlate: 10s\nlearn: 500\nrun_length: 5000\nfresh: 0\n"

#define WATCH_PLAIN "metrics: {em: {}, tokens: {amount: true}}\nwindow: 30s\nlate: 10s\nlearn: 500\nrun_length: 5000\nask: []\n"

static void watch_with(struct world *w, const char *plan)
{
    struct configuration champion = configuration_with(1);
    struct live_watch_wish wish = {.rollout = "g2p", .study = "g2p", .plan_name = "watch.yaml", .plan = plan,
                                   .champion = &champion, .by = "test"};
    assert_ok(live_watch(w->store, &wish, w->now, &w->err), w->err);
    free(champion.body);
}

/* The champion alone is asked and told of, as by clients of a rollout without an experiment. */
static void tell_of(struct world *w, long units)
{
    json_t *out = json_array();
    for (long i = 0; i < units; i++) {
        char unit[32];
        snprintf(unit, sizeof unit, "user-%ld", w->next++);
        double em = rng_unit(&w->rng) < w->em[0], tokens = w->tokens[0] * exp(0.5 * rng_normal(&w->rng));
        json_array_append_new(out, json_pack("{s:s, s:s, s:s, s:I, s:{s:f, s:f}}", "unit", unit, "variant", "champion",
                                             "id", unit, "at_ms", (json_int_t)w->now, "metrics", "em", em, "tokens",
                                             floor(tokens)));
    }
    json_decref(world_take(w, json_pack("{s:o}", "outcomes", out)));
}

static void serve(struct world *w, long units)
{
    tell_of(w, units);
    w->now += 60000;
    world_tick(w);
}

static json_t *watch_of(struct world *w)
{
    json_t *status = NULL;
    assert_ok(live_watch_status(w->store, "g2p", &status, &w->err), w->err);
    json_t *watch = json_incref(json_object_get(status, "watch"));
    json_decref(status);
    return watch;
}

static void assert_watch(struct world *w, const char *phase, bool asked)
{
    json_t *watch = watch_of(w);
    assert_string_equal(json_string_value(json_object_get(watch, "phase")), phase);
    assert_int_equal(json_is_true(json_object_get(watch, "asked")), asked);
    json_decref(watch);
}

/* Minutes until it is no longer in this phase, `most` at most. */
static long serve_while(struct world *w, const char *phase, long units, long most)
{
    for (long minute = 0; minute < most; minute++) {
        json_t *watch = watch_of(w);
        bool still = strcmp(json_string_value(json_object_get(watch, "phase")), phase) == 0;
        json_decref(watch);
        if (!still) return minute;
        serve(w, units);
    }
    return most;
}

static void test_watch__learns_then_finds_a_fall(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 21);
    watch_with(&w, WATCH);
    assert_watch(&w, "learning", false);
    serve_while(&w, "learning", 200, 20);
    assert_watch(&w, "watching", false);
    assert_int_equal(serve_while(&w, "watching", 200, 5), 5); /* a thousand units: a false alarm in five thousand */
    w.em[0] = 0.4;
    assert_true(serve_while(&w, "watching", 200, 20) < 20);
    assert_watch(&w, "drifted", false);
    json_t *watch = watch_of(&w), *events = NULL;
    assert_contains(json_string_value(json_object_get(watch, "why")), "em has become worse");
    json_decref(watch);
    assert_ok(live_events(w.store, "g2p", 0, 0, &events, &w.err), w.err);
    json_t *last = json_array_get(events, json_array_size(events) - 1);
    assert_string_equal(json_string_value(json_object_get(last, "kind")), "drift");
    json_decref(events);
    world_close(&w);
}

static void test_watch__finds_dearer_answers(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 22);
    watch_with(&w, WATCH);
    serve_while(&w, "learning", 200, 20);
    w.tokens[0] = 160;
    serve_while(&w, "watching", 200, 30);
    json_t *watch = watch_of(&w);
    assert_contains(json_string_value(json_object_get(watch, "why")), "tokens");
    json_decref(watch);
    world_close(&w);
}

static void test_watch__false_alarms_are_as_rare_as_it_says(void **state)
{
    (void)state;
    long alarms = 0;
    struct arena a = {0};
    struct error err;
    struct watch_plan plan;
    struct rng rng = rng_derive(23, "run length", 0);
    assert_ok(watch_plan_read("w", "metrics: {em: {baseline: 0.6}}\nlearn: 0\nrun_length: 1000\n", &a, &plan, &err), err);
    struct watch w;
    watch_begin(&w, &plan, 0, &a);
    for (long i = 0; i < 100000; i++) {
        double em = rng_unit(&rng) < 0.6;
        if (!watch_see(&w, &em, &(bool){true}, i)) continue;
        alarms++;
        watch_again(&w, i);
    }
    assert_true(alarms > 0 && alarms < 130); /* a hundred are promised at most, on average */
    arena_done(&a);
}

static double gathers(struct world *w)
{
    json_t *watch = watch_of(w);
    double out = json_number_at(watch, "gather");
    json_decref(watch);
    return out;
}

/* What follows an alarm learns of what came after it, not of what raised it. */
static void test_watch__after_an_alarm_fresh_units_are_waited_for(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 31);
    watch_with(&w, WATCH_PLAIN "fresh: 900\n");
    serve_while(&w, "learning", 200, 20);
    w.em[0] = 0.3;
    tell_of(&w, 500); /* before the alarm, and scored with those that raise it */
    serve_while(&w, "watching", 200, 20);
    assert_watch(&w, "drifted", false);
    assert_true(gathers(&w) == 900);
    struct live_watch_work work = {.phase = WATCH_DRIFTED, .why = "told"};
    serve(&w, 400);
    assert_true(gathers(&w) == 500);
    assert_int_equal(live_watch_done(w.store, "g2p", &work, w.now, &w.err), STATUS_CONFLICT);
    assert_contains(w.err.text, "waits for units");
    serve(&w, 500);
    assert_true(gathers(&w) == 0);
    assert_ok(live_watch_done(w.store, "g2p", &work, w.now, &w.err), w.err);
    assert_watch(&w, "evaluating", false);
    world_close(&w);
}

static void test_watch__a_person_need_not_wait_nor_does_a_run(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 32);
    watch_with(&w, WATCH_PLAIN);
    serve_while(&w, "learning", 200, 20);
    w.em[0] = 0.3;
    serve_while(&w, "watching", 200, 20);
    assert_true(gathers(&w) == 500);
    struct live_order yes = {.verb = LIVE_DO_APPROVE, .by = "ada"};
    assert_ok(live_order(w.store, "g2p", &yes, w.now, &w.err), w.err);
    assert_true(gathers(&w) == 0);
    assert_int_equal(live_order(w.store, "g2p", &yes, w.now, &w.err), STATUS_CONFLICT);
    struct live_watch_work work = {.phase = WATCH_DRIFTED, .turn = WATCH_OVER, .why = "told"};
    assert_ok(live_watch_done(w.store, "g2p", &work, w.now, &w.err), w.err);
    serve_while(&w, "learning", 200, 20);
    json_t *metrics = json_pack("{s:f, s:f}", "em", 0.0, "tokens", 100.0);
    const struct live_watch_run run = {metrics, 1000, NULL};
    assert_ok(live_watch_ran(w.store, "g2p", &run, w.now, &w.err), w.err);
    assert_watch(&w, "drifted", false);
    assert_true(gathers(&w) == 0);
    json_decref(metrics);
    world_close(&w);
}

static void test_watch__a_person_may_say_no(void **state)
{
    (void)state;
    struct world w;
    struct live_order no = {.verb = LIVE_DO_DECLINE, .by = "ada", .why = "a holiday"};
    world_open(&w, 33);
    watch_with(&w, WATCH_PLAIN);
    serve_while(&w, "learning", 200, 20);
    assert_int_equal(live_order(w.store, "g2p", &no, w.now, &w.err), STATUS_CONFLICT);
    assert_contains(w.err.text, "nothing waits: the watch is watching");
    w.em[0] = 0.3;
    serve_while(&w, "watching", 200, 20);
    assert_true(gathers(&w) == 500);
    assert_ok(live_order(w.store, "g2p", &no, w.now, &w.err), w.err);
    assert_watch(&w, "learning", false);
    assert_true(gathers(&w) == 0);
    serve_while(&w, "learning", 200, 20); /* 0.3 is what is usual now */
    assert_watch(&w, "watching", false);
    world_close(&w);
}

/* ---- what both know, and what only one of them does ---- */

/* One more unit of the champion, which nobody but it has yet. */
static json_t *told(struct world *w, const char *metric, double value)
{
    char unit[32];
    snprintf(unit, sizeof unit, "user-%ld", w->next++);
    return world_take(w, json_pack("{s:[{s:s, s:s, s:s, s:{s:i, s:f}}]}", "outcomes", "unit", unit, "id", unit, "variant",
                                   "champion", "metrics", "em", 1, metric, value));
}

static void assert_refused(json_t *answer, const char *why)
{
    const json_t *refused = json_array_get(json_object_get(answer, "refused"), 0);
    if (why)
        assert_contains(json_string_value(json_object_get(refused, "why")), why);
    else
        assert_true(json_number_at(answer, "taken") == 1);
    json_decref(answer);
}

static void test_watch__what_it_alone_follows_an_experiment_leaves_out(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 33);
    watch_with(&w, "metrics: {em: {}, letters: {range: [0, 40], both: true}}\nlearn: 500\n");
    assert_ok(world_start(&w, "window: 30s\nlate: 10s\nlearn: 100\n", 1), w.err);
    assert_refused(told(&w, "letters", 8), NULL);
    assert_refused(told(&w, "letters", 41), "letters must be from 0 to 40, not 41");
    assert_refused(told(&w, "words", 1), "neither the experiment nor the watch has a metric 'words'");
    json_t *alone = json_pack("{s:[{s:s, s:s, s:{s:i}}]}", "outcomes", "unit", "ada", "variant", "champion", "metrics",
                              "letters", 8); /* it was there, and no more is known of it */
    assert_refused(world_take(&w, alone), NULL);
    json_t *status = world_status(&w), *counts = json_object_get(json_object_get(status, "experiment"), "counts");
    assert_true(json_number_at(counts, "refused") == 2 && json_number_at(counts, "taken") == 2);
    json_decref(status);
    struct live_order end = {.verb = LIVE_DO_STOP, .by = "ada"};
    assert_ok(live_order(w.store, "g2p", &end, w.now, &w.err), w.err);
    assert_refused(told(&w, "tokens", 100), NULL); /* clients go on as before */
    assert_refused(told(&w, "words", 1), "neither the experiment nor the watch has a metric 'words'");
    world_close(&w);
}

static bool begun(struct world *w)
{
    json_t *watch = watch_of(w);
    bool out = json_is_true(json_object_get(watch, "begun"));
    json_decref(watch);
    return out;
}

static void test_watch__each_step_asks_as_it_was_told_to(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 24);
    watch_with(&w, WATCH "ask: [evaluating, trying]\n");
    serve_while(&w, "learning", 200, 20);
    w.em[0] = 0.3;
    serve_while(&w, "watching", 200, 20);
    assert_watch(&w, "drifted", false);
    struct live_watch_work work = {.phase = WATCH_DRIFTED, .why = "told"};
    assert_ok(live_watch_done(w.store, "g2p", &work, w.now, &w.err), w.err);
    assert_watch(&w, "evaluating", true);
    work.phase = WATCH_EVALUATING;
    assert_int_equal(live_watch_done(w.store, "g2p", &work, w.now, &w.err), STATUS_CONFLICT);
    struct live_order yes = {.verb = LIVE_DO_APPROVE, .by = "ada"};
    assert_ok(live_order(w.store, "g2p", &yes, w.now, &w.err), w.err);
    assert_int_equal(live_order(w.store, "g2p", &yes, w.now, &w.err), STATUS_CONFLICT);
    assert_ok(live_watch_done(w.store, "g2p", &work, w.now, &w.err), w.err);
    assert_watch(&w, "tuning", false);
    work.phase = WATCH_TUNING, work.study = "g2p-2", work.turn = WATCH_BEGAN;
    assert_ok(live_watch_done(w.store, "g2p", &work, w.now, &w.err), w.err);
    assert_true(begun(&w));
    work.turn = WATCH_DONE;
    assert_ok(live_watch_done(w.store, "g2p", &work, w.now, &w.err), w.err);
    assert_watch(&w, "trying", true);
    world_close(&w);
}

/* Drifted, told, and to be evaluated. */
static void drift(struct world *w, const char *plan)
{
    watch_with(w, plan);
    serve_while(w, "learning", 200, 20);
    w->em[0] = 0.3;
    serve_while(w, "watching", 200, 20);
    struct live_watch_work work = {.phase = WATCH_DRIFTED, .why = "told"};
    assert_ok(live_watch_done(w->store, "g2p", &work, w->now, &w->err), w->err);
    assert_watch(w, "evaluating", false);
}

static void test_watch__what_was_found_is_tried_at_once(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 27);
    drift(&w, WATCH "ask: []\n");
    struct configuration found = configuration_with(3);
    struct live_watch_work work = {.phase = WATCH_EVALUATING, .turn = WATCH_FOUND, .why = "as good as it was", .challenger = &found};
    assert_ok(live_watch_done(w.store, "g2p", &work, w.now, &w.err), w.err);
    assert_watch(&w, "trying", false);
    json_t *status = NULL;
    assert_ok(live_watch_status(w.store, "g2p", &status, &w.err), w.err);
    json_t *parameters = json_object_get(json_object_get(status, "challenger"), "parameters");
    assert_true(json_number_at(parameters, "threshold") == 3);
    json_decref(status);
    assert_ok(world_start(&w, "window: 30s\nlate: 10s\nlearn: 100\n", 1), w.err);
    world_tick(&w);
    assert_watch(&w, "trying", false);
    struct live_order end = {.verb = LIVE_DO_STOP, .by = "ada"};
    assert_ok(live_order(w.store, "g2p", &end, w.now, &w.err), w.err);
    world_tick(&w);
    assert_watch(&w, "learning", false);
    free(found.body);
    world_close(&w);
}

static void test_watch__with_nothing_to_try_the_new_usual_is_learnt(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 28);
    drift(&w, WATCH "ask: []\n");
    struct live_watch_work work = {.phase = WATCH_EVALUATING, .turn = WATCH_OVER, .why = "nothing is better"};
    assert_ok(live_watch_done(w.store, "g2p", &work, w.now, &w.err), w.err);
    assert_watch(&w, "learning", false);
    serve_while(&w, "learning", 200, 20);
    json_t *watch = watch_of(&w), *stream = json_array_get(json_object_get(watch, "streams"), 0);
    double usual = json_number_at(json_object_get(stream, "usual"), "mean");
    assert_true(usual > 0.2 && usual < 0.4);
    json_decref(watch);
    assert_int_equal(serve_while(&w, "watching", 200, 5), 5);
    world_close(&w);
}

static void test_watch__the_same_plan_goes_on_another_begins_anew(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 29);
    watch_with(&w, WATCH);
    serve_while(&w, "learning", 200, 20);
    watch_with(&w, "learn: 500\nrun_length: 5e3\nfresh: 0\n" "metrics: {em: {goal: maximize}, tokens: {amount: true}}\nwindow: 30s\nlate: 10s\n");
    assert_watch(&w, "watching", false);
    struct configuration other = configuration_with(9);
    struct live_watch_wish wish = {.rollout = "g2p", .study = "g2p", .plan_name = "w", .plan = WATCH, .champion = &other, .by = "test"};
    assert_int_equal(live_watch(w.store, &wish, w.now, &w.err), STATUS_CONFLICT);
    wish.rollout = "g 2 p";
    assert_int_equal(live_watch(w.store, &wish, w.now, &w.err), STATUS_INVALID);
    free(other.body);
    watch_with(&w, WATCH "every: 1h\n");
    assert_watch(&w, "learning", false);
    world_close(&w);
}

/* Units of the champion that the last means are of. */
static double lately_of(struct world *w)
{
    json_t *watch = watch_of(w), *stream = json_array_get(json_object_get(watch, "streams"), 0);
    double n = json_number_at(json_object_get(stream, "lately"), "n");
    json_decref(watch);
    return n;
}

static void test_watch__another_champion_is_learnt(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 30);
    watch_with(&w, WATCH);
    serve_while(&w, "learning", 200, 20);
    tell_of(&w, 900); /* their windows close while an experiment runs, or later: they had the old champion */
    assert_ok(world_start(&w, "window: 30s\nlate: 10s\nramp: [0.1]\nstep_units: 100000\nlearn: 100\n", 1), w.err);
    world_run(&w, 200, 10);
    struct live_order order = {.verb = LIVE_DO_PROMOTE, .by = "ada"};
    assert_true(lately_of(&w) > 0);
    assert_ok(live_order(w.store, "g2p", &order, w.now, &w.err), w.err);
    assert_true(lately_of(&w) == 0);
    assert_watch(&w, "learning", false);
    w.now += 60000;
    world_tick(&w);
    json_t *watch = watch_of(&w);
    assert_true(json_number_at(watch, "learnt") == 0);
    json_decref(watch);
    serve_while(&w, "learning", 200, 20);
    assert_watch(&w, "watching", false);
    order = (struct live_order){.verb = LIVE_DO_ROLLBACK, .by = "ada"}; /* another one again: that of before */
    assert_ok(live_order(w.store, "g2p", &order, w.now, &w.err), w.err);
    assert_watch(&w, "learning", false);
    world_close(&w);
}

/* What is seen from 5 on is `then`; the words of the alarm, in the arena. */
static const char *alarm_of(const char *text, double then, struct arena *a)
{
    struct error err;
    struct watch_plan plan;
    struct watch w;
    const bool has = true;
    bool alarmed = false;
    assert_ok(watch_plan_read("w", text, a, &plan, &err), err);
    watch_begin(&w, &plan, 0, a);
    for (int i = 0; i < 20; i++) assert_false(watch_see(&w, &(double){4 + 2 * (i % 2)}, &has, i));
    for (int i = 0; i < 1000 && !alarmed; i++) alarmed = watch_see(&w, &then, &has, 20 + i);
    assert_true(alarmed);
    return w.why;
}

static void test_watch__an_alarm_says_which_way_an_input_went(void **state)
{
    (void)state;
    static const char *const plans[] = {"metrics: {letters: {range: [0, 10], both: true}}\nlearn: 20\n",
                                        "metrics: {letters: {range: [0, 10], both: true, goal: minimize}}\nlearn: 20\n"};
    struct arena a = {0};
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        assert_non_null(strstr(alarm_of(plans[i], 9, &a), "letters has risen"));
        assert_non_null(strstr(alarm_of(plans[i], 1, &a), "letters has fallen"));
    }
    arena_done(&a);
}

static void test_watch__it_goes_no_further_than_its_study_can(void **state)
{
    (void)state;
    static const struct {
        const char *plan;
        enum provisioner_kind agents;
        enum status status;
    } rows[] = {{"", PROVISIONER_NONE, STATUS_OK},
                {"", PROVISIONER_SLURM, STATUS_INVALID},
                {"then: tuning\n", PROVISIONER_SLURM, STATUS_INVALID},
                {"then: evaluating\n", PROVISIONER_SLURM, STATUS_OK},
                {"then: drifted\n", PROVISIONER_SLURM, STATUS_OK}};
    char name[] = "g2p";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena a = {0};
        struct error err;
        struct watch_plan plan;
        const struct study study = {.name = name, .n_args = 1, .agents = {.kind = rows[i].agents}};
        assert_ok(watch_plan_read("w", rows[i].plan, &a, &plan, &err), err);
        assert_int_equal(watch_plan_fits(&plan, &study, &err), rows[i].status);
        if (rows[i].status) assert_contains(err.text, "study 'g2p' has 'executor: slurm'");
        arena_done(&a);
    }
}

/* Clients run its trials: a watch asks none. */
static void test_watch__a_study_without_a_program_is_only_watched(void **state)
{
    (void)state;
    static const struct {
        const char *plan;
        enum status status;
    } rows[] = {{"", STATUS_INVALID},
                {"then: drifted\n", STATUS_OK},
                {"then: drifted\nevery: 1h\n", STATUS_INVALID},
                {"then: drifted\nevery: 1h\ncommand: [./other]\n", STATUS_OK},
                {"then: evaluating\n", STATUS_INVALID},
                {"then: evaluating\ncommand: [./other]\n", STATUS_OK},
                {"then: tuning\ncommand: [./other]\n", STATUS_INVALID}};
    char name[] = "g2p";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct arena a = {0};
        struct error err;
        struct watch_plan plan;
        const struct study study = {.name = name};
        assert_ok(watch_plan_read("w", rows[i].plan, &a, &plan, &err), err);
        assert_int_equal(watch_plan_fits(&plan, &study, &err), rows[i].status);
        if (rows[i].status) assert_contains(err.text, "study 'g2p' has no 'trial: {command: […]}'");
        arena_done(&a);
    }
}

static void test_watch__a_plan_says_all_of_itself(void **state)
{
    (void)state;
    static const char *const plans[] = {
        "", WATCH "ask: []\ncareful: true\n",
        "metrics: {em: {baseline: 0.6, goal: maximize}, ms: {range: [-5, 5e3], goal: minimize, both: true}, t: {amount: true, "
        "cap: 512, marks: [4, 300], missing: 7}}\nlearn: 60\nfresh: 70\nseeds: 5\nevery: 36h\nthen: tuning\ntop: 7\ntrials: 9\n",
        "command: [./evaluate, \"{args}\", 'a, b', 1.50]\nexperiment: {ramp: [0.25], promote: auto, metrics: {em: {prove: not_worse, margin: 0.5}}}\n"};
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        struct arena a = {0};
        struct error err;
        struct watch_plan was, is;
        assert_ok(watch_plan_read("w", plans[i], &a, &was, &err), err);
        json_t *first = watch_plan_json(&was);
        char *text = json_text(first);
        assert_ok(watch_plan_read("again", text, &a, &is, &err), err);
        json_t *second = watch_plan_json(&is);
        assert_true(json_equal(first, second));
        assert_int_equal(was.n, is.n);
        assert_int_equal(was.n_command, is.n_command);
        assert_true(was.fresh == is.fresh && was.seeds == is.seeds);
        for (size_t k = 0; k < was.n_command; k++) assert_string_equal(was.command[k], is.command[k]);
        free(text);
        json_decref(first);
        json_decref(second);
        arena_done(&a);
    }
}

static void test_watch__one_run_of_one_item_is_one_outcome(void **state)
{
    (void)state;
    struct arena a = {0};
    struct error err;
    struct watch_plan plan;
    struct watch w;
    long seen = 0;
    double steady = 0.61, fallen = 0.52;
    assert_ok(watch_plan_read("w", "metrics: {em: {range: [0.5, 0.7]}}\nlearn: 20\nrun_length: 1000\n", &a, &plan, &err), err);
    watch_begin(&w, &plan, 0, &a);
    for (long i = 0; i < 20; i++) watch_see_run(&w, &(double){steady + (i % 2 ? 0.01 : -0.01)}, &(bool){true}, 1, i);
    assert_int_equal(w.phase, WATCH_WATCHING);
    while (seen < 100 && !watch_see_run(&w, &fallen, &(bool){true}, 1, 20 + seen)) seen++;
    assert_true(seen < 20); /* of a coin's variance it would be hundreds */
    assert_true(fabs(w.stream[0].usual.mean - 0.61) < 1e-9 && w.stream[0].lately.mean < 0.61);
    arena_done(&a);
}

static void test_watch__an_evaluation_on_many_items_is_as_many_outcomes(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 25);
    watch_with(&w, "metrics: {em: {baseline: 0.61}}\nlearn: 0\nevery: 24h\n");
    json_t *good = json_pack("{s:f}", "em", 0.612), *bad = json_pack("{s:f}", "em", 0.55);
    struct live_watch_run run = {.metrics = good, .n = 5000};
    assert_ok(live_watch_ran(w.store, "g2p", &run, w.now, &w.err), w.err);
    assert_watch(&w, "watching", false);
    run.metrics = bad;
    assert_ok(live_watch_ran(w.store, "g2p", &run, w.now, &w.err), w.err);
    assert_watch(&w, "drifted", false);
    json_decref(good);
    json_decref(bad);
    world_close(&w);
}

static void test_watch__the_champion_is_watched_while_an_experiment_runs(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, 26);
    watch_with(&w, WATCH);
    assert_ok(world_start(&w, "window: 30s\nlate: 10s\nramp: [0.1]\nstep_units: 100000\nlearn: 100\n", 1), w.err);
    world_run(&w, 200, 10);
    assert_watch(&w, "watching", false);
    w.em[0] = w.em[1] = 0.3;
    world_run(&w, 200, 30);
    assert_watch(&w, "drifted", false);
    world_close(&w);
}

static void test_watch__what_its_file_gets_wrong_is_said_with_its_place(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"run_lenght: 5\n", "w:1:1: unknown key 'run_lenght' in 'the watch'; did you mean 'run_length'?"},
        {"then: dance\n", "must be one of drifted, evaluating, tuning, trying, not 'dance'"},
        {"ask: [drifted]\n", "must be one of evaluating, tuning, trying"},
        {"metrics: {em: {range: [1, 0]}}\n", "must grow"},
        {"metrics: {em: {baseline: 2}}\n", "from 0 to 1, not 2"},
        {"learn: 3\n", "what is usual of 'em' must be known"},
        {"metrics: {}\n", "holds 1 to 8, not 0"},
        {"top: 2.5\n", "whole number"},
        {"every: soon\n", "must be a duration"},
        {"command: ./evaluate\n", "'command' must be a list"},
        {"command: []\n", "is a program and its arguments"},
        {"command: [[a]]\n", "'command' must be text"},
        {"experiment: {promot: auto}\n", "w:1:13: experiment: unknown key 'promot'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct arena a = {0};
        struct error err;
        struct watch_plan plan;
        assert_int_equal(watch_plan_read("w", wrong[i][0], &a, &plan, &err), STATUS_INVALID);
        assert_contains(err.text, wrong[i][1]);
        arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch__learns_then_finds_a_fall),
        cmocka_unit_test(test_watch__finds_dearer_answers),
        cmocka_unit_test(test_watch__false_alarms_are_as_rare_as_it_says),
        cmocka_unit_test(test_watch__each_step_asks_as_it_was_told_to),
        cmocka_unit_test(test_watch__after_an_alarm_fresh_units_are_waited_for),
        cmocka_unit_test(test_watch__a_person_need_not_wait_nor_does_a_run),
        cmocka_unit_test(test_watch__a_person_may_say_no),
        cmocka_unit_test(test_watch__what_it_alone_follows_an_experiment_leaves_out),
        cmocka_unit_test(test_watch__what_was_found_is_tried_at_once),
        cmocka_unit_test(test_watch__with_nothing_to_try_the_new_usual_is_learnt),
        cmocka_unit_test(test_watch__the_same_plan_goes_on_another_begins_anew),
        cmocka_unit_test(test_watch__another_champion_is_learnt),
        cmocka_unit_test(test_watch__an_alarm_says_which_way_an_input_went),
        cmocka_unit_test(test_watch__it_goes_no_further_than_its_study_can),
        cmocka_unit_test(test_watch__a_study_without_a_program_is_only_watched),
        cmocka_unit_test(test_watch__a_plan_says_all_of_itself),
        cmocka_unit_test(test_watch__one_run_of_one_item_is_one_outcome),
        cmocka_unit_test(test_watch__an_evaluation_on_many_items_is_as_many_outcomes),
        cmocka_unit_test(test_watch__the_champion_is_watched_while_an_experiment_runs),
        cmocka_unit_test(test_watch__what_its_file_gets_wrong_is_said_with_its_place),
    };
    return cmocka_run_group_tests_name("live_watch", tests, NULL, NULL);
}
