#include "tuner/search/partial.h"

#include "tuner/search/ladder.h"
#include "tuner/search/targets.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t fit_point(size_t n)
{
    size_t fit = 1;
    while (targets_next_fit(fit) <= n) fit = targets_next_fit(fit);
    return fit;
}

/* A trial with a curve. */
struct told {
    struct search_trial *trial;
    double *metrics, *spread; /* n_metrics: where what is expected of it goes; NULL: it is complete */
};

static int by_told(const void *a, const void *b)
{
    const struct told *x = a, *y = b;
    return (x->trial->told > y->trial->told) - (x->trial->told < y->trial->told);
}

/* Of a stopped trial: room for what is expected now, with what was expected when it was stopped in it. */
static struct told make_room(struct search_trial *t, size_t n_metrics, struct arena *arena)
{
    double *metrics = arena_array(arena, 2 * n_metrics, sizeof *metrics), *spread = metrics + n_metrics;
    for (size_t m = 0; m < n_metrics; m++) {
        metrics[m] = t->spread ? t->metrics[m] : NAN;
        spread[m] = t->spread ? t->spread[m] : NAN;
    }
    t->metrics = metrics;
    t->spread = spread;
    return (struct told){t, metrics, spread};
}

/* Room for all; of complete trials none is needed. */
static struct told *tell(struct search_trial *list, size_t n, size_t n_metrics, struct arena *arena)
{
    struct told *all = arena_array(arena, n + 1, sizeof *all);
    for (size_t i = 0; i < n; i++) {
        all[i] = (struct told){&list[i], NULL, NULL};
        if (list[i].outcome == SEARCH_STOPPED) all[i] = make_room(&list[i], n_metrics, arena);
    }
    return all;
}

/* Those with a curve, of this stage (SIZE_MAX: of any), in the order of their results. */
static struct told *in_order(const struct told *all, size_t n, size_t stage, struct arena *arena, size_t *ret_n)
{
    struct told *told = arena_array(arena, n + 1, sizeof *told);
    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        const struct learning_curve *c = all[i].trial->curve;
        bool known = all[i].trial->outcome == SEARCH_COMPLETE || all[i].metrics;
        if (known && c && (stage == SIZE_MAX || c->stage == (int)stage)) told[(*ret_n)++] = all[i];
    }
    qsort(told, *ret_n, sizeof *told, by_told);
    return told;
}

static void expect(const struct ladder *l, const struct told *t)
{
    struct ladder_end end;
    if (!ladder_expect(l, t->trial->curve, LADDER_RUNGS, &end)) return;
    double low = ladder_unscale(l, end.mean - end.sd / 2), high = ladder_unscale(l, end.mean + end.sd / 2);
    t->metrics[l->index] = ladder_unscale(l, end.mean);
    t->spread[l->index] = fabs(targets_transform(l->metric, high) - targets_transform(l->metric, low));
}

/* One metric of all stopped trials. */
static void expect_metric(const struct objective *o, size_t metric, const struct told *told, size_t n,
                          struct arena *arena)
{
    struct ladder_trial *known = arena_array(arena, n + 1, sizeof *known);
    struct ladder ladder;
    size_t fit = fit_point(n);
    for (size_t i = 0; i < fit; i++)
        known[i] = (struct ladder_trial){told[i].trial->curve, told[i].metrics ? NAN : told[i].trial->metrics[metric]};
    ladder_fit(o, metric, known, fit, &ladder);
    for (size_t i = 0; i < n; i++)
        if (told[i].metrics) expect(&ladder, &told[i]);
}

static void expect_all(const struct objective *o, const struct told *told, size_t n, struct arena *arena)
{
    for (size_t m = 0; n && m < o->n_metrics; m++)
        if (objective_uses(o, m)) expect_metric(o, m, told, n, arena);
}

static bool is_known(const struct objective *o, const struct search_trial *t)
{
    for (size_t m = 0; m < o->n_metrics; m++)
        if (objective_uses(o, m) && !(isfinite(t->metrics[m]) && isfinite(t->spread[m]))) return false;
    return true;
}

struct search_history partial_expect(const struct study *study, const struct search_history *h, struct arena *arena)
{
    const struct objective *o = &study->objective;
    struct search_history out = *h;
    struct search_trial *list = arena_array(arena, h->n + 1, sizeof *list);
    size_t stopped = 0, n;
    for (size_t i = 0; i < h->n; i++) stopped += h->trial[i].outcome == SEARCH_STOPPED;
    if (stopped == 0) return out;
    memcpy(list, h->trial, h->n * sizeof *list);
    out.trial = list;
    const struct told *all = tell(list, h->n, o->n_metrics, arena);
    for (size_t k = 0; k < study->pipeline.n || k == 0; k++) {
        const struct told *told = in_order(all, h->n, study->pipeline.n ? k : SIZE_MAX, arena, &n);
        expect_all(o, told, n, arena);
    }
    for (size_t i = 0; i < h->n; i++)
        if (list[i].outcome == SEARCH_STOPPED && is_known(o, &list[i])) list[i].outcome = SEARCH_COMPLETE;
    return out;
}
