#include "tests/gp_table.h"
#include "tests/test.h"

#include "surrogate/cholesky.h"
#include "surrogate/design.h"
#include "surrogate/fit.h"

#include "tuner/base/rng.h"
#include "surrogate/kernel.h"
#include "surrogate/surrogate.h"

/* ---- predictions against 40-digit arithmetic: reference/gp_reference.py makes the same data ---- */

static void test_gp__predictions_equal_the_reference(void **state)
{
    (void)state;
    FILE *in = fopen(REFERENCE "/gp_reference.csv", "r");
    char line[256];
    int number, row = 0, last = -1, checked = 0;
    size_t n, d;
    double mean, variance, got_mean, got_variance;
    struct gp_table t;
    struct error err;
    assert_non_null(fgets(line, sizeof line, in));
    while (fgets(line, sizeof line, in)) {
        assert_int_equal(sscanf(line, "%d,%zu,%zu,%lf,%lf", &number, &n, &d, &mean, &variance), 5);
        row = number == last ? row + 1 : 0;
        last = number;
        gp_table_make(&t, n, d, 1000 + (uint64_t)number);
        struct gp_hyper h = {.signal = 1.3, .noise = 0.02};
        for (size_t k = 0; k < d; k++) h.length[k] = 0.3 + 0.2 * (double)k;
        struct gp_data data = gp_table_data(&t);
        struct gp *gp = NULL;
        assert_ok(gp_with(&data, &h, &gp, &err), err);
        gp_predict(gp, t.x + (n + (size_t)row) * d, &got_mean, &got_variance);
        assert_near(got_mean, mean, 1e-10 * fabs(mean));
        assert_near(got_variance, variance, 1e-10 * variance + 1e-12);
        gp_free(gp);
        checked++;
    }
    fclose(in);
    assert_int_equal(checked, 18); /* n = 1, 2, 2, 20, 20, 200 */
}

/* ---- gradients against finite differences: of every row of the tables ---- */

#define KERNEL(id, name) KERNEL_##id,
static const enum kernel_kind kernels[] = {KERNELS(KERNEL)};
enum { N_KERNELS = sizeof kernels / sizeof *kernels };

/* k and ∂k/∂x at a distance of `x` from the origin, in one dimension. */
static double covariance(enum kernel_kind kind, double x, double *ret_slope)
{
    struct kernel kernel = {.kind = kind, .d = 1, .signal = 1.3, .inverse = {1 / (0.4 * 0.4)}};
    gsl_matrix *origin = gsl_matrix_calloc(1, 1);
    struct kernel_points points = {origin, 1};
    double value, slope, one = 1;
    kernel_row(&kernel, points, &x, &value, &slope);
    *ret_slope = 0;
    kernel_add_gradient(&kernel, points, &x, &one, &slope, ret_slope);
    gsl_matrix_free(origin);
    return value;
}

static void test_kernel__slopes_equal_finite_differences(void **state)
{
    (void)state;
    const double at[] = {0, 0.01, 0.3, 1, 5};
    for (size_t k = 0; k < N_KERNELS; k++)
        for (size_t i = 0; i < 5; i++) {
            const double h = 1e-6;
            double slope, ignored, value = covariance(kernels[k], at[i], &slope);
            double up = covariance(kernels[k], at[i] + h, &ignored), down = covariance(kernels[k], at[i] - h, &ignored);
            assert_true(value > 0 && value <= 1.3 + 1e-15);
            assert_near(slope, (up - down) / (2 * h), 1e-8);
            if (i == 0) assert_near(value, 1.3, 1e-15);
        }
}

static void check_likelihood(size_t n, enum kernel_kind kernel, bool noisy)
{
    struct gp_table t;
    double theta[6] = {-0.7, 0.1, -0.3, 0.4, 0.2, -3}, grad[6], ignored[6];
    gp_table_make(&t, n, 4, 77);
    struct gp_data data = gp_table_data(&t);
    data.kernel = kernel;
    struct gp_frame frame = gp_frame_make(&data);
    struct likelihood l;
    likelihood_init(&l, &frame);
    l.noisy = noisy;
    likelihood_value(6, theta, grad, &l);
    for (size_t j = 0; j < 6; j++) {
        const double h = 1e-5, old = theta[j];
        theta[j] = old + h;
        double up = likelihood_value(6, theta, ignored, &l);
        theta[j] = old - h;
        double down = likelihood_value(6, theta, NULL, &l);
        theta[j] = old;
        assert_near(grad[j], (up - down) / (2 * h), 1e-6 * fmax(1, fabs(grad[j])));
    }
    likelihood_done(&l);
    gp_frame_done(&frame);
}

static void test_fit__gradient_equals_finite_differences(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 2, 20};
    for (size_t k = 0; k < N_KERNELS; k++)
        for (size_t c = 0; c < 6; c++) check_likelihood(sizes[c % 3], kernels[k], c > 2);
}

/* Thirty values of a plane, with noise of so many of its deviations: how sure is the fit that they are noisy? */
static double noisy_at(double share, uint64_t seed)
{
    struct rng rng = rng_derive(seed, "noisy", 0);
    double x[30 * 3], y[30];
    struct gp_hyper h;
    for (int i = 0; i < 30; i++) {
        for (int k = 0; k < 3; k++) x[3 * i + k] = rng_unit(&rng);
        y[i] = x[3 * i] - 2 * x[3 * i + 1] + 0.65 * share * rng_normal(&rng);
    }
    gp_fit_hyper(&(struct gp_data){.n = 30, .d = 3, .x = x, .y = y}, seed, &h);
    assert_true(h.noisy >= 0 && h.noisy <= 1);
    return h.noisy;
}

static void test_fit__knows_noise_from_signal(void **state)
{
    (void)state;
    size_t noisy = 0; /* not always: all noise may as well be a rugged function */
    for (uint64_t seed = 1; seed <= 10; seed++) {
        assert_true(noisy_at(0, seed) < 0.01);
        assert_true(noisy_at(0.05, seed) < 0.01);
        noisy += noisy_at(1, seed) > 0.5;
    }
    assert_true(noisy >= 6);
}

static void test_blas__what_would_be_better(void **state)
{
    (void)state;
    assert_string_equal(blas_better("Prescott", true), "HASWELL");
    assert_string_equal(blas_better("generic", true), "HASWELL");
    assert_null(blas_better("Prescott", false)); /* the processor has no more */
    assert_null(blas_better("Haswell", true));
    assert_null(blas_better("SkylakeX", true));
    assert_null(blas_better("something newer", true));
    assert_contains(blas_library(), "OpenBLAS");
    assert_true(strlen(blas_core()) > 0);
}

/* Rows appended one by one predict what a factorisation of all of them predicts. */
static void test_gp__appended_rows_equal_a_fresh_factor(void **state)
{
    (void)state;
    struct gp_table t;
    struct error err;
    struct gp *whole = NULL, *grown = NULL;
    struct gp_hyper h = {.length = {0.3, 0.4, 0.5, 0.6}, .signal = 1.3, .noise = 0.02};
    gp_table_make(&t, 200, 4, 9);
    struct gp_data data = gp_table_data(&t);
    assert_ok(gp_with(&data, &h, &whole, &err), err);
    data.n = 20;
    assert_ok(gp_with(&data, &h, &grown, &err), err);
    struct gp *first = NULL;
    data.n = 20;
    assert_ok(gp_with(&data, &h, &first, &err), err);
    for (size_t i = 20; i < 200; i++) gp_append(grown, t.x + 4 * i, t.noise[i]);
    assert_int_equal(gp_rows(grown), 200);
    gp_observe(grown, t.y);
    for (size_t i = 0; i < 3; i++) { /* scale and shift stay those of the first twenty: a little apart */
        double mean, variance, grown_mean, grown_variance;
        gp_predict(whole, t.x + 4 * (200 + i), &mean, &variance);
        gp_predict(grown, t.x + 4 * (200 + i), &grown_mean, &grown_variance);
        assert_near(grown_mean, mean, 0.1);
        assert_near(grown_variance / variance, 1, 0.5);
    }
    gp_free(whole);
    gp_free(grown);
    gp_free(first);
}

/* ---- the normal distribution, from 50- to 400-digit arithmetic (mpmath) ---- */

static void test_normal__tails(void **state)
{
    (void)state;
    static const double table[][3] = {
        /* z, log h(z), log Φ(z) */
        {-1.0e+6, -500000000028.54996, -500000000014.73445}, {-1000.0, -500014.73445209116, -500007.82669481218},
        {-100.0, -5010.1295788002498, -5005.5242086942051},  {-30.0, -457.724653760598, -454.3212439563432},
        {-25.0, -319.86146358149595, -316.63940800802026},   {-10.0, -55.553122036122356, -53.231285150512471},
        {-5.001, -16.749663448901438, -15.07018538160944},   {-4.999, -16.73893981641274, -15.059812373671576},
        {-3.0, -7.8696860596030285, -6.6077262215103495},    {-1.0, -2.4851210257126413, -1.8410216450092635},
        {0.0, -0.91893853320467274, -0.69314718055994531},   {1.0, 0.08002621884930694, -0.17275377902344989},
        {5.0, 1.6094379231264314, -2.8665161296376359e-7},   {30.0, 3.4011973816621554, -4.9067139271481871e-198}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        assert_near(normal_log_ei(table[i][0]), table[i][1], 1e-10 * fmax(1, fabs(table[i][1])));
        assert_near(normal_log_cdf(table[i][0]), table[i][2], 1e-12 * fmax(1, fabs(table[i][2])));
    }
    assert_true(isfinite(normal_log_ei(-1e150)));
    assert_near(normal_quantile(0.975), 1.959963984540054, 1e-12);
}

/* ---- numerics that must not end a study ---- */

static void test_gp__awkward_data_still_fit(void **state)
{
    (void)state;
    const double same_x[] = {0.5, 0.5, 0.5, 0.5}, x[] = {0.1, 0.2, 0.8, 0.9};
    const double constant[] = {3, 3, 3, 3}, zero[] = {0, 0, 0, 0}, huge[] = {1e300, -1e300, 5e299, 1e299},
                 tiny[] = {1e-300, 2e-300, 3e-300, 4e-300}, some[] = {1, 2, 3, 4};
    const double *const xs[] = {x, x, x, x, same_x}, *const ys[] = {constant, zero, huge, tiny, some};
    for (size_t i = 0; i < 5; i++) {
        struct gp_data data = {.n = 4, .d = 1, .x = xs[i], .y = ys[i]};
        struct gp *gp = NULL;
        struct error err;
        double mean, variance, at = 0.4;
        assert_ok(gp_fit(&data, 1, &gp, &err), err);
        gp_predict(gp, &at, &mean, &variance);
        assert_true(isfinite(mean));
        assert_true(variance >= 0);
        assert_true(gp_hyper(gp)->signal > 0);
        gp_free(gp);
    }
}

static void test_gp__nan_is_an_error_not_a_crash(void **state)
{
    (void)state;
    const double x[] = {0.1, NAN}, y[] = {1, 2};
    struct gp_data data = {.n = 2, .d = 1, .x = x, .y = y};
    struct gp *gp = NULL;
    struct error err;
    assert_int_equal(gp_fit(&data, 1, &gp, &err), STATUS_NUMERIC);
    assert_null(gp);
    gp_free(NULL);
    acquisition_free(NULL);
}

static void test_cholesky__jitter_rescues_singular_matrices(void **state)
{
    (void)state;
    gsl_matrix *K = gsl_matrix_alloc(3, 3);
    gsl_matrix_set_all(K, 1);
    double jitter;
    assert_true(cholesky_factor(K, &jitter));
    assert_true(jitter > 0 && jitter < 1e-3);
    gsl_matrix_set_identity(K);
    gsl_matrix_set(K, 0, 0, -5);
    assert_false(cholesky_factor(K, &jitter));
    gsl_matrix_free(K);
}

/* ---- designs and the maximiser ---- */

static const double quarters[] = {0.125, 0.375, 0.625, 0.875};
static const struct dimension mixed[] = {
    {DIMENSION_CONTINUOUS, 0, NULL}, {DIMENSION_GRID, 4, quarters}, {DIMENSION_CATEGORY, 3, NULL}};

static void test_design__points_exist_and_fill_the_space(void **state)
{
    (void)state;
    int halves[2] = {0}, levels[4] = {0}, categories[3] = {0};
    for (size_t i = 0; i < 96; i++) {
        double p[3], q[3];
        design_sequence(mixed, 3, 9, i, 1, p);
        design_random(mixed, 3, 9, i, q);
        assert_true(p[0] > 0 && p[0] < 1 && q[0] > 0 && q[0] < 1);
        halves[p[0] >= 0.5]++;
        levels[dimension_level(&mixed[1], p[1])]++;
        assert_true(p[1] == quarters[dimension_level(&mixed[1], p[1])]);
        categories[(int)p[2]]++;
    }
    assert_in_range(halves[0], 44, 52); /* Sobol is even; 96 random points would often be outside */
    for (int i = 0; i < 4; i++) assert_in_range(levels[i], 20, 28);
    for (int i = 0; i < 3; i++) assert_in_range(categories[i], 28, 36);
}

/* Near a corner of the space, and none on its edges but what has not moved. */
static void test_design__points_near_a_corner_stay_inside(void **state)
{
    (void)state;
    size_t moved = 0, changed = 0;
    double sum = 0;
    for (size_t i = 0; i < 1000; i++) {
        double p[] = {0, 0.125, 2}, again[] = {0, 0.125, 2};
        design_near(mixed, 3, 0.2, 4, i, p);
        design_near(mixed, 3, 0.2, 4, i, again);
        assert_memory_equal(p, again, sizeof p);
        assert_true(p[0] >= 0 && p[0] < 1);
        assert_true(p[1] == 0.125 || p[1] == 0.375 || p[1] == 0.625 || p[1] == 0.875);
        assert_true(p[2] == 0 || p[2] == 1 || p[2] == 2);
        moved += p[0] > 0;
        changed += p[2] != 2;
        sum += p[0];
    }
    assert_true(moved > 600 && moved < 800);
    assert_true(changed > 80 && changed < 200);
    assert_near(sum / (double)moved, 0.2 * sqrt(2 / M_PI), 0.02); /* half a normal distribution */
}

static void test_design__dimensions_past_forty_are_random(void **state)
{
    (void)state;
    struct dimension dim[50] = {{DIMENSION_CONTINUOUS, 0, NULL}};
    double p[50], q[50];
    design_sequence(dim, 50, 1, 3, 1, p);
    design_sequence(dim, 50, 1, 4, 1, q);
    for (int k = 0; k < 50; k++) assert_true(p[k] > 0 && p[k] < 1 && p[k] != q[k]);
}

/* y = −(u − 0.3)² on category 1, worse elsewhere: the maximiser must propose near it, and nothing twice. */
static struct gp *fit_bowl(double *x, size_t n)
{
    double y[40];
    struct gp *gp = NULL;
    struct error err;
    for (size_t i = 0; i < n; i++) {
        design_sequence(mixed, 3, 4, i, 1, x + 3 * i);
        y[i] = -pow(x[3 * i] - 0.3, 2) - 0.2 * pow(x[3 * i + 1] - 0.625, 2) - (x[3 * i + 2] != 1);
    }
    struct gp_data data = {.n = n, .d = 3, .x = x, .y = y, .dim = mixed};
    assert_ok(gp_fit(&data, 1, &gp, &err), err);
    return gp;
}

static void test_maximise__finds_the_optimum_of_a_mixed_space(void **state)
{
    (void)state;
    double x[120], p[3], again[3], value;
    struct gp *gp = fit_bowl(x, 40);
    struct error err;
    struct acquisition *a = NULL;
    const struct acquisition_output output = {gp, 1, LINK_IDENTITY};
    struct acquisition_spec spec = {
        .n_outputs = 1, .output = &output, .n_base = 40, .n_incumbents = 40, .base = x, .n_draws = 16, .seed = 1};
    assert_ok(acquisition_create(&spec, &a, &err), err);
    struct maximise_spec where = {.dim = mixed, .d = 3, .start = x, .n_start = 5, .taken = x, .n_taken = 40, .seed = 2};
    assert_ok(acquisition_maximise(a, &where, p, &value, &err), err);
    assert_near(p[0], 0.3, 0.12);
    assert_near(p[2], 1, 0);
    assert_near(acquisition_value(a, p, NULL), value, 1e-9);
    assert_ok(acquisition_maximise(a, &where, again, &value, &err), err);
    assert_memory_equal(p, again, sizeof p);
    for (size_t i = 0; i < 2000; i++) { /* nothing random is better by much */
        double q[3];
        design_random(mixed, 3, 5, i, q);
        assert_true(acquisition_value(a, q, NULL) < value + 0.05);
    }
    acquisition_free(a);
    gp_free(gp);
}

static void test_maximise__small_spaces_are_exhausted_exactly_once(void **state)
{
    (void)state;
    const struct dimension dim[] = {{DIMENSION_GRID, 4, quarters}, {DIMENSION_CATEGORY, 3, NULL}};
    double taken[2 * 12] = {0.125, 0}, y = 1, value;
    struct gp_data data = {.n = 1, .d = 2, .x = taken, .y = &y, .dim = dim};
    struct gp *gp = NULL;
    struct acquisition *a = NULL;
    struct error err;
    assert_ok(gp_fit(&data, 1, &gp, &err), err);
    const struct acquisition_output output = {gp, 1, LINK_IDENTITY};
    struct acquisition_spec spec = {
        .n_outputs = 1, .output = &output, .n_base = 1, .n_incumbents = 1, .base = taken, .n_draws = 4, .seed = 1};
    assert_ok(acquisition_create(&spec, &a, &err), err);
    for (size_t n = 1; n < 12; n++) {
        const double lo[] = {0, 0}, hi[] = {0.4, 1}; /* a box that is exhausted first */
        struct maximise_spec where = {.dim = dim, .d = 2, .taken = taken, .n_taken = n, .lo = lo, .hi = hi, .seed = n};
        assert_ok(acquisition_maximise(a, &where, taken + 2 * n, &value, &err), err);
        for (size_t i = 0; i < n; i++) assert_memory_not_equal(taken + 2 * n, taken + 2 * i, 2 * sizeof(double));
    }
    struct maximise_spec full = {.dim = dim, .d = 2, .taken = taken, .n_taken = 12, .seed = 1};
    double p[2];
    assert_int_equal(acquisition_maximise(a, &full, p, &value, &err), STATUS_EXHAUSTED);
    acquisition_free(a);
    gp_free(gp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gp__predictions_equal_the_reference),
        cmocka_unit_test(test_fit__gradient_equals_finite_differences),
        cmocka_unit_test(test_fit__knows_noise_from_signal),
        cmocka_unit_test(test_blas__what_would_be_better),
        cmocka_unit_test(test_kernel__slopes_equal_finite_differences),
        cmocka_unit_test(test_gp__appended_rows_equal_a_fresh_factor),
        cmocka_unit_test(test_normal__tails),
        cmocka_unit_test(test_gp__awkward_data_still_fit),
        cmocka_unit_test(test_gp__nan_is_an_error_not_a_crash),
        cmocka_unit_test(test_cholesky__jitter_rescues_singular_matrices),
        cmocka_unit_test(test_design__points_exist_and_fill_the_space),
        cmocka_unit_test(test_design__points_near_a_corner_stay_inside),
        cmocka_unit_test(test_design__dimensions_past_forty_are_random),
        cmocka_unit_test(test_maximise__finds_the_optimum_of_a_mixed_space),
        cmocka_unit_test(test_maximise__small_spaces_are_exhausted_exactly_once),
    };
    surrogate_setup();
    return cmocka_run_group_tests_name("surrogate", tests, NULL, NULL);
}
