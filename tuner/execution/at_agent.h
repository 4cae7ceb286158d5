/* at_agent: an agent's seat as an executor. What its program says comes as the agent's messages (agent_message), to
 * whoever the fleet tells; the execution carries what is said to it.
 */
#ifndef TUNER_EXECUTION_AT_AGENT_H
#define TUNER_EXECUTION_AT_AGENT_H

#include "tuner/execution/executor.h"
#include "tuner/execution/fleet.h"

/* One that an agent has had since before this process; `owner`: whom the fleet names when the seat is lost. */
struct execution *at_agent_expect(struct tenant *tenant, void *owner, const struct holder *holder, int64_t lease);
/* Its seat is no more: the fleet frees it. */
void at_agent_unseat(struct execution *x);

#endif
