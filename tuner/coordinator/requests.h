/* requests: what people, clients and agents want of a study, and what they say. */
#ifndef TUNER_COORDINATOR_REQUESTS_H
#define TUNER_COORDINATOR_REQUESTS_H

#include "tuner/coordinator/ask_queue.h"
#include "tuner/coordinator/tell.h"

#include "tuner/execution/execution.h"

struct coordinator;
struct ask;

/* ---- for the service: what people and clients want ----
 *
 * Nothing is durable when these return; coordinator_promise calls back when all that was recorded so far is. */

void coordinator_promise(struct coordinator *c, void (*call)(void *data), void *data);
void coordinator_forget(struct coordinator *c, const void *data);

/* Calls back when no suggestion is being computed: trials may be added then only, or a suggestion would get another
 * number than it was computed for. */
void coordinator_calmly(struct coordinator *c, void (*call)(void *data), void *data);

/* STATUS_INVALID: not a configuration of this study. Calmly. */
enum status coordinator_enqueue(struct coordinator *c, const json_t *params, const struct trial **ret,
                                struct error *err);
/* STATUS_CONFLICT: it is over already. */
enum status coordinator_cancel(struct coordinator *c, const struct trial *t, const char *why, struct error *err);

/* A failed one is tried again (retry.h). STATUS_CONFLICT: it has not failed. */
enum status coordinator_retry(struct coordinator *c, const struct trial *t, struct error *err);

enum { ASK_WAIT_MS = 25000 };

/* Asks for trials that the caller will run, and holds by its token then (which lives until `done` or unask). `done` is
 * called once, now or later, with those that are leased, durably; `why`: there are no more. */
struct ask *coordinator_ask(struct coordinator *c, const struct asking *asking,
                            void (*done)(void *data, size_t n, const struct trial *const *trial, const char *why),
                            void *data);
/* Whoever asked is not there any more: its trials are queued again. */
void coordinator_unask(struct coordinator *c, struct ask *a);
/* What the holder of a lease says (tell.h, where renewals and what was run elsewhere are recorded). A report is
 * answered with what the trial is told: {"stop": …, …}. */
enum status coordinator_tell(struct coordinator *c, const struct trial *t, const struct lease_claim *claim,
                             const struct tale *tale, struct error *err);
enum status coordinator_report(struct coordinator *c, const struct trial *t, const struct lease_claim *claim,
                               const struct told_report *report, json_t **ret, struct error *err);

/* ---- for the loop ---- */

/* Clients that have waited long enough, or for whom there is no more, get what there is. */
void requests_answers(struct coordinator *c, bool no_more);
/* All clients that wait get what there is, and `why`. */
void requests_sends_away(struct coordinator *c, const char *why);
/* Attempts of clients whose leases are over, told or expired, are over. */
void requests_clears(struct coordinator *c);

/* tenant_hooks: what agents say, and their end. */
bool requests_hears(void *data, const struct holder *from, const json_t *message);
void requests_loses(void *data, void *owner, enum seat_loss loss, const char *why);
/* journal_requests, store_requests: what other processes want. A stop that an earlier run did not live to obey was not
 * meant for this one. */
void requests_obeys(void *data, int64_t id, const char *verb, const char *payload);
void requests_obeys_late(void *data, int64_t id, const char *verb, const char *payload);
/* Leases that agents and clients hold since before this process are attempts of this one. */
void requests_adopt(struct coordinator *c);

#endif
