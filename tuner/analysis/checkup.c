#include "tuner/analysis/checkup.h"

#include <gsl/gsl_cdf.h>
#include <math.h>

static void collect(struct checkup *x)
{
    const struct memory *s = x->s;
    x->result = arena_array(x->arena, s->n + 1, sizeof(const struct trial *));
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        x->ended += trial_state_final(t->state) && t->state != TRIAL_CANCELLED;
        x->failed += t->state == TRIAL_FAILED;
        if (t->state == TRIAL_COMPLETE && t->role != ROLE_CONFIRM && !t->outside) x->result[x->n++] = t;
    }
}

struct checkup checkup_make(const struct memory *s, const struct health_facts *facts, const struct plan *plan,
                            struct arena *arena)
{
    struct checkup x = {.s = s, .facts = facts, .arena = arena, .plan = plan};
    x.all = ranking_make(s, &s->study->objective, arena);
    collect(&x);
    return x;
}

const char *checkup_shown(const struct checkup *x, size_t metric, double v)
{
    char buf[64];
    return arena_strdup(x->arena, metric_show(&x->s->study->objective.metric[metric], v, buf, sizeof buf));
}

static const double *baseline_of(const struct checkup *x)
{
    return x->all.baseline ? x->all.baseline->mean : memory_baseline(x->s);
}

double checkup_utility(const struct checkup *x, const struct trial *t)
{
    if (t->state != TRIAL_COMPLETE) return NAN;
    return objective_known_utility(&x->s->study->objective, t->value, baseline_of(x));
}

bool checkup_feasible(const struct checkup *x, const struct trial *t)
{
    const struct objective *o = &x->s->study->objective;
    const double *baseline = baseline_of(x);
    for (size_t i = 0; i < o->n_constraints; i++) {
        const struct constraint *c = &o->constraint[i];
        if (c->factor != 0 && !baseline) continue;
        if (!constraint_allows(c, constraint_bound(c, baseline), t->value[c->metric])) return false;
    }
    return true;
}

double checkup_chance(size_t k, size_t n, double p)
{
    return k == 0 ? 1 : gsl_cdf_binomial_Q((unsigned)k - 1, p, (unsigned)n);
}
