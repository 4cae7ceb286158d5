/* The fast reader of events against the full one, over a space that has everything. */
#include "tests/test.h"

#include "surrogate/surrogate.h"

#include "tuner/history/event_fast.h"
#include "tuner/history/history.h"

#include "tuner/base/rng.h"

static const char RICH[] =
    "study: rich\nparameters:\n  x: {type: float, range: [1e-4, 1], scale: log}\n  k: {type: int, range: [1, 9]}\n"
    "  opt: {type: categorical, values: [adam, 'a \"b\"', sgd]}\n  width: {type: ordinal, values: [64, 128, 0.5]}\n"
    "  flag: {type: bool}\n  m: {type: float, range: [0, 1], when: opt == sgd}\n"
    "metrics:\n  em: {goal: maximize, kind: proportion}\n  tokens: {goal: minimize, kind: count}\n"
    "objective: {minimize: tokens}\n";

struct compared {
    const struct study *study;
    size_t quick, slow;
};

static void compare_added(const struct study *study, const struct event_added *fast, const struct event_added *full)
{
    for (size_t i = 0; i < study->space.n; i++)
        assert_true(fast->config[i] == full->config[i] || (isnan(fast->config[i]) && isnan(full->config[i])));
    assert_string_equal(fast->source, full->source);
    assert_true(fast->role == full->role && fast->known == full->known && fast->confirms == full->confirms);
    assert_true(fast->parent == full->parent && fast->seed == full->seed);
    assert_true(fast->expect_tokens == full->expect_tokens && fast->expect_ms == full->expect_ms);
    assert_true(fast->expect_gain == full->expect_gain);
}

static void compare_finished(const struct event_finished *fast, const struct event_finished *full)
{
    assert_true(fast->state == full->state && fast->end.took_ms == full->end.took_ms);
    assert_true(fast->poisonous == full->poisonous && fast->end.outcome == full->end.outcome);
    assert_true(fast->value[0] == full->value[0] && fast->value[1] == full->value[1]);
    assert_int_equal(json_object_size(full->metrics), 2);
}

static void compare_readers(void *data, const struct store_event *e)
{
    struct compared *x = data;
    struct event_fast q;
    struct event fast, full;
    struct arena a = {0};
    struct error err;
    json_t *body = NULL;
    assert_ok(event_read(e, x->study, &a, &body, &full, &err), err);
    if (event_fast_read(e, x->study, &q, &fast)) {
        x->quick++;
        assert_true(fast.kind == full.kind && fast.trial == full.trial && fast.seq == full.seq &&
                    fast.at_ms == full.at_ms);
        if (fast.kind == EVENT_ADDED)
            compare_added(x->study, &fast.added, &full.added);
        else
            compare_finished(&fast.finished, &full.finished);
    } else
        x->slow++;
    json_decref(body);
    arena_done(&a);
}

static void test_event_fast__says_what_the_full_reader_says(void **state)
{
    (void)state;
    struct study *study = NULL;
    struct store *store = NULL;
    struct history *s = NULL;
    struct error err;
    assert_ok(study_parse("r.yaml", RICH, strlen(RICH), &study, &err), err);
    assert_ok(store_open(":memory:", STORE_CREATE, &store, &err), err);
    assert_ok(history_open(store, study, &(struct opening){.seed = 7}, clock_real(), &s, &err), err);
    for (uint64_t i = 0; i < 300; i++) {
        struct rng rng = rng_derive(1, "rich", i);
        double c[6] = {(double)(10 + rng_below(&rng, 90000)) / 1e5,
                       1 + (double)rng_below(&rng, 9),
                       (double)rng_below(&rng, 3),
                       (double)rng_below(&rng, 3),
                       (double)rng_below(&rng, 2),
                       NAN};
        if (c[2] == 2) c[5] = rng_unit(&rng) > 0.5 ? 0 : 0.25;
        struct addition a = {
            .role = i % 10 ? ROLE_SEARCH : ROLE_ENQUEUED, .config = c, .source = i % 7 ? "gp: log 0.5" : "a \"b\""};
        a.expect_tokens = i % 3 ? 1e6 * rng_unit(&rng) : 0;
        a.expect_gain = i % 5 ? exp(-700 * rng_unit(&rng)) : 0;
        const struct trial *t = history_add(s, &a);
        assert_ok(history_lease(s, t, NULL, 0, &err), err);
        history_backdate(s, t, (int64_t)(i % 4)); /* as if it had taken so long */
        json_t *m = json_pack("{s:f, s:f}", "em", rng_unit(&rng), "tokens", i % 2 ? 5.0 : 1e300 * rng_unit(&rng));
        if (i % 11 == 0) json_object_set_new(m, "loss", json_real(0.5));
        bool failed = i % 13 == 0;
        assert_ok(history_finish(s, t,
                                 &(struct ending){.state = failed ? TRIAL_FAILED : TRIAL_COMPLETE,
                                                  .metrics = failed ? NULL : m,
                                                  .reason = failed ? "x" : NULL},
                                 &err),
                  err);
        json_decref(m);
    }
    assert_ok(history_flush(s, &err), err);
    struct compared x = {.study = study};
    assert_ok(store_events(store, history_memory(s)->study_id, -1, compare_readers, &x, &err), err);
    assert_true(x.quick > 250 &&
                x.slow > 350); /* leases, other roles, quotes, further metrics are for the full reader */
    history_free(s);
    store_close(store);
    study_free(study);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_event_fast__says_what_the_full_reader_says)};
    surrogate_setup();
    return cmocka_run_group_tests_name("event_fast", tests, NULL, NULL);
}
