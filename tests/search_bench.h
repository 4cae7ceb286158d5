/* search_bench: a study whose trials are functions of the test, asked and told at will. */
#ifndef TESTS_SEARCH_BENCH_H
#define TESTS_SEARCH_BENCH_H

#include "tests/test.h"

#include "tuner/search/search.h"

#include "tuner/base/rng.h"

enum { TRIALS_MAX = 64 };

/* A study in memory that is told what a function says. */
struct bench {
    struct study *study;
    struct search *search; /* of seed 1 or the one last asked with; kept between asks */
    uint64_t seed;
    struct search_trial trial[TRIALS_MAX];
    double config[TRIALS_MAX][8], value[TRIALS_MAX][METRICS_MAX];
    size_t n;
    const double *baseline;
};

static inline struct bench *bench_make(const char *text)
{
    struct bench *b = calloc(1, sizeof *b);
    struct error err;
    assert_ok(study_parse("bench", text, strlen(text), &b->study, &err), err);
    return b;
}

static inline void bench_free(struct bench *b)
{
    search_free(b->search);
    study_free(b->study);
    free(b);
}

static inline void bench_add(struct bench *b, const double *config, enum search_outcome outcome, double m0, double m1)
{
    memcpy(b->config[b->n], config, b->study->space.n * sizeof *config);
    b->value[b->n][0] = m0;
    b->value[b->n][1] = m1;
    b->trial[b->n] = (struct search_trial){
        .outcome = outcome, .config = b->config[b->n], .metrics = b->value[b->n], .told = (long)b->n};
    b->n++;
}

static inline struct search *bench_search(struct bench *b, uint64_t seed)
{
    if (b->search && b->seed == seed) return b->search;
    search_free(b->search);
    b->seed = seed;
    return b->search = search_create(b->study, seed, NULL, 0);
}

static inline struct suggestion bench_ask(struct bench *b, uint64_t seed)
{
    struct search_history h = {.n = b->n, .trial = b->trial, .baseline = b->baseline};
    struct suggestion s;
    struct error err;
    assert_ok(search_suggest(bench_search(b, seed), &h, (long)b->n, &s, &err), err);
    for (size_t i = 0; i < b->study->space.n; i++) {
        const struct param *p = &b->study->space.param[i];
        if (isnan(s.config[i])) {
            assert_non_null(p->when);
            continue;
        }
        if (p->n_values)
            assert_true(s.config[i] >= 0 && s.config[i] < (double)p->n_values);
        else
            assert_true(s.config[i] >= p->lo && s.config[i] <= p->hi);
        if (p->type != PARAM_FLOAT) assert_true(s.config[i] == floor(s.config[i]));
    }
    return s;
}

#define SPACE                                                                                                          \
    "parameters:\n  x: {type: float, range: [-5, 10]}\n  y: {type: float, range: [0, 15]}\n"                           \
    "  k: {type: int, range: [1, 64], scale: log}\n  c: {type: categorical, values: [a, b, c]}\n"
#define SINGLE "study: b\n" SPACE "objective: {minimize: loss}\n"

static inline double branin(const double *x)
{
    double a = x[1] - 5.1 / (4 * M_PI * M_PI) * x[0] * x[0] + 5 / M_PI * x[0] - 6;
    return a * a + 10 * (1 - 1 / (8 * M_PI)) * cos(x[0]) + 10 + 5 * pow(log(x[2] / 8), 2) + 15 * (x[3] != 1);
}

#define WEIGHTED                                                                                                       \
    "study: w\nparameters:\n  x: {type: float, range: [0, 1]}\n  y: {type: float, range: [0, 1]}\n"                    \
    "metrics:\n  em: {goal: maximize, kind: proportion, of: 5000}\n  tokens: {goal: minimize, kind: count}\n"          \
    "baseline: {x: 1, y: 0.5}\nobjective: %s\nconstraints: [%s]\n"

/* EM saturates in x, tokens grow with it; y is best at 0.3. The baseline is x = 1, y = 0.5. */
static inline void tradeoff(const double *c, struct rng *rng, double *em, double *tokens)
{
    double p = 0.6 * (1 - exp(-6 * c[0])) - 0.3 * pow(c[1] - 0.3, 2);
    *em = round(5000 * fmax(0, p + 0.006 * rng_normal(rng))) / 5000;
    *tokens = 1e6 * exp(2.5 * c[0] + 0.05 * rng_normal(rng));
}

#endif
