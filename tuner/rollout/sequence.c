/* Bet: λ_k = δ_k/(V + δ_k²), δ_k = effect · x_k of the mixture. λ ≤ 0.9/(1 + the most that Z can lose) keeps every
 * factor positive for all d in [−1, 1], and the product monotone in d. Hedge: what it needs by itself is 1/a, a = w
 * alpha/2 of its share w. u = −Φ⁻¹(K a/2), λ = φ(u)/(Φ̄(u) √(I_N − I) V): the derivative of the chance that a Brownian
 * motion still crosses the O'Brien-Fleming line, 2 Φ̄(u) = K a by reflection. */
#include "tuner/rollout/sequence.h"

#include "tuner/rollout/evidence.h"
#include "tuner/rollout/mixture.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>

/* ---- the bet ---- */

static double log_bet(const struct sequence_plan *plan, const struct tally *steps, size_t n, enum side side, double d)
{
    const struct mixture all = mixture_make();
    struct scores x;
    double wealth[MIXTURE_BETS];
    for (size_t k = 0; k < MIXTURE_BETS; k++) wealth[k] = all.log_weight[k];
    for (size_t h = 0; h < n; h++) {
        double v = tally_score_variance(&steps[h]);
        scores_of(&steps[h], &x);
        for (size_t k = 0; k < MIXTURE_BETS; k++)
            wealth[k] +=
                scores_growth(&x, side, score_careful(&steps[h], side, mixture_bet(all.size[k] * plan->effect, v)), d);
    }
    return evidence_sum(wealth, MIXTURE_BETS);
}

/* ---- the hedge ---- */

static const double hedged = 2.0 / 3; /* of the stake: half decides fewer than 80 % by the end of a plan of 1.25 n80 */
static const double half_grid = 4;    /* effects on each side of the target */

static double grid_at(const struct sequence_plan *plan, enum side side, size_t i)
{
    double at = plan->target[side] + plan->effect * half_grid * (2.0 * (double)i / (HEDGE_POINTS - 1) - 1);
    return fmin(fmax(at, -1), 1);
}

static double hedge_lambda(const struct sequence *s, const struct tally *t, enum side side)
{
    double left = s->plan.information - s->information, log_wealth = s->hedge[side].log_wealth[HEDGE_POINTS / 2];
    double chance = exp(log_wealth) * hedged * s->plan.alpha / 4; /* K a/2; at 1/2 nothing is left to hedge */
    if (!(left > 0) || !(chance > 1e-300) || chance >= 0.5) return 0;
    double u = gsl_cdf_ugaussian_Qinv(chance);
    return score_careful(t, side, gsl_ran_ugaussian_pdf(u) / (chance * sqrt(left) * tally_score_variance(t)));
}

bool sequence_begin(struct sequence *s, const struct sequence_plan *plan)
{
    if (!(plan->effect > 0 && plan->effect <= 1 && plan->alpha > 0 && plan->alpha < 1 && plan->information >= 0))
        return false;
    for (size_t side = 0; side < SIDES; side++)
        if (!(fabs(plan->target[side]) <= 1)) return false;
    *s = (struct sequence){.plan = *plan};
    return true;
}

double sequence_information(const struct tally *step, double units)
{
    return units / tally_score_variance(step);
}

static void fold_hedge(struct sequence *s, const struct tally *block, const struct scores *x, enum side side)
{
    double lambda = hedge_lambda(s, block, side);
    if (!(lambda > 0)) return;
    for (size_t i = 0; i < HEDGE_POINTS; i++)
        s->hedge[side].log_wealth[i] += scores_growth(x, side, lambda, grid_at(&s->plan, side, i));
}

void sequence_fold(struct sequence *s, const struct tally *block)
{
    struct scores x;
    scores_of(block, &x);
    for (size_t side = 0; side < SIDES; side++) fold_hedge(s, block, &x, (enum side)side);
    for (size_t i = 0; i < x.n; i++) s->information += sequence_information(block, x.units[i]);
}

/* Of the nearest point of the grid that claims more: evidence for more is evidence for less. */
static double log_hedge(const struct sequence *s, enum side side, double d)
{
    double best = -INFINITY;
    for (size_t i = 0; i < HEDGE_POINTS; i++) {
        double at = grid_at(&s->plan, side, i), slack = 1e-12;
        bool claims = side == SIDE_ABOVE ? at >= d - slack : at <= d + slack;
        if (claims) best = fmax(best, s->hedge[side].log_wealth[i]);
    }
    return best;
}

/* ---- both ---- */

double sequence_limit(const struct sequence_plan *plan)
{
    return log(2 / plan->alpha);
}

double sequence_evidence(const struct sequence *s, const struct tally *steps, size_t n, enum side side, double d)
{
    double bet = log_bet(&s->plan, steps, n, side, d);
    if (!(s->plan.information > 0)) return bet;
    return evidence_sum((const double[]){log(1 - hedged) + bet, log(hedged) + log_hedge(s, side, d)}, 2);
}

/* The end of all d that are refuted, from the side's own end of [−1, 1]: there it is refuted first. */
static double refuted_until(const struct sequence *s, const struct tally *steps, size_t n, enum side side)
{
    double refuted = side == SIDE_ABOVE ? -1 : 1, open = -refuted, limit = sequence_limit(&s->plan);
    while (fabs(open - refuted) > 1e-6) {
        double middle = (refuted + open) / 2;
        if (sequence_evidence(s, steps, n, side, middle) >= limit)
            refuted = middle;
        else
            open = middle;
    }
    return refuted;
}

struct sequence_interval sequence_interval(const struct sequence *s, const struct tally *steps, size_t n)
{
    return (struct sequence_interval){refuted_until(s, steps, n, SIDE_ABOVE), refuted_until(s, steps, n, SIDE_BELOW)};
}

double sequence_difference(const struct tally *steps, size_t n)
{
    struct scores x;
    double sum = 0, weights = 0;
    for (size_t h = 0; h < n; h++) {
        double v = tally_score_variance(&steps[h]);
        scores_of(&steps[h], &x);
        for (size_t i = 0; i < x.n; i++) sum += x.units[i] * x.z[i] / v, weights += x.units[i] / v;
    }
    return sum / weights;
}
