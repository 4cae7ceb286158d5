/* A point bet of the AIPW score (sequence.h) on a fall by `fall` beyond the bound: λ = δ/(V + δ²). */
#include "tuner/rollout/guard.h"

#include "tuner/rollout/evidence.h"
#include "tuner/rollout/score.h"

#include <math.h>

void guard_begin(struct guard *g, const struct guard_plan *plan)
{
    *g = (struct guard){.plan = *plan, .log_wealth = -log(2), .staked = 0.5};
}

/* What of the other half is due by now. */
static void stake(struct guard *g)
{
    double due = 0.5 + 0.5 * fmin(1, g->exposed / g->plan.exposed);
    if (due > g->staked) g->log_wealth = evidence_sum((const double[]){g->log_wealth, log(due - g->staked)}, 2);
    g->staked = due;
}

void guard_see(struct guard *g, const struct tally *block)
{
    double v = tally_score_variance(block), delta = g->plan.fall;
    stake(g);
    g->log_wealth += score_growth(block, SIDE_BELOW, g->plan.bound, score_careful(block, delta / (v + delta * delta)));
    g->exposed += tally_units(block, ARM_CHALLENGER);
}

/* What is not staked yet is kept. */
double guard_evidence(const struct guard *g)
{
    double kept = 1 - g->staked;
    return kept > 0 ? evidence_sum((const double[]){g->log_wealth, log(kept)}, 2) : g->log_wealth;
}
