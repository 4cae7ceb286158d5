/* remote: a message of an agent about a lease, understood or refused.
 *
 *     {"study": …, "trial": 3, "lease": 12, and one of
 *      "started": {"pid": 4711, "resumed": cost}
 *      "report": {"n": 0, "step": 1, "metrics": {…}}      n: number of the report in its lease, from 0
 *      "policy": {…}      "checkpoint": {"path": …, "step": 3}      "log": {"stream": "stdout", "text": …}
 *      "end": {"end": "complete", "metrics": {…}, "reason": …, "signal": 9, "out_of_memory": true}}
 */
#ifndef TUNER_EXECUTION_AGENT_MESSAGE_H
#define TUNER_EXECUTION_AGENT_MESSAGE_H

#include "workers/workers.h"

enum remote_kind { REMOTE_STARTED, REMOTE_REPORT, REMOTE_POLICY, REMOTE_CHECKPOINT, REMOTE_LOG, REMOTE_END };

struct remote { /* points into the message */
    enum remote_kind kind;
    long trial;
    int64_t lease;
    int64_t pid;
    double resumed_cost;
    long n, step;
    const json_t *metrics; /* report, policy; end: in `outcome` */
    const char *text;      /* checkpoint: path; log: bytes */
    size_t text_n;
    const char *stream; /* log: "stdout" or "stderr" */
    struct job_outcome outcome;
    bool out_of_memory;
};

enum status remote_read(const json_t *message, struct remote *ret, struct error *err);

#endif
