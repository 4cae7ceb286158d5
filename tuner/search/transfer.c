#include "tuner/search/transfer.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 256, OWN = TRANSFER_STUDIES_MAX };

double transfer_spread(const double *y, size_t n)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < n; i++) mean += y[i] / (double)n;
    for (size_t i = 0; i < n; i++) square += (y[i] - mean) * (y[i] - mean) / (double)n;
    return sqrt(square);
}

/* At most TRANSFER_POINTS_MAX trials, spread evenly over the study. */
static size_t pick(const struct search_prior *p, size_t i)
{
    return p->n <= TRANSFER_POINTS_MAX ? i : i * (p->n - 1) / (TRANSFER_POINTS_MAX - 1);
}

static void add(struct transfer *t, const struct search_prior *p, const struct encoding *e, uint64_t seed)
{
    size_t n = p->n < TRANSFER_POINTS_MAX ? p->n : TRANSFER_POINTS_MAX, d_config = e->space->n, best = 0;
    double *x = must_alloc(n * e->d, sizeof *x), *y = must_alloc(n, sizeof *y);
    for (size_t i = 0; i < n; i++) {
        encode(e, p->config + pick(p, i) * d_config, x + i * e->d);
        y[i] = p->utility[pick(p, i)];
    }
    for (size_t i = 0; i < p->n; i++)
        if (p->utility[i] > p->utility[best]) best = i;
    struct gp_data data = {.n = n, .d = e->d, .x = x, .y = y, .dim = e->dim};
    double sd = transfer_spread(y, n);
    if (sd > 0 && gp_fit(&data, seed, &t->gp[t->n], NULL) == STATUS_OK) {
        t->sd[t->n] = sd;
        t->name[t->n] = p->name;
        t->best[t->n] = must_alloc(d_config, sizeof(double));
        memcpy(t->best[t->n], p->config + best * d_config, d_config * sizeof(double));
        t->n++;
    }
    free(x);
    free(y);
}

void transfer_make(struct transfer *t, const struct search_prior *prior, size_t n, const struct encoding *e,
                   uint64_t seed)
{
    *t = (struct transfer){0};
    for (size_t i = 0; i < n && t->n < TRANSFER_STUDIES_MAX; i++)
        if (prior[i].n >= SEARCH_PRIOR_LEAST) add(t, &prior[i], e, seed);
}

void transfer_done(struct transfer *t)
{
    for (size_t i = 0; i < t->n; i++) {
        gp_free(t->gp[i]);
        free(t->best[i]);
    }
    *t = (struct transfer){0};
}

/* ---- ranking loss ---- */

/* Pairs whose order a draw of the predictions gets wrong. */
static double loss_of_draw(const double *mean, const double *variance, const double *y, size_t n, struct rng *rng)
{
    double f[TRANSFER_UNTIL], loss = 0;
    for (size_t i = 0; i < n; i++) f[i] = mean[i] + sqrt(variance[i]) * rng_normal(rng);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++) loss += (f[i] < f[k]) != (y[i] < y[k]);
    return loss;
}

static double quantile(const double *v, double p)
{
    double sorted[DRAWS];
    memcpy(sorted, v, sizeof sorted);
    gsl_sort(sorted, 1, DRAWS);
    return sorted[(size_t)(p * (DRAWS - 1))];
}

void transfer_weigh(const struct transfer *t, const struct transfer_target *target, uint64_t seed, double *ret_weight,
                    double *ret_own)
{
    double loss[OWN + 1][DRAWS], mean[TRANSFER_UNTIL], variance[TRANSFER_UNTIL];
    size_t n = target->n;
    struct rng rng = rng_derive(seed, "transfer", n);
    *ret_own = 0;
    for (size_t i = 0; i < t->n; i++) ret_weight[i] = 0;
    if (n < 3) { /* nothing to rank by */
        for (size_t i = 0; i < t->n; i++) ret_weight[i] = 1 / (double)(t->n + 1);
        *ret_own = 1 / (double)(t->n + 1);
        return;
    }
    for (size_t s = 0; s < DRAWS; s++)
        loss[OWN][s] = loss_of_draw(target->mean, target->variance, target->utility, n, &rng);
    double limit = quantile(loss[OWN], 0.95);
    for (size_t i = 0; i < t->n; i++) {
        gp_predict_all(t->gp[i], target->points, n, mean, variance);
        for (size_t s = 0; s < DRAWS; s++) loss[i][s] = loss_of_draw(mean, variance, target->utility, n, &rng);
        if (quantile(loss[i], 0.5) > limit)
            for (size_t s = 0; s < DRAWS; s++) loss[i][s] = HUGE_VAL;
    }
    for (size_t s = 0; s < DRAWS; s++) { /* a draw's vote goes to the best; in a tie to the target */
        size_t best = OWN;
        for (size_t i = 0; i < t->n; i++)
            if (loss[i][s] < loss[best][s]) best = i;
        *(best == OWN ? ret_own : &ret_weight[best]) += 1.0 / DRAWS;
    }
}
