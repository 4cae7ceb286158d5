/* Everything that memory knows, the log knows: while a real study runs — with pruning, adapting and audits, with a
 * schedule, and with confirmations — the log is read anew whenever it is durable, and each field of each trial
 * compared. */
#include "tests/memory_world.h"

#include "surrogate/surrogate.h"

#include "tuner/coordinator/coordinator.h"

/* ---- running ---- */

/* At the end of each turn of the loop. */
static void on_turn(uv_check_t *check)
{
    struct world *w = check->data;
    if (!w->done && w->live->m.n && w->live->m.seq > w->compared &&
        journal_durable(history_journal(w->live)) >= journal_mark(history_journal(w->live)))
        read_anew(w);
}

static void on_event(void *data, enum news event, const struct trial *t, const char *text)
{
    (void)data;
    (void)event;
    (void)t;
    (void)text;
}

static void on_ended(void *data, enum coordinator_end end, enum status status, const struct error *err)
{
    struct world *w = data;
    if (status) fail_msg("%s", err->text);
    assert_int_equal(end, COORDINATOR_DONE);
    w->done = true;
}

static void run(struct world *w, const char *more, long trials)
{
    char text[2000], path[100], files[100];
    struct error err;
    uv_loop_t loop;
    uv_check_t check = {.data = w};
    struct coordinator *c = NULL;
    struct budget budget = {.trials = trials, .until_minutes = -1};
    struct opening opening = {.seed = 3, .budget = &budget, .slots = 2};
    snprintf(w->folder, sizeof w->folder, "/tmp/nocturne-memory-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(text, sizeof text, "%s%s\n", STUDY, more);
    snprintf(path, sizeof path, "%s/s.yaml", w->folder);
    snprintf(files, sizeof files, "%s/files", w->folder);
    assert_ok(study_parse(path, text, strlen(text), &w->study, &err), err);
    snprintf(path, sizeof path, "%s/n.db", w->folder);
    assert_ok(store_open(path, STORE_CREATE, &w->store, &err), err);
    assert_ok(history_open(w->store, w->study, &opening, clock_real(), &w->live, &err), err);
    assert_ok(store_open(path, STORE_EXISTING, &w->other, &err), err);
    struct coordinator_options o = {
        .slots = 2, .guard = GUARD, .files = files, .listen = on_event, .ended = on_ended, .data = w};
    uv_loop_init(&loop);
    uv_check_init(&loop, &check);
    uv_check_start(&check, on_turn);
    uv_unref((uv_handle_t *)&check); /* it does not keep the loop */
    assert_ok(coordinator_create(&o, w->live, &loop, &c, &err), err);
    assert_ok(coordinator_start(c, &err), err);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(w->done);
    uv_close((uv_handle_t *)&check, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    read_anew(w);
    assert_int_equal(w->compared, w->live->m.seq);
    coordinator_free(c);
}

static void test_memory__pruning_adapting_and_confirming(void **state)
{
    (void)state;
    struct world w = {0};
    run(&w, "stopping: {pruner: auto, adaptive: true, patience: [2, 20], audit: 0.3}", 24);
    assert_true(w.times > 30);
    assert_true(w.with_rule > 30);
    assert_true(w.adjusted > 0);
    end(&w);
}

static void test_memory__schedules(void **state)
{
    (void)state;
    struct world w = {0};
    run(&w, "schedule: {rate: pb2, interval: 500 tokens, population: 4, rounds: 3}", 60);
    assert_true(w.times > 20);
    end(&w);
}

static void test_memory__schedules_without_clones(void **state)
{
    (void)state;
    struct world w = {0};
    run(&w, "schedule: {rate: pb2, interval: 500 tokens, population: 4, rounds: 3, clone: false}", 60);
    assert_true(w.times > 15);
    end(&w);
}

/* ---- without a coordinator ---- */

static void open_world(struct world *w)
{
    open_world_of(w, STUDY);
}

/* What it counted for before it ended, and nothing else. */
static void retry_one(struct world *w, long number)
{
    struct history *s = w->live;
    const struct trial *t = s->m.trial[number];
    const struct account before = s->m.tally;
    const enum trial_state was = t->state;
    const long attempts = t->effort.attempts;
    struct error err;
    assert_ok(history_retry(s, t, &err), err);
    assert_int_equal(t->state, TRIAL_QUEUED);
    assert_int_equal(t->effort.attempts, attempts);
    assert_int_equal(s->m.tally.searched, before.searched + (was == TRIAL_CANCELLED));
    assert_int_equal(s->m.tally.finished, before.finished - (was != TRIAL_CANCELLED));
    assert_true(s->m.tally.tokens == before.tokens && s->m.tally.busy_ms == before.busy_ms);
    assert_null(t->reason);
    compare_now(w);
}

static void test_memory__trials_tried_again(void **state)
{
    (void)state;
    struct world w = {0};
    struct error err;
    open_world(&w);
    struct history *s = w.live;
    add_trials(s, 4);
    end_trial(&w, 0, TRIAL_CANCELLED);
    end_trial(&w, 1, TRIAL_FAILED);
    end_trial(&w, 2, TRIAL_INFEASIBLE);
    end_trial(&w, 3, TRIAL_COMPLETE);
    assert_ok(history_poison(s, s->m.trial[4], "again", &err) == STATUS_INVALID ? STATUS_OK : STATUS_FAILED, err);
    assert_ok(history_lease(s, s->m.trial[4], "/d", 0, &err), err);
    assert_ok(history_poison(s, s->m.trial[4], "twice", &err), err);
    assert_int_equal(history_view(s).n_poisonous, 1);
    for (long i = 0; i < 5; i++)
        if (i != 3) retry_one(&w, i);
    assert_int_equal(history_view(s).n_poisonous, 0);
    assert_int_equal(history_retry(s, s->m.trial[3], &err), STATUS_CONFLICT);
    assert_int_equal(history_retry(s, s->m.trial[1], &err), STATUS_CONFLICT); /* it is queued */
    assert_ok(history_annotate(s, s->m.trial[2], "by hand", &err), err);
    assert_ok(history_annotate(s, NULL, "of all", &err), err);
    compare_now(&w);
    assert_string_equal(s->m.trial[2]->note, "by hand");
    assert_ok(history_annotate(s, s->m.trial[2], "", &err), err);
    assert_null(s->m.trial[2]->note);
    compare_now(&w);
    struct search_history h = history_view(s);
    assert_int_equal(h.n, 5); /* the cancelled one, too, each in its place */
    for (size_t i = 0; i < h.n; i++) {
        assert_ptr_equal(h.trial[i].config, s->m.trial[i]->config);
        assert_int_equal(h.trial[i].outcome, i == 3 ? SEARCH_COMPLETE : SEARCH_PENDING);
    }
    end_trial(&w, 1, TRIAL_COMPLETE);
    end_trial(&w, 0, TRIAL_COMPLETE);
    end_trial(&w, 2, TRIAL_FAILED);
    retry_one(&w, 2);
    assert_int_equal(s->m.baseline.runs, 1);
    assert_non_null(s->m.best.trial);
    end(&w);
}

static void test_memory__the_beginning_tried_again(void **state)
{
    (void)state;
    struct world w = {0};
    char text[160] = "";
    open_world(&w);
    struct history *s = w.live;
    add_trials(s, 3);
    assert_int_equal(retry_beginning(s, text, sizeof text), 0); /* nothing has failed */
    end_trial(&w, 0, TRIAL_FAILED);
    end_trial(&w, 1, TRIAL_FAILED);
    end_trial(&w, 2, TRIAL_INFEASIBLE);
    history_fail(s, "the baseline failed");
    compare_now(&w);
    assert_string_equal(s->m.failure, "the baseline failed");
    assert_int_equal(retry_beginning(s, text, sizeof text), 2);
    assert_string_equal(text, "the baseline failed last time; it and 1 other failed trial are tried again");
    assert_int_equal(s->m.phase, STUDY_STOPPED);
    assert_null(s->m.failure);
    assert_int_equal(memory_count(&s->m, TRIAL_QUEUED), 3);
    compare_now(&w);
    end_trial(&w, 1, TRIAL_COMPLETE);
    end_trial(&w, 3, TRIAL_FAILED);
    assert_int_equal(retry_beginning(s, text, sizeof text), 0); /* something works: what fails has failed */
    end_trial(&w, 0, TRIAL_CANCELLED);
    assert_int_equal(retry_beginning(s, text, sizeof text), 1);
    assert_string_equal(text, "the baseline was cancelled last time; it is tried again");
    compare_now(&w);
    end(&w);
}

/* A cancelled trial leaves a hole in what the search sees, until it looks again. */
static void test_memory__a_front_is_judged_beside_a_cancelled_trial(void **state)
{
    (void)state;
    struct world w = {0};
    struct error err;
    char text[sizeof STUDY + 100], *at;
    snprintf(text, sizeof text, "%s", STUDY);
    at = strstr(text, "objective:");
    snprintf(at, sizeof text - (size_t)(at - text), "objective: {pareto: [em, tokens]}\nstopping: {pruner: auto}\n");
    open_world_of(&w, text);
    struct history *s = w.live;
    add_trials(s, 3);
    end_trial(&w, 0, TRIAL_COMPLETE);
    end_trial(&w, 2, TRIAL_COMPLETE);
    const struct trial *t = s->m.trial[3];
    json_t *metrics = json_pack("{s:f, s:f}", "em", 0.4, "tokens", 50.0);
    assert_ok(history_lease(s, t, "/d", 0, &err), err);
    assert_ok(history_started(s, t, 7, 0, &err), err);
    history_report(s, t, 1, metrics);
    json_decref(metrics);
    const struct ending cancelled = {.state = TRIAL_CANCELLED, .reason = "so"};
    assert_ok(history_finish(s, s->m.trial[1], &cancelled, &err), err);
    struct question *q = monitor_ask(s, t);
    assert_non_null(q);
    assert_ptr_equal(question_trial(q), t);
    monitor_forget(q);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory__a_front_is_judged_beside_a_cancelled_trial),
                                       cmocka_unit_test(test_memory__trials_tried_again),
                                       cmocka_unit_test(test_memory__the_beginning_tried_again),
                                       cmocka_unit_test(test_memory__pruning_adapting_and_confirming),
                                       cmocka_unit_test(test_memory__schedules),
                                       cmocka_unit_test(test_memory__schedules_without_clones)};
    surrogate_setup();
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
