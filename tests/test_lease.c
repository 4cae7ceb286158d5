/* The state machine under random messages: late, repeated, reordered, from leases that never were. A small model of the
 * table in tuner/history/README.md, written without looking at lease.c, says what must come of each. */
#include "tests/fake_clock.h"
#include "tests/test.h"

#include "surrogate/surrogate.h"

#include "tuner/history/internal.h"
#include "tuner/history/lease.h"
#include "tuner/history/ledger.h"
#include "tuner/coordinator/pause.h"
#include "tuner/analysis/snapshot.h"

#include "tuner/base/rng.h"
#include "tuner/base/words.h"

static const char STUDY[] = "study: s\ntrial: {command: [/bin/true], retries: 2, backoff: 1s}\n"
                            "parameters:\n  x: {type: float, range: [0, 1]}\nmetrics:\n  tokens: {goal: minimize}\n"
                            "objective: {minimize: tokens}\n";

enum { SEQUENCES = 100000, PER_SESSION = 500, MESSAGES = 14 };

struct world {
    struct fake_clock clock;
    struct study *study;
    struct store *store;
    struct history *history;
};

static void world_open(struct world *w)
{
    struct error err;
    *w = (struct world){.clock = fake_clock_at(1000000, 1000)};
    assert_ok(study_parse("s.yaml", STUDY, strlen(STUDY), &w->study, &err), err);
    assert_ok(store_open(":memory:", STORE_CREATE, &w->store, &err), err);
    assert_ok(history_open(w->store, w->study, &(struct opening){.seed = 7}, &w->clock.clock, &w->history, &err), err);
}

static void world_close(struct world *w)
{
    history_free(w->history);
    store_close(w->store);
    study_free(w->study);
}

/* ---- the model ---- */

enum model_state { M_QUEUED, M_LEASED, M_RUNNING, M_FINAL };

enum { HOLDERS = 5 };

/* This process, two clients, an agent and one of the same name that shows another token. */
static const struct holder holders[HOLDERS] = {{NULL, NULL}, {NULL, "aa"}, {NULL, "bb"}, {"a", "aa"}, {"a", "bb"}};

struct model {
    enum model_state state;
    int64_t granted[32];
    int holder[32];
    size_t n; /* leases so far; the last one is the current one while leased or running */
    double result;
    bool complete;
    long crashes;
};

static int64_t newest(const struct model *m)
{
    return m->n ? m->granted[m->n - 1] : 0;
}

/* Whose lease that is; −1: nobody's. */
static int granted_to(const struct model *m, int64_t token)
{
    if (token == 0 && m->n) return m->holder[m->n - 1];
    for (size_t i = 0; i < m->n; i++)
        if (m->granted[i] == token) return m->holder[i];
    return -1;
}

static enum lease_verdict expected(const struct model *m, int64_t token, int from, enum lease_message message,
                                   double value)
{
    bool current = token == 0 || token == newest(m);
    if (granted_to(m, token) < 0) return LEASE_UNKNOWN;
    if (granted_to(m, token) != from) return LEASE_FOREIGN;
    if (m->state == M_FINAL) {
        if (message == LEASE_RENEWAL || message == LEASE_REPORT) return current ? LEASE_DECIDED : LEASE_STALE;
        bool same = message == LEASE_RESULT ? m->complete && value == m->result : !m->complete;
        return same ? LEASE_REPEATED : LEASE_DECIDED;
    }
    if (m->state != M_QUEUED && current) return LEASE_ACCEPT;
    return message == LEASE_RESULT ? LEASE_LATE : LEASE_STALE;
}

/* ---- messages ---- */

static void must_agree(const struct model *m, const struct trial *t)
{
    static const enum model_state of[] = {M_QUEUED, M_LEASED, M_RUNNING, M_FINAL, M_FINAL, M_FINAL, M_FINAL, M_FINAL};
    assert_int_equal(of[t->state], m->state);
    if (m->state == M_FINAL) assert_int_equal(t->state == TRIAL_COMPLETE, m->complete);
    if (m->complete) assert_true(t->value[0] == m->result);
    assert_int_equal(t->effort.crashes, m->state == M_FINAL ? t->effort.crashes : m->crashes);
}

static void grant(struct world *w, struct model *m, const struct trial *t, int holder, bool client, int64_t ttl)
{
    enum status s = history_lease_to(
        w->history, t, &(struct lease_order){.dir = client ? NULL : "/d", .holder = holders[holder], .ttl_ms = ttl},
        NULL);
    assert_int_equal(s == STATUS_OK, m->state == M_QUEUED);
    if (s) return;
    assert_true(t->attempt.lease > newest(m)); /* a fencing token only grows */
    m->holder[m->n] = holder;
    m->granted[m->n++] = t->attempt.lease;
    m->state = client ? M_RUNNING : M_LEASED;
}

static void lose(struct model *m)
{
    if (m->crashes >= 2)
        m->state = M_FINAL, m->complete = false;
    else
        m->crashes++, m->state = M_QUEUED;
}

static void say(struct world *w, struct model *m, const struct trial *t, int64_t token, int from,
                enum lease_message message, double value)
{
    const struct lease_claim claim = {token, holders[from]};
    bool same = trial_state_final(t->state) && (message == LEASE_RESULT) == (t->state == TRIAL_COMPLETE) &&
                (message != LEASE_RESULT || t->value[0] == value);
    enum lease_verdict verdict = lease_judge(t, &claim, message, same);
    assert_int_equal(verdict, expected(m, token, from, message, value));
    if (verdict != LEASE_ACCEPT && verdict != LEASE_LATE) return;
    json_t *metrics = json_pack("{s:f}", "tokens", value);
    enum status s = STATUS_OK;
    switch (message) {
    case LEASE_RENEWAL: s = history_renew(w->history, t, 5000, NULL); break;
    case LEASE_REPORT: history_report(w->history, t, 1, metrics); break;
    case LEASE_RESULT:
        s = history_finish(w->history, t, &(struct ending){.state = TRIAL_COMPLETE, .metrics = metrics}, NULL);
        break;
    case LEASE_FAILURE:
        s = history_finish(w->history, t, &(struct ending){.state = TRIAL_FAILED, .reason = "said so"}, NULL);
        break;
    }
    json_decref(metrics);
    assert_int_equal(s, STATUS_OK);
    if (message == LEASE_RESULT) m->complete = true, m->result = value;
    if (message == LEASE_RESULT || message == LEASE_FAILURE) m->state = M_FINAL;
}

static int64_t any_token(struct rng *rng, const struct model *m)
{
    switch (rng_below(rng, 4)) {
    case 0: return 0;
    case 1: return newest(m);
    case 2: return m->n ? m->granted[rng_below(rng, m->n)] : 1;
    default: return newest(m) + 1 + (int64_t)rng_below(rng, 9);
    }
}

/* Mostly the one that it belongs to. */
static int any_holder(struct rng *rng, const struct model *m, int64_t token)
{
    int right = granted_to(m, token);
    return right >= 0 && rng_below(rng, 4) ? right : (int)rng_below(rng, HOLDERS);
}

static void say_anything(struct world *w, struct model *m, const struct trial *t, struct rng *rng,
                         enum lease_message message, double value)
{
    int64_t token = any_token(rng, m);
    say(w, m, t, token, any_holder(rng, m, token), message, value);
}

static void one_message(struct world *w, struct model *m, const struct trial *t, struct rng *rng)
{
    double value = (double)rng_below(rng, 3);
    switch (rng_below(rng, 9)) {
    case 0: grant(w, m, t, (int)rng_below(rng, 3), true, 5000); return;
    case 1: grant(w, m, t, 3 + (int)rng_below(rng, 2), false, 0); return;
    case 2:
        if (history_started(w->history, t, 1, 0, NULL) == STATUS_OK) {
            assert_true(m->state == M_LEASED ||
                        m->state == M_RUNNING); /* what it goes on from may turn out otherwise */
            m->state = M_RUNNING;
        } else
            assert_true(m->state != M_LEASED && m->state != M_RUNNING);
        return;
    case 3: say_anything(w, m, t, rng, LEASE_REPORT, value); return;
    case 4: say_anything(w, m, t, rng, LEASE_RESULT, value); return;
    case 5: say_anything(w, m, t, rng, LEASE_RENEWAL, value); return;
    case 6: say_anything(w, m, t, rng, LEASE_FAILURE, value); return;
    case 7: { /* the program crashes */
        enum status s = lease_crashed(w->history, t, OUTCOME_CRASHED, "signal 11", NULL);
        assert_int_equal(s == STATUS_OK, m->state == M_LEASED || m->state == M_RUNNING);
        if (s == STATUS_OK) lose(m);
        return;
    }
    default: { /* time goes by: backwards on the wall, forwards for leases */
        bool out = t->attempt.deadline_ms > 0 && (m->state == M_LEASED || m->state == M_RUNNING);
        w->clock.wall += (int64_t)rng_below(rng, 7200000) - 3600000;
        w->clock.mono += 5000;
        lease_expire(w->history);
        if (out) lose(m);
        return;
    }
    }
}

/* Whatever was said before: with a holder that works, the trial comes to an end. */
static void bring_home(struct world *w, struct model *m, const struct trial *t)
{
    for (int k = 0; m->state != M_FINAL; k++) {
        assert_true(k < 10);
        bool out = t->attempt.deadline_ms > 0 && m->state != M_QUEUED;
        w->clock.mono += 400000; /* over any deadline; below: over any back-off */
        lease_expire(w->history);
        if (out) lose(m);
        if (m->state == M_FINAL) break;
        if (m->state == M_QUEUED) {
            w->clock.mono += 400000;
            assert_ptr_equal(memory_next_queued(&w->history->m, -1), t);
            grant(w, m, t, 0, true, 0);
        }
        say(w, m, t, 0, m->holder[m->n - 1], LEASE_RESULT, 9);
    }
    assert_true(trial_state_final(t->state));
}

static void counts_must_add_up(const struct memory *s)
{
    size_t count[TRIAL_STATES] = {0}, open = 0;
    bool *told = calloc(s->n + 1, 1);
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        count[t->state]++;
        open += !trial_state_final(t->state);
        assert_int_equal(trial_state_final(t->state), t->told >= 0);
        if (t->told < 0) continue;
        assert_false(told[t->told]); /* each result once */
        told[t->told] = true;
    }
    for (int k = 0; k < TRIAL_STATES; k++) assert_int_equal(count[k], memory_count(s, (enum trial_state)k));
    assert_int_equal(open, s->n_open);
    free(told);
}

static bool is_same_holder(const struct holder *a, const struct holder *b)
{
    return !a->agent == !b->agent && (!a->agent || strcmp(a->agent, b->agent) == 0) && !a->token == !b->token &&
           (!a->token || strcmp(a->token, b->token) == 0);
}

static void must_have_the_same_leases(const struct trial *a, const struct trial *b)
{
    const struct past_lease *p = a->attempt.past, *q = b->attempt.past;
    assert_true(is_same_holder(&a->attempt.holder, &b->attempt.holder));
    for (; p && q; p = p->next, q = q->next)
        assert_true(p->lease == q->lease && is_same_holder(&p->holder, &q->holder));
    assert_true(!p && !q);
}

/* The log, read by another process, says the same. */
static void log_must_agree(struct world *w)
{
    struct error err;
    struct study *study = NULL;
    struct history *again = NULL;
    assert_ok(history_flush(w->history, &err), err);
    assert_ok(history_load(w->store, "s", &w->clock.clock, &study, &again, &err), err);
    assert_int_equal(again->m.n, w->history->m.n);
    assert_int_equal(again->m.seq, w->history->m.seq);
    for (size_t i = 0; i < again->m.n; i++) {
        const struct trial *a = again->m.trial[i], *b = w->history->m.trial[i];
        must_have_the_same_leases(a, b);
        assert_true(a->state == b->state && a->attempt.lease == b->attempt.lease &&
                    a->effort.attempts == b->effort.attempts && a->effort.crashes == b->effort.crashes &&
                    a->told == b->told && a->finished_ms == b->finished_ms);
        assert_true(a->value[0] == b->value[0] || (isnan(a->value[0]) && isnan(b->value[0])));
    }
    counts_must_add_up(&again->m);
    history_free(again);
    study_free(study);
}

static void test_lease__no_sequence_of_messages_is_illegal_or_gets_stuck(void **state)
{
    (void)state;
    size_t done = 0;
    for (uint64_t round = 0; done < SEQUENCES; round++) {
        struct world w;
        world_open(&w);
        for (size_t i = 0; i < PER_SESSION; i++, done++) {
            struct rng rng = rng_derive(11, "sequence", done);
            struct model m = {.state = M_QUEUED};
            double config = rng_unit(&rng);
            const struct trial *t =
                history_add(w.history, &(struct addition){.role = ROLE_SEARCH, .config = &config, .source = "test"});
            size_t n = 1 + rng_below(&rng, MESSAGES);
            for (size_t k = 0; k < n; k++) {
                one_message(&w, &m, t, &rng);
                must_agree(&m, t);
            }
            bring_home(&w, &m, t);
        }
        counts_must_add_up(&w.history->m);
        if (round % 20 == 0) log_must_agree(&w);
        world_close(&w);
    }
}

/* ---- retries, back-off, poison ---- */

static const struct trial *add_running(struct world *w, double x)
{
    const struct trial *t =
        history_add(w->history, &(struct addition){.role = ROLE_SEARCH, .config = &x, .source = "test"});
    struct error err;
    assert_ok(history_lease(w->history, t, "/d", 0, &err), err);
    assert_ok(history_started(w->history, t, 1, 0, &err), err);
    return t;
}

static void lease_again(struct world *w, const struct trial *t)
{
    struct error err;
    assert_ok(history_lease(w->history, t, "/d", 0, &err), err);
    assert_ok(history_started(w->history, t, 1, 0, &err), err);
}

static void test_lease__back_off_doubles_and_retries_end(void **state)
{
    (void)state;
    struct world w;
    struct error err;
    world_open(&w);
    const struct trial *t = add_running(&w, 0.5);
    for (int64_t wait = 1000; wait <= 2000; wait *= 2) {
        assert_ok(lease_crashed(w.history, t, OUTCOME_CRASHED, "signal 11", &err), err);
        assert_int_equal(t->need.ready_ms, w.clock.mono + wait);
        assert_null(memory_next_queued(&w.history->m, -1));
        w.clock.mono += wait - 1;
        assert_null(memory_next_queued(&w.history->m, -1));
        w.clock.mono++;
        assert_ptr_equal(memory_next_queued(&w.history->m, -1), t);
        lease_again(&w, t);
    }
    assert_ok(lease_crashed(w.history, t, OUTCOME_CRASHED, "signal 11", &err), err);
    assert_int_equal(t->state, TRIAL_FAILED);
    assert_string_equal(t->reason, "signal 11");
    assert_int_equal(t->effort.attempts, 3);
    world_close(&w);
}

static void test_lease__what_crashes_the_machine_twice_is_poisonous(void **state)
{
    (void)state;
    struct world w;
    struct error err;
    struct suggestion x;
    world_open(&w);
    struct search *search = search_create(w.study, 7, NULL, 0);
    const struct trial *t = add_running(&w, 0.5);
    assert_ok(lease_crashed(w.history, t, OUTCOME_CRASHED_THE_MACHINE, "out of memory", &err), err);
    assert_int_equal(t->state, TRIAL_QUEUED);
    lease_again(&w, t);
    assert_ok(lease_crashed(w.history, t, OUTCOME_CRASHED_THE_MACHINE, "out of memory", &err), err);
    assert_int_equal(t->state, TRIAL_FAILED); /* although a retry was left */
    assert_true(t->effort.poisonous);
    assert_contains(t->reason, "poisonous");
    for (int i = 0; i < 60; i++) { /* whatever suggests: first Sobol points, then the model */
        struct search_history h = history_view(w.history);
        assert_ok(search_suggest(search, &h, (long)w.history->m.n, &x, &err), err);
        assert_true(fabs(x.config[0] - 0.5) > 0.1);
        const struct trial *other = add_running(&w, x.config[0]);
        json_t *m = json_pack("{s:f}", "tokens", fabs(x.config[0] - 0.55)); /* the best lies within the poison */
        assert_ok(history_finish(w.history, other, &(struct ending){.state = TRIAL_COMPLETE, .metrics = m}, &err), err);
        json_decref(m);
    }
    search_free(search);
    world_close(&w);
}

static void test_lease__a_reboot_is_a_crash_a_dead_coordinator_is_not(void **state)
{
    (void)state;
    struct world w;
    struct error err;
    world_open(&w);
    const struct trial *t = add_running(&w, 0.5);
    assert_ok(lease_recover(w.history, false, &err), err);
    assert_int_equal(t->state, TRIAL_QUEUED);
    assert_int_equal(t->effort.crashes, 0);
    for (int boot = 0; boot < 2; boot++) {
        lease_again(&w, t);
        snprintf(w.history->boot_before, sizeof w.history->boot_before, "an earlier boot, %d", boot);
        assert_ok(lease_recover(w.history, false, &err), err);
    }
    assert_int_equal(t->state, TRIAL_FAILED);
    assert_true(t->effort.poisonous);
    world_close(&w);
}

static void test_lease__jumps_of_the_wall_clock_change_nothing(void **state)
{
    (void)state;
    struct world w;
    struct error err;
    double x = 0.5;
    world_open(&w);
    const struct trial *t =
        history_add(w.history, &(struct addition){.role = ROLE_SEARCH, .config = &x, .source = "test"});
    assert_ok(history_lease(w.history, t, NULL, 60000, &err), err);
    w.history->m.run.budget = (struct budget){.wall_ms = 3600000, .until_minutes = -1};
    w.history->m.run.mono_ms = w.clock.mono;
    w.history->m.run.wall_ms = w.clock.wall;
    for (int hours = -5; hours <= 5; hours++) {
        w.clock.wall += hours * 3600000LL;
        assert_int_equal(lease_expire(w.history), 0);
        assert_int_equal(ledger_time_left_ms(&w.history->m), 3600000); /* a deadline does not come nearer by it */
    }
    w.clock.mono += 60000;
    assert_int_equal(lease_expire(w.history), 1);
    assert_int_equal(t->effort.busy_ms, 60000); /* measured by the clock that does not jump */
    world_close(&w);
}

/* ---- the time of a run ---- */

/* Another process takes the study, as after a kill -9. */
static void take_again(struct world *w, const struct budget *budget, bool goes_on)
{
    struct error err;
    struct opening opening = {.seed = 7, .budget = budget, .slots = 1, .goes_on = goes_on};
    if (w->history->m.run.mono_ms) {
        snapshot_keep(w->history); /* the last tick */
        assert_ok(history_flush(w->history, &err), err);
    }
    history_free(w->history);
    assert_ok(history_open(w->store, w->study, &opening, &w->clock.clock, &w->history, &err), err);
}

static void test_run__its_time_is_summed_over_processes_whatever_the_clock_says(void **state)
{
    (void)state;
    struct world w;
    struct budget wall = {.wall_ms = 6000, .until_minutes = -1};
    world_open(&w);
    for (int part = 0; part < 3; part++) {
        take_again(&w, &wall, part % 2);
        assert_int_equal(ledger_time_left_ms(&w.history->m), 6000 - 2000 * part);
        w.clock.mono += 2000;
        w.clock.wall -= 86400000;
    }
    assert_int_equal(ledger_time_left_ms(&w.history->m), 0);
    take_again(&w, &wall, true);
    assert_int_equal(ledger_time_left_ms(&w.history->m), 0);
    history_set_phase(w.history, STUDY_STOPPED); /* that run has ended: the next has all its time */
    take_again(&w, &wall, false);
    assert_int_equal(ledger_time_left_ms(&w.history->m), 6000);
    world_close(&w);
}

/* The moment stays while the service goes on by itself; who starts the study anew means the next one. */
static void test_run__until_is_a_moment(void **state)
{
    enum { HOUR = 3600000 };
    (void)state;
    struct world w;
    world_open(&w);
    w.clock.wall = 1700000000000;
    int64_t moment = words_next_time_ms(420, w.clock.wall);
    struct budget until = {.until_minutes = 420};
    w.clock.wall = moment - HOUR;
    take_again(&w, &until, false);
    assert_int_equal(ledger_time_left_ms(&w.history->m), HOUR);
    w.clock.wall += 2 * HOUR; /* nobody was at work for two hours */
    w.clock.mono += 1;
    take_again(&w, &until, true);
    assert_true(ledger_time_left_ms(&w.history->m) <= -HOUR);
    w.clock.wall -= 24 * HOUR;
    take_again(&w, &until, true);
    assert_true(ledger_time_left_ms(&w.history->m) <= -HOUR);
    w.clock.wall += 24 * HOUR;
    take_again(&w, &until, false);
    assert_true(ledger_time_left_ms(&w.history->m) > 20 * HOUR);
    world_close(&w);
}

/* ---- pauses ---- */

static void test_pause__is_said_once_and_waits_longer_each_time(void **state)
{
    (void)state;
    struct pause p = {0};
    struct error none = {0}, full = {STATUS_IO, "the disk is full"};
    char text[1300];
    int64_t now = 1000;
    assert_int_equal(pause_look(&p, &none, now, text, sizeof text), PAUSE_SAME);
    assert_false(pause_holds(&p, &none, now));
    for (int64_t delay = 500; delay < 100000; delay *= 2) {
        pause_machine_failed(&p, "too many open files", now);
        assert_int_equal(p.delay_ms, delay < 30000 ? delay : 30000);
        assert_true(pause_holds(&p, &none, now));
        assert_int_equal(pause_look(&p, &none, now, text, sizeof text), delay == 500 ? PAUSE_BEGAN : PAUSE_SAME);
        pause_machine_works(&p, now); /* began with the one that failed */
        assert_true(pause_holds(&p, &none, now));
        now += p.delay_ms;
        assert_false(pause_holds(&p, &none, now)); /* try again */
    }
    pause_machine_works(&p, now);
    assert_int_equal(pause_look(&p, &full, now, text, sizeof text), PAUSE_SAME); /* one cause after the other */
    assert_int_equal(pause_look(&p, &none, now + 1000, text, sizeof text), PAUSE_ENDED);
    assert_contains(text, "was paused for 1m ");
    assert_contains(text, "too many open files");
    assert_int_equal(pause_look(&p, &full, now, text, sizeof text), PAUSE_BEGAN);
    assert_string_equal(text, "paused: the disk is full; goes on by itself when that is over");
}

static int setup(void **state)
{
    (void)state;
    setenv("NOCTURNE_BOOT_ID", "this boot", 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease__no_sequence_of_messages_is_illegal_or_gets_stuck),
        cmocka_unit_test(test_lease__back_off_doubles_and_retries_end),
        cmocka_unit_test(test_lease__what_crashes_the_machine_twice_is_poisonous),
        cmocka_unit_test(test_lease__a_reboot_is_a_crash_a_dead_coordinator_is_not),
        cmocka_unit_test(test_lease__jumps_of_the_wall_clock_change_nothing),
        cmocka_unit_test(test_run__its_time_is_summed_over_processes_whatever_the_clock_says),
        cmocka_unit_test(test_run__until_is_a_moment),
        cmocka_unit_test(test_pause__is_said_once_and_waits_longer_each_time),
    };
    surrogate_setup();
    return cmocka_run_group_tests_name("lease", tests, setup, NULL);
}
