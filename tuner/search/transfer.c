#include "tuner/search/transfer.h"

#include "tuner/base/arena.h"
#include "tuner/base/rng.h"

#include <gsl/gsl_sort.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWS = 256, OWN = TRANSFER_STUDIES_MAX }; /* members: earlier, own */

/* Standard deviation; of equal numbers exactly 0. */
static double spread_of(const double *y, size_t n)
{
    double mean = 0, square = 0;
    for (size_t i = 0; i < n; i++) mean += (y[i] - y[0]) / (double)n;
    for (size_t i = 0; i < n; i++) square += (y[i] - y[0] - mean) * (y[i] - y[0] - mean) / (double)n;
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
    double sd = spread_of(y, n);
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
        gp_free(t->correction[i]);
        free(t->best[i]);
    }
    *t = (struct transfer){0};
}

/* ---- corrections ---- */

enum { NONE_LEFT_OUT = TRANSFER_UNTIL };

/* u ≈ a f + b by least squares, without the one at `but`. False: f says nothing, or the opposite. */
static bool regress(const double *f, const double *u, size_t n, size_t but, double *ret_slope, double *ret_offset)
{
    double mean_f = 0, mean_u = 0, both = 0, square = 0, all = (double)(n - (but < n));
    for (size_t i = 0; i < n; i++)
        if (i != but) mean_f += f[i] / all, mean_u += u[i] / all;
    for (size_t i = 0; i < n; i++)
        if (i != but) both += (f[i] - mean_f) * (u[i] - mean_u), square += (f[i] - mean_f) * (f[i] - mean_f);
    if (!(square > 0) || !(both > 0)) return false;
    *ret_slope = both / square;
    *ret_offset = mean_u - *ret_slope * mean_f;
    return true;
}

static void correct(struct transfer *t, size_t i, const struct transfer_target *target, uint64_t seed)
{
    double f[TRANSFER_UNTIL], rest[TRANSFER_UNTIL];
    size_t n = target->n;
    gp_predict_all(t->gp[i], target->points, n, f, NULL);
    if (!regress(f, target->utility, n, NONE_LEFT_OUT, &t->slope[i], &t->offset[i])) return;
    for (size_t k = 0; k < n; k++) rest[k] = target->utility[k] - t->slope[i] * f[k] - t->offset[i];
    struct gp_data data = {.n = n, .d = target->d, .x = target->points, .y = rest, .dim = target->dim};
    if (gp_fit(&data, seed, &t->correction[i], NULL)) t->correction[i] = NULL; /* nothing is left */
}

/* Few trials, or all the same, correct nothing. */
static bool tell_little(const struct transfer_target *target)
{
    return target->n < TRANSFER_CORRECT_FROM || spread_of(target->utility, target->n) == 0;
}

void transfer_correct(struct transfer *t, const struct transfer_target *target, uint64_t seed)
{
    double spread = spread_of(target->utility, target->n);
    for (size_t i = 0; i < t->n; i++) {
        gp_free(t->correction[i]);
        t->correction[i] = NULL;
        t->slope[i] = t->offset[i] = 0;
        if (tell_little(target))
            t->slope[i] = spread > 0 ? spread / t->sd[i] : 1;
        else
            correct(t, i, target, seed);
    }
}

/* What a member says of each trial by all the others. */
static void leave_one_out(const struct transfer *t, size_t i, const struct transfer_target *target, double *ret_mean,
                          double *ret_variance)
{
    double f[TRANSFER_UNTIL], spread[TRANSFER_UNTIL];
    gp_predict_all(t->gp[i], target->points, target->n, f, spread);
    for (size_t k = 0; k < target->n; k++) ret_mean[k] = ret_variance[k] = 0;
    if (t->correction[i]) gp_leave_one_out(t->correction[i], ret_mean, ret_variance);
    for (size_t k = 0; k < target->n; k++) {
        double slope = t->slope[i], offset = t->offset[i];
        if (!tell_little(target)) regress(f, target->utility, target->n, k, &slope, &offset);
        ret_mean[k] += slope * f[k] + offset;
        ret_variance[k] += slope * slope * spread[k];
    }
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

static void losses(const struct transfer_target *target, const double *mean, const double *variance, struct rng *rng,
                   double *ret)
{
    for (size_t s = 0; s < DRAWS; s++) ret[s] = loss_of_draw(mean, variance, target->utility, target->n, rng);
}

/* Of what ranks worse than our own model mostly does, or the other way round, no draw is the best. */
static void drop(double *loss)
{
    for (size_t s = 0; s < DRAWS; s++) loss[s] = HUGE_VAL;
}

/* A draw's vote goes to the best; in a tie to the target. */
static void count_votes(size_t n, double loss[OWN + 1][DRAWS], struct transfer_weights *ret)
{
    for (size_t s = 0; s < DRAWS; s++) {
        size_t best = OWN;
        for (size_t i = 0; i < n; i++)
            if (loss[i][s] < loss[best][s]) best = i;
        *(best == OWN ? &ret->own : &ret->earlier[best]) += 1.0 / DRAWS;
    }
}

void transfer_weigh(const struct transfer *t, const struct transfer_target *target, uint64_t seed,
                    struct transfer_weights *ret)
{
    double loss[OWN + 1][DRAWS], mean[TRANSFER_UNTIL], variance[TRANSFER_UNTIL];
    size_t n = target->n;
    struct rng rng = rng_derive(seed, "transfer", n);
    *ret = (struct transfer_weights){.own = 0};
    if (n < 3) { /* nothing to rank by */
        for (size_t i = 0; i < t->n; i++) ret->earlier[i] = 1 / (double)(t->n + 1);
        ret->own = 1 / (double)(t->n + 1);
        return;
    }
    losses(target, target->mean, target->variance, &rng, loss[OWN]);
    double limit = quantile(loss[OWN], 0.95);
    for (size_t i = 0; i < t->n; i++) {
        leave_one_out(t, i, target, mean, variance);
        losses(target, mean, variance, &rng, loss[i]);
        if (t->slope[i] == 0 || quantile(loss[i], 0.5) > limit) drop(loss[i]);
    }
    count_votes(t->n, loss, ret);
}
