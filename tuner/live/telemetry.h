/* telemetry: what OTLP brings, as outcomes of rollouts: read, joined, stored and taken in, each request in one
 * transaction. Once it is answered it is on the disk: outcomes as those of any client, and what waits for others as
 * rows (store_waiting), so that kill -9 loses nothing that was answered.
 *
 *     struct telemetry *t = telemetry_create(&(struct join_limits)JOIN_LIMITS);
 *     struct telemetry_request request = {OTLP_LOGS, body, now_ms};
 *     telemetry_take(t, store, &request, &answer, &err);
 *     telemetry_tick(t, store, now_ms, &err);           at telemetry_next_ms(t)
 *
 * One at a time: a process has one of these, and only one process takes telemetry, since a trace whose spans went to
 * two would be added up by each in part. What waits is read from the store with the first call, and anew after one that
 * failed.
 */
#ifndef TUNER_LIVE_TELEMETRY_H
#define TUNER_LIVE_TELEMETRY_H

#include "tuner/live/join.h"
#include "tuner/live/otlp.h"

#include "store/store.h"

struct telemetry;

struct telemetry *telemetry_create(const struct join_limits *limits);
void telemetry_free(struct telemetry *t); /* NULL is fine */

struct telemetry_request {
    enum otlp_signal signal;
    const json_t *body;
    int64_t now_ms; /* wall clock */
};

/* The answer is the caller's; what the rollouts did not take for an outcome is a warning in it. STATUS_INVALID: the
 * body is no such request; else the database's. */
enum status telemetry_take(struct telemetry *t, struct store *store, const struct telemetry_request *request,
                           json_t **ret_answer, struct error *err);

/* Tells what is due. */
enum status telemetry_tick(struct telemetry *t, struct store *store, int64_t now_ms, struct error *err);
int64_t telemetry_next_ms(const struct telemetry *t); /* wall clock; INT64_MAX: nothing waits */

struct join_counts telemetry_counts(const struct telemetry *t); /* since the last reading */

#endif
