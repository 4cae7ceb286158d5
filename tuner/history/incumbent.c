#include "tuner/history/incumbent.h"

#include "tuner/history/internal.h"

#include "tuner/base/bounded.h"

#include <math.h>

/* A Pareto study without a baseline compares with the first trial that was told. */
static void choose_stand_in(struct history *s, const struct trial *t)
{
    if (s->m.study->baseline || s->m.study->objective.form != OBJECTIVE_PARETO || s->m.baseline.stand_in) return;
    s->m.baseline.stand_in = t;
}

static bool runs_baseline(const struct memory *s, const struct trial *t)
{
    if (t == s->baseline.stand_in) return true;
    return t->role == ROLE_BASELINE || (t->role == ROLE_CONFIRM && s->trial[t->confirms]->role == ROLE_BASELINE);
}

/* In order of the trials' numbers, so that the sum has the same last bit after a restart. */
static void update_baseline(struct history *s)
{
    size_t n = 0;
    for (size_t k = 0; k < METRICS_MAX; k++) s->m.baseline.mean[k] = 0;
    for (size_t i = 0; i < s->all.n; i++) {
        const struct trial *t = s->all.at[i];
        if (t->state != TRIAL_COMPLETE || !runs_baseline(&s->m, t)) continue;
        n++;
        for (size_t k = 0; k < s->m.study->objective.n_metrics; k++)
            s->m.baseline.mean[k] = bounded_mean(s->m.baseline.mean[k], t->value[k], n);
    }
    s->m.baseline.runs = n;
    s->m.baseline.since = s->m.seq + 1;
}

static void consider(struct history *s, const struct trial *t)
{
    const struct objective *o = &s->m.study->objective;
    const double *baseline = memory_baseline(&s->m);
    if (t->role == ROLE_CONFIRM || t->state != TRIAL_COMPLETE || t->outside) return;
    if ((!baseline && objective_needs_baseline(o)) || !objective_feasible(o, t->value, baseline)) return;
    double u = objective_utility(o, t->value, baseline);
    bool better =
        !s->m.best.trial || u > s->m.best.utility || (u == s->m.best.utility && t->number < s->m.best.trial->number);
    double behind = s->m.best.trial ? better ? s->m.best.utility : u : -HUGE_VAL;
    s->m.best.second = s->m.best.trial ? fmax(s->m.best.second, behind) : behind;
    if (!better) return;
    s->m.best.trial = t;
    s->m.best.utility = u;
}

void incumbent_judge(struct history *s, const struct trial *t)
{
    choose_stand_in(s, t);
    if (!runs_baseline(&s->m, t)) {
        consider(s, t);
        return;
    }
    update_baseline(s);
    s->m.best.trial = NULL;
    for (size_t i = 0; i < s->all.n; i++) consider(s, s->all.at[i]);
}
