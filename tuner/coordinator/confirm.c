#include "tuner/coordinator/confirm.h"

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
    return t->role == ROLE_SEARCH || t->role == ROLE_ENQUEUED;
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

struct entry {
    const struct trial *trial;
    double utility, feasible;
};

static int by_promise(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    bool fx = x->feasible >= 0.5, fy = y->feasible >= 0.5;
    if (fx != fy) return fx ? -1 : 1;
    double u = fx ? x->utility : x->feasible, v = fy ? y->utility : y->feasible;
    if (u != v) return u > v ? -1 : 1;
    return x->trial->number < y->trial->number ? -1 : 1;
}

/* What single measurements say, where the model is silent. */
static void measured(const struct session *s, struct entry *e)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = session_baseline(s);
    bool judged = baseline || !objective_needs_baseline(o);
    e->utility = judged ? objective_utility(o, e->trial->value, baseline) : 0;
    e->feasible = judged && objective_feasible(o, e->trial->value, baseline);
}

/* Complete searched trials, best first; in a further round only those that have not been confirmed. */
static struct entry *rank(const struct session *s, bool further, struct arena *arena, size_t *ret_n)
{
    struct search_history h = session_history(s, arena);
    double *utility = arena_array(arena, h.n, sizeof *utility), *feasible = arena_array(arena, h.n, sizeof *feasible);
    struct entry *e = arena_array(arena, s->n, sizeof *e);
    bool by_model =
        s->study->sampler == SAMPLER_GP && search_estimate(s->study, &h, s->seed, utility, feasible, NULL) == STATUS_OK;
    size_t n = 0, at = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->state == TRIAL_CANCELLED) continue; /* not in the history either */
        size_t row = at++;
        if (t->state != TRIAL_COMPLETE || !is_searched(t) || (further && is_confirmed(s, t))) continue;
        e[n].trial = t;
        if (by_model)
            e[n].utility = utility[row], e[n].feasible = feasible[row];
        else
            measured(s, &e[n]);
        n++;
    }
    qsort(e, n, sizeof *e, by_promise);
    *ret_n = n;
    return e;
}

static enum status add_one(struct session *s, const struct trial *t, size_t *added, struct error *err)
{
    enum status st = STATUS_OK;
    for (long k = 0; !st && k < s->study->confirm_seeds; k++) {
        struct rng rng =
            rng_derive(s->seed, "confirm", (uint64_t)k); /* the same seeds for every configuration: paired */
        uint64_t seed = rng_bits(&rng) >> 33;
        struct trial *added_trial;
        if (has_confirmation(s, t, seed)) continue;
        st = session_add(s, ROLE_CONFIRM, TRIAL_QUEUED, t->config, "confirm", t->number, seed, &added_trial, err);
        *added += !st;
    }
    return st;
}

enum status confirm_enqueue(struct session *s, size_t *ret_added, struct error *err)
{
    struct arena arena = {0};
    size_t n, added = 0, searched = s->n;
    *ret_added = 0;
    bool further = in_confirmation(s);
    if (confirm_count(s) == 0 || (further && settled(s))) return STATUS_OK;
    struct entry *best = rank(s, further, &arena, &n);
    enum status st = store_begin(s->store, err);
    for (size_t i = 0; !st && i < searched; i++) {
        const struct trial *t = s->trial[i];
        if (t->state == TRIAL_COMPLETE && (t->role == ROLE_BASELINE || t->role == ROLE_REFERENCE))
            st = add_one(s, t, &added, err);
    }
    for (size_t i = 0; !st && i < n && i < (size_t)s->study->confirm_top; i++)
        st = add_one(s, best[i].trial, &added, err);
    if (!st) st = store_commit(s->store, err);
    if (st)
        store_rollback(s->store);
    else
        *ret_added = added;
    arena_done(&arena);
    return st;
}
