#include "tuner/search/stopping.h"

#include <math.h>
#include <stdio.h>

/* Patiences that are tried; the trial's own besides. */
static const double PATIENCES[] = {1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 60, 100};
enum { N_PATIENCES = sizeof PATIENCES / sizeof *PATIENCES };

/* Share of the best utility's distance from the baseline's that a change must be expected to gain. */
static const double MARGIN = 0.02;

static double clamp(double v, const double *bounds)
{
    return fmin(fmax(v, bounds[0]), bounds[1]);
}

bool stopping_clamp(const struct stopping *s, struct early_stopping *rule)
{
    double patience = clamp(rule->patience, s->patience), threshold = clamp(rule->threshold, s->threshold);
    bool changed = patience != rule->patience || threshold != rule->threshold;
    rule->patience = patience;
    rule->threshold = threshold;
    return changed;
}

/* What a rule leads to, over all futures. */
struct prospect {
    double utility;  /* mean; what breaks a constraint counts as the baseline less what the incumbent has gained */
    double feasible; /* share */
    double cost;     /* mean */
};

static double unit_of(const struct evidence *e)
{
    return e->best_utility > -HUGE_VAL ? fmax(fabs(e->best_utility), 1e-6) : 1;
}

static struct prospect look(const struct study *study, const struct evidence *e, const struct forecast *x,
                            const struct early_stopping *rule)
{
    const struct objective *o = &study->objective;
    struct forecast_end out[FORECAST_DRAWS];
    struct prospect p = {0};
    forecast_outcomes(x, rule, out);
    for (size_t k = 0; k < FORECAST_DRAWS; k++) {
        bool feasible = objective_feasible(o, out[k].value, e->baseline);
        double utility = objective_utility(o, out[k].value, e->baseline);
        if (!feasible) utility = fmin(utility, -unit_of(e));
        p.utility += utility / FORECAST_DRAWS;
        p.feasible += (double)feasible / FORECAST_DRAWS;
        p.cost += out[k].cost / FORECAST_DRAWS;
    }
    return p;
}

static void explain(const struct prospect *was, const struct prospect *is, const struct early_stopping *from,
                    const struct advice *a, struct advice *ret)
{
    const char *trend =
        is->cost < was->cost * 0.98 ? "what is left to climb is not worth its cost"
        : is->cost > was->cost * 1.02
            ? is->feasible > was->feasible + 0.1 ? "it would end under the floor" : "it is still climbing"
            : "an improvement must exceed the noise";
    snprintf(ret->why, sizeof ret->why,
             "%s: patience %g → %g, threshold %.2g → %.2g; expected utility %.4g → %.4g, cost %.3g → %.3g", trend,
             from->patience, a->patience, from->threshold, a->threshold, was->utility, is->utility, was->cost,
             is->cost);
}

/* Rounded up, for people. */
static double three_digits(double v)
{
    double unit = v > 0 ? pow(10, floor(log10(v)) - 2) : 1;
    return ceil(v / unit) * unit;
}

void stopping_advise(const struct study *study, const struct evidence *e, const struct running *running,
                     const struct forecast *x, struct advice *ret)
{
    const struct stopping *s = &study->stopping;
    struct early_stopping rule = *running->rule;
    *ret = (struct advice){.patience = rule.patience, .threshold = rule.threshold};
    if (objective_needs_baseline(&study->objective) && !e->baseline) return;
    struct prospect own = look(study, e, x, &rule), best = own;
    bool must = stopping_clamp(s, &rule);
    double noise = forecast_noise(x, rule.metric);
    if (rule.threshold < noise) rule.threshold = clamp(three_digits(noise), s->threshold);
    struct advice a = {.patience = rule.patience, .threshold = rule.threshold};
    bool found = must;
    if (must) best = look(study, e, x, &rule);
    for (size_t i = 0; i < N_PATIENCES; i++) {
        rule.patience = PATIENCES[i];
        if (rule.patience < s->patience[0] || rule.patience > s->patience[1]) continue;
        struct prospect p = look(study, e, x, &rule);
        if (p.utility <= best.utility + (found ? 0 : MARGIN * unit_of(e))) continue;
        best = p;
        found = true;
        a.patience = rule.patience;
    }
    if (!found) return;
    a.change = true;
    *ret = a;
    explain(&own, &best, running->rule, &a, ret);
}
