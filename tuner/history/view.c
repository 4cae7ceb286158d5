#include "tuner/history/view.h"

#include "tuner/history/internal.h"

#include "tuner/history/curve.h"
#include "tuner/history/lending.h"
#include "tuner/history/product.h"
#include "tuner/history/seen.h"

#include <math.h>
#include <string.h>

/* ---- stages ---- */

static struct search_stage stage_of(const struct memory *s, const struct trial *t, size_t stage)
{
    const struct product *p = t->left[stage];
    bool own = p && p->trial == t->number, counts = objective_token_metric(&s->study->objective) >= 0;
    return (struct search_stage){
        .cost = own ? counts ? p->cost : p->ms : NAN, .made = p ? p->made : 0, .kept = product_is_kept(s, t, stage)};
}

/* What was evicted, or left by another program, changes with more than the trials. */
static void look_at_stages(struct history *s)
{
    size_t n = s->m.study->pipeline.n;
    if (n == 0 || s->seen.n == 0) return;
    s->stage_row = must_reserve(s->stage_row, s->seen.n * n, &s->stage_rows_capacity, sizeof *s->stage_row);
    for (size_t i = 0; i < s->seen.n; i++) {
        struct search_stage *row = s->stage_row + i * n;
        for (size_t k = 0; k < n; k++) row[k] = stage_of(&s->m, s->seen.at[i], k);
        s->seen_row[i].stage = row;
    }
}

/* By the log alone, so that it is the same in a replay: time is not in it. */
static double spent(const struct memory *s)
{
    const struct budget *b = &s->run.budget;
    double trials = b->trials ? (double)s->tally.searched / (double)b->trials : 0,
           tokens = b->tokens > 0 ? s->tally.tokens / b->tokens : 0;
    return fmin(fmax(trials, tokens), 1);
}

/* By the log alone, too: what trials that are not over were thought to need when they were added. */
static double left(const struct memory *s)
{
    double tokens = s->run.budget.tokens > 0 ? s->run.budget.tokens - s->tally.tokens : INFINITY;
    for (size_t i = 0; i < s->n_open; i++) tokens -= fmax(s->open[i]->need.tokens - s->open[i]->effort.tokens, 0);
    return tokens;
}

struct search_history history_view(struct history *s)
{
    seen_close_holes(s);
    look_at_stages(s);
    return (struct search_history){.n = s->seen.n,
                                   .trial = s->seen_row,
                                   .baseline = memory_baseline(&s->m),
                                   .n_poisonous = s->m.tally.poisonous,
                                   .left = left(&s->m),
                                   .spent = spent(&s->m)};
}

static void copy_stages(const struct history *s, struct search_trial *list, struct arena *arena)
{
    size_t n = s->m.study->pipeline.n * s->seen.n;
    struct search_stage *copy = arena_array(arena, n + 1, sizeof *copy);
    if (n == 0) return;
    memcpy(copy, s->stage_row, n * sizeof *copy);
    for (size_t i = 0; i < s->seen.n; i++) list[i].stage = copy + i * s->m.study->pipeline.n;
}

/* Configurations and results never change once they are there; curves may be forgotten. */
struct search_history history_snapshot(struct history *s, struct arena *arena)
{
    struct search_history h = history_view(s);
    struct search_trial *list = arena_array(arena, h.n + 1, sizeof *list);
    size_t size = sizeof s->m.baseline.mean;
    lending_begin(s);
    if (h.n) memcpy(list, s->seen_row, h.n * sizeof *list);
    for (size_t i = 0; i < h.n; i++)
        if (list[i].curve) list[i].curve = curve_lend(s->seen.at[i], arena);
    copy_stages(s, list, arena);
    h.trial = list;
    if (h.baseline) h.baseline = memcpy(arena_alloc(arena, size), h.baseline, size);
    return h;
}
