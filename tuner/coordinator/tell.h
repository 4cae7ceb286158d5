/* tell: what a client of ask and tell says, judged by its lease and recorded. Fields of the requests: cmd_advise
 * --help.
 *
 * STATUS_INVALID: the request is malformed; STATUS_NOT_FOUND: no such trial or lease; STATUS_CONFLICT: the lease is
 * over, or the trial has another result. *ret, an answer, is the caller's. Nothing is durable yet.
 */
#ifndef TUNER_COORDINATOR_TELL_H
#define TUNER_COORDINATOR_TELL_H

#include "tuner/coordinator/session.h"

/* {"ttl": "10m"} in milliseconds; 0: there is none. */
enum status tell_ttl(const json_t *request, int64_t *ret, struct error *err);

/* {"tell": trial, "lease"?, one of "metrics", "failed", "infeasible"} */
enum status tell_result(struct session *s, const json_t *request, json_t **ret, struct error *err);
/* {"renew": trial, "lease"?, "ttl"?} */
enum status tell_renew(struct session *s, const json_t *request, json_t **ret, struct error *err);
/* {"add": params, …}: a trial that somebody ran without having been asked to. */
enum status tell_add(struct session *s, const json_t *request, json_t **ret, struct error *err);
/* {"report": trial, "lease"?, "step", "metrics", "policy"?}: whether it is to go on is not judged here. */
enum status tell_report(struct session *s, const json_t *request, struct trial **ret, struct error *err);

#endif
