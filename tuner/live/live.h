/* live: the winner of a study goes live, and stays honest: this room's one public header.
 *
 * A rollout is what clients ask for by name. It serves its champion; an experiment tries challengers against it on a
 * part of the units. Everything is in the store, and each call is one transaction of it, so that any process may call
 * at any time: a service, a command, two of them at once. Nothing of it needs to be told when a process ends.
 *
 *     live_start(store, &wish, now, &err);                     a rollout, and an experiment on it
 *     live_take(store, "g2p", &batch, 1, now, &err);           as often as outcomes come
 *     live_tick(store, "g2p", now, &ticked, &err);             every second or so: scores, judges, decides
 *     live_status(store, "g2p", 0, now, &document, &err);
 *
 * Times are wall clock, in milliseconds; of a clock that was set back nothing is undone.
 */
#ifndef TUNER_LIVE_LIVE_H
#define TUNER_LIVE_LIVE_H

#include "tuner/live/collector.h"
#include "tuner/live/configuration.h"
#include "tuner/live/contest.h"
#include "tuner/live/duel.h"
#include "tuner/live/intake.h"
#include "tuner/live/judgement.h"
#include "tuner/live/kill_file.h"
#include "tuner/live/needs.h"
#include "tuner/live/plan.h"
#include "tuner/live/ruleset.h"
#include "tuner/live/salvage.h"
#include "tuner/live/telemetry.h"
#include "tuner/live/watch.h"
#include "tuner/live/plan_study.h"
#include "tuner/live/watch_study.h"

#include "store/store.h"

/* What is to be tried. */
struct live_wish {
    const char *rollout, *study; /* names */
    const char *plan_name;       /* what errors call the plan */
    const char *plan;            /* its text; "": all defaults */
    const char *salt; /* NULL: that of the last experiment if the same configurations are tried again, so that
                         everybody gets what he had, else a new one */
    const struct configuration *champion; /* NULL: what is served now; for a new rollout it must be there */
    size_t n;
    const struct configuration *challenger;
    const char *by; /* who asks */
};

/* STATUS_INVALID: the plan, a salt that others had, the same configuration twice, units that cannot decide it;
 * STATUS_CONFLICT: an experiment is open already. */
enum status live_start(struct store *store, const struct live_wish *wish, int64_t now_ms, struct error *err);

#define LIVE_VERBS(X)                                                                                                  \
    X(RAMP, "ramp") X(PAUSE, "pause") X(RESUME, "resume") X(STOP, "stop") X(PROMOTE, "promote")                        \
        X(ROLLBACK, "rollback") X(KILL, "kill") X(REVIVE, "revive") X(APPROVE, "approve") X(DECLINE, "decline")         \
            X(UNWATCH, "unwatch")

#define LIVE_VERB(id, name) LIVE_DO_##id,
enum live_verb { LIVE_VERBS(LIVE_VERB) LIVE_VERB_COUNT };
#undef LIVE_VERB

const char *live_verb_name(enum live_verb verb);
bool live_verb_parse(const char *name, enum live_verb *ret);

struct live_order {
    enum live_verb verb;
    int64_t version;     /* of the rollout as whoever orders has seen it; 0: whatever it is */
    double share;        /* ramp: the next step of at least this share of all challengers; 0: the next step */
    const char *variant; /* promote: which; NULL: the only one, or the one that has won */
    const char *why, *by;
};

/* STATUS_CONFLICT: somebody else was faster (version), or the phase does not allow it. */
enum status live_order(struct store *store, const char *rollout, const struct live_order *order, int64_t now_ms,
                       struct error *err);

/* Bodies of requests: {"outcomes": […]}. Of each the answer, which the caller owns, or why it is none (err of it). */
struct live_batch {
    const json_t *body;
    json_t *answer; /* {"taken", "repeated", "late", "left_out", "refused": [{"index", "why"}]}; NULL: see err */
    struct error err;
};
enum status live_take(struct store *store, const char *rollout, struct live_batch *batch, size_t n, int64_t now_ms,
                      struct error *err);

/* ---- collectors (collector.h) ---- */

/* What is needed to score units elsewhere: {"rollout", "study", "now_ms", "experiment": {"number", "salt", "plan",
 * "created_ms", "hashes", "state", "rules", "window_ms", "late_ms", "tracks", "beside"?}?}, the experiment's if one is
 * open. The caller owns it. */
enum status live_scoring(struct store *store, const char *rollout, int64_t now_ms, json_t **ret, struct error *err);
/* Sums of a collector: {"collector": "c1", "number": 17, "experiment": 3} with those of sums.h, taken once for each
 * number, which must grow. *ret: {"taken", "repeated", "left_out"}, units. STATUS_INVALID: they cannot be;
 * STATUS_CONFLICT: it is still learning, or in the shadow, for which outcomes are needed. */
enum status live_sums(struct store *store, const char *rollout, const json_t *body, int64_t now_ms, json_t **ret,
                      struct error *err);

/* Scores what is due, judges, and does what is to be done. */
struct live_ticked {
    bool more;    /* at once again */
    bool changed; /* what clients or people see is different now */
};
enum status live_tick(struct store *store, const char *rollout, int64_t now_ms, struct live_ticked *ret,
                      struct error *err);

/* ---- what is live is watched ---- */

struct live_watch_wish {
    const char *rollout, *study;
    const char *plan_name, *plan;         /* watch_plan_read */
    const struct configuration *champion; /* of a new rollout; NULL: what is served */
    const char *by;
};
/* Founds the rollout if there is none: its champion is served, and watched. One that is watched by this very plan goes
 * on as it is; by another one it begins anew. STATUS_INVALID: the plan, a name; STATUS_CONFLICT: a champion was given,
 * and another one is served. */
enum status live_watch(struct store *store, const struct live_watch_wish *wish, int64_t now_ms, struct error *err);

/* How it stands, for who does its work: {"rollout", "study", "version", "champion": {…}, "since_ms", "watch":
 * watch_json with "rules": watch_plan_json, "challenger": {…}?, "open": is an experiment?, "tried": has one begun in
 * this phase?}; STATUS_NOT_FOUND: nobody watches. The caller owns it. */
enum status live_watch_status(struct store *store, const char *rollout, json_t **ret, struct error *err);

/* The name of the lock (store_hold_take) of the process that does the work of a watch; in the arena. */
const char *live_watch_lock(const char *rollout, struct arena *arena);

/* What has become of the work of a phase. */
enum watch_turn {
    WATCH_DONE,  /* the next phase follows */
    WATCH_BEGAN, /* nothing yet: it has begun, and `study` is noted */
    WATCH_FOUND, /* a challenger: it is tried, whatever lies between */
    WATCH_OVER,  /* nothing follows: what is usual now is learnt */
};

struct live_watch_work {
    enum watch_phase phase; /* STATUS_CONFLICT if it is another one by now, or waits for a person */
    enum watch_turn turn;
    const char *study;      /* tuning: the study's name; NULL */
    const char *why;        /* in words */
    const json_t *evidence; /* of the event; NULL */
    const struct configuration *challenger; /* what was found; NULL */
};
enum status live_watch_done(struct store *store, const char *rollout, const struct live_watch_work *work,
                            int64_t now_ms, struct error *err);
/* The champion was run again, on `n` items: {"em": 0.6, "tokens": 120}. Each is looked at as n outcomes. */
struct live_watch_run {
    const json_t *metrics;
    double n;
    const char *why; /* it had no result, and metrics is {}: why; NULL */
};
enum status live_watch_ran(struct store *store, const char *rollout, const struct live_watch_run *run, int64_t now_ms,
                           struct error *err);

/* {"rollout", "study", "version", "champion": {…}, "since_ms", "now_ms", "killed"?, "watch": {…}?, "experiment":
 * {"number", "phase", "rules": {…}, …}?}; the caller owns it. "rules": the plan with what it left out. `number`: of an
 * earlier experiment; 0: the last. */
enum status live_status(struct store *store, const char *rollout, long number, int64_t now_ms, json_t **ret,
                        struct error *err);
/* How the differences of an experiment went (course.h); `number`: 0: the last. STATUS_NOT_FOUND: there is none. */
enum status live_course(struct store *store, const char *rollout, long number, int64_t now_ms, json_t **ret,
                        struct error *err);
/* A list of them, each with its last experiment, in the order in which they were begun; `study`: those of one study;
 * NULL: all. */
enum status live_status_all(struct store *store, const char *study, int64_t now_ms, json_t **ret, struct error *err);
/* Adds to each of such a list the "course" of its experiment. */
enum status live_courses(struct store *store, json_t *list, int64_t now_ms, struct error *err);
/* [{"seq", "at_ms", "kind", …}, …] from `from` on, `limit` at most; the caller's. */
enum status live_events(struct store *store, const char *rollout, int64_t from, long limit, json_t **ret,
                        struct error *err);
/* For ruleset_assign; the caller's. */
enum status live_ruleset(struct store *store, const char *rollout, struct ruleset **ret, struct error *err);

#endif
