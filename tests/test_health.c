/* Each check of a study's health: it speaks when it should, is silent when it should, and where its edge is. */
#include "tests/study_world.h"

#include "tuner/analysis/analysis.h"
#include "tuner/base/rng.h"

struct looked {
    struct arena arena;
    struct health health;
};

static const struct health_facts AT_IT = {.known = true, .running = true}, NOBODY = {.known = true};

static struct looked look_with(struct world *w, const struct health_facts *facts)
{
    struct looked x = {0};
    x.health = health_of(history_memory(w->history), facts, &x.arena);
    return x;
}

static const struct finding *find(const struct looked *x, enum health_check check)
{
    for (size_t i = 0; i < x->health.n; i++)
        if (x->health.finding[i].check == check) return &x->health.finding[i];
    return NULL;
}

/* `part`: of its sentence or action; NULL: whatever they are. */
static void assert_found(const struct looked *x, enum health_check check, enum health_level level, const char *part)
{
    const struct finding *f = find(x, check);
    if (!f) fail_msg("nothing was said of %s", health_check_name(check));
    if (f->level != level)
        fail_msg("%s is %s, not %s: %s", health_check_name(check), health_level_name(f->level),
                 health_level_name(level), f->sentence);
    assert_true((f->action != NULL) == (level > HEALTH_FINE));
    if (part && !strstr(f->sentence, part) && !(f->action && strstr(f->action, part)))
        fail_msg("neither '%s' nor '%s' has '%s'", f->sentence, f->action ? f->action : "", part);
}

static void expect_with(struct world *w, const struct health_facts *facts, enum health_check check,
                        enum health_level level, const char *part)
{
    struct looked x = look_with(w, facts);
    assert_found(&x, check, level, part);
    arena_done(&x.arena);
}

static void expect(struct world *w, enum health_check check, enum health_level level, const char *part)
{
    expect_with(w, &AT_IT, check, level, part);
}

static void expect_nothing(struct world *w, enum health_check check)
{
    struct looked x = look_with(w, &AT_IT);
    if (find(&x, check)) fail_msg("%s: %s", health_check_name(check), find(&x, check)->sentence);
    arena_done(&x.arena);
}

/* ---- worlds ---- */

static const char OTHER_STUDY[] = "study: s\nparameters:\n  x: {type: float, range: [1e-4, 1], scale: log}\n"
                                  "  k: {type: int, range: [2, 10]}\n"
                                  "metrics:\n  em: {goal: maximize, kind: proportion, of: 1000}\n"
                                  "  tokens: {goal: minimize, kind: count}\n";

/* The same trials, by another file: `rest` of it. */
static struct world *world_of(const char *rest)
{
    struct world *w = calloc(1, sizeof *w);
    struct error err;
    char text[2000];
    snprintf(text, sizeof text, "%s%s", OTHER_STUDY, rest);
    w->clock = fake_clock_at(1000000, 1000000);
    assert_ok(study_parse("s.yaml", text, strlen(text), &w->study, &err), err);
    assert_ok(store_open(":memory:", STORE_CREATE, &w->store, &err), err);
    const struct budget budget = w->study->budget;
    assert_ok(history_open(w->store, w->study, &(struct opening){.seed = 7, .budget = &budget, .slots = 1},
                           &w->clock.clock, &w->history, &err),
              err);
    return w;
}

static const char PLAIN[] = "baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                            "constraints: [em >= baseline - 0.01]\nbudget: {trials: 60}\nconfirm: {top: 2, seeds: 2}\n";

static const struct memory *seen(struct world *w)
{
    return history_memory(w->history);
}

static void fails(struct world *w, const struct trial *t, const char *why)
{
    struct error err;
    if (t->state == TRIAL_QUEUED) start(w, t);
    fake_clock_pass(&w->clock, 1000);
    assert_ok(history_finish(w->history, t, &(struct ending){.state = TRIAL_FAILED, .reason = why}, &err), err);
}

static void run_baseline(struct world *w, double em)
{
    complete(w, seen(w)->trial[0], em, 1e5);
}

static void confirm(struct world *w, long number, double em, double tokens)
{
    const struct trial *t = seen(w)->trial[number];
    complete(w,
             history_add(
                 w->history,
                 &(struct addition){.role = ROLE_CONFIRM, .config = t->config, .source = "test", .confirms = number}),
             em, tokens);
}

/* A measured em whose noise is that of 1,000 items about. */
static double noisy(double em, struct rng *rng)
{
    return round(1000 * (em + 0.004 * rng_normal(rng))) / 1000;
}

static double draw_x(struct rng *rng)
{
    return exp(log(1e-4) * rng_unit(rng));
}

/* Best in the middle: x = 0.01, k = 6. */
static double em_of(double x, double k)
{
    return 0.7 - 0.02 * pow(log10(x) + 2, 2) - 0.004 * (k - 6) * (k - 6);
}

static void search(struct world *w, size_t n, struct rng *rng)
{
    for (size_t i = 0; i < n; i++) {
        double x = draw_x(rng), k = 2 + (double)rng_below(rng, 9);
        complete(w, add(w, ROLE_SEARCH, x, k), noisy(em_of(x, k), rng), round(1e5 * (0.5 + rng_unit(rng))));
    }
}

/* ---- all of them ---- */

static void test_health__says_nothing_wrong_of_a_new_study(void **state)
{
    struct world *w = world_of(PLAIN);
    struct looked x = look_with(w, &AT_IT);
    (void)state;
    assert_int_equal(x.health.level, HEALTH_FINE);
    assert_found(&x, HEALTH_BASELINE, HEALTH_LATER, "not complete yet");
    assert_found(&x, HEALTH_EFFECT, HEALTH_LATER, "0 so far");
    assert_false(x.health.forecast.known);
    json_t *json = health_json(&x.health), *forecast = end_forecast_json(&x.health.forecast);
    assert_string_equal(json_string_value(json_object_get(json, "level")), "fine");
    assert_true(json_array_size(json_object_get(json, "later")) > 3);
    assert_true(json_is_null(forecast));
    json_decref(json);
    json_decref(forecast);
    arena_done(&x.arena);
    world_free(w);
}

/* Healthy ones of noisy trials, half of them confirmed: nobody cries wolf. */
static void test_health__says_nothing_wrong_of_healthy_studies(void **state)
{
    size_t cries = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++) {
        struct world *w = world_of(PLAIN);
        struct rng rng = rng_derive(seed, "healthy", 0);
        run_baseline(w, noisy(0.68, &rng));
        search(w, 40, &rng);
        for (int i = 0; i < 2; i++) confirm(w, 0, noisy(0.68, &rng), 1e5);
        struct looked x = look_with(w, &AT_IT);
        for (size_t i = 0; i < x.health.n; i++) {
            if (x.health.finding[i].level <= HEALTH_FINE) continue;
            print_message("seed %d, %s: %s\n", (int)seed, health_check_name(x.health.finding[i].check),
                          x.health.finding[i].sentence);
            cries++;
        }
        arena_done(&x.arena);
        world_free(w);
    }
    assert_in_range(cries, 0, 1); /* by the rules about one of 40 studies */
}

static void test_health__is_as_bad_as_its_worst(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 6; i++) fails(w, add(w, ROLE_SEARCH, 0.1, 3), "exited with 1");
    struct looked x = look_with(w, &AT_IT);
    assert_int_equal(x.health.level, HEALTH_WRONG);
    json_t *json = health_json(&x.health), *first = NULL, *each;
    size_t i;
    json_array_foreach(json_object_get(json, "checks"), i, each)
    {
        if (strcmp(json_string_value(json_object_get(each, "check")), "failures") == 0) first = each;
        assert_true(json_is_string(json_object_get(each, "sentence")) && json_object_get(each, "action"));
    }
    assert_string_equal(json_string_value(json_object_get(first, "level")), "wrong");
    json_decref(json);
    arena_done(&x.arena);
    world_free(w);
}

/* ---- who is at it ---- */

static void test_health__work(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    expect(w, HEALTH_WORK, HEALTH_FINE, "somebody");
    expect_with(w, &NOBODY, HEALTH_WORK, HEALTH_LOOK, "nocturne run s.yaml");
    expect_with(w, &(struct health_facts){.known = true, .running = true, .paused = "the disk is full"}, HEALTH_WORK,
                HEALTH_WRONG, "disk is full");
    history_set_phase(w->history, STUDY_PAUSED);
    expect(w, HEALTH_WORK, HEALTH_LOOK, "nocturne resume s");
    history_fail(w->history, "no baseline");
    expect_with(w, &NOBODY, HEALTH_WORK, HEALTH_WRONG, "no baseline");
    world_free(w);
}

static void test_health__facts(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    expect_nothing(w, HEALTH_DISK);
    expect_nothing(w, HEALTH_FLEET);
    expect_nothing(w, HEALTH_SERVICE);
    expect_with(w, &(struct health_facts){.disk_free = 2e9}, HEALTH_DISK, HEALTH_FINE, "2.00GB");
    expect_with(w, &(struct health_facts){.disk_free = 9e8}, HEALTH_DISK, HEALTH_LOOK, "nocturne gc");
    expect_with(w, &(struct health_facts){.disk_free = 9e7}, HEALTH_DISK, HEALTH_WRONG, "90.00MB");
    expect_with(w, &(struct health_facts){.agents = 3}, HEALTH_FLEET, HEALTH_FINE, "3 agents");
    expect_with(w, &(struct health_facts){.agents = 3, .agents_lost = 1, .agent_lost = "node7"}, HEALTH_FLEET,
                HEALTH_LOOK, "node7");
    expect_with(
        w,
        &(struct health_facts){
            .agents = 2, .agents_other = 1, .agent_other = "node8", .agent_version = "0.0.9", .version = "0.1.0"},
        HEALTH_FLEET, HEALTH_LOOK, "0.0.9");
    expect_with(w, &(struct health_facts){.service_lost = "connection refused"}, HEALTH_SERVICE, HEALTH_WRONG,
                "refused");
    world_free(w);
}

/* ---- silence ---- */

static void report(struct world *w, const struct trial *t, long step, int64_t after_ms)
{
    json_t *m = json_pack("{s:f, s:f}", "em", 0.5, "tokens", 100.0 * (double)(step + 1));
    fake_clock_pass(&w->clock, after_ms);
    history_report(w->history, t, step, m);
    json_decref(m);
}

static void test_health__reports(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    expect_nothing(w, HEALTH_REPORTS);
    start(w, seen(w)->trial[0]);
    for (long i = 0; i < 10; i++) report(w, seen(w)->trial[0], i, 30000);
    fake_clock_pass(&w->clock, 4 * 30000);
    expect(w, HEALTH_REPORTS, HEALTH_FINE, NULL); /* nine gaps: four times the longest */
    fake_clock_pass(&w->clock, 1);
    expect(w, HEALTH_REPORTS, HEALTH_WRONG, "trial 0 has said nothing for 2m 00s"); /* nothing else runs */
    const struct trial *other = add(w, ROLE_SEARCH, 0.1, 3);
    start(w, other);
    report(w, other, 0, 1000);
    expect(w, HEALTH_REPORTS, HEALTH_LOOK, "nocturne show s 0");
    expect_with(w, &NOBODY, HEALTH_WORK, HEALTH_LOOK, NULL);
    report(w, seen(w)->trial[0], 10, 1000);
    expect(w, HEALTH_REPORTS, HEALTH_FINE, NULL); /* it speaks again */
    world_free(w);
}

/* Of few gaps more is asked, and of less than a minute nothing is said. */
static void test_health__reports_of_few_gaps(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    start(w, seen(w)->trial[0]);
    for (long i = 0; i < 4; i++) report(w, seen(w)->trial[0], i, 1000);
    fake_clock_pass(&w->clock, 60000);
    expect(w, HEALTH_REPORTS, HEALTH_FINE, NULL);
    fake_clock_pass(&w->clock, 1);
    expect(w, HEALTH_REPORTS, HEALTH_WRONG, NULL);
    for (long i = 4; i < 8; i++) report(w, seen(w)->trial[0], i, 60000);
    fake_clock_pass(&w->clock, 4 * 60000 + 1000); /* seven gaps: more than four times is asked */
    expect(w, HEALTH_REPORTS, HEALTH_FINE, NULL);
    world_free(w);
}

/* The same by another process, which has the log and the wall clock only. */
static void test_health__reports_as_the_log_has_them(void **state)
{
    struct world *w = world_of(PLAIN);
    struct error err;
    struct study *study = NULL;
    struct history *other = NULL;
    (void)state;
    start(w, seen(w)->trial[0]);
    for (long i = 0; i < 12; i++) report(w, seen(w)->trial[0], i, 30000);
    assert_ok(history_flush(w->history, &err), err);
    fake_clock_pass(&w->clock, 100000);
    assert_ok(history_load(w->store, "s", &w->clock.clock, &study, &other, &err), err);
    const struct trial *t = history_memory(other)->trial[0];
    assert_int_equal(memory_silent_ms(history_memory(other), t), 100000);
    assert_int_equal(memory_silent_ms(seen(w), seen(w)->trial[0]), 100000);
    assert_int_equal(t->attempt.heard.longest_ms, 30000);
    fake_clock_pass(&w->clock, 30000);
    struct looked x = {0};
    x.health = health_of(history_memory(other), &AT_IT, &x.arena);
    assert_found(&x, HEALTH_REPORTS, HEALTH_WRONG, "trial 0");
    arena_done(&x.arena);
    history_free(other);
    study_free(study);
    world_free(w);
}

/* A trial that never reports is silent for longer than four of the longest. */
static void test_health__reports_of_none(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 2; i++) {
        const struct trial *t = add(w, ROLE_SEARCH, 0.1, 3 + i);
        start(w, t);
        fake_clock_pass(&w->clock, 99000);
        complete(w, t, 0.6, 1e5);
    }
    start(w, add(w, ROLE_SEARCH, 0.2, 7));
    fake_clock_pass(&w->clock, 400000);
    expect(w, HEALTH_REPORTS, HEALTH_FINE, NULL);
    fake_clock_pass(&w->clock, 1);
    expect(w, HEALTH_REPORTS, HEALTH_WRONG, "the longest of the others took 1m 40s");
    world_free(w);
}

/* ---- failures ---- */

static void test_health__failures(void **state)
{
    struct world *w = world_of(PLAIN);
    struct rng rng = rng_derive(1, "f", 0);
    (void)state;
    run_baseline(w, 0.6);
    expect(w, HEALTH_FAILURES, HEALTH_FINE, "no trial failed");
    fails(w, add(w, ROLE_SEARCH, 0.1, 3), "exited with 1; its last line: out of memory at 0x12");
    fails(w, add(w, ROLE_SEARCH, 0.1, 3), "timed out");
    search(w, 8, &rng);
    expect(w, HEALTH_FAILURES, HEALTH_FINE, "2 of 11"); /* 18 % */
    fails(w, add(w, ROLE_SEARCH, 0.1, 4), "exited with 1; its last line: out of memory at 0x34");
    expect(w, HEALTH_FAILURES, HEALTH_FINE, NULL); /* 25 %, but so few may be luck, and two are alike */
    fails(w, add(w, ROLE_SEARCH, 0.1, 4), "exited with 1; its last line: out of memory at 0x56");
    expect(w, HEALTH_FAILURES, HEALTH_LOOK, "nocturne retry s --failed");
    search(w, 20, &rng);
    expect(w, HEALTH_FAILURES, HEALTH_FINE, "4 of 33"); /* long ago */
    world_free(w);
}

static void test_health__failures_have_a_place(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 8; i++) complete(w, add(w, ROLE_SEARCH, 0.01 + 0.001 * i, 2 + i % 3), 0.6, 1e5);
    for (int i = 0; i < 6; i++) fails(w, add(w, ROLE_SEARCH, 0.01 + 0.001 * i, 8 + i % 3), "out of memory");
    expect(w, HEALTH_FAILURES, HEALTH_LOOK, "all with k of 8 or more");
    world_free(w);
}

/* ---- what it spends ---- */

static void test_health__budget(void **state)
{
    struct world *w = world_of("baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                               "budget: {trials: 20, tokens: 1e6}\nconfirm: {top: 0}\n");
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 6; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 3), 0.6, 1e5);
    complete(w, add(w, ROLE_SEARCH, 0.1, 3), 0.6, 99000);
    expect(w, HEALTH_BUDGET, HEALTH_FINE, "79 %");
    complete(w, add(w, ROLE_SEARCH, 0.1, 3), 0.6, 1000);
    expect(w, HEALTH_BUDGET, HEALTH_LOOK, "9 of 20 trials");
    for (int i = 0; i < 8; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 3), 0.6, 10);
    expect(w, HEALTH_BUDGET, HEALTH_FINE, "80 %"); /* 17 of 20 trials: they go together */
    world_free(w);
}

static void test_health__deadline(void **state)
{
    struct world *w = world_of("baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                               "budget: {trials: 30, wall: 100s}\nconfirm: {top: 1, seeds: 2}\n");
    (void)state;
    expect(w, HEALTH_DEADLINE, HEALTH_LATER, NULL);
    run_baseline(w, 0.6);
    for (int i = 0; i < 8; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 3), 0.6, 1e5); /* a second each */
    expect(w, HEALTH_DEADLINE, HEALTH_FINE, "100 % to end in time");
    start(w, add(w, ROLE_SEARCH, 0.1, 3));
    fake_clock_pass(&w->clock, 80000);
    expect(w, HEALTH_DEADLINE, HEALTH_LOOK, "--until");
    world_free(w);
}

static void test_health__deadline_with_a_running_trial(void **state)
{
    struct world *w = world_of("baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                               "budget: {trials: 11}\nconfirm: {top: 0}\n");
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 9; i++) {
        const struct trial *t = add(w, ROLE_SEARCH, 0.1, 3);
        start(w, t);
        fake_clock_pass(&w->clock, 99000);
        complete(w, t, 0.6, 1e5);
    }
    start(w, add(w, ROLE_SEARCH, 0.1, 3)); /* the last; all but the baseline took 100 s */
    fake_clock_pass(&w->clock, 60000);
    struct looked x = look_with(w, &AT_IT);
    const struct end_forecast *f = &x.health.forecast;
    assert_true(f->known);
    assert_int_equal(f->running, 1);
    assert_near(f->end_ms.median, (double)(w->clock.wall + 40000), 1);
    assert_near(f->tokens.median, 11e5, 1);
    assert_true(isnan(f->on_time) && f->deadline_ms == 0);
    arena_done(&x.arena);
    world_free(w);
}

/* ---- what was measured ---- */

static void test_health__baseline(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    expect(w, HEALTH_BASELINE, HEALTH_LATER, "once");
    confirm(w, 0, 0.612, 1e5);
    expect(w, HEALTH_BASELINE, HEALTH_FINE, NULL); /* two runs 1.2 points apart say little of the deviation */
    confirm(w, 0, 0.59, 1e5);
    expect(w, HEALTH_BASELINE, HEALTH_FINE, NULL);
    confirm(w, 0, 0.62, 1e5);
    confirm(w, 0, 0.57, 1e5);
    confirm(w, 0, 0.63, 1e5);
    expect(w, HEALTH_BASELINE, HEALTH_LOOK, "em >= baseline - 0.01");
    world_free(w);
}

static void test_health__baseline_that_changed(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.7);
    for (int i = 0; i < 4; i++) confirm(w, 0, 0.6 + 0.001 * i, 1e5);
    expect(w, HEALTH_BASELINE, HEALTH_WRONG, "0.7 at first");
    world_free(w);
}

static void test_health__baseline_that_repeats(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6123);
    confirm(w, 0, 0.6123, 1e5);
    confirm(w, 0, 0.6123, 1e5);
    expect(w, HEALTH_BASELINE, HEALTH_FINE, "to the last digit");
    world_free(w);
}

static void test_health__metrics_stand_still(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0);
    for (int i = 0; i < 8; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 2 + i), 0, 1e5 + i);
    expect(w, HEALTH_METRICS, HEALTH_LATER, NULL);
    complete(w, add(w, ROLE_SEARCH, 0.1, 10), 0, 2e5);
    expect(w, HEALTH_METRICS, HEALTH_LOOK, "em was 0.0000 in all of 10 trials");
    complete(w, add(w, ROLE_SEARCH, 0.2, 10), 0.001, 2e5);
    expect(w, HEALTH_METRICS, HEALTH_FINE, NULL);
    world_free(w);
}

static void train(struct world *w, double from, double to)
{
    const struct trial *t = add(w, ROLE_SEARCH, 0.1, 3);
    start(w, t);
    for (int i = 0; i < 4; i++) {
        json_t *m = json_pack("{s:f, s:f}", "em", from + (to - from) * i / 3, "tokens", 100.0 * (i + 1));
        history_report(w->history, t, i, m);
        json_decref(m);
    }
    complete(w, t, to, 400);
}

static void test_health__metrics_that_go_backward(void **state)
{
    struct world *w = world_of("baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                               "budget: {trials: 60}\nstopping: {pruner: auto}\n");
    (void)state;
    run_baseline(w, 0.3);
    for (int i = 0; i < 7; i++) train(w, 0.8 + 0.01 * i, 0.3 + 0.01 * i);
    expect(w, HEALTH_METRICS, HEALTH_LATER, NULL); /* seven of seven: once in 64 studies, with two metrics */
    train(w, 0.9, 0.4);
    expect(w, HEALTH_METRICS, HEALTH_LOOK, "8 of 8");
    train(w, 0.3, 0.6);
    expect(w, HEALTH_METRICS, HEALTH_FINE, NULL); /* eight of nine are not nine of ten */
    world_free(w);
}

static void test_health__metrics_that_are_missing(void **state)
{
    struct world *w = world_of("baseline: {x: 0.01, k: 5}\nobjective: {minimize: tokens}\nbudget: {trials: 60}\n");
    struct error err;
    (void)state;
    start(w, seen(w)->trial[0]);
    json_t *m = json_pack("{s:f, s:f}", "EM", 0.5, "tokens", 100.0);
    assert_ok(
        history_finish(w->history, seen(w)->trial[0], &(struct ending){.state = TRIAL_COMPLETE, .metrics = m}, &err),
        err);
    json_decref(m);
    expect(w, HEALTH_METRICS, HEALTH_LOOK, "did you mean 'EM'");
    world_free(w);
}

/* ---- parameters ---- */

/* Results that follow from x and k as `uses_k` says, without noise. */
static void measure(struct world *w, double x, double k, bool uses_k)
{
    complete(w, add(w, ROLE_SEARCH, x, k), 0.5123 + 0.1 * x + (uses_k ? 0.00137 * k : 0), round(123457 * (1 + x)));
}

static void test_health__parameters(void **state)
{
    for (int uses = 0; uses < 2; uses++) {
        struct world *w = world_of(PLAIN);
        (void)state;
        for (int i = 0; i < 3; i++) measure(w, 0.1, 2 + 3 * i, uses);
        expect(w, HEALTH_PARAMETERS, HEALTH_LATER, NULL); /* two pairs */
        measure(w, 0.3, 5, uses);
        measure(w, 0.3, 9, uses);
        if (uses)
            expect(w, HEALTH_PARAMETERS, HEALTH_LATER, NULL);
        else
            expect(w, HEALTH_PARAMETERS, HEALTH_LOOK, "k: seems to be ignored: 3 pairs");
        measure(w, 0.5, 2, uses);
        measure(w, 0.5, 10, true); /* one that is not the same takes it back */
        expect(w, HEALTH_PARAMETERS, HEALTH_LATER, NULL);
        world_free(w);
    }
}

/* A narrow part of the range says little: patience 9 and 10 may well be the same. */
static void test_health__parameters_in_a_narrow_part(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    for (int i = 0; i < 4; i++) measure(w, 0.1, 7 + i, false);
    measure(w, 0.3, 7, false);
    expect(w, HEALTH_PARAMETERS, HEALTH_LATER, NULL);
    measure(w, 0.1, 4, false);
    expect(w, HEALTH_PARAMETERS, HEALTH_LOOK, "k: seems");
    world_free(w);
}

static enum health_level level_of(struct world *w, enum health_check check)
{
    struct looked x = look_with(w, &AT_IT);
    enum health_level level = find(&x, check)->level;
    arena_done(&x.arena);
    return level;
}

/* Trials that differ by `spread` of another seed's deviation. */
static struct world *world_of_spread(double spread, uint64_t seed)
{
    struct world *w = world_of(PLAIN);
    struct rng rng = rng_derive(seed, "effect", 0);
    run_baseline(w, noisy(0.6, &rng));
    for (int i = 0; i < 12; i++) confirm(w, 0, noisy(0.6, &rng), round(1e5 * (1 + 0.01 * rng_normal(&rng))));
    for (int i = 0; i < 29; i++)
        complete(w, add(w, ROLE_SEARCH, draw_x(&rng), 3), noisy(0.6 + 0.004 * spread * rng_normal(&rng), &rng),
                 round(1e5 * (1 + 0.01 * rng_normal(&rng))));
    return w;
}

static void test_health__effect(void **state)
{
    size_t none = 0, thrice = 0;
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct world *w = world_of_spread(0, seed);
        none += level_of(w, HEALTH_EFFECT) == HEALTH_LOOK;
        world_free(w);
        w = world_of_spread(3, seed);
        thrice += level_of(w, HEALTH_EFFECT) != HEALTH_FINE;
        world_free(w);
    }
    assert_in_range(none, 10, 20);
    assert_in_range(thrice, 0, 1);
}

static void test_health__effect_of_nothing(void **state)
{
    struct world *w = world_of(PLAIN);
    struct rng rng = rng_derive(3, "nothing", 0);
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 3; i++) complete(w, add(w, ROLE_SEARCH, draw_x(&rng), 3), 0.6, 1e5);
    expect(w, HEALTH_EFFECT, HEALTH_LATER, NULL);
    complete(w, add(w, ROLE_SEARCH, draw_x(&rng), 9), 0.6, 1e5);
    expect(w, HEALTH_EFFECT, HEALTH_WRONG, "all 5 configurations measured the same");
    world_free(w);
}

static void test_health__bounds(void **state)
{
    struct world *w = world_of(PLAIN);
    struct rng rng = rng_derive(3, "bounds", 0);
    (void)state;
    run_baseline(w, 0.3);
    for (int i = 0; i < 12; i++) complete(w, add(w, ROLE_SEARCH, draw_x(&rng), 2 + i % 8), 0.4 + 0.001 * i, 1e5);
    for (int i = 0; i < 6; i++) complete(w, add(w, ROLE_SEARCH, draw_x(&rng), 10), 0.6 + 0.01 * i, 1e5);
    expect(w, HEALTH_BOUNDS, HEALTH_LATER, "19 so far");
    complete(w, add(w, ROLE_SEARCH, draw_x(&rng), 10), 0.7, 1e5);
    expect(w, HEALTH_BOUNDS, HEALTH_LOOK, "7 of the 10 best lie at k = 10");
    expect(w, HEALTH_BOUNDS, HEALTH_LOOK, "'k: {range: [2, 15]}'");
    for (int i = 0; i < 10; i++) complete(w, add(w, ROLE_SEARCH, draw_x(&rng), 10), 0.3, 1e5);
    expect(w, HEALTH_BOUNDS, HEALTH_FINE, NULL); /* many lie there, and most are bad */
    world_free(w);
}

static void test_health__bounds_of_a_log_scale(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.3);
    for (int i = 0; i < 20; i++) complete(w, add(w, ROLE_SEARCH, 0.001 * (i + 1), 5), 0.5 - 0.002 * i, 1e5);
    for (int i = 0; i < 6; i++) complete(w, add(w, ROLE_SEARCH, 1e-4 * (1 + 0.01 * i), 5), 0.6, 1e5 + i);
    expect(w, HEALTH_BOUNDS, HEALTH_LOOK, "'x: {range: [1e-05, 1]}'");
    world_free(w);
}

/* ---- results ---- */

static void test_health__constraints(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    expect(w, HEALTH_CONSTRAINTS, HEALTH_LATER, NULL);
    run_baseline(w, 0.6);
    for (int i = 0; i < 12; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 2 + i % 9), 0.5 + 0.001 * i, 1e5);
    expect(w, HEALTH_CONSTRAINTS, HEALTH_FINE, NULL); /* none of twelve: up to 26 % */
    complete(w, add(w, ROLE_SEARCH, 0.1, 3), 0.5, 1e5);
    expect(w, HEALTH_CONSTRAINTS, HEALTH_LOOK, "satisfied by 0 of 13");
    complete(w, add(w, ROLE_SEARCH, 0.2, 3), 0.595, 1e5);
    complete(w, add(w, ROLE_SEARCH, 0.3, 3), 0.595, 1e5);
    expect(w, HEALTH_CONSTRAINTS, HEALTH_FINE, NULL);
    world_free(w);
}

static void test_health__best(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 12; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 2 + i % 9), 0.6 + 0.01 * (i % 4), 1e5);
    complete(w, add(w, ROLE_SEARCH, 0.1, 9), 0.66, 1e5);
    expect(w, HEALTH_BEST, HEALTH_FINE, NULL);
    complete(w, add(w, ROLE_SEARCH, 0.1, 9), 0.999, 1e5);
    expect(w, HEALTH_BEST, HEALTH_LOOK, "trial 14 has em 0.9990, and the next 0.6600");
    world_free(w);
}

/* Of ten one may well lie as far from the rest: of so few the deviation is hardly known. */
static void test_health__best_of_few(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 8; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 2 + i), 0.6 + 0.01 * (i % 2), 1e5);
    complete(w, add(w, ROLE_SEARCH, 0.2, 3), 0.635, 1e5);
    expect(w, HEALTH_BEST, HEALTH_FINE, NULL); /* 4.8 deviations beyond the next, 5.5 beyond the mean */
    for (int i = 0; i < 20; i++) complete(w, add(w, ROLE_SEARCH, 0.3, 2 + i % 9), 0.6 + 0.01 * (i % 2), 1e5);
    expect(w, HEALTH_BEST, HEALTH_LOOK, "too good by 5 deviations");
    world_free(w);
}

/* Condemned, and runs on. */
static void audit(struct world *w, double em)
{
    struct error err;
    const struct trial *t = add(w, ROLE_SEARCH, 0.1, 3);
    start(w, t);
    assert_ok(history_condemn(w->history, t, "no chance", NULL, true, &err), err);
    complete(w, t, em, 1e5);
}

static void test_health__stops(void **state)
{
    struct world *w = world_of("baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                               "budget: {trials: 60}\nstopping: {pruner: auto, audit: 0.05}\n");
    (void)state;
    run_baseline(w, 0.6);
    expect(w, HEALTH_STOPS, HEALTH_LATER, NULL);
    for (int i = 0; i < 4; i++) audit(w, 0.5);
    expect(w, HEALTH_STOPS, HEALTH_FINE, "0 of 4");
    audit(w, 0.9);
    expect(w, HEALTH_STOPS, HEALTH_LOOK, "1 of 5 audited stops would have been wrong");
    audit(w, 0.5);
    expect(w, HEALTH_STOPS, HEALTH_FINE, "1 of 6"); /* of six one may be */
    world_free(w);
}

static void run_silent(struct world *w, const char *json)
{
    struct error err;
    json_t *metrics = json_loads(json, 0, NULL);
    const struct trial *t = add(w, ROLE_SEARCH, 0.1, 3);
    start(w, t);
    for (long step = 0; step < 3; step++) {
        if (json_object_get(metrics, "tokens")) json_object_set_new(metrics, "tokens", json_integer(1000 * (step + 1)));
        history_report(w->history, t, step, metrics);
    }
    complete(w, t, 0.5, 1e5);
    assert_ok(history_flush(w->history, &err), err);
    json_decref(metrics);
}

static const char STOPPING[] = "baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                               "budget: {trials: 60}\nstopping: {pruner: auto}\n";

/* What the pruner judges by comes only at the end of each trial: before as after the study is opened again. */
static void test_health__stops_that_see_nothing(void **state)
{
    static const char *const says[] = {"{\"tokens\": 1}", "{\"em\": 0.3}", "{}"},
                             *const part[] = {"goes by em, which none of the last 3 complete trials reported while it "
                                              "ran, only tokens",
                                              "goes by tokens, which none", "have the program report as it trains"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct world *w = world_of(STOPPING);
        for (int k = 0; k < 2; k++) run_silent(w, says[i]);
        expect(w, HEALTH_STOPS, HEALTH_LATER, "no stop");
        run_silent(w, says[i]);
        expect(w, HEALTH_STOPS, HEALTH_LOOK, part[i]);
        reopen(w);
        expect(w, HEALTH_STOPS, HEALTH_LOOK, part[i]);
        run_silent(w, "{\"em\": 0.3, \"tokens\": 1}");
        expect(w, HEALTH_STOPS, HEALTH_LATER, "no stop");
        world_free(w);
    }
}

static void suggest(struct world *w, double log_gain, double em)
{
    const struct addition a = {.role = ROLE_SEARCH,
                               .config = (double[]){0.1, 3},
                               .source = "gp: log improvement -1",
                               .expect_gain = exp(log_gain)};
    complete(w, history_add(w->history, &a), em, 1e5);
}

static void test_health__gain(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 10; i++) suggest(w, -12, 0.6);
    expect(w, HEALTH_GAIN, HEALTH_LATER, "on two seeds");
    confirm(w, 0, 0.61, 1e5);
    expect(w, HEALTH_GAIN, HEALTH_LOOK, "nocturne stop s");
    for (int i = 0; i < 10; i++) suggest(w, -4, 0.6);
    expect(w, HEALTH_GAIN, HEALTH_FINE, NULL);
    world_free(w);
}

/* Its seeds, not the baseline's; and only what was suggested since it was known. */
static void test_health__gain_is_over_the_best(void **state)
{
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.5);
    for (int i = 0; i < 4; i++) confirm(w, 0, 0.3 + 0.1 * i, 1e5);
    for (int i = 0; i < 9; i++) suggest(w, -9, 0.6);
    const struct trial *best = add(w, ROLE_SEARCH, 0.1, 7);
    complete(w, best, 0.9, 1e5);
    for (int i = 0; i < 2; i++) confirm(w, best->number, 0.9 + 1e-4 * i, 1e5);
    for (int i = 0; i < 9; i++) suggest(w, -9, 0.6);
    expect(w, HEALTH_GAIN, HEALTH_LATER, NULL);
    suggest(w, -9, 0.6);
    expect(w, HEALTH_GAIN, HEALTH_FINE, "changes the best by 0.00011"); /* 39 times e⁻⁹ are more than that */
    world_free(w);
}

/* What the model expects of a single metric is on a scale of its own, and of a front an area. */
static void test_health__gain_on_another_scale(void **state)
{
    const char *const objective[] = {"{maximize: em}", "{pareto: [em, tokens]}"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char rest[200];
        snprintf(rest, sizeof rest, "baseline: {x: 0.01, k: 5}\nobjective: %s\nbudget: {trials: 60}\n", objective[i]);
        struct world *w = world_of(rest);
        run_baseline(w, 0.6);
        confirm(w, 0, 0.61, 1e5);
        for (int k = 0; k < 10; k++) suggest(w, -12, 0.5);
        expect_nothing(w, HEALTH_GAIN);
        world_free(w);
    }
}

/* ---- the model ---- */

/* em follows x to this part, the rest is noise; tokens follow k. */
static void follow(struct world *w, size_t n, double part, struct rng *rng)
{
    for (size_t i = 0; i < n; i++) {
        double x = rng_unit(rng), k = 2 + (double)rng_below(rng, 9), em = part * x + (1 - part) * rng_unit(rng);
        complete(w, add(w, ROLE_SEARCH, 1e-4 + 0.99 * x, k), 0.5 + 0.2 * em, 1e5 + 1e4 * k);
    }
}

static void test_health__model(void **state)
{
    struct rng rng = rng_derive(3, "model", 0);
    struct world *w = world_of(PLAIN);
    (void)state;
    run_baseline(w, 0.6);
    follow(w, 18, 0.9, &rng);
    expect_with(w, &NOBODY, HEALTH_MODEL, HEALTH_LATER, "needs 20 complete trials; 19");
    follow(w, 6, 0.9, &rng);
    expect_with(w, &NOBODY, HEALTH_MODEL, HEALTH_FINE, "em (R² 0.");
    expect_nothing(w, HEALTH_MODEL); /* a run does not wait for it */
    world_free(w);
    w = world_of(PLAIN);
    run_baseline(w, 0.6);
    follow(w, 30, 0, &rng);
    expect_with(w, &NOBODY, HEALTH_MODEL, HEALTH_LOOK, "no better than their mean: em");
    expect_with(w, &NOBODY, HEALTH_MODEL, HEALTH_LOOK, "nocturne importance s");
    world_free(w);
}

/* ---- numerics ---- */

static void test_health__numerics(void **state)
{
    struct world *w = world_of(PLAIN);
    struct rng rng = rng_derive(3, "numerics", 0);
    (void)state;
    run_baseline(w, 0.6);
    search(w, 18, &rng);
    expect_nothing(w, HEALTH_NUMERICS);
    complete(w,
             history_add(w->history, &(struct addition){.role = ROLE_SEARCH,
                                                        .config = (double[]){0.1, 3},
                                                        .source = "random, because of it"}),
             0.6, 1e5);
    expect(w, HEALTH_NUMERICS, HEALTH_FINE, "1 of 20");
    complete(w,
             history_add(w->history, &(struct addition){.role = ROLE_SEARCH,
                                                        .config = (double[]){0.1, 3},
                                                        .source = "random, because of it"}),
             0.6, 1e5);
    expect(w, HEALTH_NUMERICS, HEALTH_LOOK, "2 of 21");
    world_free(w);
}

/* ---- odd ones ---- */

static void test_health__of_huge_values(void **state)
{
    struct world *w = world_of("baseline: {x: 0.01, k: 5}\nobjective: {weights: {em: 0.7, tokens: 0.3}}\n"
                               "constraints: [tokens <= 2 * baseline]\nbudget: {trials: 60, tokens: 1e6, wall: 1h}\n"
                               "stopping: {pruner: auto}\n");
    (void)state;
    run_baseline(w, 0.6);
    for (int i = 0; i < 30; i++) complete(w, add(w, ROLE_SEARCH, 0.1, 2 + i % 9), i % 2, i % 3 ? 1.7e308 : 0);
    for (int i = 0; i < 3; i++) confirm(w, 0, i % 2, 1.7e308);
    struct looked x = look_with(w, &AT_IT);
    for (size_t i = 0; i < x.health.n; i++) assert_true(*x.health.finding[i].sentence);
    json_t *json = health_json(&x.health), *forecast = end_forecast_json(&x.health.forecast);
    assert_non_null(json);
    assert_non_null(forecast);
    json_decref(json);
    json_decref(forecast);
    arena_done(&x.arena);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_health__says_nothing_wrong_of_a_new_study),
        cmocka_unit_test(test_health__says_nothing_wrong_of_healthy_studies),
        cmocka_unit_test(test_health__is_as_bad_as_its_worst),
        cmocka_unit_test(test_health__work),
        cmocka_unit_test(test_health__facts),
        cmocka_unit_test(test_health__reports),
        cmocka_unit_test(test_health__reports_of_few_gaps),
        cmocka_unit_test(test_health__reports_as_the_log_has_them),
        cmocka_unit_test(test_health__reports_of_none),
        cmocka_unit_test(test_health__failures),
        cmocka_unit_test(test_health__failures_have_a_place),
        cmocka_unit_test(test_health__budget),
        cmocka_unit_test(test_health__deadline),
        cmocka_unit_test(test_health__deadline_with_a_running_trial),
        cmocka_unit_test(test_health__baseline),
        cmocka_unit_test(test_health__baseline_that_changed),
        cmocka_unit_test(test_health__baseline_that_repeats),
        cmocka_unit_test(test_health__metrics_stand_still),
        cmocka_unit_test(test_health__metrics_that_go_backward),
        cmocka_unit_test(test_health__metrics_that_are_missing),
        cmocka_unit_test(test_health__parameters),
        cmocka_unit_test(test_health__parameters_in_a_narrow_part),
        cmocka_unit_test(test_health__effect),
        cmocka_unit_test(test_health__effect_of_nothing),
        cmocka_unit_test(test_health__bounds),
        cmocka_unit_test(test_health__bounds_of_a_log_scale),
        cmocka_unit_test(test_health__constraints),
        cmocka_unit_test(test_health__best),
        cmocka_unit_test(test_health__best_of_few),
        cmocka_unit_test(test_health__stops),
        cmocka_unit_test(test_health__stops_that_see_nothing),
        cmocka_unit_test(test_health__gain),
        cmocka_unit_test(test_health__gain_is_over_the_best),
        cmocka_unit_test(test_health__gain_on_another_scale),
        cmocka_unit_test(test_health__model),
        cmocka_unit_test(test_health__numerics),
        cmocka_unit_test(test_health__of_huge_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
