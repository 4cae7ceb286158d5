/* ledger: what a study has spent, what runs, and whether another trial fits what is left.
 *
 * Every budget (trials, tokens, cost, time) has an entry: spent, reserved for what runs, left. A trial is admitted only
 * if its predicted need (the upper end of a 90 % interval) fits what is left, so that the overshoot is at most what
 * already runs.
 */
#ifndef TUNER_HISTORY_LEDGER_H
#define TUNER_HISTORY_LEDGER_H

#include "tuner/history/memory.h"

/* What one trial may need: the upper end of a 90 % interval; 0: nothing is known yet. */
struct need {
    double tokens, ms;
    size_t trials; /* 1; 0: the trial is counted already */
};

/* From the last trials, and, if `tokens` is finite, from that prediction of its tokens. */
struct need ledger_need(const struct memory *s, double tokens);

enum ledger_unit { UNIT_TRIALS, UNIT_TOKENS, UNIT_COST, UNIT_MS };

struct ledger_entry {
    const char *name; /* as in the study file: trials, tokens, cost, wall, until */
    enum ledger_unit unit;
    double limit, spent, reserved;
};

enum { LEDGER_ENTRIES_MAX = 5 };

/* Of the budgets that the study has. ret: LEDGER_ENTRIES_MAX. */
size_t ledger_entries(const struct memory *s, struct ledger_entry *ret);
/* An entry of that name with its unit and no amounts; false: no budget is called so. */
bool ledger_entry_named(const char *name, struct ledger_entry *ret);

/* Why a trial with this need may not start, keeping room for `confirms` confirmation trials besides. True: it may. */
bool ledger_admits(const struct memory *s, struct need need, size_t confirms, char *why, size_t size);

/* What so many tokens and so much time cost, by the prices of the budget. */
double ledger_money(const struct memory *s, double tokens, double ms);

double ledger_tokens(const struct memory *s); /* spent so far, running attempts included */

/* Of the run: how long processes have worked on it, and how long ago it began. */
int64_t ledger_spent_ms(const struct memory *s);
int64_t ledger_gone_ms(const struct memory *s);

/* Milliseconds left until the nearest of wall and until; INT64_MAX: there is neither. */
int64_t ledger_time_left_ms(const struct memory *s);

/* Milliseconds until search and confirmation (`confirms` trials in all) are expected to end; −1: unknown yet. */
int64_t ledger_eta_ms(const struct memory *s, size_t confirms);

#endif
