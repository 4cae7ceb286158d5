#include "tests/gp_table.h"
#include "tests/test.h"

#include "surrogate/surrogate.h"

#define ACQUISITION(id, name) ACQUISITION_##id,
static const enum acquisition_kind acquisitions[] = {ACQUISITIONS(ACQUISITION)};
enum { N_ACQUISITIONS = sizeof acquisitions / sizeof *acquisitions };

/* ---- gradients against finite differences: of every row of the table ---- */

struct problem {
    struct gp_table t;
    struct gp *gp[3];
    struct acquisition *a;
};

/* Logistic gain, exponential cost, two constraints: every path of the gradient. */
static void problem_make(struct problem *p, enum acquisition_kind kind, double lower_bound)
{
    struct error err;
    gp_table_make(&p->t, 20, 4, 5);
    struct gp_data data = gp_table_data(&p->t);
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
    gp_table_make(&p->t, 20, 4, 6);
    struct gp_data data = gp_table_data(&p->t);
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

static void test_acquisition__each_number_of_objectives_has_a_default(void **state)
{
    (void)state;
    assert_int_equal(acquisition_objectives(acquisition_default(1)), 1);
    assert_int_equal(acquisition_objectives(acquisition_default(2)), 2);
}

/* ---- values against quadrature ---- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acquisition__gradients_equal_finite_differences),
        cmocka_unit_test(test_acquisition__each_number_of_objectives_has_a_default),
        cmocka_unit_test(test_acquisition__equals_integrated_improvement),
        cmocka_unit_test(test_acquisition__pending_points_repel),
        cmocka_unit_test(test_hypervolume__equals_integrated_area),
        cmocka_unit_test(test_acquisition__bound_on_the_objective_is_joint),
        cmocka_unit_test(test_acquisition__refuses_an_empty_question),
        cmocka_unit_test(test_acquisition__a_front_needs_two_outputs),
    };
    surrogate_setup();
    return cmocka_run_group_tests_name("acquisition", tests, NULL, NULL);
}
