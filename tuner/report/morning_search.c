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

/* Of two metrics that are weighed; false: they are more, or none. */
static bool find_two(const struct objective *o, size_t ret[2])
{
    size_t n = 0;
    if (o->form != OBJECTIVE_WEIGHTS) return false;
    for (size_t i = 0; i < o->n_metrics; i++)
        if (o->weight[i] > 0 && n++ < 2) ret[n - 1] = i;
    return n == 2;
}

/* Utility if the first metric weighs `w`, the second the rest. */
static double weighed(const struct morning *m, const size_t two[2], double w, const struct comparison_row *row)
{
    struct objective o = *m->o;
    o.weight[two[0]] = w;
    o.weight[two[1]] = 1 - w;
    return objective_utility(&o, row->mean, m->d.comparison.baseline->mean);
}

static const struct comparison_row *best_at(const struct morning *m, const size_t two[2], double w)
{
    const struct comparison_row *best = NULL;
    double most = 0;
    for (size_t i = 0; i < m->d.comparison.n; i++) {
        const struct comparison_row *row = &m->d.comparison.row[i];
        if (!row->seeds || !row->feasible) continue;
        double u = weighed(m, two, w, row);
        if (!best || u > most) best = row, most = u;
    }
    return best;
}

/* The weight nearest to the study's at which another confirmed one wins, in steps of a hundredth; NaN: there is none.
 */
static double turning(const struct morning *m, const size_t two[2], int step, const struct comparison_row **ret)
{
    double w = m->o->weight[two[0]];
    for (int k = 1; k <= 100; k++) {
        double at = round(100 * w + step * k) / 100;
        if (at < 0 || at > 1) break;
        *ret = best_at(m, two, at);
        if (*ret && *ret != m->d.comparison.winner) return at;
    }
    return NAN;
}

static void say_weights(struct morning *m, struct story_section *x)
{
    const struct comparison *c = &m->d.comparison;
    size_t two[2];
    if (!c->winner || !c->baseline || !c->winner->seeds || !find_two(m->o, two)) return;
    if (best_at(m, two, m->o->weight[two[0]]) != c->winner) return;
    const char *a = m->o->metric[two[0]].name, *b = m->o->metric[two[1]].name, *turns = "";
    for (int step = 1; step >= -1; step -= 2) {
        const struct comparison_row *other;
        double w = turning(m, two, step, &other);
        if (isfinite(w))
            turns = arena_printf(m->a, "%s%s from %s %.2f %s %s would", turns, *turns ? ";" : "", a, w,
                                 step > 0 ? "up" : "down", morning_who(m, other));
    }
    story_say(x, m->a, STORY_SENTENCE,
              arena_printf(m->a,
                           "With weights %s %.4g and %s %.4g %s wins%s%s. Other weights need no new trial: " CODE(
                               "nocturne best %s --weights %s=0.9,%s=0.1") ".",
                           a, m->o->weight[two[0]], b, m->o->weight[two[1]], morning_who(m, c->winner),
                           *turns ? ";" : "; of what was confirmed nothing else does, whatever the weights", turns,
                           m->story->name, a, b));
}

/* The spread of one measurement of a metric, over all that was confirmed; NaN: unknown. */
static double spread_of(const struct comparison *c, size_t metric)
{
    double sum = 0, n = 0;
    for (size_t i = 0; i < c->n; i++)
        if (c->row[i].sd && isfinite(c->row[i].sd[metric])) {
            sum += (double)(c->row[i].seeds - 1) * c->row[i].sd[metric] * c->row[i].sd[metric];
            n += (double)(c->row[i].seeds - 1);
        }
    return n > 0 ? sqrt(sum / n) : NAN;
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
    double spread = spread_of(c, (size_t)gain);
    if (!best || !isfinite(spread)) return;
    for (size_t i = 0; i < c->n; i++) {
        const struct comparison_row *row = &c->row[i];
        double noise = 2 * spread * sqrt(1 / (double)best->seeds + 1 / (double)(row->seeds ? row->seeds : 1));
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
                  arena_printf(m->a, "The last gain came with trial %ld, the %zu%s of %zu of the search.", last, at,
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
    long trial;
};

static int by_reason(const void *a, const void *b)
{
    return strcmp(((const struct cluster *)a)->reason, ((const struct cluster *)b)->reason);
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
        c[n++] = (struct cluster){line && line[1] ? line + 1 : reason, 1, t->number};
    }
    if (n) qsort(c, n, sizeof *c, by_reason);
    for (size_t i = 0; i < n; i++)
        if (kept && strcmp(c[kept - 1].reason, c[i].reason) == 0)
            c[kept - 1].n++;
        else
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
                  arena_printf(m->a, "%zu × “%s” (first: trial %ld)", c[i].n,
                               plain_bounded(m->a, story_quote(m->a, c[i].reason), REASON_MAX), c[i].trial));
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

/* After how many trainings with the winner's settings the study has cost nothing. */
static void say_pays(struct morning *m, struct story_section *x)
{
    const struct comparison_row *row = m->d.comparison.winner;
    const struct verdict *v = morning_deciding(row);
    const struct comparison_row *other = v ? morning_row(m, v->trial) : NULL;
    int tokens = objective_token_metric(m->o);
    if (!other || tokens < 0 || !(m->d.tokens > 0)) return;
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
