#include "tuner/analysis/ranking.h"

#include "tuner/analysis/front.h"

#include "tuner/base/bounded.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *label_of(const struct trial *t)
{
    switch (t->role) {
    case ROLE_BASELINE:
    case ROLE_REFERENCE: return t->source;
    case ROLE_SEARCH:
    case ROLE_ENQUEUED:
    case ROLE_MEMBER:
    case ROLE_CONFIRM: return NULL;
    }
    return NULL;
}

bool ranking_is_repeated(const struct trial *t, const struct trial *again, size_t n_metrics)
{
    for (size_t k = 0; k < n_metrics; k++)
        if (t->value[k] != again->value[k] && !(isnan(t->value[k]) && isnan(again->value[k]))) return false;
    return true;
}

/* Digits that it takes to write it, trailing zeros left out: 0.95 has two. */
static int digits_of(double v)
{
    char text[40];
    int digits = 0, zeros = 0;
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision - 1, v);
        if (strtod(text, NULL) == v) break;
    }
    for (const char *c = text; *c && *c != 'e'; c++) {
        if (*c < '0' || *c > '9') continue;
        digits++;
        zeros = *c == '0' ? zeros + 1 : 0;
    }
    return digits - zeros;
}

static double chance_of(const struct metric *m, double v)
{
    int digits = digits_of(v);
    if (m->kind != METRIC_PROPORTION) return fmin(1, pow(10, 1 - digits));
    double n = m->of > 0 ? m->of : pow(10, digits) / 5, sd = sqrt(fmax(v * (1 - v), 0) * n);
    return sd > 0 ? fmin(1, 1 / (2 * sqrt(M_PI) * sd)) : 1;
}

double ranking_coincidence(const struct objective *o, const struct trial *t)
{
    double least = 1;
    for (size_t i = 0; i < o->n_metrics; i++)
        if (isfinite(t->value[i])) least = fmin(least, chance_of(&o->metric[i], t->value[i]));
    return least;
}

/* One repetition each may be luck. */
static void doubt_repetitions(struct ranking *all, const struct objective *o)
{
    double chance = 1;
    for (size_t i = 0; i < all->n; i++)
        if (all->all[i].repeats) chance *= ranking_coincidence(o, all->all[i].trial);
    for (size_t i = 0; i < all->n; i++)
        if (all->all[i].confirmed == 1 && chance > RANKING_CONVINCED) all->all[i].repeats = false;
}

/* A confirmation joins what was measured of what it confirms: Welford's running mean, and the sum of squares in `sd`.
 */
static void join(struct ranked *x, const struct trial *c, size_t m)
{
    if (x->confirmed == 0) {
        x->repeats = true;
        for (size_t k = 0; k < m; k++) x->mean[k] = x->sd[k] = 0;
    }
    x->confirmed++;
    x->repeats &= ranking_is_repeated(x->trial, c, m);
    for (size_t k = 0; k < m; k++) {
        double delta = c->value[k] - x->mean[k];
        x->mean[k] = bounded_mean(x->mean[k], c->value[k], x->confirmed);
        x->sd[k] = bounded_sum(x->sd[k], delta * (c->value[k] - x->mean[k]));
    }
}

/* Means and standard deviations over the confirmations; of what has none, its own measurement. */
static void join_confirmations(struct ranking *all, const struct memory *s, struct ranked **of_trial,
                               struct arena *arena)
{
    size_t m = s->study->objective.n_metrics;
    all->fresh = arena_array(arena, s->tally.confirmed + 1, sizeof(const struct trial *));
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *c = s->trial[i];
        if (c->role != ROLE_CONFIRM || !of_trial[c->confirms]) continue;
        struct ranked *x = of_trial[c->confirms];
        if (c->state == TRIAL_FAILED || c->state == TRIAL_INFEASIBLE)
            x->first_failed = x->failed++ ? x->first_failed : c->number;
        if (c->state != TRIAL_COMPLETE) continue;
        join(x, c, m);
        all->fresh[all->n_fresh++] = c;
    }
    for (size_t i = 0; i < all->n; i++) {
        struct ranked *x = &all->all[i];
        for (size_t k = 0; k < m; k++) x->sd[k] = x->confirmed > 1 ? sqrt(x->sd[k] / (double)(x->confirmed - 1)) : 0;
    }
    doubt_repetitions(all, &s->study->objective);
}

static void judge(struct ranking *all, const struct memory *s, const struct objective *o)
{
    const double *baseline = all->baseline ? all->baseline->mean : memory_baseline(s);
    for (size_t i = 0; i < all->n; i++) {
        struct ranked *x = &all->all[i];
        if (!baseline && objective_needs_baseline(o)) return;
        x->utility = objective_utility(o, x->mean, baseline);
        x->feasible = objective_feasible(o, x->mean, baseline);
    }
}

/* Pareto: who is on the front, with the score that names its knee (front.h) as utility. */
static void mark_front(struct ranking *all, const struct objective *o, bool any_confirmed, struct arena *arena)
{
    size_t n = 0, *at = arena_array(arena, all->n + 1, sizeof *at);
    const double **value = arena_array(arena, all->n + 1, sizeof *value);
    bool *sure = arena_array(arena, all->n + 1, sizeof *sure);
    double *score = arena_array(arena, all->n + 1, sizeof *score);
    for (size_t i = 0; i < all->n; i++) {
        all->all[i].utility = NAN;
        if (!all->all[i].feasible) continue;
        value[n] = all->all[i].mean;
        sure[n] = all->all[i].confirmed > 0;
        at[n++] = i;
    }
    front_score(o, n, value, any_confirmed ? sure : NULL, score);
    for (size_t k = 0; k < n; k++) {
        all->all[at[k]].on_front = isfinite(score[k]);
        all->all[at[k]].utility = score[k];
    }
}

double ranking_slack(const struct objective *o, const double *value, const double *baseline)
{
    double least = INFINITY;
    for (size_t i = 0; i < o->n_constraints && baseline; i++) {
        const struct constraint *c = &o->constraint[i];
        double apart = value[c->metric] - constraint_bound(c, baseline);
        least = fmin(least, (c->sense == AT_LEAST ? apart : -apart) / objective_unit(o, c->metric, baseline));
    }
    return least;
}

/* Of equal utility what keeps farther from the constraints; then the older. */
static bool is_better(const struct objective *o, const struct ranked *a, const struct ranked *b,
                      const struct ranked *base)
{
    if (a->utility != b->utility) return a->utility > b->utility;
    return base && ranking_slack(o, a->mean, base->mean) > ranking_slack(o, b->mean, base->mean);
}

struct ranking ranking_make(const struct memory *s, const struct objective *objective, struct arena *arena)
{
    struct ranking out = {.all = arena_array(arena, s->n, sizeof *out.all)};
    struct ranked **of_trial = arena_array(arena, s->n, sizeof *of_trial);
    bool any_confirmed = false, eligible_all = !objective_asks_same(objective, &s->study->objective);
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->role == ROLE_CONFIRM || t->state != TRIAL_COMPLETE || t->outside) continue;
        struct ranked *x = of_trial[i] = &out.all[out.n++];
        *x = (struct ranked){.trial = t, .label = label_of(t)};
        memcpy(x->mean, t->value, s->study->objective.n_metrics * sizeof *x->mean);
        if (t->role == ROLE_BASELINE) out.baseline = x;
    }
    join_confirmations(&out, s, of_trial, arena);
    for (size_t i = 0; i < out.n; i++) any_confirmed |= out.all[i].confirmed > 0 && &out.all[i] != out.baseline;
    judge(&out, s, objective);
    bool front = objective->form == OBJECTIVE_PARETO;
    if (front) mark_front(&out, objective, any_confirmed && !eligible_all, arena);
    for (size_t i = 0; i < out.n; i++) {
        const struct ranked *x = &out.all[i];
        if (!x->feasible || (front && !x->on_front) || (any_confirmed && !eligible_all && x->confirmed == 0)) continue;
        if (!out.winner || is_better(objective, x, out.winner, out.baseline)) out.winner = x;
    }
    return out;
}

const struct trial *ranking_incumbent(const struct memory *s, double *ret_utility)
{
    *ret_utility = s->best.utility;
    return s->best.trial;
}
