/* Bet: λ_k = δ_k/(V + δ_k²) for δ_k = effect · 0.12 · 1.37^k, weights ∝ x exp(−x²/2), x = δ_k/effect (half-normal on a
 * logarithmic grid). λ ≤ 0.5/(max|Z| + 1) keeps every factor positive for all d in [−1, 1], and the product monotone in d.
 * Hedge, of level a = alpha/4: u = −Φ⁻¹(min(K a/2, 1/2)), λ = φ(u)/(Φ̄(u) √(I_N − I) V): the derivative of the chance
 * that a Brownian motion still crosses the O'Brien-Fleming line, 2 Φ̄(u) = K a by reflection. */
#include "tuner/rollout/sequence.h"

#include "tuner/rollout/evidence.h"

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <math.h>
#include <stdbool.h>

enum { BETS = 12 };

static const double first_bet = 0.12, bet_ratio = 1.37;

/* ---- the bet ---- */

static double log_bet(const struct sequence_plan *plan, const struct tally *steps, size_t n, enum side side, double d)
{
    double wealth[BETS], weights = 0;
    for (size_t k = 0; k < BETS; k++) {
        double x = first_bet * pow(bet_ratio, (double)k), delta = x * plan->effect, weight = x * exp(-x * x / 2);
        weights += weight;
        wealth[k] = log(weight);
        for (size_t h = 0; h < n; h++) {
            double v = tally_score_variance(&steps[h]);
            wealth[k] += score_growth(&steps[h], side, d, score_careful(&steps[h], delta / (v + delta * delta)));
        }
    }
    return evidence_sum(wealth, BETS) - log(weights);
}

/* ---- the hedge ---- */

static const double half_grid = 4; /* effects on each side of the target */

static double grid_at(const struct sequence_plan *plan, enum side side, size_t i)
{
    return plan->target[side] + plan->effect * half_grid * (2.0 * (double)i / (HEDGE_POINTS - 1) - 1);
}

static double hedge_lambda(const struct sequence *s, const struct tally *t, enum side side)
{
    double left = s->plan.information - s->information, wealth = exp(s->hedge[side].log_wealth[HEDGE_POINTS / 2]);
    double chance = fmin(wealth * s->plan.alpha / 8, 0.5); /* a/2 of a = alpha/4 */
    if (!(left > 0) || !(chance > 1e-300)) return 0;
    double u = gsl_cdf_ugaussian_Qinv(chance);
    return score_careful(t, gsl_ran_ugaussian_pdf(u) / (chance * sqrt(left) * tally_score_variance(t)));
}

double sequence_information(const struct tally *step, double units)
{
    return units / tally_score_variance(step);
}

void sequence_fold(struct sequence *s, const struct tally *block)
{
    for (size_t side = 0; side < SIDES; side++) {
        double lambda = hedge_lambda(s, block, (enum side)side);
        if (lambda == 0) continue;
        for (size_t i = 0; i < HEDGE_POINTS; i++)
            s->hedge[side].log_wealth[i] +=
                score_growth(block, (enum side)side, grid_at(&s->plan, (enum side)side, i), lambda);
    }
    s->information +=
        sequence_information(block, tally_units(block, ARM_CHAMPION) + tally_units(block, ARM_CHALLENGER));
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
    const double both[] = {bet, log_hedge(s, side, d)};
    return evidence_sum(both, 2) - M_LN2;
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
    double sum = 0, weights = 0;
    for (size_t h = 0; h < n; h++) {
        double v = tally_score_variance(&steps[h]);
        for (size_t a = 0; a < ARMS; a++)
            for (size_t i = 0; i < TALLY_LEVELS; i++) {
                sum += steps[h].units[a][i] * score_of(&steps[h], (enum arm)a, i) / v;
                weights += steps[h].units[a][i] / v;
            }
    }
    return sum / weights;
}
