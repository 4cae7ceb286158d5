/* lease: the right to run an attempt, and what a message from its holder means.
 *
 * A lease's fencing token is the seq of the event that granted it: larger is newer. The table of outcomes is in
 * README.md; lease_judge is that table.
 */
#ifndef TUNER_HISTORY_LEASE_H
#define TUNER_HISTORY_LEASE_H

#include "tuner/history/memory.h"
#include "tuner/history/outcome.h"

enum lease_message {
    LEASE_RENEWAL,
    LEASE_REPORT,
    LEASE_RESULT,  /* complete */
    LEASE_FAILURE, /* failed, infeasible: said by the trial itself */
};

enum lease_verdict {
    LEASE_ACCEPT,   /* from the holder */
    LEASE_REPEATED, /* heard before: answered again, changes nothing */
    LEASE_LATE,     /* the result of an expired lease, and the trial has none: kept */
    LEASE_STALE,    /* from a lease that is over: refused */
    LEASE_DECIDED,  /* the trial is final, with another result: refused */
    LEASE_UNKNOWN,  /* this trial never had such a lease */
    LEASE_FOREIGN,  /* somebody else's: refused */
};

/* Who speaks, and for which lease: a number that is no right by itself, since anybody can count. */
struct lease_claim {
    int64_t lease; /* fencing token; 0: the last one, of a sender that names none */
    struct holder from;
};

/* `same`: the trial is final, and with exactly this result. */
enum lease_verdict lease_judge(const struct trial *t, const struct lease_claim *claim, enum lease_message message,
                               bool same);

/* Does the sender hold the trial's lease now? */
bool lease_is_held(const struct trial *t, const struct lease_claim *claim);

/* The attempt crashed, was lost or took the machine along (`outcome`: a crash).
 * Within `retries` it is queued again after a back-off that doubles; what took the machine along twice is poisonous. */
enum status lease_crashed(struct history *s, const struct trial *t, enum outcome outcome, const char *reason,
                          struct error *err);

/* Ends the leases whose deadline has passed. Returns how many. */
size_t lease_expire(struct history *s);

/* After the end of the process that ran it: leased and running trials are lost and go back to queued; if the machine
 * has been booted since the study was opened last, that counts as their crash. `keep_remote`: what agents hold, and
 * clients with a deadline, they still do. */
enum status lease_recover(struct history *s, bool keep_remote, struct error *err);

#endif
