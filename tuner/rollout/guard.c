/* A point bet of the score (score.h): λ = δ/(V + δ²), δ a little more than the fall: of five points the median is as
 * soon, of ten it is sooner. */
#include "tuner/rollout/guard.h"

#include "tuner/rollout/evidence.h"
#include "tuner/rollout/mixture.h"
#include "tuner/rollout/score.h"

#include <math.h>

static const double bet_on = 1.12; /* falls */
static const double first_stake = 0.9;
static const double believed = 50; /* pairs that the plan's variance is worth */
static const double unknown = 0.1, unknown_believed = 8;

bool guard_begin(struct guard *g, const struct guard_plan *plan)
{
    if (!(fabs(plan->bound) < 1 && plan->fall > 0 && plan->fall <= 1 && plan->exposed >= 0)) return false;
    if (!(plan->pair_variance >= 0 && plan->pair_variance <= 1)) return false;
    bool known = plan->pair_variance > 0;
    *g = (struct guard){.plan = *plan, .log_wealth = log(first_stake), .staked = first_stake};
    g->pairs = known ? believed : unknown_believed;
    g->squares = g->pairs * (known ? plan->pair_variance : unknown);
    return true;
}

/* What of the rest is due by now. */
static void stake(struct guard *g)
{
    double passed = g->exposed >= g->plan.exposed ? 1 : g->exposed / g->plan.exposed;
    double due = first_stake + (1 - first_stake) * passed;
    if (due > g->staked) g->log_wealth = evidence_sum((const double[]){g->log_wealth, log(due - g->staked)}, 2);
    g->staked = fmax(due, g->staked);
}

void guard_see(struct guard *g, const struct tally *block)
{
    struct scores x;
    scores_of(block, &x);
    stake(g);
    double lambda = score_careful(block, SIDE_BELOW, mixture_bet(bet_on * g->plan.fall, tally_score_variance(block)));
    g->log_wealth += scores_growth(&x, SIDE_BELOW, lambda, g->plan.bound);
    g->exposed += tally_units(block, ARM_CHALLENGER);
}

bool guard_see_pair(struct guard *g, double champion, double challenger)
{
    if (!(champion >= 0 && champion <= 1 && challenger >= 0 && challenger <= 1)) return false;
    double apart = challenger - champion, lambda = mixture_bet(bet_on * g->plan.fall, g->squares / g->pairs);
    stake(g);
    g->log_wealth += log1p(-fmin(lambda, 0.95 / (1 + fabs(g->plan.bound))) * (apart - g->plan.bound));
    g->exposed++;
    g->pairs++;
    g->squares += apart * apart;
    return true;
}

/* What is not staked yet is kept. */
double guard_evidence(const struct guard *g)
{
    double kept = 1 - g->staked;
    return kept > 0 ? evidence_sum((const double[]){g->log_wealth, log(kept)}, 2) : g->log_wealth;
}
