#include "tuner/coordinator/confirm.h"

#include "tuner/coordinator/front.h"
#include "tuner/coordinator/population.h"
#include "tuner/coordinator/standing.h"

#include "tuner/base/rng.h"

#include <math.h>
#include <stdlib.h>

size_t confirm_count(const struct session *s)
{
    const struct study *study = s->study;
    size_t fixed = (study->baseline != NULL) + study->n_references;
    if (study->confirm_top == 0 || study->confirm_seeds == 0) return 0;
    return ((size_t)study->confirm_top + fixed) * (size_t)study->confirm_seeds;
}

enum { ROUNDS_MAX = 3 };

static bool is_searched(const struct trial *t)
{
    return t->role == ROLE_SEARCH || t->role == ROLE_ENQUEUED || t->role == ROLE_MEMBER;
}

/* Has a round run since the last trial of the search? */
static bool in_confirmation(const struct session *s)
{
    return s->n > 0 && s->trial[s->n - 1]->role == ROLE_CONFIRM;
}

/* Nothing more to confirm: some configuration of the search holds on fresh seeds, or enough has been tried. */
static bool settled(const struct session *s)
{
    struct arena arena = {0};
    struct standings all = standings_make(s, &s->study->objective, false, &arena);
    size_t confirmed = 0;
    bool holds = false;
    for (size_t i = 0; i < all.n; i++) {
        if (!is_searched(all.all[i].trial) || !all.all[i].confirmed) continue;
        confirmed++;
        holds |= all.all[i].feasible;
    }
    arena_done(&arena);
    return holds || confirmed >= ROUNDS_MAX * (size_t)s->study->confirm_top;
}

static bool is_confirmed(const struct session *s, const struct trial *t)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->trial[i]->role == ROLE_CONFIRM && s->trial[i]->confirms == t->number) return true;
    return false;
}

static bool has_confirmation(const struct session *s, const struct trial *t, uint64_t seed)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->trial[i]->role == ROLE_CONFIRM && s->trial[i]->confirms == t->number && s->trial[i]->seed == seed)
            return true;
    return false;
}

/* What single measurements say, where the model is silent. */
static void measured(const struct session *s, const struct trial *t, struct search_rank *r)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = session_baseline(s);
    bool judged = baseline || !objective_needs_baseline(o);
    r->utility = judged ? objective_utility(o, t->value, baseline) : 0;
    r->feasible = judged && objective_feasible(o, t->value, baseline) ? 1 : 0;
}

/* Pareto: of the feasible ones those that none of them dominates, by the score that names the knee. */
static size_t keep_front(const struct session *s, struct search_rank *ranks, size_t n, struct arena *arena)
{
    const double **value = arena_array(arena, n + 1, sizeof *value);
    double *score = arena_array(arena, n + 1, sizeof *score);
    size_t feasible = 0, kept = 0;
    for (size_t i = 0; i < n; i++) {
        measured(s, s->trial[ranks[i].at], &ranks[i]);
        if (ranks[i].feasible > 0) ranks[feasible++] = ranks[i];
    }
    for (size_t i = 0; i < feasible; i++) value[i] = s->trial[ranks[i].at]->value;
    front_score(&s->study->objective, feasible, value, NULL, score);
    for (size_t i = 0; i < feasible; i++) {
        if (!isfinite(score[i])) continue;
        ranks[kept] = ranks[i];
        ranks[kept++].utility = score[i];
    }
    return kept;
}

/* Complete searched trials, best first; in a further round only those that have not been confirmed. */
static struct search_rank *rank(struct session *s, bool further, struct arena *arena, size_t *ret_n)
{
    struct search_history h = session_view(s);
    double *utility = arena_array(arena, h.n, sizeof *utility), *feasible = arena_array(arena, h.n, sizeof *feasible);
    struct search_rank *ranks = arena_array(arena, s->n, sizeof *ranks);
    struct search *search = search_create(s->study, s->seed, NULL, 0);
    bool by_model = s->study->sampler == SAMPLER_GP && s->study->schedule.n == 0 &&
                    s->study->objective.form != OBJECTIVE_PARETO &&
                    search_estimate(search, &h, utility, feasible, NULL) == STATUS_OK;
    search_free(search);
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->outside || t->state != TRIAL_COMPLETE || !is_searched(t) || (further && is_confirmed(s, t))) continue;
        struct search_rank *r = &ranks[n++];
        r->at = i;
        if (by_model)
            r->utility = utility[t->history_at], r->feasible = feasible[t->history_at];
        else
            measured(s, t, r);
    }
    if (s->study->objective.form == OBJECTIVE_PARETO) n = keep_front(s, ranks, n, arena);
    qsort(ranks, n, sizeof *ranks, search_rank_compare);
    *ret_n = n;
    return ranks;
}

static size_t add_one(struct session *s, const struct trial *t)
{
    size_t added = 0;
    struct arena arena = {0};
    const double *config = t->config;
    bool scheduled = t->parent >= 0 || t->course.n > 0 || t->course.until > 0;
    struct course course = {0};
    if (scheduled) course = population_lineage(s, t, &arena, &config); /* the whole of it, from the beginning */
    for (long k = 0; k < s->study->confirm_seeds; k++) {
        struct rng rng =
            rng_derive(s->seed, "confirm", (uint64_t)k); /* the same seeds for every configuration: paired */
        uint64_t seed = rng_bits(&rng) >> 33;
        if (has_confirmation(s, t, seed)) continue;
        session_add(s, &(struct addition){.role = ROLE_CONFIRM,
                                          .config = config,
                                          .source = "confirm",
                                          .confirms = t->number,
                                          .seed = seed,
                                          .course = scheduled ? &course : NULL});
        added++;
    }
    arena_done(&arena);
    return added;
}

size_t confirm_enqueue(struct session *s)
{
    struct arena arena = {0};
    size_t n, added = 0, searched = s->n;
    bool further = in_confirmation(s);
    if (confirm_count(s) == 0 || (further && settled(s))) return 0;
    struct search_rank *best = rank(s, further, &arena, &n);
    for (size_t i = 0; i < searched; i++) {
        const struct trial *t = s->trial[i];
        if (t->state == TRIAL_COMPLETE && (t->role == ROLE_BASELINE || t->role == ROLE_REFERENCE))
            added += add_one(s, t);
    }
    for (size_t i = 0; i < n && i < (size_t)s->study->confirm_top; i++) added += add_one(s, s->trial[best[i].at]);
    arena_done(&arena);
    return added;
}
