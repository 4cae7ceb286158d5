/* otlp: bodies of OTLP/HTTP in JSON, POST /v1/logs and /v1/traces, as parts of outcomes.
 *
 * Read are, as log records, span events or spans (names of OpenTelemetry's semantic conventions, those of earlier years
 * among them):
 *
 *     feature_flag.evaluation    a unit (feature_flag.context.id) was given a variant of a rollout (feature_flag.key)
 *     gen_ai.evaluation.result   something was judged: gen_ai.evaluation.name, .score.value (or a .score.label)
 *     spans with gen_ai.usage.*  tokens, as the model's caller counts them
 *
 * Who calls the caller (an agent in this process, a workflow, a tool) says the same tokens again, and is left out.
 * All else is somebody else's, and taken without a word: exporters send everything. A record that is one of these and
 * cannot be used is refused, by itself; the others are taken. Untrusted: texts have PART_TEXT_MAX bytes at most,
 * numbers are finite, nothing is read deeper than OTLP nests.
 *
 *     struct otlp_batch batch;
 *     struct otlp_request request = {OTLP_LOGS, body, &mappings, now_ms};
 *     if (otlp_read(&request, arena, &batch, &err)) …      400
 *     for (size_t i = 0; i < batch.n; i++) take(&batch.part[i]);
 *     json_t *answer = otlp_answer(OTLP_LOGS, &batch);
 */
#ifndef TUNER_LIVE_OTLP_H
#define TUNER_LIVE_OTLP_H

#include "tuner/live/mapping.h"
#include "tuner/live/part.h"

#include <jansson.h>

enum otlp_signal { OTLP_LOGS, OTLP_TRACES };

struct otlp_request {
    enum otlp_signal signal;
    const json_t *body;
    const struct mappings *mappings;
    int64_t now_ms; /* wall clock; of what does not say when it was */
};

struct otlp_batch {
    size_t n;
    struct part *part; /* in the order in which they came; in the arena. Their texts are there, or the body's */
    size_t refused;    /* log records or spans */
    const char *why;   /* of the first; with none refused a warning; "" */
};

/* STATUS_INVALID: the body as a whole is no such request. */
enum status otlp_read(const struct otlp_request *request, struct arena *arena, struct otlp_batch *ret,
                      struct error *err);

/* One more. `why` stays as long as the batch. */
void otlp_refuse(struct otlp_batch *batch, const char *why);

/* ExportLogsServiceResponse, ExportTraceServiceResponse: {} or {"partialSuccess": …}. */
json_t *otlp_answer(enum otlp_signal signal, const struct otlp_batch *batch);

/* What a body in another format is told, with 415. `type`: its Content-Type, or NULL. */
const char *otlp_only_json(const char *type, struct arena *arena);

#endif
