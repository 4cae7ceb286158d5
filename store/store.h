/* store: everything Nocturne must not forget, in one SQLite file.
 *
 * The only code that knows SQL. What happens in a study is an append-only log of events; the
 * state of a study is a view of them (tuner/history/apply.c makes it). Rows come and go
 * as plain structs; text in them belongs to the caller on the way in and to the store, until
 * the callback returns, on the way out.
 *
 *     struct store *store = NULL;
 *     if (store_open("nocturne.db", STORE_CREATE, &store, &err)) …
 *     store_close(store);
 *
 * One thread at a time; while a journal has its writer (journal_start), that thread is the writer's.
 *
 * Errors: STATUS_IO for what the disk or SQLite refuses, with the file's name and the way
 * out; STATUS_BUSY for a database that another program keeps locked; STATUS_NOT_FOUND for a
 * missing row or file; STATUS_INVALID for a file that is not ours.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "store/optuna.h"

#include "tuner/base/arena.h"
#include "tuner/base/calls.h"
#include "tuner/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

enum store_mode {
    STORE_CREATE,
    STORE_EXISTING,
};

/* `path` may be ":memory:". Migrates an older file; refuses a newer, a foreign one and, up to STORE_CHECKED_BYTES,
 * a damaged one: of a larger file the check would take seconds (store_check does it). */
enum { STORE_CHECKED_BYTES = 16 << 20 };
enum status store_open(const char *path, enum store_mode mode, struct store **ret, struct error *err);
void store_close(struct store *store);
const char *store_path(const struct store *store);
bool store_in_memory(const struct store *store);
/* A store in memory that stands for a database elsewhere: what only that one's machine knows. */
struct store_elsewhere {
    const char *name; /* that it is called by; stays the caller's */
    bool taken;       /* some process runs its study now */
    double disk_free; /* bytes; 0: unknown */
};
void store_set_elsewhere(struct store *store, const struct store_elsewhere *elsewhere);
const struct store_elsewhere *store_elsewhere(const struct store *store); /* NULL: it stands for itself */
/* How long a database that another program keeps locked is waited for; ten seconds otherwise. */
void store_set_patience(struct store *store, int ms);
int store_version(void); /* schema version this program writes */

/* May the last failure pass by itself (disk full, locked, not writable now), or is the file damaged for good? */
bool store_may_recover(const struct store *store);

/* Is the open database still the file of its path, whole and ours? What changes the database asks this by itself,
 * before and after. STATUS_IO: it was moved, deleted or replaced (store_may_recover: it may come back), or cut or
 * overwritten. */
enum status store_check_ground(struct store *store, struct error *err);

/* Integrity and foreign keys; `problem` is called for each finding. */
enum status store_check(struct store *store, void (*problem)(void *, const char *), void *data, struct error *err);

/* A copy of the database as it is now, while others write to it. The whole file or nothing; `path` must not exist. */
enum status store_backup(struct store *store, const char *path, struct error *err);

/* ---- studies ---- */

struct store_study {
    int64_t id;
    const char *name, *path, *file, *identity, *state; /* state: NULL if none was written */
    uint64_t seed;
    int64_t created_ms;
};

typedef void store_study_fn(void *data, const struct store_study *study);

enum status store_study_insert(struct store *store, const struct store_study *study, int64_t *ret_id,
                               struct error *err);
/* Its texts are in the arena. */
enum status store_study_find(struct store *store, const char *name, struct arena *arena, struct store_study *ret,
                             struct error *err);
enum status store_studies(struct store *store, store_study_fn *fn, void *data, struct error *err);
/* Of all studies, in order of creation; in the arena. */
enum status store_study_names(struct store *store, struct arena *arena, const char ***ret, size_t *ret_n,
                              struct error *err);

/* Where the log of a study ends. */
struct store_end {
    int64_t study;
    const char *name;
    int64_t seq; /* of its last event; 0: none */
};

/* Of all studies, in order of creation; in the arena. */
enum status store_study_ends(struct store *store, struct arena *arena, struct store_end **ret, size_t *ret_n,
                             struct error *err);

enum status store_study_id(struct store *store, const char *name, int64_t *ret, struct error *err);

/* The last event of the deleted studies that had this name; 0: there was none. A new one counts on from it, so that no
 * lease of theirs is one of its own. */
enum status store_study_before(struct store *store, const char *name, int64_t *ret_seq, struct error *err);

/* For good, the one thing that takes anything out of the log: the study is gone at once, and its name free; its events
 * and reports go with store_sweep. Nobody may hold it. */
enum status store_study_delete(struct store *store, int64_t study, struct error *err);
/* Takes away some thousand rows of deleted studies, or answers from before `before_ms`, in a short transaction: others
 * get their turn. *ret_more: call it again. */
enum status store_sweep(struct store *store, int64_t before_ms, bool *ret_more, struct error *err);

/* ---- tokens: who may talk to the service ---- */

enum { STORE_HASH_BYTES = 32 };

struct store_token {
    const char *id, *name, *role;
    const char *scope;                          /* names of studies that it is for, "a,b"; "": all */
    unsigned char hash[STORE_HASH_BYTES];       /* of the secret */
    int64_t created_ms, expires_ms, revoked_ms; /* wall clock; 0: never, not */
};

typedef void store_token_fn(void *data, const struct store_token *token);

enum status store_token_insert(struct store *store, const struct store_token *token, struct error *err);
/* All of them, or the one with this id. */
enum status store_tokens(struct store *store, const char *id, store_token_fn *fn, void *data, struct error *err);
/* STATUS_NOT_FOUND: there is none, or it is revoked already. */
enum status store_token_revoke(struct store *store, const char *id, int64_t at_ms, struct error *err);

/* ---- answers to requests with an Idempotency-Key ---- */

struct store_answer {
    const char *token, *key;
    unsigned char what[STORE_HASH_BYTES];
    int status;
    const char *body;
    int64_t at_ms;
};

typedef void store_answer_fn(void *data, const struct store_answer *answer);

/* Calls fn if the key is known. */
enum status store_answer_find(struct store *store, const char *token, const char *key, store_answer_fn *fn, void *data,
                              struct error *err);
enum status store_answer_insert(struct store *store, const struct store_answer *answer, struct error *err);

/* ---- events ---- */

struct store_event {
    int64_t seq;      /* from 1 in each study, without gaps */
    long trial;       /* −1: about the study */
    int kind;         /* what happened: the business of whoever writes the log */
    int64_t at_ms;    /* wall clock */
    const char *body; /* a JSON object, or "" */
};

typedef void store_event_fn(void *data, const struct store_event *event);

/* A part of what is stored of a study; with nothing but the study in it: all. */
struct store_scan {
    int64_t study;
    int64_t from;     /* the first one's seq, of an event; its number, of a report */
    long limit;       /* at most; 0: all */
    const bool *stop; /* no further row, without an error, once it is true; NULL: never */
};

/* In order; `trial` −1: all of the study. */
enum status store_events(struct store *store, int64_t study, long trial, store_event_fn *fn, void *data,
                         struct error *err);
enum status store_events_scan(struct store *store, const struct store_scan *scan, store_event_fn *fn, void *data,
                              struct error *err);
/* Of the study itself and of this kind, the newest first; quick, however many trials there are. */
enum status store_events_back(struct store *store, const struct store_scan *scan, int kind, store_event_fn *fn,
                              void *data, struct error *err);
/* seq of the last event; 0: none */
enum status store_last_event(struct store *store, int64_t study, int64_t *ret_seq, struct error *err);

/* One report of a trial program, with `n` metrics. */
struct store_report {
    int64_t lease; /* seq of the lease it belongs to */
    long number;   /* from 0 in each lease */
    long step;
    int64_t after_ms; /* since the lease */
    int64_t known;    /* events of the study since the lease, before this report: its place in the order of events */
    size_t n;
    const char *const *name;
    const double *value;
    bool same_names; /* writing: as in the lease's report before, and in the same order; saves their bytes */
};

typedef void store_report_fn(void *data, const struct store_report *report);

enum status store_reports(struct store *store, int64_t study, int64_t lease, store_report_fn *fn, void *data,
                          struct error *err);

/* A row has several reports: those of one still come when *stop is true. */
enum status store_reports_scan(struct store *store, const struct store_scan *scan, int64_t lease, store_report_fn *fn,
                               void *data, struct error *err);

/* What a trial program said of one of its items, with `n` metrics. */
struct store_item {
    int64_t lease; /* seq of the lease it belongs to */
    const char *id; /* 1 to ITEM_ID_MAX bytes */
    size_t n;
    const char *const *name;
    const double *value;
};

typedef void store_item_fn(void *data, const struct store_item *item);

/* In the order in which they were said. */
enum status store_items(struct store *store, int64_t study, int64_t lease, store_item_fn *fn, void *data,
                        struct error *err);

/* ---- the journal: how events become durable ----
 *
 * What is appended between two submits is one batch and becomes durable as a whole, or not at all. Without a writer
 * journal_flush writes on the caller's thread. With one (journal_start), journal_submit hands the batch over and
 * returns; batches that come while the writer is at work share the next transaction (group commit). A batch that the
 * disk refuses is kept and tried again until it is accepted: see journal_trouble. */

struct journal;

struct journal *journal_create(struct store *store, int64_t study);
/* Ends the writer. What was submitted has been written if the disk lets it within five seconds; otherwise it is lost,
 * as in a crash. */
void journal_free(struct journal *j);

void journal_event(struct journal *j, const struct store_event *event);
void journal_report(struct journal *j, const struct store_report *report);
void journal_item(struct journal *j, const struct store_item *item);
void journal_study(struct journal *j, const char *path, const char *file, const char *identity);
void journal_state(struct journal *j, const char *state);
void journal_request_done(struct journal *j, int64_t id);
void journal_keep_answer(struct journal *j, const struct store_answer *answer);
/* Bytes for `durable`, delivered in order once everything before them is durable. */
void journal_answer(struct journal *j, const char *bytes, size_t n);

enum status journal_flush(struct journal *j, struct error *err);

struct journal_hooks {                                          /* called on the writer's thread */
    void (*durable)(void *data, const char *answers, size_t n); /* after each transaction */
    void (*trouble)(void *data, const char *text);              /* the disk refuses; NULL: no longer */
    void *data;
};

/* STATUS_FAILED: the machine has no thread left; the journal still flushes on the caller's. */
enum status journal_start(struct journal *j, const struct journal_hooks *hooks, struct error *err);
void journal_submit(struct journal *j);
/* Blocks while the journal is full (see below): back-pressure for callers that may wait. */
void journal_wait(struct journal *j);
/* Ends the writer after everything submitted is durable; the error is what keeps it from that. */
enum status journal_stop(struct journal *j, struct error *err);

uint64_t journal_batch(const struct journal *j); /* number of the batch being appended to, from 1 */
uint64_t journal_mark(const struct journal *j);  /* of the batch with which all that was appended so far is durable */
uint64_t journal_durable(struct journal *j);     /* batches up to this number are durable */
/* Calls back, from journal_deliver, once all that was appended so far is durable, in order; `drop` instead if the
 * journal is freed before (may be NULL). What is promised to others (an answer, a line on the screen) waits here. */
void journal_when_durable(struct journal *j, call_fn *call, void *data, call_fn *drop);
void journal_deliver(struct journal *j); /* on the thread that appends */
/* Nobody is called with this data any more. */
void journal_forget(struct journal *j, const void *data);
bool journal_full(struct journal *j); /* back-pressure: take nothing more in for now */
/* The sentence while the disk refuses. STATUS_OK: no trouble; STATUS_IO: it is tried again; STATUS_FAILED: for good. */
enum status journal_trouble(struct journal *j, struct error *ret);

/* ---- requests: what other processes ask of the coordinator that holds a study ---- */

typedef void store_request_fn(void *data, int64_t id, const char *verb, const char *payload);

enum status store_request_add(struct store *store, int64_t study, const char *verb, const char *payload, int64_t at_ms,
                              struct error *err);
enum status store_requests(struct store *store, int64_t study, int64_t after, store_request_fn *fn, void *data,
                           struct error *err);
/* Those that have come since the last call, from the writer (looked for twice a second). */
void journal_requests(struct journal *j, store_request_fn *fn, void *data);

/* ---- notices: what people are to be told (tuner/notify) ---- */

struct store_notice { /* for one channel */
    int64_t id, study;
    const char *channel;
    int64_t due_ms, next_ms; /* wall clock: when it happened; when it may be sent */
    long tries;              /* that failed */
    bool held;               /* for quiet hours: goes with others as one */
    const char *body;        /* JSON */
    const char *trouble;     /* why the last try failed; "" */
};

typedef void store_notice_fn(void *data, const struct store_notice *notice);

/* In one transaction: that `key` was told of the study, and a row for each channel, whose ids are set. STATUS_CONFLICT:
 * it was told already, and there is nothing new. n may be 0. */
enum status store_notice_due(struct store *store, int64_t study, const char *key, struct store_notice *each, size_t n,
                             struct error *err);
/* next_ms, tries and trouble, of the row with this id. */
enum status store_notice_wait(struct store *store, const struct store_notice *notice, struct error *err);
enum status store_notice_done(struct store *store, int64_t id, struct error *err);
/* In the order in which they became due; of all studies if `study` is 0. */
enum status store_notices(struct store *store, int64_t study, store_notice_fn *fn, void *data, struct error *err);

/* What was told of a study, by keys; `at_ms` replaces. */
enum status store_told_set(struct store *store, int64_t study, const char *key, int64_t at_ms, struct error *err);
enum status store_told_take_back(struct store *store, int64_t study, const char *key, struct error *err);
typedef void store_told_fn(void *data, int64_t study, const char *key, int64_t at_ms);
enum status store_told(struct store *store, int64_t study, store_told_fn *fn, void *data, struct error *err);

/* The lines that say who was told, the last STORE_TELLINGS of each study. */
enum { STORE_TELLINGS = 1000 };
typedef void store_telling_fn(void *data, int64_t at_ms, const char *line);
enum status store_telling_add(struct store *store, int64_t study, int64_t at_ms, const char *line, struct error *err);
enum status store_tellings(struct store *store, int64_t study, store_telling_fn *fn, void *data, struct error *err);

/* ---- the live side: what is served, experiments on it, their units and outcomes (tuner/live) ---- */

/* Runs `change` in one transaction: all of what it writes, or nothing if it fails. Within it nothing else begins one. */
enum status store_live(struct store *store, enum status (*change)(struct store *store, void *data, struct error *err),
                       void *data, struct error *err);

/* Known by its hash; the same one again is no change. */
enum status store_configuration_put(struct store *store, const unsigned char hash[STORE_HASH_BYTES], const char *body,
                                    struct error *err);
/* In the arena. */
enum status store_configuration(struct store *store, const unsigned char hash[STORE_HASH_BYTES], struct arena *arena,
                                const char **ret, struct error *err);

struct store_rollout {
    int64_t id;
    const char *name, *study;
    unsigned char champion[STORE_HASH_BYTES];
    int64_t since_ms;
    int64_t experiment; /* id of the one that is not ended; 0: none */
    int64_t version;    /* seq of the last event */
    const char *state;  /* JSON */
};

/* Texts are in the arena. STATUS_NOT_FOUND without one. */
enum status store_rollout_find(struct store *store, const char *name, struct arena *arena, struct store_rollout *ret,
                               struct error *err);
/* What changes of them, in the order in which they were begun. */
struct store_rollout_head {
    const char *name;
    int64_t version;
    bool open; /* an experiment is not ended, or it is watched */
};
enum status store_rollout_heads(struct store *store, struct arena *arena, struct store_rollout_head **ret, size_t *ret_n,
                                struct error *err);
enum status store_rollout_names(struct store *store, struct arena *arena, const char ***ret, size_t *ret_n,
                                struct error *err);
enum status store_rollout_insert(struct store *store, const struct store_rollout *rollout, int64_t *ret_id,
                                 struct error *err);
enum status store_rollout_update(struct store *store, const struct store_rollout *rollout, struct error *err);

struct store_experiment {
    int64_t id, rollout;
    long number; /* from 1 in each rollout */
    const char *salt, *plan, *variants, *state, *evidence;
    int64_t created_ms;
};

/* In the arena; the last one of a rollout if `number` is 0. */
enum status store_experiment_find(struct store *store, int64_t rollout, long number, struct arena *arena,
                                  struct store_experiment *ret, struct error *err);
/* The last one that had this salt, of whichever rollout; STATUS_NOT_FOUND: none had. */
enum status store_experiment_salted(struct store *store, const char *salt, struct arena *arena,
                                    struct store_experiment *ret, struct error *err);
enum status store_experiment_insert(struct store *store, const struct store_experiment *x, int64_t *ret_id,
                                    struct error *err);
/* NULL: that is as it was. */
enum status store_experiment_update(struct store *store, int64_t id, const char *state, const char *evidence,
                                    struct error *err);

struct store_live_event {
    int64_t seq, at_ms;
    const char *kind, *body; /* body: JSON */
};
typedef void store_live_event_fn(void *data, const struct store_live_event *event);
enum status store_live_event_add(struct store *store, int64_t rollout, const struct store_live_event *event,
                                 struct error *err);
/* A part of what there is of a rollout or an experiment. */
struct store_live_part {
    int64_t of;   /* its id */
    int64_t from; /* events: the first seq; units: the last first exposure */
    long limit;   /* at most; 0: all */
};
enum status store_live_events(struct store *store, const struct store_live_part *part, store_live_event_fn *fn,
                              void *data, struct error *err);

struct store_unit { /* of one experiment; `unit` stands for its name */
    int64_t experiment, unit;
    long arm, period, segment;
    double expected; /* NaN: unknown */
    int64_t at_ms;   /* its first exposure */
    long outcomes;
    bool done;
};

/* False in *ret_found: it is not known. */
enum status store_unit_find(struct store *store, int64_t experiment, int64_t unit, bool *ret_found,
                            struct store_unit *ret, struct error *err);
enum status store_unit_put(struct store *store, const struct store_unit *unit, struct error *err);
/* Open ones whose first exposure was at or before part->from, the earliest first; of the same time in an order that has
 * nothing to do with their arms. */
typedef void store_unit_fn(void *data, const struct store_unit *unit);
enum status store_units_open(struct store *store, const struct store_live_part *part, store_unit_fn *fn, void *data,
                             struct error *err);

/* `value`: n doubles. *ret_new: false if one with this id has come before. */
struct store_outcome {
    int64_t experiment, unit, id, at_ms;
    const double *value;
    size_t n;
};
enum status store_outcome_add(struct store *store, const struct store_outcome *outcome, bool *ret_new,
                              struct error *err);
typedef void store_outcome_fn(void *data, const struct store_outcome *outcome);
enum status store_outcomes(struct store *store, int64_t experiment, int64_t unit, store_outcome_fn *fn, void *data,
                           struct error *err);
enum status store_outcomes_drop(struct store *store, int64_t experiment, int64_t unit, struct error *err);
/* Units and outcomes of an experiment that has ended, some thousand at a time. *ret_more: call it again. */
enum status store_live_sweep(struct store *store, int64_t experiment, bool *ret_more, struct error *err);

/* How the differences went: one more row of an experiment; of as many units the later one stays. */
struct store_course {
    int64_t experiment, units, at_ms; /* units: scored by then */
    long period;
    const char *body; /* JSON */
};
enum status store_course_add(struct store *store, const struct store_course *row, struct error *err);
/* Of the last row, without its body; units 0, period −1: there is none. */
enum status store_course_last(struct store *store, int64_t experiment, struct store_course *ret, struct error *err);
typedef void store_course_fn(void *data, const struct store_course *row);
enum status store_course_all(struct store *store, int64_t experiment, store_course_fn *fn, void *data,
                             struct error *err);

/* Has this collector sent these sums before? If not, it has now. */
enum status store_collected(struct store *store, int64_t experiment, const char *collector, int64_t number,
                            bool *ret_new, struct error *err);

/* ---- parts of outcomes that came as telemetry and wait for others (tuner/live/join) ---- */

struct store_waiting {
    const char *id;
    int64_t at_ms;    /* wall clock: when it came */
    const char *body; /* JSON */
};

/* Within store_live, or by itself. The same id again is no change. */
enum status store_waiting_keep(struct store *store, const struct store_waiting *waiting, struct error *err);
/* One that is not there is fine. */
enum status store_waiting_drop(struct store *store, const char *id, struct error *err);
/* In the order in which they came. */
typedef void store_waiting_fn(void *data, const struct store_waiting *waiting);
enum status store_waiting_any(struct store *store, bool *ret, struct error *err);
enum status store_waiting_all(struct store *store, store_waiting_fn *fn, void *data, struct error *err);

/* ---- the right to run a study ---- */

struct store_hold; /* dies with the process: a file lock */

/* STATUS_BUSY names the holder (pid, host, since). An in-memory store is always free. */
enum status store_hold_take(const struct store *store, const char *study, struct store_hold **ret, struct error *err);
void store_hold_release(struct store_hold *hold);
/* The same for a study that is no more: its lock file goes, too. */
void store_hold_retire(struct store_hold *hold);
/* Is some process running this study now? */
bool store_hold_taken(const struct store *store, const char *study);

#endif
