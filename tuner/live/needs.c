#include "tuner/live/needs.h"

#include <math.h>

/* Of the units that come: those that take part. */
static double part(const struct live_plan *p)
{
    return (1 - p->holdout) * (p->group.salt ? p->group.to - p->group.from : 1);
}

static double units_of_step(const struct live_plan *p, size_t n_challengers, size_t step)
{
    return p->step_units * (double)n_challengers / p->step[step] / part(p);
}

double needs_before(const struct live_plan *p, size_t n_challengers)
{
    double sum = (p->learn + p->shadow) / part(p);
    for (size_t i = 0; i + 1 < p->n_steps; i++) sum += units_of_step(p, n_challengers, i);
    return sum;
}

/* Outcomes of a scale lie in [0, 1]; of an amount, on the logarithmic scale, the width of the marks cancels. */
static double variance_of(const struct live_metric *m, enum needs_spread spread)
{
    bool small = spread == SPREAD_SMALL;
    if (m->proof == PROOF_FEWER) return small ? 0.25 : 1;
    return small ? 0.95 * 0.05 : 0.25;
}

static double apart_of(const struct live_metric *m, enum needs_truth truth)
{
    if (m->proof == PROOF_FEWER) return truth == TRUTH_SAME ? 0 : -log1p(-m->effect);
    return (truth == TRUTH_SAME ? m->margin : m->effect) / (m->high - m->low);
}

double needs_to_prove(const struct live_plan *p, size_t n_challengers, size_t metric, enum needs_truth truth,
                      enum needs_spread spread)
{
    const struct live_metric *m = &p->metric[metric];
    double both, share = live_plan_last_share(p, n_challengers, &both), apart = apart_of(m, truth);
    if (!(apart > 0)) return INFINITY;
    return exposure_needed(variance_of(m, spread), share, apart) / both / part(p);
}

/* `units` that come at a step, in days: they must come, and no more may be exposed than the plan has it. */
static double days_of(const struct live_plan *p, double units, double step, double per_day)
{
    double days = units / per_day;
    return p->limit > 0 ? fmax(days, units * part(p) * step / p->limit) : days;
}

double needs_days(const struct live_plan *p, size_t n_challengers, double last, double per_day)
{
    double days = (p->learn + p->shadow) / part(p) / per_day;
    for (size_t i = 0; i + 1 < p->n_steps; i++)
        days += days_of(p, units_of_step(p, n_challengers, i), p->step[i], per_day);
    return days + days_of(p, last, p->step[p->n_steps - 1], per_day);
}
