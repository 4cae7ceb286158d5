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
    struct pairs pairs;
};

static void add_outcome(void *data, const struct store_outcome *o)
{
    struct means *m = data;
    if (o->at_ms > m->until_ms) return;
    for (size_t i = 0; i < o->n && i < m->plan->n_metrics; i++)
        if (!isnan(o->value[i])) m->n[i]++, m->sum[i] += o->value[i];
    pairs_add(&m->pairs, o->value, o->n);
}

static void score(const struct lane *l, const struct store_unit *u, const struct means *m, scored_fn *fn, void *data)
{
    double value[LIVE_METRICS_MAX];
    struct scored_unit unit = {u->period, u->segment, (size_t)u->arm, u->expected, assignment_chance(u->unit),
                               value,     &m->pairs,  u->at_ms};
    for (size_t i = 0; i < l->plan->n_metrics; i++) value[i] = m->n[i] > 0 ? m->sum[i] / m->n[i] : NAN;
    if (experiment_is_whole(l->experiment, &l->experiment->period[u->period], u->at_ms)) {
        l->experiment->counts.scored++;
        fn(data, &unit);
    } else
        l->experiment->counts.spanned++;
}

static enum status close_unit(const struct lane *l, struct store_unit *u, scored_fn *fn, void *data, struct error *err)
{
    struct means m = {.plan = l->plan,
                      .until_ms = u->at_ms + l->plan->window_ms,
                      .pairs = {l->plan->n_metrics, l->experiment->n_challengers}};
    enum status s = store_outcomes(l->store, l->id, u->unit, add_outcome, &m, err);
    if (s) return s;
    score(l, u, &m, fn, data);
    u->done = true;
    s = store_unit_put(l->store, u, err);
    return s ? s : store_outcomes_drop(l->store, l->id, u->unit, err);
}

enum status scoring_close(const struct lane *lane, int64_t now_ms, scored_fn *fn, void *data, size_t *ret_n,
                          struct error *err)
{
    struct due due = {0, must_alloc(SCORING_UNITS, sizeof *due.unit)};
    struct store_live_part part = {lane->id, now_ms - lane->plan->window_ms - lane->plan->late_ms - 1, SCORING_UNITS};
    enum status s = store_units_open(lane->store, &part, note_due, &due, err);
    for (size_t i = 0; !s && i < due.n; i++) s = close_unit(lane, &due.unit[i], fn, data, err);
    if (!s) *ret_n = due.n;
    free(due.unit);
    return s;
}
