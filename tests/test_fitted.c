/* What was made of a study's results stays until there are others. */
#include "tests/told_world.h"

#include "tuner/service/fitted.h"

static const char STUDY[] =
    "study: s\nparameters:\n  x: {type: float, range: [0, 1]}\n  y: {type: float, range: [0, 1]}\n"
    "metrics:\n  em: {goal: maximize, kind: value}\nbaseline: {x: 0.5, y: 0.5}\nobjective: {maximize: em}\n";

enum { TRIALS = 20 };

static json_t *em_at(const double *x)
{
    return json_pack("{s:f}", "em", x[0] - x[1] * x[1]);
}

static void tell_one(struct told_world *w)
{
    double x[2];
    told_draw(w, x);
    told_add(w, x, em_at(x));
}

static const struct surface *fit(struct fitted *f, const struct told_world *w)
{
    const struct surface *s = NULL;
    struct error err;
    fitted_keep(f, w->memory);
    assert_ok(fitted_surface(f, w->memory, &s, &err), err);
    return s;
}

static struct told_world *told(void)
{
    struct told_world *w = told_make(STUDY);
    told_end(w, w->memory->trial[0], TRIAL_COMPLETE, em_at((double[]){0.5, 0.5}));
    for (int i = 0; i < TRIALS; i++) tell_one(w);
    return w;
}

static void test_fitted__trials_that_begin_change_nothing(void **state)
{
    struct told_world *w = told();
    struct fitted f = {0};
    struct error err;
    json_t *before, *after;
    (void)state;
    assert_int_equal(fitted_bytes(&f), 0);
    fit(&f, w);
    assert_int_equal(fitted_bytes(&f), (TRIALS + 1) * (TRIALS + 1) * sizeof(double));
    assert_ok(fitted_importance(&f, w->memory, &before, &err), err);
    const struct trial *t = history_add(
        w->history, &(struct addition){.role = ROLE_SEARCH, .config = (double[]){0.1, 0.2}, .source = "test"});
    assert_ok(history_lease(w->history, t, "/d", 0, &err), err);
    assert_ok(history_started(w->history, t, 4242, 0, &err), err);
    const struct surface *s = f.surface;
    fitted_keep(&f, w->memory);
    assert_ptr_equal(f.surface, s);
    assert_ok(fitted_importance(&f, w->memory, &after, &err), err);
    assert_ptr_equal(after, before);
    fitted_drop(&f);
    told_free(w);
}

static void test_fitted__a_result_does(void **state)
{
    struct told_world *w = told();
    struct fitted f = {0};
    (void)state;
    fit(&f, w);
    tell_one(w);
    fitted_keep(&f, w->memory);
    assert_null(f.surface);
    fit(&f, w);
    told_add(w, (double[]){0.3, 0.3}, NULL);
    fitted_keep(&f, w->memory);
    assert_null(f.surface);
    fitted_drop(&f);
    told_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fitted__trials_that_begin_change_nothing),
        cmocka_unit_test(test_fitted__a_result_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
