/* At question t, with r = n − t + 1 left: M = (S* − S)/r, the mean of the challenger's answers over what is left if its
 * total were S* (the champion's, less the margin); m0, the champion's mean over what is left, is known.
 *     z = Y − β (X − m0) − M,      β and the residual variance v from the pairs before
 *     λ_k = x_k · 2.8 √(v/n) (n/r)/v, at most 0.8/max|z|;      W∓ = Σ w_k Π (1 ∓ λ_k z) ≥ 1/alpha */
#include "tuner/rollout/race.h"

#include "tuner/rollout/evidence.h"

#include <math.h>

enum { WARM = 10 }; /* pairs before a regression is believed */

static const double size[RACE_BETS] = {0.25, 0.5, 0.75, 1, 1.5, 2};

bool race_begin(struct race *r, const struct race_plan *plan)
{
    if (!(plan->questions >= 1 && plan->champion >= 0 && plan->champion <= 1)) return false;
    if (!(plan->margin >= 0 && plan->margin <= 1 && plan->alpha > 0 && plan->alpha < 1)) return false;
    *r = (struct race){.plan = *plan};
    for (size_t k = 0; k < RACE_BETS; k++) r->log_worse[k] = r->log_better[k] = -log(RACE_BETS);
    return true;
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

/* Bets that a question is answered worse, and better, than expected. */
static void bet(struct race *r, double z, double largest, double variance)
{
    double n = (double)r->plan.questions, left = n - (double)r->asked;
    for (size_t k = 0; k < RACE_BETS; k++) {
        double lambda = fmin(size[k] * 2.8 * sqrt(variance / n) * (n / left) / variance, 0.8 / largest);
        r->log_worse[k] += log1p(-lambda * z);
        r->log_better[k] += log1p(lambda * z);
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

static double needed(const struct race *r) /* of the challenger's answers altogether */
{
    return (double)r->plan.questions * (r->plan.champion - r->plan.margin);
}

/* What is certain is said first. */
static enum race_word judge(const struct race *r)
{
    double left = (double)(r->plan.questions - r->asked), limit = -log(r->plan.alpha), slack = 1e-9 * (double)r->asked;
    if (r->sum >= needed(r) - slack) return RACE_NOT_WORSE;
    if (r->sum + left < needed(r) - slack) return RACE_WORSE;
    if (evidence_sum(r->log_better, RACE_BETS) >= limit) return RACE_NOT_WORSE;
    return evidence_sum(r->log_worse, RACE_BETS) >= limit ? RACE_WORSE : RACE_OPEN;
}

static bool is_answer(double x)
{
    return x >= 0 && x <= 1;
}

enum race_word race_see(struct race *r, double champion, double challenger)
{
    if (r->asked == r->plan.questions || !is_answer(champion) || !is_answer(challenger)) return r->word;
    double n = (double)r->plan.questions, left = n - (double)r->asked, slope, variance;
    double rest = (needed(r) - r->sum) / left, champion_rest = clip((n * r->plan.champion - r->champion_sum) / left);
    regress(r, &slope, &variance);
    bet(r, challenger - slope * (champion - champion_rest) - rest, 1 + slope + fabs(rest), variance);
    remember(r, champion, challenger);
    if (r->word == RACE_OPEN) r->word = judge(r);
    return r->word;
}
