/* attempt: what the log and the reports say of one execution of a trial, its last: who holds it, what it has said, how
 * it goes on, and whether it is to stop. Where it runs, and with which program, its coordinator knows (active_attempt).
 */
#ifndef TUNER_HISTORY_ATTEMPT_H
#define TUNER_HISTORY_ATTEMPT_H

#include "tuner/base/holder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct curve;
struct rule_change;

/* A lease that a trial had before its last one. */
struct past_lease {
    const struct past_lease *next; /* older */
    int64_t lease;
    int stage;     /* as attempt's */
    double before; /* as attempt's */
    struct holder holder;
};

/* Has the pruner condemned it? */
enum stop_state { STOP_NONE, STOP_PRUNE, STOP_AUDIT /* it runs on, to see what becomes of it */ };

struct stop_order {
    enum stop_state state;
    const char *reason;
    const double *expected, *spread; /* n_metrics; what the pruner expected of it (verdict); NULL: nothing */
};

/* When it was heard of: reports only, since renewals of a lease come by themselves. */
struct hearing {
    int64_t last_ms;    /* since it was leased: of its last report; 0: none yet */
    int64_t longest_ms; /* between two of its reports */
};

struct attempt {
    int64_t lease; /* fencing token; 0: never leased */
    struct holder holder;
    bool client;                   /* it is a client of ask and tell */
    int64_t began_ms;              /* wall clock: of the lease */
    const struct past_lease *past; /* NULL: it is the first lease */
    int64_t leased_ms; /* monotonic clock; of an earlier process's lease: as much earlier as it is known to have run */
    int64_t deadline_ms; /* monotonic clock: the lease expires; 0: never */

    int stage;           /* its place in the pipeline; −1: it is the whole of the trial */
    const char *key;     /* of what the stage is to leave */
    double before;       /* tokens of the stages that were done when it began */
    long reports, step;  /* number of reports, the last one's step */
    long items;          /* of which it has said something to this process */
    const double *last;  /* n_metrics; the last report; NaN where not reported */
    uint64_t names;      /* hash of the names in the last report, in order; 0: none by this process */
    double resumed_cost; /* tokens that are not its own */
    struct hearing heard;
    size_t settings; /* steps of the trajectory that it had been told when they were last changed */

    const struct curve *curve; /* its learning curve (curve.h); NULL: none is kept */
    struct rule_change *rule;  /* what the log says of its stopping rule, newest first; NULL: nothing */
    struct stop_order stop;
};

#endif
