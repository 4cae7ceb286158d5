#include "tests/test.h"

#include "surrogate/cholesky.h"
#include "surrogate/design.h"
#include "surrogate/fit.h"
#include "surrogate/kernel.h"
#include "surrogate/surrogate.h"

#include "tuner/base/rng.h"

/* ---- predictions against 40-digit arithmetic: reference/gp_reference.py makes the same data ---- */

static double unit(uint64_t *s, uint64_t *bits)
{
    uint64_t z = (*s += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    *bits = z ^ (z >> 31);
    return (double)(*bits >> 11) * 0x1p-53;
}

struct table {
    size_t n, d;
    double x[210 * 4], y[210], noise[210];
};

static void make(struct table *t, size_t n, size_t d, uint64_t seed)
{
    uint64_t bits;
    t->n = n;
    t->d = d;
    for (size_t i = 0; i < n + 3; i++) {
        for (size_t k = 0; k < d; k++) {
            double u = unit(&seed, &bits);
            t->x[i * d + k] = k < d - 1 || d == 1 ? u : (double)(bits % 3);
        }
        t->y[i] = 5 + 3 * unit(&seed, &bits) + 2 * t->x[i * d];
        t->noise[i] = 0.01 + 0.05 * t->x[i * d];
    }
}

static const struct dimension numbers_then_category[4][4] = {
    {{DIMENSION_CONTINUOUS, 0, NULL}},
    {{DIMENSION_CONTINUOUS, 0, NULL}, {DIMENSION_CATEGORY, 3, NULL}},
    {{DIMENSION_CONTINUOUS, 0, NULL}, {DIMENSION_CONTINUOUS, 0, NULL}, {DIMENSION_CATEGORY, 3, NULL}},
    {{DIMENSION_CONTINUOUS, 0, NULL},
     {DIMENSION_CONTINUOUS, 0, NULL},
     {DIMENSION_CONTINUOUS, 0, NULL},
     {DIMENSION_CATEGORY, 3, NULL}},
};

static struct gp_data data_of(const struct table *t)
{
    return (struct gp_data){
        .n = t->n, .d = t->d, .x = t->x, .y = t->y, .noise = t->noise, .dim = numbers_then_category[t->d - 1]};
}

static void test_gp__predictions_equal_the_reference(void **state)
{
    (void)state;
    FILE *in = fopen(REFERENCE "/gp_reference.csv", "r");
    char line[256];
    int number, row = 0, last = -1, checked = 0;
    size_t n, d;
    double mean, variance, got_mean, got_variance;
    struct table t;
    struct error err;
    assert_non_null(fgets(line, sizeof line, in));
    while (fgets(line, sizeof line, in)) {
        assert_int_equal(sscanf(line, "%d,%zu,%zu,%lf,%lf", &number, &n, &d, &mean, &variance), 5);
        row = number == last ? row + 1 : 0;
        last = number;
        make(&t, n, d, 1000 + (uint64_t)number);
        struct gp_hyper h = {.signal = 1.3, .noise = 0.02};
        for (size_t k = 0; k < d; k++) h.length[k] = 0.3 + 0.2 * (double)k;
        struct gp_data data = data_of(&t);
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
#define ACQUISITION(id, name) ACQUISITION_##id,
static const enum acquisition_kind acquisitions[] = {ACQUISITIONS(ACQUISITION)};
enum { N_KERNELS = sizeof kernels / sizeof *kernels, N_ACQUISITIONS = sizeof acquisitions / sizeof *acquisitions };

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

static void check_likelihood(size_t n, enum kernel_kind kernel)
{
    struct table t;
    double theta[6] = {-0.7, 0.1, -0.3, 0.4, 0.2, -3}, grad[6], ignored[6];
    make(&t, n, 4, 77);
    struct gp_data data = data_of(&t);
    data.kernel = kernel;
    struct gp_frame frame = gp_frame_make(&data);
    struct likelihood l;
    likelihood_init(&l, &frame);
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
        for (size_t c = 0; c < 3; c++) check_likelihood(sizes[c], kernels[k]);
}
struct problem {
    struct table t;
    struct gp *gp[3];
    struct acquisition *a;
};

/* Logistic gain, exponential cost, two constraints: every path of the gradient. */
static void problem_make(struct problem *p, enum acquisition_kind kind, double lower_bound)
{
    struct error err;
    make(&p->t, 20, 4, 5);
    struct gp_data data = data_of(&p->t);
    double other[20];
    for (int i = 0; i < 20; i++) other[i] = sin(5 * p->t.x[4 * i]) + p->t.x[4 * i + 1];
    for (int i = 0; i < 20; i++) p->t.y[i] = 0.3 * (p->t.y[i] - 7);
    assert_ok(gp_fit(&data, 1, &p->gp[0], &err), err);
    data.y = other;
    data.noise = NULL;
    assert_ok(gp_fit(&data, 1, &p->gp[1], &err), err);
    const struct acquisition_output output[] = {{p->gp[0], 0.7, LINK_LOGISTIC}, {p->gp[1], -0.3, LINK_EXP}};
    const struct acquisition_bound bound[] = {{0, lower_bound, true}, {1, 1.2, false}};
    struct acquisition_spec spec = {.kind = kind,
                                    .n_outputs = 2,
                                    .output = output,
                                    .n_bounds = 2,
                                    .bound = bound,
                                    .n_base = 6,
                                    .n_incumbents = 6,
                                    .base = p->t.x,
                                    .n_draws = 8,
                                    .seed = 3};
    assert_ok(acquisition_create(&spec, &p->a, &err), err);
}

static void problem_done(struct problem *p)
{
    acquisition_free(p->a);
    gp_free(p->gp[0]);
    gp_free(p->gp[1]);
}

static void check_gradient(struct acquisition *a, const double *at)
{
    double point[4], grad[4];
    memcpy(point, at, sizeof point);
    double value = acquisition_value(a, point, grad);
    assert_near(value, acquisition_value(a, point, NULL), 1e-11 * fabs(value));
    for (size_t k = 0; k < 3; k++) { /* the fourth is a category */
        const double h = 1e-6, old = point[k];
        point[k] = old + h;
        double up = acquisition_value(a, point, NULL);
        point[k] = old - h;
        double down = acquisition_value(a, point, NULL);
        point[k] = old;
        assert_near(grad[k], (up - down) / (2 * h), 2e-4 * fmax(1, fabs(grad[k])));
    }
    assert_near(grad[3], 0, 0);
}

/* Two outputs against each other, one of them bounded. */
static void front_make(struct problem *p, enum acquisition_kind kind)
{
    struct error err;
    double other[20];
    make(&p->t, 20, 4, 6);
    struct gp_data data = data_of(&p->t);
    for (int i = 0; i < 20; i++) other[i] = sin(5 * p->t.x[4 * i]) + p->t.x[4 * i + 1];
    data.noise = NULL;
    assert_ok(gp_fit(&data, 1, &p->gp[0], &err), err);
    data.y = other;
    assert_ok(gp_fit(&data, 1, &p->gp[1], &err), err);
    const struct acquisition_output output[] = {{p->gp[0], 1, LINK_IDENTITY}, {p->gp[1], -2, LINK_IDENTITY}};
    const struct acquisition_bound bound = {1, 1.5, false};
    struct acquisition_spec spec = {.kind = kind,
                                    .n_outputs = 2,
                                    .output = output,
                                    .n_bounds = 1,
                                    .bound = &bound,
                                    .n_base = 8,
                                    .n_incumbents = 8,
                                    .base = p->t.x,
                                    .reference = {5, -4},
                                    .n_draws = 8,
                                    .seed = 3};
    assert_ok(acquisition_create(&spec, &p->a, &err), err);
}

static void check_gradients(struct problem *p)
{
    const double points[][4] = {{0.3, 0.4, 0.5, 1}, {0.9, 0.1, 0.2, 0}, {0.05, 0.95, 0.5, 2}};
    for (size_t i = 0; i < 3; i++) check_gradient(p->a, points[i]);
    problem_done(p);
}

static void test_acquisition__gradients_equal_finite_differences(void **state)
{
    (void)state;
    struct problem p;
    for (size_t k = 0; k < N_ACQUISITIONS; k++)
        if (acquisition_objectives(acquisitions[k]) > 1) {
            front_make(&p, acquisitions[k]);
            check_gradients(&p);
        } else {
            problem_make(&p, acquisitions[k], -0.5); /* feasible draws */
            check_gradients(&p);
            problem_make(&p, acquisitions[k], 9); /* none feasible */
            check_gradients(&p);
        }
}

static void test_acquisition__tables_have_names_and_defaults(void **state)
{
    (void)state;
    for (size_t k = 0; k < N_ACQUISITIONS; k++)
        for (size_t j = 0; j < k; j++)
            assert_string_not_equal(acquisition_name(acquisitions[k]), acquisition_name(acquisitions[j]));
    assert_int_equal(acquisition_objectives(acquisition_default(1)), 1);
    assert_int_equal(acquisition_objectives(acquisition_default(2)), 2);
}

/* ---- hypervolume ---- */

/* Area above the reference that (x, y) adds to a staircase of points. */
static double added_area(const double (*front)[2], size_t n, const double *reference, double x, double y)
{
    double area = 0, left = reference[0];
    for (size_t i = 0; i <= n && left < x; i++) { /* front ascending in x, descending in y */
        double right = i < n ? fmin(front[i][0], x) : x, level = i < n ? front[i][1] : reference[1];
        if (right > left) area += (right - left) * fmax(y - level, 0);
        left = fmax(left, right);
    }
    return area;
}

/* Two noise-free outputs whose front is known: exact expectation against a fine grid of quantiles. */
static void test_hypervolume__equals_integrated_area(void **state)
{
    (void)state;
    const double x[] = {0.1, 0.5, 0.9}, y0[] = {1.0, 2.0, 3.0}, y1[] = {3.0, 2.5, 0.5}, at[] = {0.7};
    const double front[][2] = {{1, 3}, {2, 2.5}, {3, 0.5}}, reference[] = {0, 0};
    struct gp_hyper h = {.length = {0.3}, .signal = 1, .noise = 1e-9};
    struct gp *gp[2] = {NULL, NULL};
    struct acquisition *a = NULL;
    struct error err;
    double m[2], v[2], mean = 0;
    for (int i = 0; i < 2; i++) {
        struct gp_data data = {.n = 3, .d = 1, .x = x, .y = i ? y1 : y0};
        assert_ok(gp_with(&data, &h, &gp[i], &err), err);
        gp_predict(gp[i], at, &m[i], &v[i]);
    }
    const struct acquisition_output output[] = {{gp[0], 1, LINK_IDENTITY}, {gp[1], 1, LINK_IDENTITY}};
    struct acquisition_spec spec = {.kind = ACQUISITION_HYPERVOLUME,
                                    .n_outputs = 2,
                                    .output = output,
                                    .n_base = 3,
                                    .n_incumbents = 3,
                                    .base = x,
                                    .n_draws = 4,
                                    .seed = 1};
    assert_ok(acquisition_create(&spec, &a, &err), err);
    enum { GRID = 1000 };
    for (int i = 0; i < GRID; i++)
        for (int k = 0; k < GRID; k++)
            mean += added_area(front, 3, reference, m[0] + sqrt(v[0]) * normal_quantile((i + 0.5) / GRID),
                               m[1] + sqrt(v[1]) * normal_quantile((k + 0.5) / GRID)) /
                    GRID / GRID;
    assert_near(acquisition_value(a, at, NULL), log(mean), 5e-3);
    acquisition_free(a);
    gp_free(gp[0]);
    gp_free(gp[1]);
}

/* A bound on the very output that the utility is made of: E[(f − best)⁺ 1{f ≥ bound}], by quadrature. */
static void test_acquisition__bound_on_the_objective_is_joint(void **state)
{
    (void)state;
    const double x[] = {0.1, 0.5, 0.9}, y[] = {1.0, 2.0, 0.5}, c[] = {0.2, 0.1, 0.7}, base[] = {0.5, 0.1}, at[] = {0.7};
    struct gp_hyper h = {.length = {0.3}, .signal = 1, .noise = 1e-9};
    struct gp *gain = NULL, *cost = NULL;
    struct acquisition *a = NULL;
    struct error err;
    double m[2], v[2], integral = 0;
    struct gp_data data = {.n = 3, .d = 1, .x = x, .y = y};
    assert_ok(gp_with(&data, &h, &gain, &err), err);
    data.y = c;
    assert_ok(gp_with(&data, &h, &cost, &err), err);
    gp_predict(gain, at, &m[0], &v[0]);
    gp_predict(cost, at, &m[1], &v[1]);
    const struct acquisition_output output[] = {{gain, 1, LINK_IDENTITY}, {cost, -1, LINK_IDENTITY}};
    const struct acquisition_bound bound = {0, 1.5, true};
    struct acquisition_spec spec = {.n_outputs = 2,
                                    .output = output,
                                    .n_bounds = 1,
                                    .bound = &bound,
                                    .n_base = 2,
                                    .n_incumbents = 2,
                                    .base = base,
                                    .n_draws = 4,
                                    .seed = 1};
    assert_ok(acquisition_create(&spec, &a, &err), err);
    for (int i = -8000; i < 8000; i++) { /* over f₀; the rest is Gaussian in f₁ */
        double z = (i + 0.5) / 1000, f = m[0] + sqrt(v[0]) * z, sd = sqrt(v[1]);
        if (f >= 1.5) integral += sd * exp(normal_log_ei((f - m[1] - 1.9) / sd)) * exp(normal_log_pdf(z)) / 1000;
    }
    assert_near(acquisition_value(a, at, NULL), log(integral), 0.05);
    acquisition_free(a);
    gp_free(gain);
    gp_free(cost);
}

/* Rows appended one by one predict what a factorisation of all of them predicts. */
static void test_gp__appended_rows_equal_a_fresh_factor(void **state)
{
    (void)state;
    struct table t;
    struct error err;
    struct gp *whole = NULL, *grown = NULL;
    struct gp_hyper h = {.length = {0.3, 0.4, 0.5, 0.6}, .signal = 1.3, .noise = 0.02};
    make(&t, 200, 4, 9);
    struct gp_data data = data_of(&t);
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

/* With one noise-free draw set and a linear utility, the value is textbook EI: compare with quadrature. */
static void test_acquisition__equals_integrated_improvement(void **state)
{
    (void)state;
    const double x[] = {0.1, 0.5, 0.9}, y[] = {1.0, 2.0, 0.5}, base[] = {0.5}, at[] = {0.7};
    struct gp_data data = {.n = 3, .d = 1, .x = x, .y = y};
    struct gp_hyper h = {.length = {0.3}, .signal = 1, .noise = 1e-9};
    struct gp *gp = NULL;
    struct acquisition *a = NULL;
    struct error err;
    double mean, variance, integral = 0;
    assert_ok(gp_with(&data, &h, &gp, &err), err);
    const struct acquisition_output output = {gp, 1, LINK_IDENTITY};
    struct acquisition_spec spec = {
        .n_outputs = 1, .output = &output, .n_base = 1, .n_incumbents = 1, .base = base, .n_draws = 4, .seed = 1};
    assert_ok(acquisition_create(&spec, &a, &err), err);
    gp_predict(gp, at, &mean, &variance);
    for (int i = -80000; i < 80000; i++) { /* ∫ max(f − 2, 0) N(f; mean, variance) df */
        double z = (i + 0.5) / 10000, f = mean + sqrt(variance) * z;
        integral += fmax(f - 2, 0) * exp(normal_log_pdf(z)) / 10000;
    }
    assert_near(acquisition_value(a, at, NULL), log(integral), 1e-3);
    acquisition_free(a);
    gp_free(gp);
}

/* A pending point lowers the value around it: it will be known. */
static void test_acquisition__pending_points_repel(void **state)
{
    (void)state;
    const double x[] = {0.0, 0.3, 0.6, 1.0}, y[] = {0, 1, 0.2, 0}, alone[] = {0.3}, with_pending[] = {0.3, 0.4},
                 at[] = {0.4001};
    struct gp_data data = {.n = 4, .d = 1, .x = x, .y = y};
    struct gp_hyper h = {.length = {0.2}, .signal = 1, .noise = 1e-4};
    struct gp *gp = NULL;
    struct acquisition *a = NULL, *b = NULL;
    struct error err;
    assert_ok(gp_with(&data, &h, &gp, &err), err);
    const struct acquisition_output output = {gp, 1, LINK_IDENTITY};
    struct acquisition_spec spec = {
        .n_outputs = 1, .output = &output, .n_base = 1, .n_incumbents = 1, .base = alone, .n_draws = 32, .seed = 1};
    assert_ok(acquisition_create(&spec, &a, &err), err);
    spec.n_base = spec.n_incumbents = 2;
    spec.base = with_pending;
    assert_ok(acquisition_create(&spec, &b, &err), err);
    assert_true(acquisition_value(b, at, NULL) < acquisition_value(a, at, NULL) - 1);
    acquisition_free(a);
    acquisition_free(b);
    gp_free(gp);
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

static void test_acquisition__refuses_an_empty_question(void **state)
{
    (void)state;
    struct acquisition *a = NULL;
    struct error err;
    assert_int_equal(acquisition_create(&(struct acquisition_spec){0}, &a, &err), STATUS_INVALID);
    assert_null(a);
}

static void test_acquisition__a_front_needs_two_outputs(void **state)
{
    (void)state;
    const double x = 0.5, y = 1;
    struct gp *gp = NULL;
    struct acquisition *a = NULL;
    struct error err;
    assert_ok(gp_fit(&(struct gp_data){.n = 1, .d = 1, .x = &x, .y = &y}, 1, &gp, &err), err);
    const struct acquisition_output output = {gp, 1, LINK_IDENTITY};
    struct acquisition_spec spec = {.kind = ACQUISITION_HYPERVOLUME,
                                    .n_outputs = 1,
                                    .output = &output,
                                    .n_base = 1,
                                    .n_incumbents = 1,
                                    .base = &x,
                                    .n_draws = 4};
    assert_int_equal(acquisition_create(&spec, &a, &err), STATUS_INVALID);
    assert_contains(err.text, "the acquisition 'hypervolume' needs 2 outputs with a weight, not 1");
    assert_null(a);
    gp_free(gp);
}

static int setup(void **state)
{
    (void)state;
    surrogate_setup();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gp__predictions_equal_the_reference),
        cmocka_unit_test(test_fit__gradient_equals_finite_differences),
        cmocka_unit_test(test_kernel__slopes_equal_finite_differences),
        cmocka_unit_test(test_acquisition__gradients_equal_finite_differences),
        cmocka_unit_test(test_acquisition__tables_have_names_and_defaults),
        cmocka_unit_test(test_acquisition__equals_integrated_improvement),
        cmocka_unit_test(test_acquisition__pending_points_repel),
        cmocka_unit_test(test_hypervolume__equals_integrated_area),
        cmocka_unit_test(test_acquisition__bound_on_the_objective_is_joint),
        cmocka_unit_test(test_gp__appended_rows_equal_a_fresh_factor),
        cmocka_unit_test(test_normal__tails),
        cmocka_unit_test(test_gp__awkward_data_still_fit),
        cmocka_unit_test(test_gp__nan_is_an_error_not_a_crash),
        cmocka_unit_test(test_cholesky__jitter_rescues_singular_matrices),
        cmocka_unit_test(test_design__points_exist_and_fill_the_space),
        cmocka_unit_test(test_design__dimensions_past_forty_are_random),
        cmocka_unit_test(test_maximise__finds_the_optimum_of_a_mixed_space),
        cmocka_unit_test(test_maximise__small_spaces_are_exhausted_exactly_once),
        cmocka_unit_test(test_acquisition__refuses_an_empty_question),
        cmocka_unit_test(test_acquisition__a_front_needs_two_outputs),
    };
    return cmocka_run_group_tests_name("surrogate", tests, setup, NULL);
}
