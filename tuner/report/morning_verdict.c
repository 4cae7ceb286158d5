/* What won, against what, and how sure that is; the configuration; the figures of its confirmation. */
#include "tuner/report/morning_parts.h"

#include "tuner/report/text.h"

#include "tuner/base/words.h"

#include <math.h>

/* ---- the verdict ---- */

static const char *rule_of(enum verdict_word word)
{
    switch (word) {
    case VERDICT_NONE: return NULL;
    case VERDICT_ADOPT: return "“Adopt”: something is surely better, and all else holds within what the study lets go.";
    case VERDICT_TRADE:
        return "“A trade”: something is surely better, something surely worse; whether it pays is yours to say.";
    case VERDICT_PROMISING: return "“Promising”: by its means it is better, but an interval leaves that open.";
    case VERDICT_NO_BETTER:
        return "“No better”: by its means it is not, or every difference is within what the study lets go.";
    case VERDICT_DO_NOT_ADOPT:
        return "“Do not adopt”: something is surely worse and nothing better, or a constraint is surely broken.";
    case VERDICT_NOT_CONFIRMED:
        return "“Not confirmed”: measured once; the best of many single measurements looks better than it is.";
    }
    return NULL;
}

static const char *seeds_text(const struct morning *m, const struct comparison_row *row)
{
    if (row->repeats) return "each figure came out the same on another seed";
    if (row->seeds == 0) return "in one measurement, not confirmed";
    return arena_printf(m->a, "on %zu fresh seed%s", row->seeds, words_s(row->seeds));
}

/* Of both that are compared. */
static const char *seeds_of_both(const struct morning *m, const struct comparison_row *row)
{
    if (row->repeats) return seeds_text(m, row);
    if (row->seeds == 0) return "in one measurement each, not confirmed";
    return arena_printf(m->a, "%s each", seeds_text(m, row));
}

/* "em 0.5983, tokens 1.40M": of what the objective uses */
static const char *figures(const struct morning *m, const struct comparison_row *row)
{
    const char *all = "";
    for (size_t i = 0; i < m->o->n_metrics; i++)
        if (objective_uses(m->o, i))
            all = arena_printf(m->a, "%s%s%s " STRONG("%s"), all, *all ? ", " : "", m->o->metric[i].name,
                               morning_metric(m, i, row->mean[i]));
    return all;
}

static void say_beside(struct morning *m, struct story_section *x, const struct comparison_row *row)
{
    const struct verdict *first = morning_deciding(row);
    const char *who = row->label ? story_quote(m->a, row->label) : arena_printf(m->a, "Trial %ld", row->trial);
    if (!first) return;
    story_say(x, m->a, STORY_LEAD,
              arena_printf(m->a, STRONG("%s") ", beside %s, %s; %s. Verdict: " STRONG("%s") ".", who,
                           story_quote(m->a, first->reference), morning_beside(m, first), seeds_of_both(m, row),
                           report_verdict(first->word)))
        ->brief = STORY_FIRST;
    for (size_t i = 0; i < row->n_against; i++)
        if (&row->against[i] != first)
            story_say(x, m->a, STORY_LEAD,
                      arena_printf(m->a, "Beside %s it %s. Verdict: " STRONG("%s") ".",
                                   story_quote(m->a, row->against[i].reference), morning_beside(m, &row->against[i]),
                                   report_verdict(row->against[i].word)))
                ->brief = STORY_FIRST;
}

/* ---- the price of a trade ---- */

/* The metric that it surely gives up, a proportion, and the count that it surely saves; false: it is no such trade. */
static bool find_trade(const struct morning *m, const struct verdict *v, size_t *ret_lost, size_t *ret_saved)
{
    bool lost = false, saved = false;
    for (size_t i = 0; i < m->o->n_metrics; i++) {
        const struct metric *x = &m->o->metric[i];
        double a = x->goal * v->apart[i].low, b = x->goal * v->apart[i].high; /* > 0: better */
        if (!isfinite(a) || !isfinite(b) || !objective_uses(m->o, i)) continue;
        if (x->kind == METRIC_PROPORTION && a < 0 && b < 0) *ret_lost = i, lost = true;
        if (x->kind == METRIC_COUNT && a > 0 && b > 0) *ret_saved = i, saved = true;
    }
    return lost && saved;
}

static void say_price(struct morning *m, struct story_section *x, const struct comparison_row *row)
{
    const struct verdict *v = morning_deciding(row);
    const struct comparison_row *other = v ? morning_row(m, v->trial) : NULL;
    size_t lost = 0, saved = 0;
    if (!other || v->word != VERDICT_TRADE || !find_trade(m, v, &lost, &saved)) return;
    double points = 100 * fabs(v->apart[lost].by), less = fabs(other->mean[saved] - row->mean[saved]);
    story_say(x, m->a, STORY_SENTENCE,
              arena_printf(m->a,
                           "The price of the trade: each point of %s given up saves about " STRONG(
                               "%s %s") " of the %s that one training of %s takes.",
                           m->o->metric[lost].name, morning_count(m, less / points), m->o->metric[saved].name,
                           morning_metric(m, saved, other->mean[saved]), story_quote(m->a, v->reference)))
        ->brief = STORY_THIRD;
}

/* ---- what to take instead ---- */

/* The confirmed candidate of the greatest utility that holds `metric` beside the reference. */
static const struct comparison_row *holding(const struct morning *m, long reference, size_t metric)
{
    const struct comparison_row *best = NULL;
    for (size_t i = 0; i < m->d.comparison.n; i++) {
        const struct comparison_row *row = &m->d.comparison.row[i];
        if (row->label || !row->seeds || !row->feasible || (best && !(row->utility > best->utility))) continue;
        for (size_t k = 0; k < row->n_against; k++)
            if (row->against[k].trial == reference && morning_holds(m, metric, &row->against[k])) best = row;
    }
    return best;
}

/* The cheapest trial that measured, once, at least what the reference has: a hint, no result. */
static const struct trial *hinted(const struct morning *m, const struct comparison_row *other, size_t metric,
                                  size_t cost)
{
    const struct trial *best = NULL;
    for (size_t i = 0; i < m->s->n; i++) {
        const struct trial *t = m->s->trial[i];
        if (t->state != TRIAL_COMPLETE || (t->role != ROLE_SEARCH && t->role != ROLE_ENQUEUED) || t->outside) continue;
        double gain = m->o->metric[metric].goal * (t->value[metric] - other->mean[metric]);
        double less = other->mean[cost] - t->value[cost];
        if (gain >= 0 && less > 0 && (!best || t->value[cost] < best->value[cost])) best = t;
    }
    return best;
}

static void say_instead(struct morning *m, struct story_section *x, const struct comparison_row *row)
{
    const struct verdict *v = morning_deciding(row);
    const struct comparison_row *other = v ? morning_row(m, v->trial) : NULL, *instead;
    size_t lost = 0, saved = 0;
    if (!other || v->word != VERDICT_TRADE || !find_trade(m, v, &lost, &saved)) return;
    const char *name = m->o->metric[lost].name, *text;
    const struct trial *t = NULL;
    if ((instead = holding(m, v->trial, lost)))
        text = arena_printf(m->a, "take " STRONG("trial %ld") " instead: %s, %s.", instead->trial, figures(m, instead),
                            seeds_text(m, instead));
    else if ((t = hinted(m, other, lost, saved)))
        text = arena_printf(
            m->a,
            "keep " STRONG("%s") ". Nothing that was confirmed holds it; trial %ld measured %s %s with %s %s, once: "
                                 "worth confirming, not yet to be believed.",
            story_quote(m->a, v->reference), t->number, name, morning_metric(m, lost, t->value[lost]),
            morning_metric(m, saved, t->value[saved]), m->o->metric[saved].name);
    else
        text = arena_printf(m->a, "keep " STRONG("%s") ": nothing that was tried has its %s for less.",
                            story_quote(m->a, v->reference), name);
    story_say(x, m->a, STORY_SENTENCE, arena_printf(m->a, "If %s may not fall: %s", name, text))->brief = STORY_SECOND;
}

/* ---- the configuration ---- */

static const char *setting(const struct morning *m, size_t i, double v)
{
    return story_quote(m->a, report_value(&m->s->study->space.param[i], v, m->a));
}

/* "patience " and, in bold, "2" with what the other has: "(5)" */
static const char *settings(const struct morning *m, const double *config, const double *near)
{
    const struct space *space = &m->s->study->space;
    const char *all = "";
    for (size_t i = 0; i < space->n; i++) {
        if (isnan(config[i])) continue;
        const char *name = space->param[i].name, *v = setting(m, i, config[i]), *comma = *all ? ", " : "";
        if (!near || near[i] == config[i])
            all = arena_printf(m->a, "%s%s%s %s", all, comma, name, v);
        else
            all = arena_printf(m->a, "%s%s%s " STRONG("%s") " (%s)", all, comma, name, v,
                               isnan(near[i]) ? "not there" : setting(m, i, near[i]));
    }
    return all;
}

static void say_configuration(struct morning *m, struct story_section *x, const struct comparison_row *row)
{
    const struct verdict *v = morning_deciding(row);
    const struct comparison_row *near = v ? morning_row(m, v->trial) : NULL;
    const char *how =
        near ? arena_printf(m->a, " (bold: differs from %s, whose value stands behind)", morning_who(m, near)) : "";
    story_say(x, m->a, STORY_SENTENCE,
              arena_printf(m->a, "Its settings%s: %s.", how, settings(m, row->config, near ? near->config : NULL)))
        ->brief = STORY_SECOND;
    if (row->schedule)
        story_say(x, m->a, STORY_QUIET,
                  arena_printf(m->a, "These change as it goes: " CODE("nocturne show %s %ld") ".", m->story->name,
                               row->trial));
}

/* ---- all of it ---- */

static const char *nothing_yet(const struct morning *m)
{
    size_t complete = memory_count(m->s, TRIAL_COMPLETE);
    if (m->d.failure) return arena_printf(m->a, "The study cannot go on: %s.", story_quote(m->a, m->d.failure));
    if (m->s->n == 0) return "Nothing has been tried yet.";
    if (complete == 0)
        return arena_printf(m->a, "None of %zu trial%s is complete, so nothing can be said of any.", m->s->n,
                            words_s(m->s->n));
    if (objective_needs_baseline(m->o) && !memory_baseline(m->s))
        return "The baseline has no result, and without it nothing can be judged.";
    return arena_printf(m->a, "%zu trial%s complete, and none satisfies the constraints.", complete,
                        complete == 1 ? " is" : "s are");
}

static void say_single(struct morning *m, struct story_section *x, const struct comparison_row *row)
{
    const char *what =
        row->baseline ? "Nothing that was tried is better than the baseline"
        : row->label  ? arena_printf(m->a, "Nothing that was tried is better than %s", story_quote(m->a, row->label))
                      : arena_printf(m->a, "Trial %ld is the best there is", row->trial);
    story_say(x, m->a, STORY_LEAD,
              arena_printf(m->a, STRONG("%s") ": %s (%s).", what, figures(m, row), seeds_text(m, row)))
        ->brief = STORY_FIRST;
}

/* Of many single measurements the best flatters itself. */
static void say_again(struct morning *m, struct story_section *x)
{
    const char *again = rerun_of_best(m->s, &m->d.comparison, m->a);
    if (!again) return;
    story_say(x, m->a, STORY_SENTENCE, arena_printf(m->a, "By all results, %s.", story_quote(m->a, again)))->brief =
        STORY_THIRD;
}

void morning_verdict(struct morning *m)
{
    struct story_section *x = story_section(m->story, m->a, "Verdict");
    const struct comparison_row *row = m->d.comparison.winner;
    if (m->facts->running)
        story_say(x, m->a, STORY_SENTENCE, "The study is still running: what follows is how it stands now.")->brief =
            STORY_FIRST;
    if (!row) {
        story_say(x, m->a, STORY_LEAD, nothing_yet(m))->brief = STORY_FIRST;
        return;
    }
    if (!row->n_against || row->label) say_single(m, x, row);
    if (row->n_against) say_beside(m, x, row);
    say_again(m, x);
    say_price(m, x, row);
    say_instead(m, x, row);
    say_configuration(m, x, row);
    if (row->caution)
        story_say(
            x, m->a, STORY_SENTENCE,
            arena_printf(m->a, STRONG("Not to be believed as it stands:") " %s.", story_quote(m->a, row->caution)))
            ->brief = STORY_FIRST;
    if (rule_of(row->verdict) && !row->baseline)
        story_say(x, m->a, STORY_QUIET,
                  arena_printf(m->a, "%s Ranges in brackets are 95 %% intervals.", rule_of(row->verdict)));
}

/* ---- confirmation ---- */

static const char *mean_and_sd(const struct morning *m, size_t i, const struct comparison_row *row)
{
    const char *mean = morning_metric(m, i, row->mean[i]);
    if (!row->sd || !isfinite(row->mean[i])) return mean;
    return arena_printf(m->a, "%s ± %s", mean, morning_metric(m, i, row->sd[i]));
}

static const char *row_name(const struct morning *m, const struct comparison_row *row)
{
    if (row->label) return story_quote(m->a, row->label);
    return arena_printf(m->a, row->winner ? "winner (trial %ld)" : "trial %ld", row->trial);
}

/* What counts first: a chat message has the first columns only. */
static size_t metric_order(const struct objective *o, size_t ret[METRICS_MAX])
{
    size_t n = 0;
    for (int used = 1; used >= 0; used--)
        for (size_t i = 0; i < o->n_metrics; i++)
            if (objective_uses(o, i) == used) ret[n++] = i;
    return n;
}

static void put_row(struct morning *m, struct story_table *t, size_t at, const struct comparison_row *row)
{
    size_t order[METRICS_MAX], n = metric_order(m->o, order);
    char buf[64];
    t->strong[at] = row->winner;
    story_put(t, at, 0, row_name(m, row));
    for (size_t i = 0; i < n; i++) story_put(t, at, 1 + i, mean_and_sd(m, order[i], row));
    story_put(t, at, 1 + n, arena_strdup(m->a, report_utility(row->utility, buf, sizeof buf)));
    story_put(t, at, 2 + n, row->seeds ? arena_printf(m->a, "%zu", row->seeds) : "once");
    story_put(t, at, 3 + n, row->baseline ? "" : row->verdict ? report_verdict(row->verdict) : "");
}

enum { ROWS_MAX = 40 }; /* of a front there may be thousands */

static int rank_of(const struct comparison_row *row)
{
    return row->winner ? 0 : row->baseline ? 1 : row->label ? 2 : row->seeds ? 3 : 4;
}

static void put_means(struct morning *m, struct story_section *x)
{
    const struct comparison *c = &m->d.comparison;
    size_t order[METRICS_MAX], n = metric_order(m->o, order), rows = c->n < ROWS_MAX ? c->n : ROWS_MAX, at = 1;
    if (c->n == 0) return;
    struct story_table *t = story_table(
        x, m->a, "Means over fresh seeds ± the standard deviation of one; “once”: a single measurement of the search",
        1 + rows, n + 4);
    story_put(t, 0, 0, "configuration");
    for (size_t i = 0; i < n; i++) story_put(t, 0, 1 + i, m->o->metric[order[i]].name);
    story_put(t, 0, 1 + n, m->o->form == OBJECTIVE_PARETO ? "knee" : "utility");
    story_put(t, 0, 2 + n, "seeds");
    story_put(t, 0, 3 + n, "verdict");
    for (int rank = 0; rank < 5; rank++)
        for (size_t i = 0; i < c->n && at <= rows; i++)
            if (rank_of(&c->row[i]) == rank) put_row(m, t, at++, &c->row[i]);
    x->block[x->n - 1].brief = STORY_SECOND;
    if (c->n > rows)
        story_say(x, m->a, STORY_QUIET,
                  arena_printf(m->a, "%zu more of the front are left out: " CODE("nocturne best %s") ".", c->n - rows,
                               m->story->name));
}

static bool is_judged(const struct comparison_row *row)
{
    return row->seeds || row->winner;
}

static size_t count_pairs(const struct comparison *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n && i < ROWS_MAX; i++)
        if (is_judged(&c->row[i])) n += c->row[i].n_against;
    return n;
}

static void put_pair(struct morning *m, struct story_table *t, size_t at, const struct comparison_row *row,
                     const struct verdict *v)
{
    size_t order[METRICS_MAX], n = metric_order(m->o, order);
    t->strong[at] = row->winner;
    story_put(t, at, 0, arena_printf(m->a, "%s − %s", row_name(m, row), story_quote(m->a, v->reference)));
    for (size_t j = 0; j < n; j++)
        story_put(t, at, 1 + j, report_difference(&m->o->metric[order[j]], &v->apart[order[j]], m->a));
    story_put(t, at, 1 + n, report_verdict(v->word));
}

static void put_differences(struct morning *m, struct story_section *x)
{
    const struct comparison *c = &m->d.comparison;
    size_t order[METRICS_MAX], n = metric_order(m->o, order), at = 1;
    if (count_pairs(c) == 0) return;
    struct story_table *t =
        story_table(x, m->a, "Differences of the means with their 95 % intervals (Welch; seeds are not used as pairs)",
                    1 + count_pairs(c), n + 2);
    story_put(t, 0, 0, "beside");
    for (size_t i = 0; i < n; i++) story_put(t, 0, 1 + i, m->o->metric[order[i]].name);
    story_put(t, 0, 1 + n, "verdict");
    for (int rank = 0; rank < 5; rank++)
        for (size_t i = 0; i < c->n && i < ROWS_MAX; i++)
            for (size_t k = 0; is_judged(&c->row[i]) && rank_of(&c->row[i]) == rank && k < c->row[i].n_against; k++)
                put_pair(m, t, at++, &c->row[i], &c->row[i].against[k]);
}

/* Selection flatters: what the search had measured, beside the fresh seeds. */
static void say_shrinkage(struct morning *m, struct story_section *x)
{
    const struct comparison_row *row = m->d.comparison.winner;
    if (!row || !row->seeds || !isfinite(row->searched) || !isfinite(row->utility)) return;
    char said[64], say[64];
    double less = row->searched - row->utility;
    const char *apart =
        fabs(less) < 5e-4 ? "the same, about" : arena_printf(m->a, "%.4f %s", fabs(less), less > 0 ? "less" : "more");
    story_say(
        x, m->a, STORY_SENTENCE,
        arena_printf(m->a,
                     "The search had said utility %s of trial %ld; fresh seeds say %s: %s. They alone count, since the "
                     "best of many single measurements is lucky as well as good.",
                     report_utility(row->searched, said, sizeof said), row->trial,
                     report_utility(row->utility, say, sizeof say), apart));
}

/* A metric called after one that counts, "em_test", which the search never looked at. */
static void say_unseen(struct morning *m, struct story_section *x)
{
    const struct comparison_row *row = m->d.comparison.winner, *base = m->d.comparison.baseline;
    for (size_t i = 0; row && base && row != base && i < m->o->n_metrics; i++) {
        int test = objective_find_metric(m->o, arena_printf(m->a, "%s_test", m->o->metric[i].name));
        if (test < 0 || !objective_uses(m->o, i) || objective_uses(m->o, (size_t)test)) continue;
        double gap = row->mean[i] - row->mean[test], usual = base->mean[i] - base->mean[test];
        if (!isfinite(gap) || !isfinite(usual) || m->o->metric[i].kind != METRIC_PROPORTION) continue;
        bool wider = (gap - usual) * m->o->metric[i].goal > 0.005;
        story_say(
            x, m->a, STORY_SENTENCE,
            arena_printf(
                m->a,
                "%s was never looked at by the search: the winner is %s points from its %s there, the baseline %s. %s",
                m->o->metric[test].name, report_size(&m->o->metric[i], false, gap, m->a), m->o->metric[i].name,
                report_size(&m->o->metric[i], false, usual, m->a),
                wider ? "The wider gap may mean that it fits what it was chosen by."
                      : "The choice did not fit what it was chosen by."));
    }
}

/* What measured best is not always what is confirmed. */
static void say_unconfirmed(struct morning *m, struct story_section *x)
{
    const char *text = remark_unconfirmed(m->s, m->a);
    if (text) story_say(x, m->a, STORY_SENTENCE, story_quote(m->a, text));
}

void morning_confirmation(struct morning *m)
{
    struct story_section *x = story_section(m->story, m->a, "How sure that is");
    if (m->s->tally.confirmed || m->d.comparison.n) morning_figure(m, x, FIGURE_CONFIRMATION);
    put_means(m, x);
    put_differences(m, x);
    say_shrinkage(m, x);
    say_unconfirmed(m, x);
    say_unseen(m, x);
    if (x->n == 0) story_say(x, m->a, STORY_QUIET, "There is no result yet to be sure of.");
}
