#include "tuner/analysis/plan.h"

#include "tuner/analysis/remark.h"
#include "tuner/analysis/sight.h"

#include "tuner/base/bounded.h"
#include "tuner/base/rng.h"
#include "tuner/base/spread.h"
#include "tuner/base/words.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NIGHTS = 2000, NIGHTS_LEAST = 200, NIGHTS_WORK = 400000, SLOTS_MAX = 256, TRIALS_MAX = 20000 };
enum { OWN_VALUES_FROM = 8, REST_TRIES = 32 };

static const double PRIOR_DF = 3, PRIOR_VARIANCE = 0.25; /* of the log: a factor of e^½ up or down */

/* ---- what one trial takes ---- */

/* Of the logs. */
static struct spread summarise(const double *value, size_t n)
{
    struct spread out = {0};
    for (size_t i = 0; i < n; i++)
        if (value[i] > 0) spread_join(&out, log(value[i]));
    return out;
}

struct law { /* a draw of what is unknown */
    double mean, sd;
};

static double chi_squared(struct rng *rng, double df)
{
    double sum = 0;
    for (int i = 0; i < (int)df; i++) sum += pow(rng_normal(rng), 2);
    return sum;
}

static struct law draw_law(const struct spread *x, struct rng *rng)
{
    double df = PRIOR_DF + (double)x->n - 1;
    double variance =
        (PRIOR_DF * PRIOR_VARIANCE + x->square) / chi_squared(rng, df > 200 ? 200 : df) * (df > 200 ? 200 / df : 1);
    return (struct law){x->mean + sqrt(variance / (double)x->n) * rng_normal(rng), sqrt(variance)};
}

struct cost {
    double ms, tokens;
};

/* Trials that have ended, and what they took. */
struct past {
    size_t n;
    double ms[RECENT_MAX], tokens[RECENT_MAX];
    struct spread log_ms, log_tokens;
};

static void past_sum_up(struct past *x)
{
    x->log_ms = summarise(x->ms, x->n);
    x->log_tokens = summarise(x->tokens, x->n);
}

/* Of the search: also what was stopped early, or failed, or took over a stage. */
static void recall_search(const struct memory *s, struct past *ret)
{
    ret->n = 0;
    for (size_t i = s->n; i-- > 0 && ret->n < RECENT_MAX;) {
        const struct trial *t = s->trial[i];
        if (t->role == ROLE_CONFIRM || !trial_state_final(t->state) || !(t->effort.busy_ms > 0)) continue;
        ret->ms[ret->n] = t->effort.busy_ms;
        ret->tokens[ret->n++] = t->effort.tokens;
    }
    past_sum_up(ret);
}

/* Whole trials: what a confirmation takes. */
static void recall_whole(const struct memory *s, struct past *ret)
{
    ret->n = s->tally.n_recent < RECENT_MAX ? s->tally.n_recent : RECENT_MAX;
    memcpy(ret->ms, s->tally.recent_ms, ret->n * sizeof *ret->ms);
    memcpy(ret->tokens, s->tally.recent_tokens, ret->n * sizeof *ret->tokens);
    past_sum_up(ret);
}

/* Of few trials a law of logs; of more their own values, since what was stopped early and what was not obey none. */
struct luck {
    struct law ms, tokens;
    size_t pick[RECENT_MAX];
};

static void draw_luck(const struct past *x, struct rng *rng, struct luck *ret)
{
    ret->ms = draw_law(&x->log_ms, rng);
    ret->tokens = draw_law(x->log_tokens.n ? &x->log_tokens : &x->log_ms, rng);
    for (size_t i = 0; i < x->n; i++) ret->pick[i] = rng_below(rng, x->n); /* [Efron 1979] */
}

static struct cost draw_cost(const struct past *x, const struct luck *luck, double timeout, struct rng *rng)
{
    if (x->n >= OWN_VALUES_FROM) {
        size_t k = luck->pick[rng_below(rng, x->n)];
        return (struct cost){fmin(x->ms[k], timeout), x->tokens[k]};
    }
    double z = rng_normal(rng); /* what takes long costs much */
    return (struct cost){fmin(exp(luck->ms.mean + luck->ms.sd * z), timeout),
                         x->log_tokens.n ? exp(luck->tokens.mean + luck->tokens.sd * z) : 0};
}

/* ---- one night ---- */

struct scene {
    const struct memory *s;
    const struct plan *plan;
    struct past search, whole;
    double timeout;
    double tokens_left; /* that the search may spend; infinite */
    bool open_ended;    /* a deadline or its tokens end the search, no number of trials */
};

struct night {
    double tokens, ms, busy_ms;
    size_t trials; /* finished before the deadline */
    double free_at[SLOTS_MAX];
    struct luck search, whole;
};

static size_t earliest(const double *free_at, size_t slots)
{
    size_t best = 0;
    for (size_t i = 1; i < slots; i++)
        if (free_at[i] < free_at[best]) best = i;
    return best;
}

static void spend(struct night *x, size_t slot, struct cost cost)
{
    x->free_at[slot] += cost.ms;
    x->busy_ms += cost.ms;
    x->ms = fmax(x->ms, x->free_at[slot]);
    x->tokens = bounded_sum(x->tokens, cost.tokens);
    x->trials++;
}

/* What is left of a trial that has run so long: the whole of one that takes longer. */
static struct cost draw_rest(const struct past *past, const struct luck *luck, const struct scene *scene,
                             struct cost so_far, struct rng *rng)
{
    struct cost all = {0};
    for (int tries = 0; tries < REST_TRIES && !(all.ms > so_far.ms); tries++)
        all = draw_cost(past, luck, scene->timeout, rng);
    if (!(all.ms > so_far.ms)) all = (struct cost){1.25 * so_far.ms, 1.25 * so_far.tokens}; /* longer than any */
    return (struct cost){all.ms - so_far.ms, fmax(all.tokens - so_far.tokens, 0)};
}

static struct cost cost_so_far(const struct memory *s, const struct trial *t)
{
    int tokens = objective_token_metric(&s->study->objective);
    double spent = tokens >= 0 ? t->attempt.last[tokens] - t->attempt.resumed_cost : 0;
    return (struct cost){(double)(t->attempt.heard.last_ms + memory_silent_ms(s, t)), spent > 0 ? spent : 0};
}

/* The trials that run now hold their slots until they end. */
static void end_running(const struct scene *scene, struct night *x, struct rng *rng)
{
    const struct memory *s = scene->s;
    for (size_t i = 0, slot = 0; i < s->n_open; i++) {
        const struct trial *t = s->open[i];
        if (t->state != TRIAL_RUNNING && t->state != TRIAL_LEASED) continue;
        bool whole = t->role == ROLE_CONFIRM;
        spend(x, slot++ % scene->plan->slots,
              draw_rest(whole ? &scene->whole : &scene->search, whole ? &x->whole : &x->search, scene,
                        cost_so_far(s, t), rng));
    }
}

static void search_on(const struct scene *scene, struct night *x, struct rng *rng)
{
    const struct plan *plan = scene->plan;
    size_t n = scene->open_ended ? TRIALS_MAX : plan->searches - plan->running;
    for (size_t i = 0; i < n && i < TRIALS_MAX && x->tokens < scene->tokens_left; i++) {
        struct cost cost = draw_cost(&scene->search, &x->search, scene->timeout, rng);
        size_t slot = earliest(x->free_at, plan->slots);
        if (scene->open_ended && x->free_at[slot] + cost.ms > (double)plan->left_ms) break;
        spend(x, slot, cost);
    }
}

static void live_through(const struct scene *scene, struct rng *rng, struct night *ret)
{
    const struct plan *plan = scene->plan;
    ret->tokens = ret->ms = ret->busy_ms = 0;
    ret->trials = 0;
    memset(ret->free_at, 0, plan->slots * sizeof *ret->free_at);
    draw_luck(&scene->search, rng, &ret->search);
    draw_luck(&scene->whole, rng, &ret->whole);
    end_running(scene, ret, rng);
    search_on(scene, ret, rng);
    for (size_t i = plan->running_confirms; i < plan->confirms; i++)
        spend(ret, earliest(ret->free_at, plan->slots), draw_cost(&scene->whole, &ret->whole, scene->timeout, rng));
}

static struct plan_interval interval(double *value, size_t n)
{
    gsl_sort(value, 1, n);
    return (struct plan_interval){bounded(gsl_stats_quantile_from_sorted_data(value, 1, n, 0.05)),
                                  bounded(gsl_stats_median_from_sorted_data(value, 1, n)),
                                  bounded(gsl_stats_quantile_from_sorted_data(value, 1, n, 0.95))};
}

/* Fewer of long ones: what is unknown of a trial decides there, not its luck. */
static size_t nights_for(const struct scene *scene)
{
    double n = (double)(scene->plan->searches + scene->plan->confirms) + 1;
    return scene->open_ended ? NIGHTS_LEAST : (size_t)fmax(fmin(NIGHTS, NIGHTS_WORK / n), NIGHTS_LEAST);
}

static void simulate(const struct scene *scene, struct plan *plan)
{
    const struct budget *price = &scene->s->run.budget;
    size_t n = nights_for(scene), in_time = 0;
    double *value = must_alloc(4 * n, sizeof *value), *tokens_of = value, *ms_of = value + n, *cost_of = value + 2 * n,
           *trials_of = value + 3 * n;
    struct night *x = must_alloc(1, sizeof *x);
    for (size_t k = 0; k < n; k++) {
        struct rng rng = rng_derive(scene->s->seed, "plan", k);
        live_through(scene, &rng, x);
        tokens_of[k] = x->tokens;
        ms_of[k] = x->ms;
        cost_of[k] = bounded(x->tokens * price->price_token + x->busy_ms / 3600e3 * price->price_hour);
        trials_of[k] = (double)x->trials;
        in_time += x->ms <= (double)plan->left_ms;
    }
    if (scene->search.log_tokens.n) plan->tokens = interval(tokens_of, n);
    plan->ms = interval(ms_of, n);
    plan->cost = interval(cost_of, n);
    plan->trials = interval(trials_of, n);
    if (plan->left_ms < INT64_MAX && !(scene->open_ended && isinf(scene->tokens_left)))
        plan->on_time = (double)in_time / (double)n;
    free(x);
    free(value);
}

/* What the search may still spend of its tokens: the rest is kept for the confirmation. */
static double tokens_left(const struct memory *s, const struct plan *plan)
{
    if (!(s->run.budget.tokens > 0)) return INFINITY;
    double kept = (double)plan->confirms * ledger_need(s, NAN).tokens;
    return fmax(s->run.budget.tokens - ledger_tokens(s) - kept, 0);
}

static void look_ahead(const struct memory *s, struct plan *plan)
{
    struct scene *scene = must_alloc(1, sizeof *scene);
    *scene = (struct scene){.s = s,
                            .plan = plan,
                            .timeout = s->study->limits.timeout_ms > 0 ? (double)s->study->limits.timeout_ms : INFINITY,
                            .tokens_left = tokens_left(s, plan)};
    scene->open_ended = s->run.budget.trials == 0 && s->phase != STUDY_COMPLETE &&
                        (plan->left_ms < INT64_MAX || isfinite(scene->tokens_left));
    recall_search(s, &scene->search);
    recall_whole(s, &scene->whole);
    if (scene->search.log_ms.n && scene->whole.log_ms.n) simulate(scene, plan);
    free(scene);
}

/* ---- risks ---- */

__attribute__((format(printf, 2, 3))) static void warn(struct plan *plan, const char *format, ...)
{
    va_list ap;
    if (plan->n_risks == PLAN_RISKS_MAX) return;
    va_start(ap, format);
    vsnprintf(plan->risk[plan->n_risks++], sizeof plan->risk[0], format, ap);
    va_end(ap);
}

static void check_deadline(const struct memory *s, struct plan *plan)
{
    char left[40], need[40];
    if (plan->left_ms == INT64_MAX) return;
    words_show_duration(plan->left_ms > 0 ? plan->left_ms : 0, left, sizeof left);
    if (isfinite(plan->on_time) && plan->on_time < 0.9)
        warn(plan,
             "the deadline is near: %s left, and the study needs %s; it will probably end early (%.0f %% to finish)",
             left, words_show_duration((int64_t)plan->ms.median, need, sizeof need), 100 * plan->on_time);
    double each = ledger_need(s, NAN).ms, fixed = each * (double)plan->confirms / (double)plan->slots;
    if (each > 0 && fixed > 0.5 * (double)plan->left_ms)
        warn(plan, "the confirmation alone (%zu trial%s) takes %s of the %s that are left", plan->confirms,
             words_s(plan->confirms), words_show_duration((int64_t)fixed, need, sizeof need), left);
}

static void check_money(const struct memory *s, struct plan *plan)
{
    struct ledger_entry e[LEDGER_ENTRIES_MAX];
    size_t n = ledger_entries(s, e);
    char a[40], b[40];
    for (size_t i = 0; i < n; i++) {
        const struct plan_interval *x = e[i].unit == UNIT_TOKENS ? &plan->tokens : &plan->cost;
        double left = e[i].limit - e[i].spent - e[i].reserved;
        if ((e[i].unit != UNIT_TOKENS && e[i].unit != UNIT_COST) || !(x->high > left)) continue;
        warn(plan, "the budget of %s may end the study early: %s left, up to %s needed", e[i].name,
             words_show_count(fmax(left, 0), a, sizeof a), words_show_count(x->high, b, sizeof b));
    }
}

static void check_timeout(const struct memory *s, struct plan *plan)
{
    double each = ledger_need(s, NAN).ms;
    char a[40], b[40];
    size_t out = 0;
    for (size_t i = 0; i < s->n; i++) out += s->trial[i]->reason && strstr(s->trial[i]->reason, "timed out") != NULL;
    if (out)
        warn(plan, "%zu trial%s ran into the timeout; raise trial: timeout, or narrow what makes trials long", out,
             words_s(out));
    if (!s->study->limits.timeout_ms || each < 0.8 * (double)s->study->limits.timeout_ms) return;
    warn(plan, "the timeout (%s) is shorter than a trial may take (%s)",
         words_show_duration(s->study->limits.timeout_ms, a, sizeof a),
         words_show_duration((int64_t)each, b, sizeof b));
}

/* The greatest amount of it that a trial has had. */
static double greatest(const struct memory *s, size_t metric)
{
    double out = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->trial[i]->state == TRIAL_COMPLETE && !s->trial[i]->outside)
            out = fmax(out, fabs(s->trial[i]->value[metric]));
    return out;
}

static void check_tiny(const struct memory *s, size_t metric, double baseline, struct plan *plan)
{
    const struct metric *m = &s->study->objective.metric[metric];
    double most = greatest(s, metric);
    if (baseline == 0 || !(fabs(baseline) < OBJECTIVE_TINY * most)) return;
    warn(plan,
         "%s of the baseline is %.4g, next to nothing beside the %.4g of another trial: weights are relative to the "
         "baseline, so it drowns every other metric; 'unit: N' under the metric says what a difference counts in",
         m->name, baseline, most);
}

static void check_zero(const struct memory *s, struct plan *plan)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = memory_baseline(s);
    for (size_t i = 0; i < o->n_metrics && baseline && o->form == OBJECTIVE_WEIGHTS; i++) {
        if (o->weight[i] == 0 || o->metric[i].unit > 0) continue;
        check_tiny(s, i, baseline[i], plan);
        if (baseline[i] == 0)
            warn(
                plan,
                "%s of the baseline is 0: weights are relative to the baseline, so a difference of 1 counts as much as all "
                "of another metric; 'unit: N' under the metric says how much should, or use 'exchange'",
                o->metric[i].name);
    }
}

static void check_constraints(const struct memory *s, struct plan *plan)
{
    const struct objective *o = &s->study->objective;
    const double *baseline = memory_baseline(s);
    for (size_t k = 0; k < o->n_constraints && baseline; k++) {
        const struct constraint *c = &o->constraint[k];
        double bound = constraint_bound(c, baseline);
        size_t n = 0, held = 0;
        for (size_t i = 0; i < s->n; i++) {
            const struct trial *t = s->trial[i];
            if (t->state != TRIAL_COMPLETE || t->role == ROLE_BASELINE || t->outside) continue;
            n++;
            held += constraint_allows(c, bound, t->value[c->metric]);
        }
        if (o->metric[c->metric].kind == METRIC_PROPORTION && c->sense == AT_LEAST && bound > 1)
            warn(plan, "the constraint '%s' asks for %.4g, which no proportion can reach", c->text, bound);
        else if (n >= 5 && held == 0)
            warn(plan, "the constraint '%s' is probably infeasible: none of %zu trials satisfies it (bound %.4g)",
                 c->text, n, bound);
    }
}

/* What is found without a step, or in a file, says nothing while the trial runs. */
static void check_reports(const struct memory *s, struct plan *plan)
{
    const struct objective *o = &s->study->objective;
    struct arena a = {0};
    bool any = false, during = false;
    if (s->study->stopping.pruner == PRUNER_NONE) return;
    const char *action, *blind = sight_lacking(s, &a, &action);
    if (blind) warn(plan, "%s; %s", blind, action);
    arena_done(&a);
    if (blind) return;
    for (size_t i = 0; i < o->n_metrics; i++) {
        any |= o->metric[i].match != NULL;
        during |= o->metric[i].reported && !o->metric[i].file;
    }
    if (any && !during)
        warn(plan, "no 'match' reads a step, (?P<step>…), from the output: unless the program reports by itself, no "
                   "trial is stopped early");
}

static void check_size(const struct memory *s, long processors, struct plan *plan)
{
    size_t d = s->study->space.n, n = s->tally.searched + plan->searches;
    if (processors > 0 && plan->slots > (size_t)processors)
        warn(plan, "%zu slots on %ld processor%s: trials will wait for each other", plan->slots, processors,
             words_s((size_t)processors));
    if (plan->searches > 0 && n < 5 * d)
        warn(plan, "%zu trial%s few for %zu parameter%s; from five each the model has something to go by", n,
             n == 1 ? " is" : "s are", d, words_s(d));
    if (plan->known == 0)
        warn(plan, "nothing is known of this study's trials yet; --probe 3 runs three of them and keeps them");
}

/* ---- the whole ---- */

/* What a run would say first. */
static void take_notes(const struct memory *s, struct plan *plan)
{
    struct arena a = {0};
    const char *spent = remark_spent(s, &a), *lapsed = remark_lapsed(s, &a);
    snprintf(plan->spent, sizeof plan->spent, "%s", spent ? spent : "");
    snprintf(plan->lapsed, sizeof plan->lapsed, "%s", lapsed ? lapsed : "");
    arena_done(&a);
}

/* Those that run now; a queued one is still to begin. */
static void count_running(const struct memory *s, struct plan *plan)
{
    for (size_t i = 0; i < s->n_open; i++) {
        const struct trial *t = s->open[i];
        if (t->state != TRIAL_RUNNING && t->state != TRIAL_LEASED) continue;
        if (t->role == ROLE_CONFIRM)
            plan->running_confirms++;
        else
            plan->running++;
    }
    if (plan->running > plan->searches) plan->searches = plan->running;
    if (plan->running_confirms > plan->confirms) plan->confirms = plan->running_confirms;
}

void plan_make(const struct memory *s, long processors, struct plan *ret)
{
    const struct plan_interval unknown = {NAN, NAN, NAN};
    size_t pending = s->tally.searched - s->tally.finished;
    *ret = (struct plan){.known = s->tally.n_recent,
                         .confirms = study_confirm_count(s->study),
                         .slots = s->run.slots ? s->run.slots : 1,
                         .tokens = unknown,
                         .ms = unknown,
                         .cost = unknown,
                         .trials = unknown,
                         .on_time = NAN,
                         .left_ms = ledger_time_left_ms(s)};
    if (ret->slots > SLOTS_MAX) ret->slots = SLOTS_MAX;
    size_t limit = (size_t)s->run.budget.trials, finished = s->tally.finished;
    if (limit) ret->searches = limit > finished ? limit - finished : pending;
    if (ret->confirms > s->tally.confirmed)
        ret->confirms -= s->tally.confirmed;
    else if (limit && ret->searches == 0)
        ret->confirms = 0;
    take_notes(s, ret);
    count_running(s, ret);
    look_ahead(s, ret);
    check_deadline(s, ret);
    check_money(s, ret);
    check_timeout(s, ret);
    check_zero(s, ret);
    check_constraints(s, ret);
    check_reports(s, ret);
    check_size(s, processors, ret);
}
