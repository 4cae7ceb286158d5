/* tracing: what OTLP brings (tuner/live/telemetry.h), for the one process of a database that takes it: a trace whose
 * spans went to two would be added up by each in part. Who is first has the right to it, until he ends; all others say
 * so (503).
 *
 * For the loop's thread, but for tracing_tick.
 */
#ifndef TUNER_SERVICE_TRACING_H
#define TUNER_SERVICE_TRACING_H

#include "tuner/service/request.h"

#include "tuner/live/live.h"

struct tracing;

struct tracing *tracing_create(const struct clock *clock);
void tracing_free(struct tracing *t); /* after the works */

/* The request's body; answered once it is on the disk. */
void tracing_take(struct request *r, enum otlp_signal signal);

/* By a work of the live kind, once a second: what is due is told. STATUS_BUSY: the database is. */
enum status tracing_tick(struct tracing *t, struct store *store);
/* What kept it from that, for the log, once; "": nothing new. */
const char *tracing_trouble(struct tracing *t);

#endif
