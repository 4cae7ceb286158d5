#include "tuner/history/ledger.h"

#include "tuner/base/bounded.h"
#include "tuner/base/words.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { QUANTILE_FROM = 10 };

static const double MS_PER_HOUR = 3600e3;

/* ---- what a trial needs ---- */

static size_t recent(const struct memory *s, const double *all, double *ret_sorted)
{
    size_t n = s->tally.n_recent < RECENT_MAX ? s->tally.n_recent : RECENT_MAX;
    memcpy(ret_sorted, all, n * sizeof *all);
    gsl_sort(ret_sorted, 1, n);
    return n;
}

/* What nine of ten trials stay under; of fewer than ten trials the largest. */
static double upper(const struct memory *s, const double *all)
{
    double sorted[RECENT_MAX];
    size_t n = recent(s, all, sorted);
    if (n == 0) return 0;
    return n < QUANTILE_FROM ? sorted[n - 1] : gsl_stats_quantile_from_sorted_data(sorted, 1, n, 0.9);
}

static double median(const struct memory *s, const double *all)
{
    double sorted[RECENT_MAX];
    size_t n = recent(s, all, sorted);
    return n ? bounded(gsl_stats_median_from_sorted_data(sorted, 1, n)) : 0;
}

struct need ledger_need(const struct memory *s, double tokens)
{
    const struct account *t = &s->tally;
    struct need out = {upper(s, t->recent_tokens), upper(s, t->recent_ms), 0};
    double usual = median(s, t->recent_tokens);
    if (isfinite(tokens) && tokens > 0) {
        out.tokens = tokens;
        if (usual > 0) out.ms = median(s, t->recent_ms) * tokens / usual; /* time goes with tokens */
    }
    if (s->study->limits.timeout_ms > 0) out.ms = fmin(out.ms, (double)s->study->limits.timeout_ms);
    return out;
}

double ledger_money(const struct memory *s, double tokens, double ms)
{
    return bounded(tokens * s->run.budget.price_token + ms / MS_PER_HOUR * s->run.budget.price_hour);
}

/* ---- what is spent, and what runs ---- */

struct flight { /* of the attempts that run */
    double tokens, ms;
    struct need left; /* what they may still need */
};

static struct flight in_flight(const struct memory *s)
{
    struct flight out = {0};
    int metric = objective_token_metric(&s->study->objective);
    if (memory_in_flight(s) == 0) return out;
    struct need usual = ledger_need(s, NAN);
    int64_t now = clock_mono_ms(s->clock);
    for (size_t i = 0; i < s->n_open; i++) {
        const struct trial *t = s->open[i];
        if (t->state != TRIAL_LEASED && t->state != TRIAL_RUNNING) continue;
        double tokens = metric >= 0 && isfinite(t->attempt.last[metric])
                            ? fmax(t->attempt.last[metric] - t->attempt.resumed_cost, 0)
                            : 0;
        double ms = (double)(now - t->attempt.leased_ms);
        out.tokens = bounded_sum(out.tokens, tokens);
        out.ms += ms;
        out.left.tokens =
            bounded_sum(out.left.tokens, fmax((t->need.tokens > 0 ? t->need.tokens : usual.tokens) - tokens, 0));
        out.left.ms += fmax((t->need.ms > 0 ? t->need.ms : usual.ms) - ms, 0);
    }
    return out;
}

double ledger_tokens(const struct memory *s)
{
    return bounded_sum(s->tally.tokens, in_flight(s).tokens);
}

/* By the monotonic clock: a wall clock that is set gives and takes no time. */
static int64_t this_part_ms(const struct memory *s)
{
    return s->run.mono_ms ? clock_mono_ms(s->clock) - s->run.mono_ms : 0;
}

int64_t ledger_spent_ms(const struct memory *s)
{
    return s->run.spent_ms + this_part_ms(s);
}

int64_t ledger_gone_ms(const struct memory *s)
{
    return s->run.gone_ms + this_part_ms(s);
}

/* A time of day is a moment that is settled when the run begins. */
static int64_t until_ms(const struct memory *s)
{
    return words_next_time_ms(s->run.budget.until_minutes, s->run.wall_ms) - s->run.wall_ms;
}

int64_t ledger_time_left_ms(const struct memory *s)
{
    int64_t left = INT64_MAX;
    if (s->run.budget.wall_ms) left = s->run.budget.wall_ms - ledger_spent_ms(s);
    if (s->run.budget.until_minutes < 0) return left;
    int64_t until = until_ms(s) - ledger_gone_ms(s);
    return until < left ? until : left;
}

size_t ledger_entries(const struct memory *s, struct ledger_entry *ret)
{
    const struct budget *b = &s->run.budget;
    struct flight f = in_flight(s);
    size_t n = 0;
    if (b->trials)
        ret[n++] = (struct ledger_entry){"trials", UNIT_TRIALS, (double)b->trials, (double)s->tally.finished,
                                         (double)(s->tally.searched - s->tally.finished)};
    if (b->tokens > 0)
        ret[n++] = (struct ledger_entry){"tokens", UNIT_TOKENS, b->tokens, bounded_sum(s->tally.tokens, f.tokens),
                                         f.left.tokens};
    if (b->cost > 0)
        ret[n++] =
            (struct ledger_entry){"cost", UNIT_COST, b->cost,
                                  ledger_money(s, bounded_sum(s->tally.tokens, f.tokens), s->tally.busy_ms + f.ms),
                                  ledger_money(s, f.left.tokens, f.left.ms)};
    if (b->wall_ms)
        ret[n++] = (struct ledger_entry){"wall", UNIT_MS, (double)b->wall_ms, (double)ledger_spent_ms(s), 0};
    if (b->until_minutes >= 0)
        ret[n++] = (struct ledger_entry){"until", UNIT_MS, (double)until_ms(s), (double)ledger_gone_ms(s), 0};
    return n;
}

bool ledger_entry_named(const char *name, struct ledger_entry *ret)
{
    static const struct ledger_entry all[] = {{.name = "trials", .unit = UNIT_TRIALS},
                                              {.name = "tokens", .unit = UNIT_TOKENS},
                                              {.name = "cost", .unit = UNIT_COST},
                                              {.name = "wall", .unit = UNIT_MS},
                                              {.name = "until", .unit = UNIT_MS}};
    for (size_t i = 0; i < LEDGER_ENTRIES_MAX; i++)
        if (strcmp(name, all[i].name) == 0) return *ret = all[i], true;
    return false;
}

/* ---- admission ---- */

static void explain(const struct ledger_entry *e, double left, double need, char *why, size_t size)
{
    char a[40], b[40];
    const char *what = e->unit == UNIT_COST ? "cost" : "token";
    if (e->unit == UNIT_TRIALS)
        snprintf(why, size, "the trials of the budget are done");
    else if (left <= 0 && e->unit == UNIT_MS)
        snprintf(why, size, "the deadline has passed");
    else if (left <= 0)
        snprintf(why, size, "the %s budget is spent", what);
    else if (e->unit == UNIT_MS)
        snprintf(why, size, "the deadline is near: %s left, and a trial (with the confirmation) may take %s",
                 words_show_duration((int64_t)left, a, sizeof a), words_show_duration((int64_t)need, b, sizeof b));
    else
        snprintf(why, size, "the %s budget is spent: %s left, and a trial (with the confirmation) may need %s", what,
                 words_show_count(left, a, sizeof a), words_show_count(need, b, sizeof b));
}

bool ledger_admits(const struct memory *s, struct need need, size_t confirms, char *why, size_t size)
{
    struct ledger_entry e[LEDGER_ENTRIES_MAX];
    struct need each = ledger_need(s, NAN);
    size_t n = ledger_entries(s, e), slots = s->run.slots ? s->run.slots : 1;
    double k = (double)confirms;
    for (size_t i = 0; i < n; i++) {
        double left = e[i].limit - e[i].spent - e[i].reserved, asks = (double)need.trials;
        if (e[i].unit == UNIT_TRIALS && need.trials == 0) continue;
        if (e[i].unit == UNIT_TOKENS) asks = need.tokens + k * each.tokens;
        if (e[i].unit == UNIT_COST) asks = ledger_money(s, need.tokens + k * each.tokens, need.ms + k * each.ms);
        if (e[i].unit == UNIT_MS) asks = need.ms + k * each.ms / (double)slots;
        if (asks <= left && left > 0) continue;
        explain(&e[i], left, asks, why, size);
        return false;
    }
    return true;
}

int64_t ledger_eta_ms(const struct memory *s, size_t confirms)
{
    int64_t eta = -1, left = ledger_time_left_ms(s);
    double each = median(s, s->tally.recent_ms);
    if (s->run.budget.trials && each > 0) {
        double trials = fmax(0, (double)s->run.budget.trials - (double)s->tally.finished) +
                        fmax(0, (double)confirms - (double)s->tally.confirmed);
        eta = (int64_t)(trials * each / (double)(s->run.slots ? s->run.slots : 1));
    }
    if (left < INT64_MAX && (eta < 0 || left < eta)) eta = left > 0 ? left : 0;
    return eta;
}
