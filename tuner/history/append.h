/* append: what happens to a study: each time one event, applied to memory if it is legal there, and appended to the
 * journal. Nothing is durable when they return.
 */
#ifndef TUNER_HISTORY_APPEND_H
#define TUNER_HISTORY_APPEND_H

#include "tuner/history/event.h"

/* What the log has made of it so far. */
const struct memory *history_memory(const struct history *s);

/* The token whose request is being carried out, for the log: its id; NULL: nobody's. */
void history_on_behalf_of(struct history *s, const char *token);

void history_watch(struct history *s, const struct history_watch *watch);

/* The next event of the log, about a trial or (NULL) the study; to be filled in. */
struct event history_next(const struct history *s, enum event_kind kind, const struct trial *t);

/* To memory if it is legal there, then to the journal. */
enum status history_append(struct history *s, const struct event *e, struct error *err);

struct addition {
    enum trial_role role;
    const double *config;
    const char *source;
    long confirms;                                /* 0 for other roles */
    uint64_t seed;                                /* 0: derived from the study's seed and the number */
    int64_t known;                                /* seq of the last event that the suggestion knew; 0: all of them */
    double expect_tokens, expect_ms, expect_gain; /* as struct expectation has them */
    const struct trajectory *trajectory;          /* NULL: none */
    const struct trial *parent;                   /* a member: goes on from its checkpoint; NULL: it begins */
};

const struct trial *history_add(struct history *s, const struct addition *a);

/* A configuration of a person's own, to be tried next. */
const struct trial *history_enqueue(struct history *s, const double *config);
/* Is it one? Not what was only told of, or comes from another tuner. */
bool history_is_wish(const struct trial *t);

/* queued → leased by this process; `dir` NULL: a client runs it, and it is running at once. ttl 0: for ever. */
enum status history_lease(struct history *s, const struct trial *t, const char *dir, int64_t ttl_ms, struct error *err);
/* What somebody is to run. */
struct lease_order {
    const char *dir; /* as for history_lease */
    struct holder holder;
    int64_t ttl_ms;
    const char *stage, *key; /* NULL: the whole of the trial */
};
/* The same, to somebody else. An agent has it for ever (it is the agent that is lost, not the lease that expires), and
 * `dir` is the folder for what comes back. */
enum status history_lease_to(struct history *s, const struct trial *t, const struct lease_order *order,
                             struct error *err);
/* It ran somewhere else, and took so long until now. */
void history_backdate(struct history *s, const struct trial *t, int64_t took_ms);
/* → running. `resumed_cost`: tokens that the checkpoint it goes on from had cost; 0: it begins anew. Said again of one
 * that runs: it has turned out otherwise. */
enum status history_started(struct history *s, const struct trial *t, int64_t pid, double resumed_cost,
                            struct error *err);
enum status history_renew(struct history *s, const struct trial *t, int64_t ttl_ms, struct error *err);
/* It is told to stop, to be run again another time. */
enum status history_halt(struct history *s, const struct trial *t, const char *why, struct error *err);
/* By the pruner; `details` of its decision; audit: it runs on all the same. */
enum status history_condemn(struct history *s, const struct trial *t, const char *why, const json_t *details,
                            bool audit, struct error *err);
/* `left`: without its cost, which follows from the reports. */
enum status history_checkpoint(struct history *s, const struct trial *t, const struct checkpoint *left,
                               struct error *err);
/* The running trial's settings are others from this cost on. */
enum status history_set(struct history *s, const struct trial *t, double from, const double *config, const char *why,
                        struct error *err);
/* The running trial says which stopping rule it follows (curve_check). */
enum status history_announce(struct history *s, const struct trial *t, const json_t *policy, struct error *err);
/* The running trial's stopping rule is another now. */
enum status history_adjust(struct history *s, const struct trial *t, struct rule_values rule, const char *why,
                           struct error *err);
/* `metrics`: of the study or not; all finite numbers. If the first report of an attempt costs less than what it was to
 * go on from, it has begun anew: resumed_cost is 0 from then on. */
void history_report(struct history *s, const struct trial *t, long step, const json_t *metrics);

/* → queued, not to be leased again before `backoff_ms`. Crashes count (outcome_is_crash). */
enum status history_return(struct history *s, const struct trial *t, enum outcome outcome, const char *reason,
                           int64_t backoff_ms, struct error *err);

/* How a stage of a running trial has ended: well. */
struct stage_end {
    const char *digest; /* of the checkpoint that it left; NULL: none */
    int64_t bytes;
    const json_t *metrics; /* what it said, with its own tokens; NULL: nothing */
};

/* → queued, for the next stage. */
enum status history_stage(struct history *s, const struct trial *t, const struct stage_end *end, struct error *err);
/* The queued trial takes over what a stage has left for another. */
enum status history_take(struct history *s, const struct trial *t, const struct product *p, struct error *err);
/* The depot has this checkpoint no longer. */
void history_evict(struct history *s, const char *digest, const char *why);

/* How a trial ends. */
struct ending {
    enum trial_state state; /* final */
    const json_t *metrics;  /* complete: every metric that the objective uses, proportions from 0 to 1 */
    const char *reason;     /* others: why */
    enum outcome outcome;   /* of the attempt, where it says more than the state */
};

/* Are those of the objective's metrics that are there in their ranges? */
enum status history_check(const struct objective *o, const json_t *metrics, struct error *err);
enum status history_finish(struct history *s, const struct trial *t, const struct ending *ending, struct error *err);
/* A final trial without a result is queued again, with its number and its configuration; STATUS_CONFLICT: it has one.
 */
enum status history_retry(struct history *s, const struct trial *t, struct error *err);

/* Why a trial that was stopped goes on. */
struct resuming {
    const char *reason;
    const json_t *details; /* of the pruner's decision */
    bool whole;            /* to its end: it is not judged any more */
};

/* A pruned trial is queued again, to go on from where it was stopped; STATUS_CONFLICT: it was not. */
enum status history_resume(struct history *s, const struct trial *t, const struct resuming *x, struct error *err);
void history_set_phase(struct history *s, enum study_phase phase);
/* STUDY_FAILED: it cannot go on before somebody has mended what `why` says. */
void history_fail(struct history *s, const char *why);
void history_note(struct history *s, const char *text);

enum { HISTORY_NOTE_MAX = 4000 }; /* bytes */
/* STATUS_INVALID: it is too long for a note, or no UTF-8. */
enum status history_note_check(const char *text, struct error *err);
/* What a person has to say of a trial, or (NULL) of the study, in the place of what he had said before; "": nothing any
 * more. STATUS_INVALID: see history_note_check. */
enum status history_annotate(struct history *s, const struct trial *t, const char *text, struct error *err);

/* The configuration is not to be tried again, nor anything near it: it has failed, poisonous. */
enum status history_poison(struct history *s, const struct trial *t, const char *reason, struct error *err);

#endif
