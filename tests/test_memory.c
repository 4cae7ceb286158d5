/* Everything that memory knows, the log knows: while a real study runs — with pruning, adapting and audits, with a
 * schedule, and with confirmations — the log is read anew whenever it is durable, and each field of each trial
 * compared. */
#include "tests/test.h"

#include "surrogate/surrogate.h"

#include "tuner/history/internal.h"
#include "tuner/coordinator/coordinator.h"
#include "tuner/history/curve.h"
#include "tuner/policy/policy.h"

#include <unistd.h>

static const char STUDY[] = "study: toy\n"
                            "trial: {command: [python3, -S, " TESTS "/sdk/toy.py], grace: 1s, backoff: 1s}\n"
                            "parameters:\n"
                            "  rate: {type: float, range: [1e-3, 10], scale: log}\n"
                            "  patience: {type: int, range: [1, 20]}\n"
                            "  threshold: {type: float, range: [1e-4, 1e-2], scale: log}\n"
                            "metrics:\n"
                            "  em: {goal: maximize, kind: proportion, of: 10000}\n"
                            "  tokens: {goal: minimize, kind: count}\n"
                            "baseline: {rate: 0.01, patience: 20, threshold: 1e-4}\n"
                            "objective: {weights: {em: 0.7, tokens: 0.3}}\n"
                            "confirm: {top: 1, seeds: 2}\n";

struct world {
    char folder[40];
    struct study *study;
    struct store *store, *other;
    struct history *live;
    int64_t compared; /* seq */
    size_t times, with_rule, adjusted;
    bool done;
};

/* ---- comparing ---- */

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

#define SAME(what, condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) fail_msg("trial %ld at event %lld: %s", a->number, (long long)w->live->m.seq, what);         \
    } while (0)

static void compare_numbers(const struct world *w, const struct trial *a, const char *what, const double *x,
                            const double *y, size_t n)
{
    SAME(what, (x != NULL) == (y != NULL));
    for (size_t i = 0; x && i < n; i++)
        if (!same_number(x[i], y[i]))
            fail_msg("trial %ld at event %lld: %s %zu is %.17g, and %.17g by the log", a->number,
                     (long long)w->live->m.seq, what, i, x[i], y[i]);
}

static void compare_trajectory(const struct world *w, const struct trial *a, const struct trial *b)
{
    SAME("trajectory", a->trajectory.n == b->trajectory.n && a->segment.until == b->segment.until);
    for (size_t i = 0; i < a->trajectory.n; i++) {
        SAME("trajectory", a->trajectory.step[i].from == b->trajectory.step[i].from);
        SAME("trajectory", a->trajectory.step[i].trial == b->trajectory.step[i].trial);
        compare_numbers(w, a, "trajectory", a->trajectory.step[i].config, b->trajectory.step[i].config,
                        w->study->space.n);
    }
}

static void compare_observed(struct world *w, const struct trial *a, const struct trial *b)
{
    if (!a->attempt.curve || a->state == TRIAL_FAILED || a->state == TRIAL_CANCELLED) return;
    const struct early_stopping *x = curve_rule(a), *y = curve_rule(b);
    const struct curve *o = a->attempt.curve, *p = b->attempt.curve;
    if (!p && o->curve.n == 0) return; /* a new attempt that has not reported yet */
    SAME("observed", p != NULL);
    SAME("rule", (x != NULL) == (y != NULL));
    SAME("curve", o->curve.n == p->curve.n && o->curve.reports == p->curve.reports && o->curve.every == p->curve.every);
    compare_numbers(w, a, "curve's cost", o->curve.at, p->curve.at, o->curve.n);
    compare_numbers(w, a, "curve", o->curve.value, p->curve.value, o->curve.n * o->curve.n_metrics);
    SAME("adjusted", o->adjusted == p->adjusted);
    if (!x) return;
    SAME("patience", x->patience == y->patience && x->threshold == y->threshold);
    SAME("rule", x->metric == y->metric && x->mode == y->mode && x->bad == y->bad && same_number(x->best, y->best));
    w->with_rule++;
    w->adjusted += o->adjusted;
}

static void compare_attempt(const struct world *w, const struct trial *a, const struct trial *b)
{
    SAME("attempts", a->effort.attempts == b->effort.attempts && a->effort.crashes == b->effort.crashes);
    SAME("machine_crashes", a->effort.machine_crashes == b->effort.machine_crashes && a->poisonous == b->poisonous);
    SAME("lease", a->attempt.lease == b->attempt.lease && a->attempt.client == b->attempt.client);
    SAME("holder", same_text(a->attempt.holder.agent, b->attempt.holder.agent) &&
                       same_text(a->attempt.holder.token, b->attempt.holder.token));
    SAME("busy_ms", a->effort.busy_ms == b->effort.busy_ms && a->effort.tokens == b->effort.tokens);
    SAME("resumed_cost", a->attempt.resumed_cost == b->attempt.resumed_cost);
    SAME("stop_state",
         a->attempt.stop.state == b->attempt.stop.state && same_text(a->attempt.stop.reason, b->attempt.stop.reason));
    SAME("checkpoint", same_text(a->checkpoint.name, b->checkpoint.name) &&
                           same_text(a->checkpoint.digest, b->checkpoint.digest) &&
                           a->checkpoint.attempt == b->checkpoint.attempt && a->checkpoint.step == b->checkpoint.step &&
                           a->checkpoint.bytes == b->checkpoint.bytes && a->checkpoint.cost == b->checkpoint.cost);
    if (trial_state_final(a->state) || a->state == TRIAL_QUEUED) return;
    SAME("reports", a->attempt.reports == b->attempt.reports && a->attempt.step == b->attempt.step);
    compare_numbers(w, a, "last", a->attempt.last, b->attempt.last, w->study->objective.n_metrics);
}

static void compare_trial(struct world *w, const struct trial *a, const struct trial *b)
{
    size_t m = w->study->objective.n_metrics;
    SAME("state", a->state == b->state && a->role == b->role);
    SAME("seed", a->seed == b->seed && a->confirms == b->confirms && a->segment.round == b->segment.round &&
                     a->segment.parent == b->segment.parent);
    SAME("source", same_text(a->source, b->source));
    SAME("reason", same_text(a->reason, b->reason));
    SAME("outside", same_text(a->outside, b->outside));
    SAME("times", a->created_ms == b->created_ms && a->finished_ms == b->finished_ms && a->told == b->told);
    SAME("expect", a->need.tokens == b->need.tokens && a->need.ms == b->need.ms);
    SAME("extra", (a->extra != NULL) == (b->extra != NULL) && (!a->extra || json_equal(a->extra, b->extra)));
    compare_numbers(w, a, "config", a->config, b->config, w->study->space.n);
    compare_numbers(w, a, "value", a->value, b->value, m);
    compare_numbers(w, a, "expected", a->attempt.stop.expected, b->attempt.stop.expected, m);
    compare_numbers(w, a, "spread", a->attempt.stop.spread, b->attempt.stop.spread, m);
    compare_attempt(w, a, b);
    compare_trajectory(w, a, b);
    compare_observed(w, a, b);
}

static void compare_sessions(struct world *w, struct history *x, struct history *y)
{
    const struct trial *a = x->m.trial[0];
    SAME("trials", x->m.n == y->m.n && x->m.seq == y->m.seq && x->told == y->told);
    SAME("phase", x->m.phase == y->m.phase);
    SAME("baseline", x->m.baseline.runs == y->m.baseline.runs);
    compare_numbers(w, a, "baseline", x->m.baseline.mean, y->m.baseline.mean, w->study->objective.n_metrics);
    SAME("best", (x->m.best.trial ? x->m.best.trial->number : -1) == (y->m.best.trial ? y->m.best.trial->number : -1));
    SAME("best_utility",
         !x->m.best.trial || (x->m.best.utility == y->m.best.utility && x->m.best.second == y->m.best.second));
    SAME("tally", memcmp(x->m.tally.count, y->m.tally.count, sizeof x->m.tally.count) == 0);
    SAME("tally", x->m.tally.searched == y->m.tally.searched && x->m.tally.finished == y->m.tally.finished);
    SAME("tally", x->m.tally.confirmed == y->m.tally.confirmed && x->m.tally.fallbacks == y->m.tally.fallbacks);
    SAME("tally", x->m.tally.tokens == y->m.tally.tokens && x->m.tally.busy_ms == y->m.tally.busy_ms);
    SAME("recent", x->m.tally.n_recent == y->m.tally.n_recent);
    compare_numbers(w, a, "recent", x->m.tally.recent_tokens, y->m.tally.recent_tokens, RECENT_MAX);
    struct search_history h = history_view(x), i = history_view(y);
    SAME("history", h.n == i.n);
    for (size_t k = 0; k < h.n; k++) {
        SAME("history", h.trial[k].outcome == i.trial[k].outcome && h.trial[k].told == i.trial[k].told);
        compare_numbers(w, a, "history", h.trial[k].metrics, i.trial[k].metrics, w->study->objective.n_metrics);
    }
    for (size_t k = 0; k < x->m.n; k++) compare_trial(w, x->m.trial[k], y->m.trial[k]);
}

/* ---- running ---- */

static void read_anew(struct world *w)
{
    struct error err;
    struct history *s = history_bare(w->other, w->study, w->live->m.study_id, w->live->m.seed, clock_real());
    assert_ok(history_load_until(s, INT64_MAX, &err), err);
    assert_ok(curve_load(s, &err), err);
    if (s->m.seq == w->live->m.seq) {
        compare_sessions(w, w->live, s);
        w->compared = s->m.seq;
        w->times++;
    }
    history_free(s);
}

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

static void end(struct world *w)
{
    char command[100];
    history_free(w->live);
    store_close(w->store);
    store_close(w->other);
    study_free(w->study);
    snprintf(command, sizeof command, "rm -rf %s", w->folder);
    assert_int_equal(system(command), 0);
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

static void open_world_of(struct world *w, const char *text)
{
    char path[100];
    struct error err;
    struct budget budget = {.trials = 6, .until_minutes = -1};
    struct opening opening = {.seed = 3, .budget = &budget, .slots = 2};
    snprintf(w->folder, sizeof w->folder, "/tmp/nocturne-memory-XXXXXX");
    assert_non_null(mkdtemp(w->folder));
    snprintf(path, sizeof path, "%s/s.yaml", w->folder);
    assert_ok(study_parse(path, text, strlen(text), &w->study, &err), err);
    snprintf(path, sizeof path, "%s/n.db", w->folder);
    assert_ok(store_open(path, STORE_CREATE, &w->store, &err), err);
    assert_ok(history_open(w->store, w->study, &opening, clock_real(), &w->live, &err), err);
    assert_ok(store_open(path, STORE_EXISTING, &w->other, &err), err);
}

static void open_world(struct world *w)
{
    open_world_of(w, STUDY);
}

static void compare_now(struct world *w)
{
    struct error err;
    assert_ok(history_flush(w->live, &err), err);
    read_anew(w);
    assert_int_equal(w->compared, w->live->m.seq);
}

static void end_trial(struct world *w, long number, enum trial_state to)
{
    struct history *s = w->live;
    const struct trial *t = s->m.trial[number];
    struct error err;
    json_t *metrics = to == TRIAL_COMPLETE ? json_pack("{s:f, s:f}", "em", 0.5, "tokens", 100.0) : NULL;
    if (to != TRIAL_CANCELLED) assert_ok(history_lease(s, t, "/d", 0, &err), err);
    if (to != TRIAL_CANCELLED) assert_ok(history_started(s, t, 7, 0, &err), err);
    assert_ok(
        history_finish(s, t, &(struct ending){.state = to, .metrics = metrics, .reason = metrics ? NULL : "so"}, &err),
        err);
    json_decref(metrics);
    compare_now(w);
}

static void add_trials(struct history *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double config[] = {0.1 * (double)(i + 1), 3, 1e-3};
        history_add(s, &(struct addition){.role = ROLE_SEARCH, .config = config, .source = "test"});
    }
}

/* What it counted for before it ended, and nothing else. */
static void retry_one(struct world *w, long number)
{
    struct history *s = w->live;
    const struct trial *t = s->m.trial[number];
    const struct tally before = s->m.tally;
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
