/* nocturne-bench: what the surrogate costs, beside what this machine's dgemm can do.
 *
 *     cmake --workflow --preset bench && build/bench/bin/nocturne-bench [d [n…]]
 *
 * One thread, the best of several repetitions. Flops counted: likelihood with gradient n³ (Cholesky n³/3, inverse
 * 2n³/3), append n² (triangular solve), score n² a point (triangular solve), dgemm 2n³.
 */
#include "surrogate/fit.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <gsl/gsl_blas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { POINTS = 1024, BASE = 16, DRAWS = 16 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

struct work {
    struct gp_data data;
    double *x, *y, *points;
    struct gp *gp;
    struct acquisition *a;
    struct likelihood likelihood;
    struct gp_frame frame;
    struct dimension *dim;
    gsl_matrix *A, *B, *C;
};

static void run_dgemm(struct work *w)
{
    gsl_blas_dgemm(CblasNoTrans, CblasNoTrans, 1, w->A, w->B, 0, w->C);
}

static void run_likelihood(struct work *w)
{
    double theta[SURROGATE_DIMS_MAX + 2] = {0}, grad[SURROGATE_DIMS_MAX + 2];
    theta[w->data.d + 1] = -4;
    likelihood_value((unsigned)w->data.d + 2, theta, grad, &w->likelihood);
}

static void run_fit(struct work *w)
{
    struct gp_hyper h;
    gp_fit_hyper(&w->data, 1, &h);
}

static void run_append(struct work *w)
{
    gp_append(w->gp, w->points, 0);
}

static void run_screen(struct work *w)
{
    double *value = must_alloc(POINTS, sizeof *value);
    acquisition_screen(w->a, w->points, POINTS, value);
    free(value);
}

static void run_score(struct work *w)
{
    double *value = must_alloc(POINTS, sizeof *value);
    acquisition_values(w->a, w->points, POINTS, value, NULL);
    free(value);
}

static void run_maximise(struct work *w)
{
    double point[SURROGATE_DIMS_MAX], value;
    struct maximise_spec spec = {
        .dim = w->dim, .d = w->data.d, .start = w->x, .n_start = 5, .taken = w->x, .n_taken = w->data.n, .seed = 1};
    acquisition_maximise(w->a, &spec, point, &value, NULL);
}

static double best_time(void (*run)(struct work *), struct work *w, int times)
{
    double best = HUGE_VAL;
    for (int i = 0; i < times; i++) {
        double start = now();
        run(w);
        best = fmin(best, now() - start);
    }
    return best;
}

static void work_make(struct work *w, size_t n, size_t d)
{
    struct gp_hyper h = {.signal = 1, .noise = 0.02};
    struct rng rng = rng_derive(1, "bench", n);
    w->x = must_alloc(n * d, sizeof *w->x);
    w->y = must_alloc(n, sizeof *w->y);
    w->points = must_alloc(POINTS * d, sizeof *w->points);
    w->dim = must_alloc(d, sizeof *w->dim);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < d; k++) w->y[i] += pow((w->x[i * d + k] = rng_unit(&rng)) - 0.4, 2);
        w->y[i] += 0.05 * rng_normal(&rng);
    }
    for (size_t i = 0; i < POINTS * d; i++) w->points[i] = rng_unit(&rng);
    for (size_t k = 0; k < d; k++) h.length[k] = 0.8;
    w->data = (struct gp_data){.n = n, .d = d, .x = w->x, .y = w->y};
    w->frame = gp_frame_make(&w->data);
    likelihood_init(&w->likelihood, &w->frame);
    gp_with(&w->data, &h, &w->gp, NULL);
    const struct acquisition_output output = {w->gp, -1, LINK_IDENTITY};
    struct acquisition_spec spec = {.n_outputs = 1,
                                    .output = &output,
                                    .n_base = BASE,
                                    .n_incumbents = BASE,
                                    .base = w->x,
                                    .n_draws = DRAWS,
                                    .seed = 1};
    acquisition_create(&spec, &w->a, NULL);
    w->A = gsl_matrix_alloc(n, n);
    w->B = gsl_matrix_alloc(n, n);
    w->C = gsl_matrix_alloc(n, n);
    gsl_matrix_set_all(w->A, 1.5);
    gsl_matrix_set_all(w->B, 0.5);
}

static void work_done(struct work *w)
{
    acquisition_free(w->a);
    gp_free(w->gp);
    likelihood_done(&w->likelihood);
    gp_frame_done(&w->frame);
    gsl_matrix_free(w->A);
    gsl_matrix_free(w->B);
    gsl_matrix_free(w->C);
    free(w->x);
    free(w->y);
    free(w->points);
    free(w->dim);
}

static void row(const char *name, double seconds, double flops, double peak)
{
    printf("  %-28s %10.3f ms", name, 1e3 * seconds);
    if (flops > 0) printf("  %7.2f GFLOP/s  %4.0f %% of dgemm", 1e-9 * flops / seconds, 100 * flops / seconds / peak);
    putchar('\n');
}

static void bench(size_t n, size_t d)
{
    struct work w = {0};
    double m = (double)n, cube = m * m * m;
    int times = n <= 500 ? 20 : n <= 2000 ? 5 : 2;
    work_make(&w, n, d);
    printf("n = %zu, d = %zu\n", n, d);
    double peak = 2 * cube / best_time(run_dgemm, &w, times);
    row("dgemm", 2 * cube / peak, 2 * cube, peak);
    row("likelihood and gradient", best_time(run_likelihood, &w, times), cube, peak);
    row("fit (at most 250 rows)", best_time(run_fit, &w, 2), 0, peak);
    row("screen 1024 points", best_time(run_screen, &w, times), 0, peak);
    row("score 1024 points", best_time(run_score, &w, times), POINTS * m * m, peak);
    row("maximise", best_time(run_maximise, &w, times), 0, peak);
    row("append", best_time(run_append, &w, times), m * m, peak);
    work_done(&w);
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {100, 500, 1000, 2000, 5000};
    size_t d = argc > 1 ? strtoul(argv[1], NULL, 10) : 8;
    surrogate_setup();
    if (d < 1 || d > SURROGATE_DIMS_MAX) {
        fprintf(stderr, "nocturne-bench: d must be 1 to %d\n", SURROGATE_DIMS_MAX);
        return 2;
    }
    for (int i = 2; i < argc; i++) bench(strtoul(argv[i], NULL, 10), d);
    for (size_t i = 0; argc <= 2 && i < sizeof sizes / sizeof *sizes; i++) bench(sizes[i], d);
    return 0;
}
