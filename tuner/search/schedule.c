#include "tuner/search/schedule.h"

#include "tuner/search/encode.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 300, LEAST = 4, CANDIDATES = 512 };

static const double CLIP = 2, NEAR = 0.25; /* NEAR: share of the way to a Sobol point */

static void keep_baseline(const struct study *study, const struct encoding *e, size_t index, double *point)
{
    double base[SURROGATE_DIMS_MAX], share = index % 2 ? NEAR : 1;
    encode(e, study->baseline, base);
    for (size_t k = 0; k < study->schedule.n; k++) {
        size_t p = study->schedule.param[k];
        base[p] += share * (point[p] - base[p]);
    }
    memcpy(point, base, e->d * sizeof *point);
}

enum status schedule_begin(const struct study *study, uint64_t seed, size_t index, double *ret_config,
                           struct error *err)
{
    struct arena arena = {0};
    struct encoding e;
    double point[SURROGATE_DIMS_MAX];
    enum status s = encoding_make(&study->space, &arena, &e, err);
    if (!s) {
        struct design *d = design_create(e.dim, e.d, seed);
        design_next(d, index, point);
        if (study->baseline) keep_baseline(study, &e, index, point);
        decode(&e, point, ret_config);
        design_free(d);
    }
    if (!s && study->baseline && index == 0) memcpy(ret_config, study->baseline, study->space.n * sizeof *ret_config);
    arena_done(&arena);
    return s;
}

/* ---- rows ---- */

/* Gains, standardised among the intervals of the same round. */
static void standardise(const struct interval *x, size_t n, double *ret)
{
    for (size_t i = 0; i < n; i++) ret[i] = x[i].after - (isnan(x[i].before) ? 0 : x[i].before);
    double *gain = must_alloc(n, sizeof *gain);
    memcpy(gain, ret, n * sizeof *gain);
    for (size_t i = 0; i < n; i++) {
        double mean = 0, square = 0, m = 0;
        for (size_t k = 0; k < n; k++) {
            if (x[k].round != x[i].round) continue;
            double off = gain[k] - mean;
            mean += off / ++m;
            square += off * (gain[k] - mean);
        }
        double sd = m > 1 ? sqrt(square / m) : 0;
        ret[i] = sd > 0 ? fmin(fmax((gain[i] - mean) / sd, -CLIP), CLIP) : 0;
    }
    free(gain);
}

/* A point of the bandit: the scheduled settings, the score before, the round. */
struct bandit {
    const struct study *study;
    struct arena arena;
    struct encoding encoding;
    size_t n, d; /* intervals learnt from; dimensions of a point */
    long round;
    double low, high; /* scores seen */
    struct gp *gp;    /* NULL: it proposes at random */
    char trouble[64]; /* why */
};

static double scale(const struct bandit *b, double before)
{
    if (isnan(before) || b->high <= b->low) return 0;
    return fmin(fmax((before - b->low) / (b->high - b->low), 0), 1);
}

static void put_point(const struct bandit *b, const double *config, double before, long round, double *ret)
{
    double point[SURROGATE_DIMS_MAX];
    encode(&b->encoding, config, point);
    for (size_t k = 0; k < b->study->schedule.n; k++) ret[k] = point[b->study->schedule.param[k]];
    ret[b->d - 2] = scale(b, before);
    ret[b->d - 1] = b->round > 0 ? (double)round / (double)b->round : 0;
}

static void frame(struct bandit *b, const struct interval *x, size_t n)
{
    b->low = HUGE_VAL;
    b->high = -HUGE_VAL;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i].before)) continue;
        b->low = fmin(b->low, x[i].before);
        b->high = fmax(b->high, x[i].before);
    }
}

static enum status learn(struct bandit *b, const struct interval *x, size_t n, uint64_t seed, struct error *err)
{
    if (n < LEAST) return error_set(err, STATUS_NOT_FOUND, "little is known");
    double *row = must_alloc(n * b->d, sizeof *row), *y = must_alloc(n, sizeof *y);
    frame(b, x, n);
    standardise(x, n, y);
    for (size_t i = 0; i < n; i++) put_point(b, x[i].config, x[i].before, x[i].round, row + i * b->d);
    enum status s = gp_fit(&(struct gp_data){.n = n, .d = b->d, .x = row, .y = y}, seed, &b->gp, err);
    free(row);
    free(y);
    return s;
}

enum status bandit_create(const struct study *study, const struct intervals *x, uint64_t seed, struct bandit **ret,
                          struct error *err)
{
    struct bandit *b = must_alloc(1, sizeof *b);
    struct error trouble;
    size_t skip = x->n > ROWS ? x->n - ROWS : 0;
    b->study = study;
    b->n = x->n - skip;
    b->d = study->schedule.n + 2;
    b->round = x->round;
    enum status s = encoding_make(&study->space, &b->arena, &b->encoding, err);
    if (s) {
        bandit_free(b);
        return s;
    }
    if (learn(b, x->interval + skip, b->n, seed, &trouble))
        snprintf(b->trouble, sizeof b->trouble, "%.60s", trouble.text);
    *ret = b;
    return STATUS_OK;
}

void bandit_free(struct bandit *b)
{
    if (!b) return;
    gp_free(b->gp);
    arena_done(&b->arena);
    free(b);
}

/* ---- proposing ---- */

/* Candidate number i: the settings as they are with the scheduled ones drawn anew. */
static void draw(const struct bandit *b, uint64_t seed, size_t i, double *config)
{
    double point[SURROGATE_DIMS_MAX], drawn[SPACE_PARAMS_MAX];
    design_random(b->encoding.dim, b->encoding.d, seed, i, point);
    decode(&b->encoding, point, drawn);
    for (size_t k = 0; k < b->study->schedule.n; k++) {
        size_t p = b->study->schedule.param[k];
        if (!isnan(config[p])) config[p] = isnan(drawn[p]) ? b->study->space.param[p].lo : drawn[p];
    }
}

static double maximise(const struct bandit *b, double before, uint64_t seed, double *config)
{
    double kappa = sqrt(fmax(0.2 * log(0.4 * (double)b->n), 0)), best = -HUGE_VAL, chosen[SPACE_PARAMS_MAX];
    for (size_t i = 0; i < CANDIDATES; i++) {
        double point[SURROGATE_DIMS_MAX], mean, variance, candidate[SPACE_PARAMS_MAX];
        memcpy(candidate, config, b->study->space.n * sizeof *candidate);
        if (i > 0) draw(b, seed, i, candidate); /* the first keeps what is there */
        put_point(b, candidate, before, b->round, point);
        gp_predict(b->gp, point, &mean, &variance);
        double v = mean + kappa * sqrt(fmax(variance, 0));
        if (v <= best) continue;
        best = v;
        memcpy(chosen, candidate, b->study->space.n * sizeof *chosen);
    }
    memcpy(config, chosen, b->study->space.n * sizeof *config);
    return best;
}

void bandit_propose(const struct bandit *b, double before, uint64_t seed, double *config, char *why, size_t size)
{
    if (b->gp)
        snprintf(why, size, "pb2: upper bound of the gain %.2g", maximise(b, before, seed, config));
    else {
        draw(b, seed, 0, config);
        snprintf(why, size, "pb2: at random, because %s", b->trouble);
    }
}
