/* What an earlier study teaches, by how its utilities lie beside ours. */
#include "tests/test.h"

#include "tuner/search/transfer.h"

#include "tuner/base/arena.h"

#include "surrogate/surrogate.h"

#include <math.h>

enum { EARLIER = 24, OURS = 10 };

static double before(double x)
{
    return sin(6 * x) + x;
}

/* The earlier study's function at evenly spread places, and trials of ours, of which our own model knows nothing. */
struct world {
    struct study *study;
    struct arena arena;
    struct encoding encoding;
    struct transfer transfer;
    struct transfer_weights weights;
    double config[EARLIER], earlier[EARLIER], x[OURS], utility[OURS], mean[OURS], variance[OURS];
};

/* Ours is `factor` times what it was, and 3. */
static struct world *learn(double factor, size_t n)
{
    static const char text[] = "study: t\nparameters:\n  x: {type: float, range: [0, 1]}\nobjective: {maximize: u}\n";
    struct world *w = calloc(1, sizeof *w);
    struct error err;
    assert_ok(study_parse("t", text, strlen(text), &w->study, &err), err);
    assert_ok(encoding_make(&w->study->space, &w->arena, &w->encoding, &err), err);
    for (size_t i = 0; i < EARLIER; i++)
        w->config[i] = ((double)i + 0.5) / EARLIER, w->earlier[i] = before(w->config[i]);
    for (size_t i = 0; i < n; i++) {
        w->x[i] = fmod(0.1 + 0.618 * (double)i, 1);
        w->utility[i] = factor * before(w->x[i]) + 3;
        w->variance[i] = 1;
    }
    const struct search_prior prior = {"earlier", EARLIER, w->config, w->earlier, NULL};
    transfer_make(&w->transfer, &prior, 1, &w->encoding, 1);
    assert_int_equal(w->transfer.n, 1);
    const struct transfer_target ours = {n, 1, w->x, w->encoding.dim, w->utility, w->mean, w->variance};
    transfer_correct(&w->transfer, &ours, 1);
    transfer_weigh(&w->transfer, &ours, 1, &w->weights);
    assert_near(w->weights.own + w->weights.earlier[0], 1, 1e-9);
    return w;
}

static void forget(struct world *w)
{
    transfer_done(&w->transfer);
    arena_done(&w->arena);
    study_free(w->study);
    free(w);
}

static void test_transfer__a_few_trials_take_it_as_it_is(void **state)
{
    (void)state;
    struct world *w = learn(-1, TRANSFER_CORRECT_FROM - 1);
    assert_null(w->transfer.correction[0]);
    assert_true(w->transfer.slope[0] > 0);
    forget(w);
    w = learn(1, 2); /* nothing to rank by */
    assert_near(w->weights.earlier[0], 0.5, 0);
    forget(w);
}

static void test_transfer__another_scale_is_learnt(void **state)
{
    (void)state;
    for (double factor = 0.1; factor < 20; factor *= 10) {
        struct world *w = learn(factor, OURS);
        assert_near(w->transfer.slope[0] / factor, 1, 0.02);
        assert_near(w->transfer.offset[0], 3, 0.05 * factor);
        assert_true(w->weights.earlier[0] > 0.95);
        forget(w);
    }
}

static void test_transfer__the_opposite_teaches_nothing(void **state)
{
    (void)state;
    struct world *w = learn(-1, OURS);
    assert_near(w->transfer.slope[0], 0, 0);
    assert_near(w->weights.own, 1, 0);
    forget(w);
}

/* As long as all of ours are the same, it is all that is known. */
static void test_transfer__where_ours_are_equal_it_is_taken_as_it_is(void **state)
{
    (void)state;
    struct world *w = learn(0, OURS);
    assert_null(w->transfer.correction[0]);
    assert_near(w->transfer.slope[0], 1, 0);
    forget(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transfer__a_few_trials_take_it_as_it_is),
        cmocka_unit_test(test_transfer__another_scale_is_learnt),
        cmocka_unit_test(test_transfer__the_opposite_teaches_nothing),
        cmocka_unit_test(test_transfer__where_ours_are_equal_it_is_taken_as_it_is),
    };
    surrogate_setup();
    return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
