/* observed: what is known of how a trial has gone: its learning curve, and the stopping rule it said it follows.
 *
 * Only in studies that stop or adapt trials, and only of those that reported last: OBSERVED_MAX of them. */
#ifndef TUNER_COORDINATOR_OBSERVED_H
#define TUNER_COORDINATOR_OBSERVED_H

#include "tuner/coordinator/session.h"

#include "tuner/search/learning_curve.h"

enum { OBSERVED_MAX = 256 };

struct observed {
    struct learning_curve curve;
    bool has_rule;              /* the trial has announced its early stopping */
    struct early_stopping rule; /* as it is now, with its state */
    bool adjusted;              /* it is no longer the trial's own */
    long judged;                /* reports in the curve when it was last judged */
};

/* Does this study want it? */
bool observed_wanted(const struct session *s);

/* A lease begins: nothing is known of it. */
void observed_begin(struct session *s, struct trial *t);
/* `values`: n_metrics. */
void observed_report(struct session *s, struct trial *t, long step, const double *values);
/* {"patience": 5, "threshold": 1e-4, "metric": "em", "mode": "max"}, as the SDKs send it. STATUS_INVALID says what is
 * wrong with it. */
enum status observed_announce(struct session *s, struct trial *t, const json_t *policy, struct error *err);

/* The curves of the last trials, from the store: once, when a study is opened to run trials. */
enum status observed_load(struct session *s, struct error *err);
void observed_free(struct session *s);

#endif
