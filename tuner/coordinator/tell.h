/* tell: what a client of ask and tell says, read from named fields, judged by its lease, and recorded.
 *
 * Who carries the message says what it is about: the pipe (`advise`) by the first field, HTTP by the path. A body's
 * other fields are read here, and none is passed over in silence.
 *
 * STATUS_INVALID: the message is malformed; STATUS_NOT_FOUND: the trial never had this lease; STATUS_DENIED: it is
 * somebody else's; STATUS_CONFLICT: it is over, or the trial has another result. Nothing is durable yet.
 */
#ifndef TUNER_COORDINATOR_TELL_H
#define TUNER_COORDINATOR_TELL_H

#include "tuner/history/history.h"

/* How a trial has ended; points into the message. */
struct tale {
    enum trial_state to;   /* complete, failed or infeasible */
    const json_t *metrics; /* complete: all finite */
    const char *reason;    /* otherwise */
};

struct told_report {
    long step;
    const json_t *metrics; /* all finite */
    const json_t *policy;  /* the stopping rule it begins with; NULL: none */
};

/* ---- reading ---- */

/* {"lease": 3}; 0: there is none. */
enum status tell_read_lease(const json_t *message, int64_t *ret, struct error *err);
/* {"ttl": "10m"} in milliseconds, at most what the study grants; 0: there is none. */
enum status tell_read_ttl(const struct study *study, const json_t *message, int64_t *ret, struct error *err);
/* {"resume": true}: who asks can go on with a trial that was stopped, by what it has kept itself. */
enum status tell_read_resumes(const json_t *message, bool *ret, struct error *err);
/* One of "metrics", "failed", "infeasible". */
enum status tell_read_tale(const struct study *study, const json_t *message, struct tale *ret, struct error *err);
/* "step", "metrics", "policy"? */
enum status tell_read_report(const json_t *message, struct told_report *ret, struct error *err);

/* ---- telling ---- */

/* {"step": 3, "cost": 8000}: where a trial stood that was stopped and goes on. */
json_t *tell_standing(const struct trial *t);

/* ---- recording ---- */

/* The trial is leased to a client that goes on where it stood: what it had cost until then is not this attempt's. */
enum status tell_goes_on(struct history *s, const struct trial *t, struct error *err);

enum status tell_result(struct history *s, const struct trial *t, const struct lease_claim *claim,
                        const struct tale *tale, struct error *err);
enum status tell_renew(struct history *s, const struct trial *t, const struct lease_claim *claim, int64_t ttl_ms,
                       struct error *err);
/* Whether it is to go on is not judged here. */
enum status tell_report(struct history *s, const struct trial *t, const struct lease_claim *claim,
                        const struct told_report *report, struct error *err);
/* A trial that somebody ran without having been asked to. Of a study at work: calmly (requests.h). */
enum status tell_add(struct history *s, const json_t *params, const struct tale *tale, const struct trial **ret,
                     struct error *err);

#endif
