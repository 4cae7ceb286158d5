#include "tuner/policy/second_look.h"

#include "tuner/policy/grounds.h"

#include "tuner/base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ALIKE = 15, DEAR = 3, TRIES = 3 };

struct candidate {
    const struct trial *trial;
    struct running running;
    struct early_stopping rule;
};

struct second_look {
    struct arena arena;
    struct history *history;
    const struct study *study;
    struct evidence evidence;
    size_t n;
    struct candidate *candidate;   /* n */
    struct stopped_trial *stopped; /* n, the same */
    size_t alike;                  /* trials in a row that were stopped, if they are too many; else 0 */
    const struct candidate *choice;
    struct stop_decision verdict;
    char why[480];
};

/* ---- asking ---- */

/* The last one in which anything trains: what was stopped before that has a longer way to go, and is left. */
static int last_stage(const struct memory *s)
{
    int last = -1;
    for (size_t i = 0; i < s->n_curves; i++)
        if (s->curves[i]->attempt.curve->curve.stage > last) last = s->curves[i]->attempt.curve->curve.stage;
    return last;
}

static bool may_go_on(const struct trial *t)
{
    return t->role == ROLE_SEARCH && trial_state_may_resume(t->state) && !t->outside;
}

/* What a trial costs that runs to its end; NaN: none has. */
static double usual_cost(const struct evidence *e)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < e->n; i++)
        if (e->trial[i].result) sum += learning_curve_cost(e->trial[i].curve), n++;
    return sum / n;
}

static double price(double usual, double cost, bool in_place)
{
    if (in_place) return 1;
    return usual > cost ? usual / (usual - cost) : HUGE_VAL;
}

static void add_candidate(struct second_look *q, const struct trial *t, size_t at, double price)
{
    struct candidate *c = &q->candidate[q->n];
    const struct early_stopping *rule = curve_rule(t);
    q->stopped[q->n++] = (struct stopped_trial){at, price};
    c->trial = t;
    if (rule) c->rule = *rule;
    c->running = (struct running){
        .number = t->number, .config = t->config, .curve = q->evidence.trial[at].curve, .rule = rule ? &c->rule : NULL};
}

static void add_candidates(const struct memory *s, struct second_look *q, bool in_place)
{
    const struct evidence *e = &q->evidence;
    double usual = usual_cost(e);
    q->candidate = arena_array(&q->arena, e->n + 1, sizeof *q->candidate);
    q->stopped = arena_array(&q->arena, e->n + 1, sizeof *q->stopped);
    for (size_t i = 0; i < e->n; i++) {
        const struct trial *t = memory_trial(s, e->trial[i].number);
        double cost = learning_curve_cost(e->trial[i].curve);
        if (may_go_on(t)) add_candidate(q, t, i, price(usual, cost, in_place || t->checkpoint.name));
    }
}

static int by_told(const void *a, const void *b)
{
    const struct trial *const *x = a, *const *y = b;
    return ((*x)->told < (*y)->told) - ((*x)->told > (*y)->told);
}

/* Has the search found anything to measure others by? */
static bool has_found(const struct memory *s)
{
    const struct trial *best = s->best.trial;
    return best && best->role != ROLE_BASELINE && best->role != ROLE_REFERENCE;
}

/* Trials of the search that were stopped since the last that was not, if they are too many. */
static size_t count_alike(const struct memory *s, struct second_look *q)
{
    const struct evidence *e = &q->evidence;
    const struct trial **last = arena_array(&q->arena, e->n + 1, sizeof *last);
    double cost = 0;
    size_t n = 0, alike = 0;
    for (size_t i = 0; i < e->n; i++) {
        const struct trial *t = memory_trial(s, e->trial[i].number);
        if (t->role == ROLE_SEARCH && t->told >= 0) last[n++] = t;
    }
    qsort(last, n, sizeof *last, by_told);
    for (; alike < n && last[alike]->state == TRIAL_PRUNED; alike++)
        if (last[alike]->attempt.curve) cost += learning_curve_cost(&last[alike]->attempt.curve->curve);
    return alike >= ALIKE && (!has_found(s) || cost >= DEAR * usual_cost(e)) ? alike : 0;
}

/* One that goes on to its end is what came of it: not another before that has ended. */
static bool waits_for_one(const struct memory *s)
{
    for (size_t i = 0; i < s->n_open; i++)
        if (s->open[i]->resumed.whole) return true;
    return false;
}

struct second_look *second_look_ask(struct history *h, bool in_place)
{
    const struct memory *s = history_memory(h);
    if (s->study->stopping.pruner == PRUNER_NONE || s->study->schedule.n || memory_count(s, TRIAL_PRUNED) == 0)
        return NULL;
    struct second_look *q = must_alloc(1, sizeof *q);
    q->history = h;
    q->study = s->study;
    grounds_take(h, last_stage(s), &q->arena, &q->evidence);
    add_candidates(s, q, in_place);
    if (q->n && !waits_for_one(s)) q->alike = count_alike(s, q);
    if (q->n) return q;
    second_look_forget(q);
    return NULL;
}

void second_look_forget(struct second_look *q)
{
    lending_end(q->history);
    arena_done(&q->arena);
    free(q);
}

/* ---- thinking ---- */

/* Whoever went furthest, where nobody can tell. */
static bool is_better(const struct second_look *q, const double *worth, size_t a, size_t b)
{
    if (isnan(worth[a]) != isnan(worth[b])) return isnan(worth[b]);
    if (!isnan(worth[a])) return worth[a] > worth[b];
    return q->candidate[a].running.curve->reports > q->candidate[b].running.curve->reports;
}

static size_t best_of(const struct second_look *q, const double *worth)
{
    size_t best = 0;
    for (size_t i = 1; i < q->n; i++)
        if (is_better(q, worth, i, best)) best = i;
    return best;
}

static void judge(struct forecaster *f, struct second_look *q, const struct candidate *c)
{
    struct forecast *x = NULL;
    if (pruner_needs_forecast(q->study, &c->running)) forecast_make(f, &q->evidence, &c->running, &x, NULL);
    pruner_judge(q->study, &q->evidence, &c->running, x, &q->verdict);
    forecast_free(x);
}

/* The first that is worth it and would not be stopped again at once. */
static void choose_worthy(struct forecaster *f, struct second_look *q, double *worth)
{
    for (int k = 0; k < TRIES && !q->choice; k++) {
        size_t best = best_of(q, worth);
        if (!(worth[best] >= 1)) return;
        judge(f, q, &q->candidate[best]);
        if (!q->verdict.stop) q->choice = &q->candidate[best];
        worth[best] = NAN;
    }
}

void second_look_think(struct forecaster *f, struct second_look *q)
{
    double *worth = arena_array(&q->arena, q->n, sizeof *worth);
    pruner_reconsider(q->study, &q->evidence, q->stopped, q->n, worth);
    const struct candidate *first = &q->candidate[best_of(q, worth)];
    choose_worthy(f, q, worth);
    if (q->choice) {
        q->alike = 0;
        snprintf(q->why, sizeof q->why, "%s", q->verdict.why);
    } else if (q->alike) {
        q->choice = first;
        judge(f, q, first);
        snprintf(q->why, sizeof q->why, "%zu trials in a row were stopped; the most promising goes on to its end: %s",
                 q->alike, q->verdict.why);
    }
}

const struct trial *second_look_choice(const struct second_look *q)
{
    return q->choice ? q->choice->trial : NULL;
}

const char *second_look_why(const struct second_look *q)
{
    return q->why;
}

/* ---- deciding ---- */

enum status second_look_decide(struct history *s, const struct second_look *q, struct error *err)
{
    const struct trial *t = second_look_choice(q);
    enum status st = STATUS_OK;
    if (t && may_go_on(t)) {
        json_t *details = json_pack("{s:s}", "by", pruner_name(q->study->stopping.pruner));
        if (isfinite(q->verdict.chance)) json_object_set_new(details, "chance", json_real(q->verdict.chance));
        if (isfinite(q->verdict.target)) json_object_set_new(details, "target", json_real(q->verdict.target));
        st = history_resume(s, t, &(struct resuming){q->why, details, q->alike > 0}, err);
        json_decref(details);
    }
    return st;
}
