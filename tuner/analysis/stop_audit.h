/* stop_audit: what was stopped in a study, what that saved, and how often it was wrong.
 *
 * A condemned trial that was audited ran on all the same. It was a false stop if it then beat every other trial of the
 * study. As the audited ones are a random share of the condemned, their share of false stops estimates that of all,
 * with an exact binomial interval [Clopper & Pearson 1934].
 */
#ifndef TUNER_ANALYSIS_STOP_AUDIT_H
#define TUNER_ANALYSIS_STOP_AUDIT_H

#include "tuner/history/history.h"

struct stop_record { /* one condemned trial, at one time */
    const struct trial *trial;
    const char *reason;
    double at;              /* tokens, or reports, until then */
    double target;          /* the utility it had to reach; NaN: unknown, as are the next two */
    double saves;           /* tokens, or reports, that it would still have cost */
    const double *expected; /* n_metrics: at its end */
    size_t n_nearest;
    const long *nearest; /* trials with the nearest curves until then */
    const char *went_on; /* NULL: it did not; why it was taken up again */
    bool audited;
    bool last;     /* of its trial: it was not condemned again */
    bool wrong;    /* audited, complete, and better than all others */
    json_t *event; /* the whole of it as logged, for --json */
};

struct stop_audit {
    struct arena arena;
    const char *about, *advice; /* of the study's pruner (pruner.h) */
    const char *blind, *remedy; /* why it can stop nobody, and what to do about it (sight.h); NULL: it can */
    size_t n, capacity;
    struct stop_record *stop; /* in the order of the log */
    size_t ended;             /* complete trials of the search: by their own rule or at their own end */
    size_t pruned;            /* stopped by the pruner */
    size_t resumed;           /* stopped, and went on later, whatever became of them */
    size_t audited, wrong;    /* audited ones that are complete; those of them that were false stops */
    size_t adapted, changes;  /* trials whose patience or threshold was changed, and how often */
    double spent;             /* tokens of the search */
    double saved;             /* tokens that the stopped ones would still have cost, by forecast */
    double audit_spent;       /* tokens that audited ones have cost after they were condemned */
    double rate, low, high;   /* of false stops: estimate and 95 % interval; NaN, 0, 1 without audits */
};

/* The history must have been loaded from its store. stop_audit_done releases it, also after a failure. */
enum status stop_audit_make(const struct memory *s, struct stop_audit *ret, struct error *err);
/* A false stop: is this complete trial better than every other of the search, and feasible? */
bool stop_audit_beats_all(const struct memory *s, const struct trial *t);
void stop_audit_done(struct stop_audit *stops);

#endif
