#include "tuner/policy/grounds.h"

#include <math.h>
#include <string.h>

/* Pareto: the metrics of all feasible complete trials; what none of them dominates would be on the front. */
static void take_front(const struct memory *s, struct arena *arena, struct evidence *e)
{
    const struct objective *o = &s->study->objective;
    double *front = arena_array(arena, s->n_seen * o->n_metrics + 1, sizeof *front);
    for (size_t i = 0; i < s->n_seen; i++) {
        const struct trial *t = s->seen_trial[i];
        if (!t || t->state != TRIAL_COMPLETE || !objective_feasible(o, t->value, memory_baseline(s))) continue;
        memcpy(front + e->n_front++ * o->n_metrics, t->value, o->n_metrics * sizeof *front);
    }
    e->front = front;
}

void grounds_take(struct history *h, int stage, struct arena *arena, struct evidence *e)
{
    const struct memory *s = history_memory(h);
    lending_begin(h);
    *e = (struct evidence){0};
    struct evidence_trial *list = arena_array(arena, s->n_curves + 1, sizeof *list);
    for (size_t i = 0; i < s->n_curves; i++) {
        const struct trial *t = s->curves[i];
        const struct learning_curve *c = &t->attempt.curve->curve;
        if (c->n == 0 || c->stage != stage || t->outside) continue;
        list[e->n++] = (struct evidence_trial){.number = t->number,
                                               .config = t->config,
                                               .curve = curve_lend(t, arena),
                                               .result = t->state == TRIAL_COMPLETE ? t->value : NULL};
    }
    e->trial = list;
    e->best_utility = s->best.trial ? s->best.utility : -HUGE_VAL;
    e->target =
        s->best.trial && s->study->confirm.top > 1 && s->best.second > -HUGE_VAL ? s->best.second : e->best_utility;
    e->baseline_runs = s->baseline.runs;
    if (memory_baseline(s))
        e->baseline = memcpy(arena_alloc(arena, sizeof s->baseline.mean), s->baseline.mean, sizeof s->baseline.mean);
    if (s->study->objective.form == OBJECTIVE_PARETO) take_front(s, arena, e);
}
