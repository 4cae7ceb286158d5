/* At question t, with r = n − t + 1 left: M = (S* − S)/r, the mean of the challenger's answers over what is left if its
 * total were S* (the champion's, less the margin); m0, the champion's mean over what is left, is known.
 *     z = Y − β (X − m0) − M,      β and the residual variance v from the pairs before
 *     λ_k = x_k · 2.8 √(v/n) (n/r)/v, at most 0.8/max|z|;      W∓ = Σ w_k Π (1 ∓ λ_k z) ≥ 1/alpha */
#include "tuner/rollout/race.h"

#include "tuner/rollout/evidence.h"

#include <math.h>

enum { WARM = 10 }; /* pairs before a regression is believed */

static const double size[RACE_BETS] = {0.25, 0.5, 0.75, 1, 1.5, 2};

void race_begin(struct race *r, const struct race_plan *plan)
{
    *r = (struct race){.plan = *plan};
    for (size_t k = 0; k < RACE_BETS; k++) r->log_worse[k] = r->log_better[k] = -log(RACE_BETS);
}

static void regress(const struct race *r, double *ret_slope, double *ret_variance)
{
    double n = (double)r->asked, p = fmin(fmax(r->plan.champion, 0.02), 0.98);
    *ret_slope = 0;
    *ret_variance = p * (1 - p);
    if (r->asked < WARM || !(r->sxx > 0)) return;
    *ret_slope = fmin(fmax(r->sxy / r->sxx, 0), 1);
    double residual = (r->syy - 2 * *ret_slope * r->sxy + *ret_slope * *ret_slope * r->sxx) / n;
    *ret_variance = fmax((residual * n + 2 * p * (1 - p)) / (n + 2), 0.002); /* not quite believed at first */
}

static void bet(const struct race *r, double z, double largest, double variance, double left, double *log_worse,
                double *log_better)
{
    double n = (double)r->plan.questions;
    for (size_t k = 0; k < RACE_BETS; k++) {
        double lambda = fmin(size[k] * 2.8 * sqrt(variance / n) * (n / left) / variance, 0.8 / largest);
        log_worse[k] += log1p(-lambda * z);
        log_better[k] += log1p(lambda * z);
    }
}

static void remember(struct race *r, double x, double y)
{
    double n = (double)++r->asked, dx = x - r->mean_x, dy = y - r->mean_y;
    r->mean_x += dx / n;
    r->mean_y += dy / n;
    r->sxx += dx * (x - r->mean_x);
    r->syy += dy * (y - r->mean_y);
    r->sxy += dx * (y - r->mean_y);
    r->sum += y;
    r->champion_sum += x;
}

static double clip(double x)
{
    return fmin(fmax(x, 0), 1);
}

enum race_word race_see(struct race *r, double champion, double challenger)
{
    double n = (double)r->plan.questions, left = n - (double)r->asked, slope, variance;
    double total = n * (r->plan.champion - r->plan.margin);
    double rest = (total - r->sum) / left, champion_rest = clip((n * r->plan.champion - r->champion_sum) / left);
    regress(r, &slope, &variance);
    double expected = slope * (champion - champion_rest) + rest;
    double largest = 1 + slope + fabs(rest); /* of |z| */
    bet(r, challenger - expected, largest, variance, left, r->log_worse, r->log_better);
    remember(r, champion, challenger);
    double limit = -log(r->plan.alpha);
    if (rest < 0 || evidence_sum(r->log_better, RACE_BETS) >= limit) return RACE_NOT_WORSE;
    if (rest > 1 || evidence_sum(r->log_worse, RACE_BETS) >= limit) return RACE_WORSE;
    return r->asked < r->plan.questions ? RACE_OPEN : RACE_OVER;
}
