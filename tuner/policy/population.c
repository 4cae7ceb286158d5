#include "tuner/policy/population.h"

#include "tuner/base/json.h"
#include "tuner/base/rng.h"
#include "tuner/base/words.h"

#include "tuner/search/search.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 2, QUARTER = 4 };

/* Can members be compared yet? */
static bool is_judged(const struct memory *s)
{
    return memory_baseline(s) || !objective_needs_baseline(&s->study->objective);
}

static double score(const struct memory *s, const double *metrics)
{
    double u = objective_utility(&s->study->objective, metrics, memory_baseline(s));
    return isfinite(u) ? u : -1e9;
}

/* Of one round, the members that are complete; best first. */
struct rank {
    double score;
    const struct trial *trial;
};

static int better_first(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->trial->number < y->trial->number ? -1 : 1;
}

/* ---- what has been learnt ---- */

static struct interval *intervals(const struct memory *s, struct arena *arena, size_t *ret_n)
{
    struct interval *x = arena_array(arena, s->n + 1, sizeof *x);
    *ret_n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->role != ROLE_MEMBER || t->state != TRIAL_COMPLETE || t->outside) continue;
        const struct trial *parent = memory_trial(s, t->segment.parent);
        x[(*ret_n)++] = (struct interval){.config = t->config,
                                          .round = t->segment.round,
                                          .before = parent ? score(s, parent->value) : NAN,
                                          .after = score(s, t->value)};
    }
    return x;
}

/* ---- adding members ---- */

static enum status begin(struct history *h, struct error *err)
{
    const struct memory *s = history_memory(h);
    const struct schedule *how = &s->study->schedule;
    double config[SPACE_PARAMS_MAX];
    struct trajectory trajectory = {.until = how->clone ? how->interval : 0};
    enum status st = STATUS_OK;
    for (long i = 0; !st && i < how->population; i++) {
        st = schedule_begin(s->study, s->seed, (size_t)i, config, err);
        if (!st)
            history_add(h, &(struct addition){.role = ROLE_MEMBER,
                                              .config = config,
                                              .source = "pb2: first member",
                                              .trajectory = &trajectory});
    }
    return st;
}

static void go_on(struct history *s, const struct trial *parent, const double *config, const char *source)
{
    struct trajectory trajectory = {.until = (double)(parent->segment.round + 2) *
                                             history_memory(s)->study->schedule.interval};
    history_add(
        s, &(struct addition){
               .role = ROLE_MEMBER, .config = config, .source = source, .trajectory = &trajectory, .parent = parent});
}

static void add_clone(struct history *h, const struct bandit *b, const struct rank *alive, size_t n)
{
    const struct memory *s = history_memory(h);
    struct rng rng = rng_derive(s->seed, "pb2", s->n);
    const struct trial *parent = alive[rng_below(&rng, (n + QUARTER - 1) / QUARTER)].trial;
    double config[SPACE_PARAMS_MAX];
    char why[160], source[200];
    memcpy(config, parent->config, s->study->space.n * sizeof *config);
    bandit_propose(b, score(s, parent->value), rng_bits(&rng), config, why, sizeof why);
    snprintf(source, sizeof source, "%s; clone of %ld", why, parent->number);
    go_on(h, parent, config, source);
}

/* The next round: all but the worst quarter of those that can go on do; the other places are clones. */
static enum status next_round(struct history *h, const struct rank *alive, size_t n, struct error *err)
{
    const struct memory *s = history_memory(h);
    struct arena arena = {0};
    struct bandit *b = NULL;
    size_t population = (size_t)s->study->schedule.population, keep = n - n / QUARTER, n_intervals;
    struct interval *x = intervals(s, &arena, &n_intervals);
    struct intervals so_far = {x, n_intervals, alive[0].trial->segment.round + 1};
    enum status st = bandit_create(s->study, &so_far, s->seed, &b, err);
    if (keep > population - 1) keep = population - 1;
    for (size_t i = 0; !st && i < keep; i++) go_on(h, alive[i].trial, alive[i].trial->config, "pb2: goes on");
    for (size_t i = keep; !st && i < population; i++) add_clone(h, b, alive, n);
    bandit_free(b);
    arena_done(&arena);
    return st;
}

/* ---- the machine ---- */

struct survey {
    long round; /* the last one */
    size_t members;
    struct rank *alive; /* of the last round, those that can go on */
    size_t n_alive, n_last;
    double best, best_before; /* feasible scores: up to the last round, and up to PATIENCE rounds earlier */
};

static struct survey look(const struct memory *s, struct arena *arena)
{
    struct survey v = {.round = -1, .best = -HUGE_VAL, .best_before = -HUGE_VAL};
    v.alive = arena_array(arena, s->n + 1, sizeof *v.alive);
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->role != ROLE_MEMBER) continue;
        v.members++;
        if (t->segment.round > v.round) v.round = t->segment.round;
    }
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->role != ROLE_MEMBER || t->state != TRIAL_COMPLETE) continue;
        double u = score(s, t->value);
        bool feasible = objective_feasible(&s->study->objective, t->value, memory_baseline(s));
        if (feasible) v.best = fmax(v.best, u);
        if (feasible && t->segment.round <= v.round - PATIENCE) v.best_before = fmax(v.best_before, u);
        v.n_last += t->segment.round == v.round;
        if (t->segment.round == v.round && segment_leads_on(s, t)) v.alive[v.n_alive++] = (struct rank){u, t};
    }
    qsort(v.alive, v.n_alive, sizeof *v.alive, better_first);
    return v;
}

static bool is_over(const struct memory *s, const struct survey *v, char *why, size_t size)
{
    const struct schedule *how = &s->study->schedule;
    if (how->rounds && v->round + 1 >= how->rounds)
        snprintf(why, size, "the schedule has run its %ld round%s", how->rounds, words_s((size_t)how->rounds));
    else if (v->n_alive == 0)
        snprintf(why, size, "no member of round %ld can go on", v->round);
    else if (v->best_before > -HUGE_VAL && v->best <= v->best_before)
        snprintf(why, size, "the population has been no better for %d rounds", PATIENCE);
    else
        return false;
    return true;
}

static enum status check_checkpoints(const struct memory *s, const struct survey *v, struct error *err)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->role == ROLE_MEMBER && t->state == TRIAL_COMPLETE && t->checkpoint.name) return STATUS_OK;
    }
    if (v->n_last == 0) return error_set(err, STATUS_FAILED, "no member of the schedule's first round is complete");
    return error_set(
        err, STATUS_FAILED,
        "a schedule goes on from checkpoints, and no trial has left one when it was asked to stop; let the "
        "program report {\"checkpoint\": …} (workers/README.md), or set 'clone: false'");
}

static bool has_open_member(const struct memory *s)
{
    for (size_t i = 0; i < s->n_open; i++)
        if (s->open[i]->role == ROLE_MEMBER) return true;
    return false;
}

enum status population_step(struct history *h, bool fits, enum population_state *ret, char *why, size_t size,
                            struct error *err)
{
    const struct memory *s = history_memory(h);
    struct arena arena = {0};
    *ret = POPULATION_WAITS;
    if (!is_judged(s) || has_open_member(s)) return STATUS_OK;
    struct survey v = look(s, &arena);
    enum status st = STATUS_OK;
    *ret = POPULATION_GROWS;
    if (v.members == 0)
        st = begin(h, err);
    else if (!s->study->schedule.clone) {
        *ret = POPULATION_DONE;
        snprintf(why, size, "every member has ended");
    } else {
        if (v.round == 0) st = check_checkpoints(s, &v, err);
        if (!st && !fits) snprintf(why, size, "another round of the population does not fit 'budget: trials'");
        if (!st && (!fits || is_over(s, &v, why, size)))
            *ret = POPULATION_DONE;
        else if (!st)
            st = next_round(h, v.alive, v.n_alive, err);
    }
    arena_done(&arena);
    return st;
}

/* ---- without clones ---- */

/* Utility at the last report up to a cost; NaN: it has not come so far, or the metrics are not there. */
static double score_at(const struct memory *s, const struct trial *t, double cost)
{
    const struct objective *o = &s->study->objective;
    if (!t->attempt.curve || t->attempt.curve->curve.n == 0 || learning_curve_cost(&t->attempt.curve->curve) < cost)
        return NAN;
    const struct learning_curve *c = &t->attempt.curve->curve;
    size_t i = c->n - 1;
    while (i > 0 && c->at[i - 1] >= cost) i--;
    for (size_t m = 0; m < o->n_metrics; m++)
        if (objective_in_utility(o, m) && !isfinite(c->value[i * o->n_metrics + m])) return NAN;
    return score(s, c->value + i * o->n_metrics);
}

static struct interval *curve_intervals(const struct memory *s, struct arena *arena, size_t *ret_n)
{
    double length = s->study->schedule.interval;
    struct interval *x = NULL;
    size_t capacity = 0;
    *ret_n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->role != ROLE_MEMBER || !t->attempt.curve || t->outside) continue;
        double before = NAN, after;
        for (long k = 0; !isnan(after = score_at(s, t, (double)(k + 1) * length)); k++, before = after) {
            if (*ret_n == capacity) {
                struct interval *more = arena_array(arena, 2 * capacity + 64, sizeof *more);
                if (capacity) memcpy(more, x, capacity * sizeof *x);
                x = more;
                capacity = 2 * capacity + 64;
            }
            x[(*ret_n)++] = (struct interval){
                trajectory_settings(&t->trajectory, t->config, ((double)k + 0.5) * length), k, before, after};
        }
    }
    return x;
}

/* Among those that have come as far, is it in the worst quarter? */
static bool is_weak(const struct memory *s, const struct trial *t, double cost)
{
    double own = score_at(s, t, cost);
    size_t n = 0, better = 0;
    for (size_t i = 0; i < s->n; i++) {
        double other = s->trial[i]->role == ROLE_MEMBER ? score_at(s, s->trial[i], cost) : NAN;
        n += isnan(other) ? 0 : 1;
        better += other > own ? 1 : 0;
    }
    return !isnan(own) && n >= QUARTER && better >= n - n / QUARTER;
}

/* The end of an interval that its last report has passed; 0: none, or it has got new settings since. */
static double interval_passed(const struct memory *s, const struct trial *t)
{
    const struct learning_curve *c = t->attempt.curve ? &t->attempt.curve->curve : NULL;
    if (!c || c->n == 0) return 0;
    double length = s->study->schedule.interval, end = floor(learning_curve_cost(c) / length) * length;
    bool before = c->n > 1 && c->at[c->n - 2] >= end,
         told = t->trajectory.n && t->trajectory.step[t->trajectory.n - 1].from >= end;
    return before || told ? 0 : end;
}

bool population_steer(struct history *h, const struct trial *t)
{
    const struct memory *s = history_memory(h);
    const struct schedule *how = &s->study->schedule;
    if (how->n == 0 || how->clone || t->role != ROLE_MEMBER || !is_judged(s)) return false;
    double end = interval_passed(s, t), config[SPACE_PARAMS_MAX];
    if (end <= 0 || !is_weak(s, t, end)) return false;
    struct arena arena = {0};
    struct bandit *b = NULL;
    size_t n;
    char why[160];
    long round = lround(end / how->interval);
    struct rng rng = rng_derive(s->seed, "pb2", (uint64_t)t->number * 1000003 + (uint64_t)round);
    struct interval *x = curve_intervals(s, &arena, &n);
    bool told = bandit_create(s->study, &(struct intervals){x, n, round}, s->seed, &b, NULL) == STATUS_OK;
    double now = learning_curve_cost(&t->attempt.curve->curve);
    memcpy(config, trajectory_settings(&t->trajectory, t->config, now), s->study->space.n * sizeof *config);
    if (told) {
        bandit_propose(b, score_at(s, t, end), rng_bits(&rng), config, why, sizeof why);
        told = history_set(h, t, now, config, why, NULL) == STATUS_OK;
    }
    bandit_free(b);
    arena_done(&arena);
    return told;
}
