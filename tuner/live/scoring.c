#include "tuner/live/scoring.h"

#include <math.h>
#include <stdlib.h>

struct due {
    size_t n;
    struct store_unit *unit;
};

static void note_due(void *data, const struct store_unit *unit)
{
    struct due *d = data;
    d->unit[d->n++] = *unit;
}

/* Means of what it did within its window. */
struct means {
    const struct live_plan *plan;
    int64_t until_ms;
    double n[LIVE_METRICS_MAX], sum[LIVE_METRICS_MAX];
};

static void add_outcome(void *data, const struct store_outcome *o)
{
    struct means *m = data;
    if (o->at_ms > m->until_ms) return;
    for (size_t i = 0; i < o->n && i < m->plan->n_metrics; i++)
        if (!isnan(o->value[i])) m->n[i]++, m->sum[i] += o->value[i];
}

static void score(struct record *r, const struct store_unit *u, const struct means *m)
{
    const struct period *p = &r->experiment.period[u->period];
    struct rng chance = rng_derive((uint64_t)u->unit, "level", 0);
    double value[LIVE_METRICS_MAX];
    struct scored_unit unit = {u->period, u->segment, (size_t)u->arm, rng_unit(&chance), value};
    for (size_t i = 0; i < r->plan.n_metrics; i++) value[i] = m->n[i] > 0 ? m->sum[i] / m->n[i] : NAN;
    if (!experiment_is_whole(&r->experiment, p, u->at_ms)) {
        r->experiment.counts.spanned++;
        return;
    }
    if (r->findings.begun)
        findings_see(&r->findings, &unit, p->share);
    else if (u->arm == 0)
        findings_learn(&r->findings, &unit);
    r->experiment.counts.scored++;
    r->changed = true;
}

static enum status close_unit(struct record *r, struct store_unit *u, struct error *err)
{
    struct means m = {.plan = &r->plan, .until_ms = u->at_ms + r->plan.window_ms};
    enum status s = store_outcomes(r->store, r->row.id, u->unit, add_outcome, &m, err);
    if (s) return s;
    score(r, u, &m);
    u->done = true;
    s = store_unit_put(r->store, u, err);
    return s ? s : store_outcomes_drop(r->store, r->row.id, u->unit, err);
}

enum status scoring_close(struct record *r, int64_t now_ms, size_t *ret_n, struct error *err)
{
    struct due due = {0, must_alloc(SCORING_UNITS, sizeof *due.unit)};
    struct store_live_part part = {r->row.id, now_ms - r->plan.window_ms - r->plan.late_ms - 1, SCORING_UNITS};
    enum status s = store_units_open(r->store, &part, note_due, &due, err);
    for (size_t i = 0; !s && i < due.n; i++) s = close_unit(r, &due.unit[i], err);
    if (!s) *ret_n = due.n;
    free(due.unit);
    return s;
}
