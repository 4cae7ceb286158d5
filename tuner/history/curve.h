/* curve: what is known of how a trial has gone: its learning curve, and the stopping rule it said it follows.
 *
 * Only in studies that stop or adapt trials, and only of those that reported last: CURVES_MAX of them. */
#ifndef TUNER_HISTORY_CURVE_H
#define TUNER_HISTORY_CURVE_H

#include "tuner/history/memory.h"

#include "tuner/search/search.h"

enum { CURVES_MAX = 1024 };

struct curve {
    struct learning_curve curve;
    bool has_rule;              /* the trial has announced its early stopping */
    struct early_stopping rule; /* as it is now, with its state */
    bool adjusted;              /* it is no longer the trial's own */
    int64_t rule_seq;           /* the last change of the rule (struct rule_change) that is in it */
    long judged;                /* reports in the curve when it was last judged */
    int64_t lease;              /* of the attempt whose reports it ends with */
    bool begins;                /* … which has not reported yet: where its first report lies, it goes on */
    bool lent;                  /* somebody may still read its points */
};

/* Announced by the trial, or adjusted while it ran: an event of the log. */
struct rule_change {
    struct rule_change *before;
    int64_t seq;
    bool announced;
    struct early_stopping rule; /* adjusted: patience and threshold of it */
};

/* A lease begins: of its rule nothing is known, and its curve goes on where its first report will lie. What was judged
 * before is not judged again. */
void curve_begin(struct history *s, struct trial *t);
/* `values`: n_metrics. */
void curve_report(struct history *s, struct trial *t, long step, const double *values);
/* {"patience": 5, "threshold": 1e-4, "metric": "em", "mode": "max"}, as the SDKs send it. STATUS_INVALID says what is
 * wrong with it. *ret_wanted: the study has a use for it. */
enum status curve_check(const struct memory *s, const json_t *policy, bool *ret_wanted, struct error *err);
/* What the log says of the rule: apply.c calls them, in its order. */
enum status curve_announced(struct history *s, struct trial *t, int64_t seq, const json_t *policy, struct error *err);
void curve_adjusted(struct history *s, struct trial *t, int64_t seq, double patience, double threshold);
/* The rule as it is now, up to the last event; NULL: none is known. */
const struct early_stopping *curve_rule(const struct trial *t);

/* The trial's curve as it is now, in the arena: a copy, but for the points of a trial that has ended, which are lent
 * (lending.h). The trial has one. */
const struct learning_curve *curve_lend(const struct trial *t, struct arena *arena);

/* The trial is final: the search may learn from its curve. */
void curve_end(struct history *s, const struct trial *t);

/* It is judged now; returns how many reports there were the last time. */
long curve_judged(struct history *s, const struct trial *t);

/* The curves of the last trials, from the store: once, when a study is opened to run trials. */
enum status curve_load(struct history *s, struct error *err);
/* The curve of one that has ended, for a replay. */
enum status curve_recall(struct history *s, long number, struct error *err);
void curve_free(struct history *s);

#endif
