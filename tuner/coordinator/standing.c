#include "tuner/coordinator/standing.h"

#include <math.h>

static const char *label_of(const struct trial *t)
{
    switch (t->role) {
    case ROLE_BASELINE:
    case ROLE_REFERENCE: return t->source;
    case ROLE_SEARCH:
    case ROLE_ENQUEUED:
    case ROLE_CONFIRM: return NULL;
    }
    return NULL;
}

/* Means over the trials that confirm `t`, or t itself. */
static struct standing measure(const struct session *s, const struct trial *t)
{
    struct standing out = {.trial = t, .label = label_of(t)};
    size_t m = s->study->objective.n_metrics;
    double square[METRICS_MAX] = {0};
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *c = s->trial[i];
        if (c->role != ROLE_CONFIRM || c->confirms != t->number || c->state != TRIAL_COMPLETE) continue;
        out.confirmed++;
        for (size_t k = 0; k < m; k++) { /* Welford's running mean and sum of squares */
            double delta = c->value[k] - out.mean[k];
            out.mean[k] += delta / (double)out.confirmed;
            square[k] += delta * (c->value[k] - out.mean[k]);
        }
    }
    for (size_t k = 0; k < m; k++) {
        if (out.confirmed == 0) out.mean[k] = t->value[k];
        if (out.confirmed > 1) out.sd[k] = sqrt(square[k] / (double)(out.confirmed - 1));
    }
    return out;
}

static void judge(struct standings *all, const struct session *s, const struct objective *o)
{
    const double *baseline = all->baseline ? all->baseline->mean : session_baseline(s);
    for (size_t i = 0; i < all->n; i++) {
        struct standing *x = &all->all[i];
        if (!baseline && objective_needs_baseline(o)) return;
        x->utility = objective_utility(o, x->mean, baseline);
        x->feasible = objective_feasible(o, x->mean, baseline);
    }
}

static void mark_front(struct standings *all, const struct objective *o)
{
    if (o->form != OBJECTIVE_PARETO) return;
    for (size_t i = 0; i < all->n; i++) {
        all->all[i].on_front = all->all[i].feasible;
        for (size_t k = 0; k < all->n && all->all[i].on_front; k++)
            if (all->all[k].feasible && objective_dominates(o, all->all[k].mean, all->all[i].mean))
                all->all[i].on_front = false;
    }
}

struct standings standings_make(const struct session *s, const struct objective *objective, bool eligible_all,
                                struct arena *arena)
{
    struct standings out = {.all = arena_array(arena, s->n, sizeof *out.all)};
    bool any_confirmed = false;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->role == ROLE_CONFIRM || t->state != TRIAL_COMPLETE || t->outside) continue;
        struct standing *x = &out.all[out.n++];
        *x = measure(s, t);
        if (t->role == ROLE_BASELINE) out.baseline = x;
        any_confirmed |= x->confirmed > 0;
    }
    judge(&out, s, objective);
    for (size_t i = 0; i < out.n; i++) {
        const struct standing *x = &out.all[i];
        if (!x->feasible || (any_confirmed && !eligible_all && x->confirmed == 0)) continue;
        if (!out.winner || x->utility > out.winner->utility) out.winner = x;
    }
    mark_front(&out, objective);
    return out;
}

const struct trial *standing_incumbent(const struct session *s, double *ret_utility)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = session_baseline(s);
    const struct trial *best = NULL;
    if (!baseline && objective_needs_baseline(o)) return NULL;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->role == ROLE_CONFIRM || t->state != TRIAL_COMPLETE || t->outside ||
            !objective_feasible(o, t->value, baseline))
            continue;
        double u = objective_utility(o, t->value, baseline);
        if (best && u <= *ret_utility) continue;
        best = t;
        *ret_utility = u;
    }
    return best;
}
