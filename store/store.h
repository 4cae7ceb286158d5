/* store: everything Nocturne must not forget, in one SQLite file.
 *
 * The only code that knows SQL. Rows come and go as plain structs; text in them belongs
 * to the caller on the way in and to the store, until the callback returns, on the way out.
 * A function that writes has written durably (WAL, synchronous FULL) when it returns
 * STATUS_OK outside store_begin … store_commit. One thread at a time.
 *
 *     struct store *store = NULL;
 *     if (store_open("nocturne.db", STORE_CREATE, &store, &err)) …
 *     store_close(store);
 *
 * Errors: STATUS_IO for what the disk or SQLite refuses, with the file's name and the way
 * out; STATUS_NOT_FOUND for a missing row or file; STATUS_INVALID for a file that is not ours.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "tuner/base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

enum store_mode { STORE_CREATE, STORE_EXISTING };

/* `path` may be ":memory:". Migrates an older file; refuses a newer, a damaged or a foreign one. */
enum status store_open(const char *path, enum store_mode mode, struct store **ret, struct error *err);
void store_close(struct store *store);
const char *store_path(const struct store *store);
int store_version(void); /* schema version this program writes */

enum status store_begin(struct store *store, struct error *err);
enum status store_commit(struct store *store, struct error *err);
void store_rollback(struct store *store);

/* Integrity and foreign keys; `problem` is called for each finding. */
enum status store_check(struct store *store, void (*problem)(void *, const char *), void *data, struct error *err);

/* ---- studies ---- */

struct store_study {
    int64_t id;
    const char *name, *path, *file, *identity, *phase;
    uint64_t seed;
    int64_t created_ms;
};

typedef void store_study_fn(void *data, const struct store_study *study);

enum status store_study_insert(struct store *store, const struct store_study *study, int64_t *ret_id,
                               struct error *err);
enum status store_study_update(struct store *store, int64_t id, const char *path, const char *file,
                               const char *identity, struct error *err);
enum status store_study_set_phase(struct store *store, int64_t id, const char *phase, struct error *err);
enum status store_study_find(struct store *store, const char *name, store_study_fn *fn, void *data, struct error *err);
enum status store_studies(struct store *store, store_study_fn *fn, void *data, struct error *err);

/* ---- trials ---- */

struct store_trial {
    int64_t id, study;
    long number;
    const char *role, *state, *params, *source;
    uint64_t seed;
    long confirms;                   /* −1: none */
    const char *metrics, *reason;    /* may be NULL */
    int64_t created_ms, finished_ms; /* finished 0: not yet */
    long told;                       /* place in the order of results; −1: not yet */
};

typedef void store_trial_fn(void *data, const struct store_trial *trial);

enum status store_trial_insert(struct store *store, const struct store_trial *trial, int64_t *ret_id,
                               struct error *err);
/* Changes the state only if it is still `from`; otherwise STATUS_FAILED: two writers, or a bug. */
enum status store_trial_set_state(struct store *store, int64_t id, const char *from, const char *to, struct error *err);
/* The same for a final state, with its metrics or its reason (either may be NULL). */
enum status store_trial_finish(struct store *store, int64_t id, const char *from, const char *to, const char *metrics,
                               const char *reason, long told, int64_t at_ms, struct error *err);
enum status store_trials(struct store *store, int64_t study, store_trial_fn *fn, void *data, struct error *err);

/* ---- attempts and reports ---- */

struct store_attempt {
    int64_t id, trial;
    long number;
    int64_t pid;                        /* 0: not started */
    const char *dir, *outcome, *reason; /* outcome, reason may be NULL */
    int64_t started_ms, ended_ms;
};

typedef void store_attempt_fn(void *data, const struct store_attempt *attempt);

enum status store_attempt_insert(struct store *store, int64_t trial, long number, const char *dir, int64_t at_ms,
                                 int64_t *ret_id, struct error *err);
enum status store_attempt_set_pid(struct store *store, int64_t id, int64_t pid, struct error *err);
enum status store_attempt_finish(struct store *store, int64_t id, const char *outcome, const char *reason,
                                 int64_t at_ms, struct error *err);
enum status store_attempts(struct store *store, int64_t trial, store_attempt_fn *fn, void *data, struct error *err);

struct store_report {
    long seq, step;
    const char *metrics;
};

typedef void store_report_fn(void *data, const struct store_report *report);

enum status store_report_insert(struct store *store, int64_t attempt, const struct store_report *report,
                                struct error *err);
enum status store_reports(struct store *store, int64_t attempt, store_report_fn *fn, void *data, struct error *err);

/* ---- requests: what other processes ask of the coordinator that holds a study ---- */

typedef void store_request_fn(void *data, const char *verb, const char *payload);

enum status store_request_add(struct store *store, int64_t study, const char *verb, const char *payload, int64_t at_ms,
                              struct error *err);
/* Hands over every request of the study, oldest first, and deletes them in the same transaction. */
enum status store_requests_take(struct store *store, int64_t study, store_request_fn *fn, void *data,
                                struct error *err);

/* ---- the right to run a study ---- */

struct store_hold; /* dies with the process: a file lock */

/* STATUS_BUSY names the holder (pid, host, since). An in-memory store is always free. */
enum status store_hold_take(const struct store *store, const char *study, struct store_hold **ret, struct error *err);
void store_hold_release(struct store_hold *hold);
/* Is some process running this study now? */
bool store_hold_taken(const struct store *store, const char *study);

#endif
