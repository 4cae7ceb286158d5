/* ledger: what a study has spent, and whether another trial fits what is left. */
#ifndef TUNER_COORDINATOR_LEDGER_H
#define TUNER_COORDINATOR_LEDGER_H

#include "tuner/coordinator/session.h"

struct ledger {
    struct budget budget;
    size_t slots;
    int64_t started_ms;  /* of this run, monotonic clock */
    int64_t deadline_ms; /* monotonic clock; 0 = none */
};

struct spending {
    size_t searched, finished; /* trials that count towards budget: trials; those of them that are final */
    size_t confirmed;          /* confirmation trials that are final */
    double tokens;             /* so far, running trials included */
    double most_tokens;        /* of one complete trial: what the next one may need */
    double mean_ms;            /* of one complete trial; 0 while none is */
};

/* The metric that counts tokens: the one called so, else the first minimized count; −1 if there is none. */
int ledger_token_metric(const struct objective *o);

struct ledger ledger_open(const struct budget *budget, size_t slots, const struct clock *clock);
struct spending ledger_spending(const struct session *s);

/* Why no further trial may start, keeping room for `reserved` more (the confirmation); NULL: it may. */
const char *ledger_refuses(const struct ledger *l, const struct session *s, size_t reserved);

/* Milliseconds until search and confirmation (`reserved` trials in all) are expected to end; −1: nothing is known yet.
 */
int64_t ledger_eta_ms(const struct ledger *l, const struct session *s, size_t reserved);

#endif
