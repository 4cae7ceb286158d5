/* What else could be had, what was tried and stopped for it, and what it cost. */
#include "tuner/report/morning_parts.h"

#include "tuner/report/figure_study.h"
#include "tuner/report/text.h"

#include "tuner/base/bounded.h"
#include "tuner/base/plain.h"
#include "tuner/base/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the choice ---- */

/* "em 0.7 and tokens 0.3" */
static const char *weights_text(const struct morning *m)
{
    const char *all = "";
    for (size_t i = 0; i < m->o->n_metrics; i++)
        if (m->o->weight[i] > 0)
            all = arena_printf(m->a, "%s%s%s %.4g", all, *all ? " and " : "", m->o->metric[i].name, m->o->weight[i]);
    return all;
}

static const char *whoever(const struct morning *m, long trial)
{
    const struct comparison_row *row = morning_row(m, trial);
    const char *who = row ? morning_who(m, row) : arena_printf(m->a, "trial %ld", trial);
    return row && row->seeds ? who : arena_printf(m->a, "%s, measured once,", who);
}

/* Where another would win, on both sides of the study's own weight. */
static const char *turns_text(const struct morning *m, const struct envelope *x)
{
    const char *all = "", *name = m->o->metric[x->metric].name;
    size_t own = 0;
    while (own + 1 < x->n && x->from[own + 1].weight <= x->weight) own++;
    if (x->from[own].trial != m->d.comparison.winner->trial)
        all = arena_printf(m->a, "; if one measurement were enough, %s would", whoever(m, x->from[own].trial));
    if (own + 1 < x->n)
        all = arena_printf(m->a, "%s; above %s %.3g %s would", all, name, x->from[own + 1].weight,
                           whoever(m, x->from[own + 1].trial));
    if (own > 0)
        all = arena_printf(m->a, "%s; below %s %.3g %s would", all, name, x->from[own].weight,
                           whoever(m, x->from[own - 1].trial));
    return *all ? all : "; of all that was tried nothing else does, whatever the weights";
}

static void say_weights(struct morning *m, struct story_section *x)
{
    const struct comparison_row *winner = m->d.comparison.winner;
    struct envelope e;
    const char *other = NULL;
    if (!winner || m->o->form != OBJECTIVE_WEIGHTS || !envelope_make(m->s, m->o, &m->all, -1, m->a, &e)) return;
    for (size_t i = 0; i < m->o->n_metrics && !other; i++)
        if (m->o->weight[i] > 0 && i != e.metric) other = m->o->metric[i].name;
    if (!other || e.n == 0) return;
    story_say(x, m->a, STORY_SENTENCE,
              arena_printf(m->a,
                           "With weights %s %s wins%s. Other weights need no new trial: " CODE(
                               "nocturne best %s --weights %s=0.9,%s=0.1") ".",
                           weights_text(m), morning_who(m, winner), turns_text(m, &e), m->story->name,
                           m->o->metric[e.metric].name, other));
}

static const struct comparison_row *best_by(const struct comparison *c, size_t gain, enum goal goal)
{
    const struct comparison_row *best = NULL;
    for (size_t i = 0; i < c->n; i++)
        if (c->row[i].seeds && (!best || goal * (c->row[i].mean[gain] - best->mean[gain]) > 0)) best = &c->row[i];
    return best;
}

/* The cheapest of those whose gain is within noise of the best: two of its standard deviations apart. */
static void say_cheapest(struct morning *m, struct story_section *x)
{
    const struct comparison *c = &m->d.comparison;
    int cost = figure_cost(m->o), gain = figure_gain(m->o, cost);
    if (cost < 0 || gain < 0) return;
    const struct metric *g = &m->o->metric[gain];
    const struct comparison_row *best = best_by(c, (size_t)gain, g->goal), *cheap = best;
    const struct noise each = noise_fresh(&m->all, (size_t)gain);
    if (!best || !each.freedom) return;
    for (size_t i = 0; i < c->n; i++) {
        const struct comparison_row *row = &c->row[i];
        double noise = 2 * each.sd * sqrt(1 / (double)best->seeds + 1 / (double)(row->seeds ? row->seeds : 1));
        if (row->seeds && g->goal * (best->mean[gain] - row->mean[gain]) <= noise &&
            row->mean[cost] < cheap->mean[cost])
            cheap = row;
    }
    story_say(
        x, m->a, STORY_SENTENCE,
        arena_printf(
            m->a,
            "The best %s of what was confirmed: %s, %s. The cheapest that is within noise of it: %s, %s with %s %s.",
            g->name, morning_who(m, best), morning_metric(m, (size_t)gain, best->mean[gain]),
            cheap == best ? "itself" : morning_who(m, cheap), morning_metric(m, (size_t)gain, cheap->mean[gain]),
            morning_metric(m, (size_t)cost, cheap->mean[cost]), m->o->metric[cost].name));
}

void morning_choice(struct morning *m)
{
    struct story_section *x = story_section(m->story, m->a, "What there is to choose from");
    morning_figure(m, x, FIGURE_FRONT);
    say_weights(m, x);
    say_cheapest(m, x);
}

/* ---- what was tried ---- */

static const char *states_text(const struct morning *m)
{
    const char *all = "";
    static const char *const words[TRIAL_STATES] = {[TRIAL_PRUNED] = "stopped early"};
    for (int i = 0; i < TRIAL_STATES; i++)
        if (m->d.states[i])
            all = arena_printf(m->a, "%s%s%zu %s", all, *all ? ", " : "", m->d.states[i],
                               words[i] ? words[i] : trial_state_name((enum trial_state)i));
    return all;
}

/* Which trial was the last that was better than all before it; −1: none. *ret_n: of how many of the search. */
static long last_gain(const struct morning *m, size_t *ret_n, size_t *ret_at)
{
    double best = -HUGE_VAL;
    long last = -1;
    *ret_n = *ret_at = 0;
    for (size_t i = 0; i < m->s->n; i++) {
        const struct trial *t = m->s->trial[i];
        if (!memory_is_searched(t)) continue;
        ++*ret_n;
        if (!figure_is_feasible(m->s, t)) continue;
        double u = figure_value(m->s, t, FIGURE_UTILITY);
        if (isfinite(u) && u > best) best = u, last = t->number, *ret_at = *ret_n;
    }
    return last;
}

static void say_counts(struct morning *m, struct story_section *x)
{
    size_t n, at;
    long last = m->o->form == OBJECTIVE_PARETO ? -1 : last_gain(m, &n, &at);
    story_say(x, m->a, STORY_SENTENCE, arena_printf(m->a, STRONG("%zu trials") ": %s.", m->d.trials, states_text(m)));
    if (last >= 0)
        story_say(x, m->a, STORY_SENTENCE,
                  arena_printf(m->a, "The last gain of the search came with trial %ld, the %zu%s of its %zu.", last, at,
                               at % 10 == 1 && at % 100 != 11   ? "st"
                               : at % 10 == 2 && at % 100 != 12 ? "nd"
                               : at % 10 == 3 && at % 100 != 13 ? "rd"
                                                                : "th",
                               n));
}

static void say_stops(struct morning *m, struct story_section *x)
{
    const struct stop_audit *s = &m->stops;
    if (s->pruned == 0 && s->audited == 0) return;
    double all = bounded_sum(s->spent, s->saved);
    const char *cost = objective_cost_name(m->o), *share = "";
    if (objective_token_metric(m->o) >= 0 && all > 0)
        share =
            arena_printf(m->a, ", " STRONG("%.0f %%") " of what the search would have spent", 100 * (s->saved / all));
    const char *audit =
        s->audited
            ? arena_printf(
                  m->a,
                  "Of %zu that were left running to check, %zu would have been stopped wrongly (%.0f %%, 95 %% interval %.0f to %.0f %%).",
                  s->audited, s->wrong, 100 * s->rate, 100 * s->low, 100 * s->high)
            : "None was left running to check, so it is not known how often that was wrong.";
    story_say(
        x, m->a, STORY_SENTENCE,
        arena_printf(
            m->a,
            "%zu trial%s stopped early, which saved about %s %s%s. %s A stopped trial is no failure, and no result.",
            s->pruned, s->pruned == 1 ? " was" : "s were", morning_count(m, s->saved), cost, share, audit));
}

/* ---- failures by what they said last ---- */

struct cluster {
    const char *reason;
    size_t n;
    long trial; /* the first of them */
    bool apart; /* by numbers alone */
};

static int by_reason(const void *a, const void *b)
{
    const struct cluster *x = a, *y = b;
    int order = words_compare(x->reason, y->reason);
    return order ? order : (x->trial > y->trial) - (x->trial < y->trial);
}

static int by_size(const void *a, const void *b)
{
    const struct cluster *x = a, *y = b;
    return x->n != y->n ? (x->n < y->n ? 1 : -1) : x->trial < y->trial ? -1 : x->trial > y->trial;
}

static size_t gather(const struct morning *m, struct cluster *c)
{
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < m->s->n; i++) {
        const struct trial *t = m->s->trial[i];
        if (t->state != TRIAL_FAILED && t->state != TRIAL_INFEASIBLE) continue;
        const char *reason = t->reason ? t->reason : "without a word", *line = strrchr(reason, '\n');
        c[n++] = (struct cluster){line && line[1] ? line + 1 : reason, 1, t->number, false};
    }
    if (n) qsort(c, n, sizeof *c, by_reason);
    for (size_t i = 0; i < n; i++)
        if (kept && words_compare(c[kept - 1].reason, c[i].reason) == 0) {
            c[kept - 1].n++;
            c[kept - 1].apart |= strcmp(c[kept - 1].reason, c[i].reason) != 0;
        } else
            c[kept++] = c[i];
    if (kept) qsort(c, kept, sizeof *c, by_size);
    return kept;
}

enum { CLUSTERS_MAX = 5, REASON_MAX = 300 };

static void say_failures(struct morning *m, struct story_section *x)
{
    size_t failed = m->d.states[TRIAL_FAILED] + m->d.states[TRIAL_INFEASIBLE];
    if (failed == 0) return;
    struct cluster *c = arena_array(m->a, failed + 1, sizeof *c);
    size_t n = gather(m, c);
    story_say(x, m->a, STORY_SENTENCE, arena_printf(m->a, "%zu gave no result:", failed));
    for (size_t i = 0; i < n && i < CLUSTERS_MAX; i++)
        story_say(x, m->a, STORY_ITEM,
                  arena_printf(m->a, "%zu × “%s” (first: trial %ld%s)", c[i].n,
                               plain_bounded(m->a, story_quote(m->a, c[i].reason), REASON_MAX), c[i].trial,
                               c[i].apart ? "; the others have other numbers" : ""));
    if (n > CLUSTERS_MAX)
        story_say(x, m->a, STORY_ITEM,
                  arena_printf(m->a, "and %zu other reason%s: " CODE("nocturne trials %s"), n - CLUSTERS_MAX,
                               words_s(n - CLUSTERS_MAX), m->story->name));
}

void morning_tried(struct morning *m)
{
    struct story_section *x = story_section(m->story, m->a, "What was tried, and what was stopped");
    if (m->s->n == 0) {
        story_say(x, m->a, STORY_QUIET, "Nothing yet.");
        return;
    }
    say_counts(m, x);
    morning_figure(m, x, FIGURE_HISTORY);
    say_stops(m, x);
    if (m->stops.pruned) morning_figure(m, x, FIGURE_CURVES);
    say_failures(m, x);
}

/* ---- what it cost ---- */

static const char *amount(const struct morning *m, const struct ledger_entry *e, double v)
{
    char buf[40];
    switch (e->unit) {
    case UNIT_TRIALS: return arena_printf(m->a, "%.0f", v);
    case UNIT_TOKENS: return morning_count(m, v);
    case UNIT_COST: return arena_printf(m->a, "%.2f", v);
    case UNIT_MS: return arena_strdup(m->a, words_show_duration((int64_t)v, buf, sizeof buf));
    }
    return "";
}

static void say_budgets(struct morning *m, struct story_section *x)
{
    const char *all = "";
    for (size_t i = 0; i < m->d.n_budgets; i++) {
        const struct ledger_entry *e = &m->d.budget[i];
        if (e->unit == UNIT_MS && !m->facts->running) continue;
        all = arena_printf(m->a, "%s%s%s %s of %s", all, *all ? ", " : "", e->name, amount(m, e, e->spent),
                           amount(m, e, e->limit));
    }
    if (*all) story_say(x, m->a, STORY_SENTENCE, arena_printf(m->a, "Of its budgets it has used: %s.", all));
}

static double confirmation_tokens(const struct memory *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->trial[i]->role == ROLE_CONFIRM) sum += s->trial[i]->effort.tokens;
    return sum;
}

/* After how many trainings with the winner's settings the study has cost nothing; only if they surely cost less. */
static void say_pays(struct morning *m, struct story_section *x)
{
    const struct comparison_row *row = m->d.comparison.winner;
    const struct verdict *v = morning_deciding(row);
    const struct comparison_row *other = v ? morning_row(m, v->trial) : NULL;
    int tokens = objective_token_metric(m->o);
    if (!other || tokens < 0 || !(m->d.tokens > 0) || !(v->apart[tokens].high < 0)) return;
    double less = other->mean[tokens] - row->mean[tokens];
    if (!(less > 0)) return;
    story_say(x, m->a, STORY_SENTENCE,
              arena_printf(m->a,
                           "It pays back after about " STRONG(
                               "%.0f trainings") " with these settings instead of %s, each %s %s cheaper.",
                           ceil(m->d.tokens / less), story_quote(m->a, v->reference), morning_count(m, less),
                           objective_cost_name(m->o)))
        ->brief = STORY_SECOND;
}

void morning_cost(struct morning *m)
{
    struct story_section *x = story_section(m->story, m->a, "What it cost");
    const char *tokens = "", *confirm = "";
    char buf[40];
    if (objective_token_metric(m->o) >= 0) {
        tokens = arena_printf(m->a, STRONG("%s %s") " and ", morning_count(m, m->d.tokens), objective_cost_name(m->o));
        double share = m->d.tokens > 0 ? confirmation_tokens(m->s) / m->d.tokens : 0;
        if (share > 0) confirm = arena_printf(m->a, "; the confirmation was %.0f %% of that", 100 * share);
    }
    story_say(x, m->a, STORY_SENTENCE,
              arena_printf(m->a, "%s%s of trials on all slots together%s.", tokens,
                           words_show_duration((int64_t)m->s->tally.busy_ms, buf, sizeof buf), confirm))
        ->brief = STORY_FIRST;
    say_budgets(m, x);
    say_pays(m, x);
}
