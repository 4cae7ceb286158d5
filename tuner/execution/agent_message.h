/* agent_message: a message of an agent about a lease, understood or refused.
 *
 *     {"study": …, "trial": 3, "lease": 12, and one of
 *      "started": {"pid": 4711, "resumed": cost}
 *      "report": {"n": 0, "step": 1, "metrics": {…}}      n: number of the report in its lease, from 0
 *      "item": {"id": "q17", "metrics": {…}}
 *      "policy": {…}      "checkpoint": {"path": …, "step": 3}      "log": {"stream": "stdout", "text": …}
 *      "end": {"end": "complete", "metrics": {…}, "reason": …, "signal": 9, "out_of_memory": true}}
 */
#ifndef TUNER_EXECUTION_AGENT_MESSAGE_H
#define TUNER_EXECUTION_AGENT_MESSAGE_H

#include "workers/workers.h"

enum agent_message_kind {
    AGENT_MESSAGE_STARTED,
    AGENT_MESSAGE_REPORT,
    AGENT_MESSAGE_ITEM,
    AGENT_MESSAGE_POLICY,
    AGENT_MESSAGE_CHECKPOINT,
    AGENT_MESSAGE_LOG,
    AGENT_MESSAGE_END
};

struct agent_message { /* points into the message */
    enum agent_message_kind kind;
    long trial;
    int64_t lease;
    int64_t pid;
    double resumed_cost;
    long n, step;
    const json_t *metrics; /* report, item, policy; end: in `outcome` */
    const char *text;      /* checkpoint: path; item: its id; log: bytes */
    size_t text_n;
    const char *stream; /* log: "stdout" or "stderr" */
    struct job_outcome outcome;
};

enum status agent_message_read(const json_t *message, struct agent_message *ret, struct error *err);

#endif
