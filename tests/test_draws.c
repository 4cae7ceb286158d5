/* Draws of a Gaussian process as functions: their mean and spread are the posterior's, and each keeps to the data. */
#include "tests/test.h"

#include "surrogate/surrogate.h"

#include "tuner/base/rng.h"

enum { ROWS = 30, D = 3, POINTS = 40, DRAWS = 2000 };

/* Two numbers and a choice of three. */
static const struct dimension dim[D] = {{0}, {0}, {DIMENSION_CATEGORY, 3, NULL}};

static void draw_points(struct rng *rng, double *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        x[i * D] = rng_unit(rng);
        x[i * D + 1] = rng_unit(rng);
        x[i * D + 2] = (double)rng_below(rng, 3);
    }
}

struct toy {
    double x[ROWS * D], y[ROWS], points[POINTS * D];
    struct gp *gp;
};

static struct toy make(double noise)
{
    struct toy t = {.gp = NULL};
    struct rng rng = rng_derive(3, "paths", 0);
    struct error err;
    draw_points(&rng, t.x, ROWS);
    draw_points(&rng, t.points, POINTS);
    for (size_t i = 0; i < ROWS; i++)
        t.y[i] = 100 + 10 * sin(5 * t.x[i * D]) + 5 * t.x[i * D + 2] + noise * rng_normal(&rng);
    const struct gp_data data = {.n = ROWS, .d = D, .x = t.x, .y = t.y, .dim = dim};
    assert_ok(gp_fit(&data, 1, &t.gp, &err), err);
    return t;
}

static void test_draws__mean_and_spread_are_the_posterior_s(void **state)
{
    (void)state;
    struct toy t = make(2);
    double mean[POINTS], variance[POINTS], *f = malloc(POINTS * (DRAWS + 1) * sizeof *f);
    struct gp_paths *p = gp_paths_create(t.gp, dim, DRAWS, 9);
    gp_predict_all(t.gp, t.points, POINTS, mean, variance);
    gp_paths_values(p, t.points, POINTS, f);
    for (size_t i = 0; i < POINTS; i++) {
        double sum = 0, square = 0, sd = sqrt(variance[i]);
        for (size_t s = 0; s < DRAWS; s++) sum += f[i * (DRAWS + 1) + s] / DRAWS;
        for (size_t s = 0; s < DRAWS; s++) square += pow(f[i * (DRAWS + 1) + s] - sum, 2) / DRAWS;
        assert_near(f[i * (DRAWS + 1) + DRAWS], mean[i], 1e-7);
        assert_near(sum, mean[i], 0.15 * sd);
        assert_near(sqrt(square), sd, 0.25 * sd); /* finitely many features */
    }
    gp_paths_free(p);
    gp_free(t.gp);
    free(f);
}

/* Asked one by one or together, and of another seed. */
static void test_draws__are_functions(void **state)
{
    (void)state;
    struct toy t = make(2);
    double all[POINTS * 5], one[5], other[POINTS * 5];
    struct gp_paths *p = gp_paths_create(t.gp, dim, 4, 9), *q = gp_paths_create(t.gp, dim, 4, 10);
    gp_paths_values(p, t.points, POINTS, all);
    gp_paths_values(q, t.points, POINTS, other);
    assert_true(other[0] != all[0]);
    for (size_t i = 0; i < POINTS; i++) {
        gp_paths_values(p, t.points + i * D, 1, one);
        for (size_t s = 0; s < 5; s++) assert_near(one[s], all[i * 5 + s], 1e-8);
    }
    gp_paths_free(p);
    gp_paths_free(q);
    gp_free(t.gp);
}

/* Almost without noise every draw goes through the data, appended rows among them. */
static void test_draws__keep_to_the_data(void **state)
{
    (void)state;
    struct toy t = make(0);
    double f[ROWS * 9], y[ROWS + 1], at[9];
    gp_append(t.gp, t.points, 0);
    memcpy(y, t.y, sizeof t.y);
    y[ROWS] = 107;
    gp_observe(t.gp, y);
    struct gp_paths *p = gp_paths_create(t.gp, dim, 8, 9);
    double sd = sqrt(gp_noise(t.gp));
    gp_paths_values(p, t.x, ROWS, f);
    gp_paths_values(p, t.points, 1, at);
    assert_true(sd < 1);
    for (size_t s = 0; s < 8; s++) {
        for (size_t i = 0; i < ROWS; i++) assert_near(f[i * 9 + s], f[i * 9 + 8], 6 * sd);
        assert_near(at[s], at[8], 6 * sd);
    }
    gp_paths_free(p);
    gp_free(t.gp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_draws__mean_and_spread_are_the_posterior_s),
        cmocka_unit_test(test_draws__are_functions),
        cmocka_unit_test(test_draws__keep_to_the_data),
    };
    surrogate_setup();
    return cmocka_run_group_tests_name("draws", tests, NULL, NULL);
}
