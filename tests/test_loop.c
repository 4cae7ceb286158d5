/* The coordinator's loop, stepped with executions that do what the test says and a clock that the test owns: SEARCH →
 * CONFIRM → end, DRAIN, KILL, LEAVE, pause, budget of time, takeover. */
#include "tests/fake_clock.h"
#include "tests/test.h"

#include "tuner/coordinator/coordinator.h"

#include "surrogate/surrogate.h"

#include <unistd.h>

static const char STUDY[] =
    "study: s\nparameters: {x: {type: float, range: [0, 1]}}\nmetrics:\n  loss: {goal: minimize}\n"
    "baseline: {x: 0.5}\nobjective: {minimize: loss}\nsearch: {sampler: sobol}\n"
    "confirm: {top: 1, seeds: 2}\ntrial: {command: [never-started], grace: 1s}\n";

/* What may win is bounded by the baseline. */
static const char BOUND[] =
    "study: s\nparameters: {x: {type: float, range: [0, 1]}}\nmetrics:\n  loss: {goal: minimize}\n"
    "baseline: {x: 0.5}\nobjective: {minimize: loss}\nconstraints: [loss <= baseline + 9]\nsearch: {sampler: sobol}\n"
    "confirm: {top: 1, seeds: 3}\ntrial: {command: [never-started], grace: 1s}\n";

struct fake {
    struct execution x;
    struct world *world;
    bool started;
    int gently, now; /* how often it was told to stop */
    long trial;
    double value;
};

enum { FAKES = 64 };

struct world {
    struct fake_clock clock;
    char folder[64], path[100];
    struct study *study;
    struct history *history;
    struct store *store;
    uv_loop_t loop;
    struct coordinator *c;
    struct fake *fake[FAKES]; /* those that live */
    size_t n;
    bool over;
    enum coordinator_end end;
    char phases[400]; /* as they were seen, in order */
};

/* ---- the fake executor ---- */

static enum status fake_start(struct execution *x, const struct attempt_spec *spec, struct error *err)
{
    struct fake *f = (struct fake *)x;
    (void)err;
    f->started = true;
    f->trial = spec->trial;
    f->value = spec->config[0] + 1e-3 * (double)(spec->seed % 1009);
    x->hooks->started(x->data, 4242);
    return STATUS_OK;
}

static void fake_send(struct execution *x, const json_t *message)
{
    (void)x, (void)message;
}

static void fake_stop(struct execution *x, enum stop_mode mode, const char *why)
{
    struct fake *f = (struct fake *)x;
    (void)why;
    f->gently += mode == STOP_GENTLY;
    f->now += mode == STOP_NOW;
}

static void fake_free(struct execution *x)
{
    struct fake *f = (struct fake *)x;
    struct world *w = f->world;
    for (size_t i = 0; i < w->n; i++)
        if (w->fake[i] == f) {
            w->fake[i] = w->fake[--w->n];
            break;
        }
    free(f);
}

static bool fake_has_room(const struct site *site)
{
    return site->slots > 0;
}

static struct execution *fake_take(const struct site *site, void *owner);

static const struct executor fakes = {.name = "fake",
                                      .is_here = true,
                                      .has_folder = true,
                                      .has_an_end = true,
                                      .has_room = fake_has_room,
                                      .take = fake_take,
                                      .start = fake_start,
                                      .send = fake_send,
                                      .stop = fake_stop,
                                      .free = fake_free};

static const struct executor *const places[] = {&fakes, NULL};

static struct execution *fake_take(const struct site *site, void *owner)
{
    struct world *w = site->data;
    (void)owner;
    struct fake *f = calloc(1, sizeof *f);
    *f = (struct fake){.x = {.at = &fakes}, .world = w};
    assert_true(w->n < FAKES);
    w->fake[w->n++] = f;
    return &f->x;
}

/* ---- the world ---- */

static void on_news(void *data, enum news news, const struct trial *t, const char *text)
{
    (void)data, (void)news, (void)t, (void)text;
}

static void on_ended(void *data, enum coordinator_end end, enum status status, const struct error *err)
{
    struct world *w = data;
    if (status) fail_msg("%s", err->text);
    w->over = true;
    w->end = end;
}

static void open_history(struct world *w, const struct budget *budget, bool goes_on)
{
    struct error err;
    struct opening opening = {.seed = 3, .budget = budget, .slots = 2, .goes_on = goes_on};
    assert_ok(store_open(w->path, STORE_CREATE, &w->store, &err), err);
    assert_ok(history_open(w->store, w->study, &opening, &w->clock.clock, &w->history, &err), err);
    const struct coordinator_options o = {.slots = 2,
                                          .executors = places,
                                          .guard = GUARD,
                                          .files = w->folder,
                                          .listen = on_news,
                                          .ended = on_ended,
                                          .data = w};
    assert_ok(coordinator_create(&o, w->history, &w->loop, &w->c, &err), err);
    assert_ok(coordinator_start(w->c, &err), err);
}

static void begin_study(struct world *w, const char *study, const struct budget *budget)
{
    struct error err;
    *w = (struct world){.clock = fake_clock_at(1000000, 1000000)};
    snprintf(w->folder, sizeof w->folder, "/tmp/nocturne-loop-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(w->path, sizeof w->path, "%s/n.db", w->folder);
    assert_ok(study_parse("s.yaml", study, strlen(study), &w->study, &err), err);
    uv_loop_init(&w->loop);
    open_history(w, budget, false);
}

static void begin(struct world *w, const struct budget *budget)
{
    begin_study(w, STUDY, budget);
}

static void close_history(struct world *w)
{
    coordinator_free(w->c);
    history_free(w->history);
    store_close(w->store);
    w->c = NULL;
}

static void end(struct world *w)
{
    char command[100];
    close_history(w);
    assert_int_equal(w->n, 0);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    study_free(w->study);
    snprintf(command, sizeof command, "rm -rf %s", w->folder);
    assert_int_equal(system(command), 0);
}

static void see_phase(struct world *w)
{
    const char *phase = coordinator_phase(w->c);
    size_t n = strlen(w->phases), m = strlen(phase);
    if (strcmp(phase, "ended") == 0 || (n >= m && strcmp(w->phases + n - m, phase) == 0)) return;
    snprintf(w->phases + n, sizeof w->phases - n, "%s%s", n ? " " : "", phase);
}

/* Turns of the loop until it is so; the disk and the pool take what they take. */
static bool turn_until(struct world *w, bool (*is_so)(const struct world *))
{
    for (int i = 0; i < 20000 && !is_so(w); i++) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        if (!w->over) see_phase(w);
        usleep(500);
    }
    return is_so(w);
}

/* Whatever could happen by itself has most likely happened: a slow machine may miss a fault here, and finds none. */
static void settle(struct world *w)
{
    for (int i = 0; i < 400; i++) {
        uv_run(&w->loop, UV_RUN_NOWAIT);
        usleep(250);
    }
}

static bool is_over(const struct world *w)
{
    return w->over;
}

static size_t running(const struct world *w)
{
    size_t n = 0;
    for (size_t i = 0; i < w->n; i++) n += w->fake[i]->started;
    return n;
}

static bool one_runs(const struct world *w)
{
    return running(w) >= 1;
}

static bool two_run(const struct world *w)
{
    return running(w) == 2;
}

static bool can_work(const struct world *w)
{
    return w->over || running(w) > 0;
}

static void complete(struct fake *f)
{
    json_t *m = json_pack("{s:f}", "loss", f->value);
    const struct job_outcome outcome = {.end = JOB_COMPLETE, .metrics = m, .reason = ""};
    fake_clock_pass(&f->world->clock, 1000);
    f->x.hooks->program.end(f->x.data, &outcome);
    json_decref(m);
}

static void stopped(struct fake *f)
{
    const struct job_outcome outcome = {.end = JOB_STOPPED, .reason = "interrupted"};
    f->x.hooks->program.end(f->x.data, &outcome);
}

static struct fake *first_running(struct world *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->fake[i]->started) return w->fake[i];
    return NULL;
}

/* All trials end well, one after the other. */
static void work_to_the_end(struct world *w)
{
    while (turn_until(w, can_work) && !w->over) complete(first_running(w));
    assert_true(w->over);
}

static size_t count(const struct world *w, enum trial_role role, enum trial_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < history_memory(w->history)->n; i++)
        n += history_memory(w->history)->trial[i]->role == role && history_memory(w->history)->trial[i]->state == state;
    return n;
}

static const struct budget FIVE = {.trials = 5, .until_minutes = -1};

/* ---- the tests ---- */

static void test_loop__searches_confirms_and_ends(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &FIVE);
    work_to_the_end(&w);
    assert_string_equal(w.phases, "search confirm");
    assert_int_equal(w.end, COORDINATOR_DONE);
    assert_true(history_memory(w.history)->phase == STUDY_COMPLETE);
    assert_int_equal(count(&w, ROLE_SEARCH, TRIAL_COMPLETE), 4); /* and the baseline */
    assert_int_equal(count(&w, ROLE_CONFIRM, TRIAL_COMPLETE), 4);
    end(&w);
}

static bool repeats_baseline(const struct trial *t)
{
    return t->role == ROLE_CONFIRM && t->confirms == 0;
}

/* Its first seed, then the others, and only then what is chosen by them. */
static void test_loop__confirms_the_baseline_before_it_chooses(void **state)
{
    (void)state;
    struct world w;
    begin_study(&w, BOUND, &FIVE);
    while (turn_until(&w, can_work) && !w.over) {
        const struct memory *s = history_memory(w.history);
        size_t again = 0, others = 0;
        for (size_t i = 0; i < s->n; i++) {
            const struct trial *t = s->trial[i];
            again += repeats_baseline(t) && t->state == TRIAL_COMPLETE;
            others += t->role == ROLE_CONFIRM && !repeats_baseline(t);
        }
        if (others) assert_int_equal(again, 3);
        if (s->baseline.again > 1) assert_true(again > 0);
        complete(first_running(&w));
    }
    assert_int_equal(w.end, COORDINATOR_DONE);
    assert_string_equal(w.phases, "search confirm");
    assert_int_equal(count(&w, ROLE_CONFIRM, TRIAL_COMPLETE), 6);
    end(&w);
}

/* A process that is gone at any of these steps is followed by one that does the same. */
static void test_loop__goes_on_with_the_same_of_the_baseline(void **state)
{
    (void)state;
    struct world w;
    uint64_t seed[16], config[16];
    size_t n = 0;
    for (int killed = 0; killed < 2; killed++) {
        begin_study(&w, BOUND, &FIVE);
        while (turn_until(&w, can_work) && !w.over) {
            complete(first_running(&w));
            if (!killed) continue;
            coordinator_leave(w.c);
            while (turn_until(&w, can_work) && !w.over) stopped(first_running(&w));
            close_history(&w);
            w.over = false;
            open_history(&w, &FIVE, true);
        }
        const struct memory *s = history_memory(w.history);
        if (killed) assert_int_equal(s->n, n);
        for (size_t i = 0; i < s->n; i++) {
            uint64_t bits;
            memcpy(&bits, &s->trial[i]->config[0], sizeof bits);
            if (killed) assert_true(s->trial[i]->seed == seed[i] && bits == config[i]);
            seed[i] = s->trial[i]->seed, config[i] = bits;
        }
        n = s->n;
        assert_int_equal(n, 11);
        end(&w);
    }
}

static void test_loop__drains(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &FIVE);
    assert_true(turn_until(&w, two_run));
    coordinator_drain(w.c);
    see_phase(&w);
    settle(&w);
    assert_int_equal(running(&w), 2);
    for (size_t i = 0; i < w.n; i++) assert_int_equal(w.fake[i]->gently + w.fake[i]->now, 0);
    complete(first_running(&w));
    settle(&w);
    assert_int_equal(running(&w), 1); /* nothing new */
    complete(first_running(&w));
    assert_true(turn_until(&w, is_over));
    assert_int_equal(w.end, COORDINATOR_STOPPED);
    assert_true(history_memory(w.history)->phase == STUDY_STOPPED);
    assert_string_equal(w.phases, "search stopping");
    end(&w);
}

static void test_loop__stops_then_kills(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &FIVE);
    assert_true(turn_until(&w, two_run));
    coordinator_insist(w.c);
    for (size_t i = 0; i < w.n; i++) assert_true(w.fake[i]->gently == 0 && w.fake[i]->now == 0);
    coordinator_insist(w.c);
    for (size_t i = 0; i < w.n; i++) assert_true(w.fake[i]->gently == 1 && w.fake[i]->now == 0);
    coordinator_insist(w.c);
    for (size_t i = 0; i < w.n; i++) assert_true(w.fake[i]->gently == 1 && w.fake[i]->now == 1);
    while (first_running(&w)) stopped(first_running(&w));
    assert_true(turn_until(&w, is_over));
    assert_int_equal(w.end, COORDINATOR_STOPPED);
    assert_int_equal(memory_count(history_memory(w.history), TRIAL_QUEUED), 2); /* for the next run */
    end(&w);
}

static void test_loop__leaves(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &FIVE);
    assert_true(turn_until(&w, one_runs));
    coordinator_leave(w.c);
    for (size_t i = 0; i < w.n; i++)
        if (w.fake[i]->started) assert_int_equal(w.fake[i]->now, 1);
    while (first_running(&w)) stopped(first_running(&w));
    assert_true(turn_until(&w, is_over));
    assert_int_equal(w.end, COORDINATOR_LEFT);
    assert_true(history_memory(w.history)->phase == STUDY_OPEN); /* it goes on when a process comes back */
    end(&w);
}

static void test_loop__pauses_and_goes_on(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &FIVE);
    assert_true(turn_until(&w, two_run));
    coordinator_pause(w.c, true);
    complete(first_running(&w));
    settle(&w);
    assert_int_equal(running(&w), 1); /* what runs goes on, nothing new begins */
    assert_string_equal(coordinator_pause_reason(w.c), "paused by a person");
    assert_true(history_memory(w.history)->phase == STUDY_PAUSED);
    coordinator_pause(w.c, false);
    assert_true(turn_until(&w, two_run));
    work_to_the_end(&w);
    assert_int_equal(w.end, COORDINATOR_DONE);
    end(&w);
}

static void test_loop__ends_with_its_time(void **state)
{
    (void)state;
    struct world w;
    const struct budget hour = {.trials = 1000, .wall_ms = 3600000, .until_minutes = -1};
    begin(&w, &hour);
    assert_true(turn_until(&w, two_run));
    fake_clock_pass(&w.clock, 3600001);
    work_to_the_end(&w);
    assert_true(count(&w, ROLE_SEARCH, TRIAL_COMPLETE) < 4);
    end(&w);
}

/* A crashed program is tried again after the back-off, which the clock decides. */
static void test_loop__waits_for_the_back_off(void **state)
{
    (void)state;
    struct world w;
    const struct budget one = {.trials = 1, .until_minutes = -1};
    begin(&w, &one);
    assert_true(turn_until(&w, one_runs));
    const struct job_outcome crash = {.end = JOB_CRASHED, .reason = "signal 11", .signal = 11};
    struct fake *f = first_running(&w);
    f->x.hooks->program.end(f->x.data, &crash);
    settle(&w);
    assert_int_equal(running(&w), 0);
    fake_clock_pass(&w.clock, 1000);
    assert_true(turn_until(&w, one_runs));
    assert_int_equal(history_memory(w.history)->trial[0]->effort.attempts, 2);
    work_to_the_end(&w);
    end(&w);
}

/* The process dies: another one takes the study, and what ran is run again. */
static void test_loop__is_taken_over(void **state)
{
    (void)state;
    struct world w;
    begin(&w, &FIVE);
    assert_true(turn_until(&w, two_run));
    const long ran = first_running(&w)->trial;
    coordinator_leave(w.c);
    while (first_running(&w)) stopped(first_running(&w));
    assert_true(turn_until(&w, is_over));
    close_history(&w);
    w.over = false;
    open_history(&w, &FIVE, true);
    work_to_the_end(&w);
    assert_int_equal(w.end, COORDINATOR_DONE);
    assert_int_equal(history_memory(w.history)->trial[ran]->effort.attempts, 2);
    assert_int_equal(count(&w, ROLE_SEARCH, TRIAL_COMPLETE), 4);
    end(&w);
}

int main(void)
{
    surrogate_setup();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop__confirms_the_baseline_before_it_chooses),
        cmocka_unit_test(test_loop__goes_on_with_the_same_of_the_baseline),
        cmocka_unit_test(test_loop__searches_confirms_and_ends), cmocka_unit_test(test_loop__drains),
        cmocka_unit_test(test_loop__stops_then_kills),           cmocka_unit_test(test_loop__leaves),
        cmocka_unit_test(test_loop__pauses_and_goes_on),         cmocka_unit_test(test_loop__ends_with_its_time),
        cmocka_unit_test(test_loop__waits_for_the_back_off),     cmocka_unit_test(test_loop__is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
