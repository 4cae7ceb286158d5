#include "tuner/policy/confirm.h"

#include "tuner/policy/population.h"

#include "tuner/base/rng.h"

#include "tuner/analysis/analysis.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 3, HANG = 8 };

size_t confirm_due(const struct memory *s)
{
    size_t all = study_confirm_count(s->study),
           winners = (size_t)s->study->confirm.top * (size_t)s->study->confirm.seeds;
    if (all && memory_has_confirmed(s)) return winners;
    return all > s->baseline.again ? all - s->baseline.again : 0;
}

static bool is_searched(const struct trial *t)
{
    return t->role == ROLE_SEARCH || t->role == ROLE_ENQUEUED || t->role == ROLE_MEMBER;
}

static size_t seeds_wanted(const struct memory *s)
{
    return (size_t)s->study->confirm.seeds;
}

/* The same seeds for every configuration. */
static uint64_t fresh_seed(const struct memory *s, size_t k)
{
    struct rng rng = rng_derive(s->seed, "confirm", k);
    return rng_bits(&rng) >> 33;
}

static const struct trial *confirmation_of(const struct memory *s, const struct trial *t, uint64_t seed)
{
    for (size_t i = (size_t)t->number + 1; i < s->n; i++)
        if (s->trial[i]->role == ROLE_CONFIRM && s->trial[i]->confirms == t->number && s->trial[i]->seed == seed)
            return s->trial[i];
    return NULL;
}

/* The first trial of the last round, which the first seed tells: all that was searched before it was known; NULL: there
 * was none. */
static const struct trial *last_round(const struct memory *s)
{
    uint64_t seed = fresh_seed(s, 0);
    for (size_t i = s->n; i-- > 0;)
        if (s->trial[i]->role == ROLE_CONFIRM && s->trial[i]->seed == seed && is_searched(s->trial[s->trial[i]->confirms]))
            return s->trial[i];
    return NULL;
}

/* Has a round been chosen since the last result of the search? A trial that was tried again may have a later one, and a
 * person may have had one tried meanwhile. */
static bool in_confirmation(const struct memory *s)
{
    const struct trial *round = last_round(s);
    for (size_t i = 0; round && i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (!is_searched(t) || t->state != TRIAL_COMPLETE) continue;
        if (t->number > round->number || (round->told >= 0 && t->told > round->told)) return false;
    }
    return round;
}

/* ---- what it has shown ---- */

struct shown {
    size_t confirmed, lately; /* configurations of the search that are confirmed; since its last trial */
    bool holds;               /* one of them satisfies the constraints */
    bool beats;               /* … and is better than the baseline */
};

static bool began_lately(const struct memory *s, const struct trial *t, size_t since)
{
    for (size_t i = since; i < s->n; i++)
        if (s->trial[i]->confirms == t->number) return true;
    return false;
}

static struct shown look(const struct memory *s)
{
    struct arena arena = {0};
    struct ranking all = ranking_make(s, &s->study->objective, &arena);
    struct shown out = {0};
    size_t since = s->n;
    while (since > 0 && s->trial[since - 1]->role == ROLE_CONFIRM) since--;
    for (size_t i = 0; i < all.n; i++) {
        const struct ranked *x = &all.all[i];
        if (!is_searched(x->trial) || !x->confirmed) continue;
        out.confirmed++;
        out.lately += began_lately(s, x->trial, since);
        out.holds |= x->feasible;
        out.beats |= x->feasible && (!all.baseline || !(x->utility <= all.baseline->utility));
    }
    arena_done(&arena);
    return out;
}

bool confirm_contradicts(const struct memory *s)
{
    struct shown shown = look(s);
    return shown.confirmed > 0 && !shown.beats;
}

bool confirm_repeats(const struct memory *s)
{
    struct arena arena = {0};
    struct ranking all = ranking_make(s, &s->study->objective, &arena);
    size_t confirmed = 0, repeats = 0;
    for (size_t i = 0; i < all.n; i++) {
        confirmed += all.all[i].confirmed > 0;
        repeats += all.all[i].confirmed > 0 && all.all[i].repeats;
    }
    arena_done(&arena);
    return confirmed > 0 && repeats == confirmed;
}

static bool is_same(const struct memory *s, const struct trial *a, const struct trial *b)
{
    for (size_t k = 0; k < s->study->space.n; k++)
        if (a->config[k] != b->config[k] && !(isnan(a->config[k]) && isnan(b->config[k]))) return false;
    return a->segment.parent < 0 && b->segment.parent < 0 && a->trajectory.n == 0 && b->trajectory.n == 0;
}

/* Is another trial with its very configuration being confirmed? */
static bool is_covered(const struct memory *s, const struct trial *t)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *c = s->trial[i];
        if (c->role != ROLE_CONFIRM || c->confirms == t->number || s->trial[c->confirms]->outside) continue;
        if (is_same(s, s->trial[c->confirms], t)) return true;
    }
    return false;
}

static bool is_confirmed(const struct memory *s, const struct trial *t)
{
    return began_lately(s, t, (size_t)t->number + 1);
}

/* What single measurements say, where the model is silent. */
static void measured(const struct memory *s, const struct trial *t, struct search_rank *r)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = memory_baseline(s);
    bool judged = baseline || !objective_needs_baseline(o);
    r->utility = judged ? objective_utility(o, t->value, baseline) : 0;
    r->feasible = judged && objective_feasible(o, t->value, baseline) ? 1 : 0;
}

/* Pareto: of the feasible ones those that none of them dominates, by the score that names the knee. */
static size_t keep_front(const struct memory *s, struct search_rank *ranks, size_t n, struct arena *arena)
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

struct candidates { /* complete trials of the search, best first */
    struct search_rank *rank;
    size_t n, wished; /* of them those that come first because a person had them tried */
    bool by_model;
};

/* Brings to the front what a person had tried and is, as measured, better than all that may win so far: who believes in
 * it is not told that a model of the others expects less. */
static size_t bring_wished(const struct memory *s, struct search_rank *ranks, size_t n, struct arena *arena)
{
    const struct ranking all = ranking_make(s, &s->study->objective, arena);
    double bar = all.winner ? all.winner->utility : -HUGE_VAL;
    size_t wished = 0;
    for (size_t i = 0; i < n; i++) {
        const struct trial *t = s->trial[ranks[i].at];
        struct search_rank x = ranks[i], as_measured;
        measured(s, t, &as_measured);
        if (!history_is_wish(t) || is_confirmed(s, t)) continue;
        if (as_measured.feasible == 0 || as_measured.utility < bar) continue;
        memmove(ranks + wished + 1, ranks + wished, (i - wished) * sizeof *ranks);
        ranks[wished++] = x;
    }
    return wished;
}

/* In a further round only those that have not been confirmed. By what was measured where the model is silent, and where
 * seeds make no difference: what broke a constraint there will break it again. */
static struct candidates rank(struct history *history, bool further, struct arena *arena)
{
    const struct memory *s = history_memory(history);
    struct search_history h = history_view(history);
    double *utility = arena_array(arena, h.n, sizeof *utility), *feasible = arena_array(arena, h.n, sizeof *feasible);
    struct search_rank *ranks = arena_array(arena, s->n, sizeof *ranks);
    struct search *search = search_create(s->study, s->seed, NULL, 0);
    bool by_model = s->study->sampler == SAMPLER_GP && s->study->schedule.n == 0 &&
                    s->study->objective.form != OBJECTIVE_PARETO && !confirm_repeats(s) &&
                    search_estimate(search, &h, utility, feasible, NULL) == STATUS_OK;
    search_free(search);
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *t = s->trial[i];
        if (t->outside || t->state != TRIAL_COMPLETE || !is_searched(t) || (further && is_confirmed(s, t))) continue;
        struct search_rank *r = &ranks[n++];
        r->at = i;
        if (by_model)
            r->utility = utility[t->at.seen], r->feasible = feasible[t->at.seen];
        else
            measured(s, t, r);
    }
    bool front = s->study->objective.form == OBJECTIVE_PARETO;
    if (front) n = keep_front(s, ranks, n, arena);
    qsort(ranks, n, sizeof *ranks, search_rank_compare);
    return (struct candidates){ranks, n, front ? 0 : bring_wished(s, ranks, n, arena), by_model};
}

static void add_one(struct history *s, const struct trial *t, uint64_t seed, const char *source)
{
    struct arena arena = {0};
    const double *config = t->config;
    const bool part = segment_is_part(t);
    struct trajectory trajectory = {0};
    if (part) trajectory = lineage_of(history_memory(s), t, &arena, &config); /* the whole of it, from the beginning */
    history_add(s, &(struct addition){.role = ROLE_CONFIRM,
                                      .config = config,
                                      .source = source,
                                      .confirms = t->number,
                                      .seed = seed,
                                      .trajectory = part ? &trajectory : NULL});
    arena_done(&arena);
}

static bool is_used(const struct memory *s, uint64_t seed)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->trial[i]->seed == seed) return true;
    return false;
}

void confirm_again(struct history *h, const struct trial *t, size_t n)
{
    const struct memory *s = history_memory(h);
    for (size_t k = 0, added = 0; added < n; k++) {
        struct rng rng = rng_derive(s->seed, "reproduce", k);
        uint64_t seed = rng_bits(&rng) >> 33;
        if (is_used(s, seed)) continue;
        add_one(h, t, seed, "reproduce");
        added++;
    }
}

/* ---- the baseline, early ---- */

static bool confirms_baseline(const struct memory *s, const struct trial *t)
{
    return t->role == ROLE_CONFIRM && s->trial[t->confirms]->role == ROLE_BASELINE;
}

static const struct trial *find_baseline(const struct memory *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->trial[i]->role == ROLE_BASELINE) return s->trial[i];
    return NULL;
}

/* How many trials are judged by what was measured of it: by a constraint, or as they were stopped. */
static size_t judged(const struct memory *s)
{
    return objective_is_bound(&s->study->objective) ? s->tally.finished : memory_count(s, TRIAL_PRUNED);
}

/* On how many fresh seeds is it to be measured by now? On one before the others, like everything. */
static size_t seeds_due(const struct memory *s, bool searched)
{
    const struct objective *o = &s->study->objective;
    size_t again = s->baseline.again;
    if (study_confirm_count(s->study) == 0 || again >= seeds_wanted(s) || !objective_needs_baseline(o)) return 0;
    if (searched && objective_is_bound(o)) return again == 0 ? 1 : seeds_wanted(s);
    return judged(s) >= HANG * (((size_t)2 << again) - 1) ? again + 1 : 0;
}

/* Has its last confirmation shown that another would say something? */
static bool may_differ(const struct memory *s, const struct trial *t)
{
    if (s->baseline.again == 0) return true;
    const struct trial *last = confirmation_of(s, t, fresh_seed(s, s->baseline.again - 1));
    return last && last->state == TRIAL_COMPLETE && !ranking_is_repeated(t, last, s->study->objective.n_metrics);
}

size_t confirm_baseline(struct history *h, bool searched)
{
    const struct memory *s = history_memory(h);
    size_t again = s->baseline.again, due = seeds_due(s, searched), many = judged(s);
    char source[80];
    if (due <= again) return 0;
    const struct trial *t = find_baseline(s);
    if (!t || t->state != TRIAL_COMPLETE || t->outside || !may_differ(s, t)) return 0;
    snprintf(source, sizeof source, "confirm: %zu trial%s judged by it", many, many == 1 ? " is" : "s are");
    for (size_t k = again; k < due; k++) add_one(h, t, fresh_seed(s, k), source);
    return many;
}

/* ---- the seeds of a round ---- */

/* In the arena: the trials whose confirmation has begun; not the baseline alone, early. */
static size_t begun(const struct memory *s, struct arena *arena, const struct trial ***ret)
{
    size_t n = 0;
    bool *seen = arena_array(arena, s->n + 1, sizeof *seen);
    *ret = arena_array(arena, s->n + 1, sizeof **ret);
    for (size_t i = 0; i < s->n; i++) {
        const struct trial *c = s->trial[i];
        if (c->role != ROLE_CONFIRM || seen[c->confirms]) continue;
        seen[c->confirms] = true;
        if (!s->trial[c->confirms]->outside) (*ret)[n++] = s->trial[c->confirms];
    }
    return n == 1 && (*ret)[0]->role == ROLE_BASELINE ? 0 : n;
}

struct firsts { /* confirmations on the first seed, of those that lack others */
    size_t open, repeated, other;
    double chance; /* that those which are repeated are so by luck */
};

static void count_first(const struct memory *s, const struct trial *t, struct firsts *f)
{
    const struct trial *first = confirmation_of(s, t, fresh_seed(s, 0));
    if (!first || (trial_state_final(first->state) && first->state != TRIAL_COMPLETE))
        f->other++;
    else if (!trial_state_final(first->state))
        f->open++;
    else if (ranking_is_repeated(t, first, s->study->objective.n_metrics))
        f->repeated++, f->chance *= ranking_coincidence(&s->study->objective, t);
    else
        f->other++;
}

static size_t add_missing(struct history *h, const struct trial *const *t, size_t n)
{
    const struct memory *s = history_memory(h);
    size_t added = 0;
    for (size_t k = 0; k < seeds_wanted(s); k++) /* one seed of all before the next */
        for (size_t i = 0; i < n; i++) {
            if (confirmation_of(s, t[i], fresh_seed(s, k))) continue;
            add_one(h, t[i], fresh_seed(s, k), "confirm");
            added++;
        }
    return added;
}

static bool lacks_seeds(const struct memory *s, const struct trial *t)
{
    for (size_t k = 0; k < seeds_wanted(s); k++)
        if (!confirmation_of(s, t, fresh_seed(s, k))) return true;
    return false;
}

/* What has begun gets its other seeds, unless the first has shown that they say nothing. */
static enum confirm_step go_on(struct history *h)
{
    const struct memory *s = history_memory(h);
    struct arena arena = {0};
    const struct trial **t;
    struct firsts f = {.chance = 1};
    size_t n = begun(s, &arena, &t), lacking = 0;
    for (size_t i = 0; i < n; i++) {
        if (!lacks_seeds(s, t[i])) continue;
        count_first(s, t[i], &f);
        t[lacking++] = t[i];
    }
    bool luck = f.open == 0 && f.chance > RANKING_CONVINCED;
    enum confirm_step out = lacking == 0          ? CONFIRM_OVER
                            : f.other > 0 || luck ? CONFIRM_SEEDS
                            : f.open > 0          ? CONFIRM_WAITS
                                                  : CONFIRM_REPEATS;
    if (out == CONFIRM_SEEDS) add_missing(h, t, lacking);
    arena_done(&arena);
    return out;
}

/* ---- rounds ---- */

/* Nothing more to confirm: some configuration of the search holds on fresh seeds, or enough has been tried. */
static bool settled(const struct memory *s, const struct shown *shown)
{
    return in_confirmation(s) && (shown->holds || shown->lately >= ROUNDS_MAX * (size_t)s->study->confirm.top);
}

/* The best as measured, which is not among those that are confirmed now: why not. "": it is. */
static const char *say_passed_over(const struct memory *s, const struct candidates *c, struct arena *a)
{
    double utility;
    const struct trial *t = ranking_incumbent(s, &utility);
    if (!t || !is_searched(t) || is_confirmed(s, t) || is_covered(s, t) || !c->by_model) return "";
    for (size_t i = 0; i < c->n; i++) {
        if (s->trial[c->rank[i].at] != t) continue;
        if (c->rank[i].feasible < 0.5)
            return arena_printf(a,
                                "; trial %ld measured best, but satisfies the constraints with a chance of %.0f %% "
                                "only",
                                t->number, 100 * c->rank[i].feasible);
        return arena_printf(a, "; trial %ld measured best, but less is expected of it again", t->number);
    }
    return "";
}

/* "trial 17, trial 13: the best by a model of all trials, …" */
static void say_choice(const struct memory *s, const struct candidates *c, const char *names, struct arena *a,
                       struct confirm_choice *ret)
{
    const struct objective *o = &s->study->objective;
    const char *by = o->form == OBJECTIVE_PARETO            ? "of the front, as measured"
                     : c->by_model && o->n_constraints == 0 ? "the best by a model of all trials"
                     : c->by_model                          ? "the best by a model of all trials, of what probably "
                                                              "satisfies the constraints"
                                                            : "the best as measured";
    snprintf(ret->text, sizeof ret->text, "%s: %s%s", names, by, say_passed_over(s, c, a));
}

static size_t begin_round(struct history *h, const struct shown *shown, struct confirm_choice *ret)
{
    const struct memory *s = history_memory(h);
    struct arena arena = {0};
    size_t added = 0, searched = s->n;
    const struct candidates c = rank(h, shown->confirmed > 0 && !shown->beats, &arena);
    const char *names = NULL;
    uint64_t seed = fresh_seed(s, 0);
    for (size_t i = 0; i < searched; i++) {
        const struct trial *t = s->trial[i];
        bool fixed = t->role == ROLE_BASELINE || t->role == ROLE_REFERENCE;
        if (!fixed || t->state != TRIAL_COMPLETE || t->outside || confirmation_of(s, t, seed)) continue;
        add_one(h, t, seed, "confirm");
        added++;
    }
    size_t chosen = 0;
    for (size_t i = 0; i < c.n && chosen < (size_t)s->study->confirm.top; i++) {
        const struct trial *t = s->trial[c.rank[i].at];
        if (is_covered(s, t)) continue; /* the baseline's own configuration, or one that was tried twice */
        chosen++;
        if (confirmation_of(s, t, seed)) continue;
        add_one(h, t, seed, "confirm");
        names = arena_printf(&arena, "%s%strial %ld%s", names ? names : "", names ? ", " : "", t->number,
                             i < c.wished ? " (enqueued; nothing that may win measured better)" : "");
        added++;
    }
    if (ret && names) say_choice(s, &c, names, &arena, ret);
    arena_done(&arena);
    return added;
}

/* Does anything run, or is to, that decides what is confirmed? Runs of the baseline alone are waited for by who began
 * them. */
static bool is_undecided(const struct memory *s)
{
    struct arena arena = {0};
    const struct trial **begun_of;
    size_t n = 0;
    bool round = begun(s, &arena, &begun_of) > 0;
    for (size_t i = 0; i < s->n_open; i++) n += round || !confirms_baseline(s, s->open[i]);
    arena_done(&arena);
    return n > 0;
}

enum confirm_step confirm_step(struct history *h, struct confirm_choice *ret)
{
    if (ret) *ret->text = 0;
    const struct memory *s = history_memory(h);
    if (study_confirm_count(s->study) == 0) return CONFIRM_OVER;
    enum confirm_step step = go_on(h);
    if (step == CONFIRM_SEEDS || step == CONFIRM_WAITS) return step;
    if (is_undecided(s)) return CONFIRM_WAITS;
    struct shown shown = look(s);
    if (settled(s, &shown) || begin_round(h, &shown, ret) == 0) return step;
    return CONFIRM_ROUND;
}
