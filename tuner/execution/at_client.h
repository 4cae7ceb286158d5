/* at_client: a client that has asked for the trial, as an executor. It polls: what is said to it waits for its next
 * report, and that it has ended shows in the log alone.
 */
#ifndef TUNER_EXECUTION_AT_CLIENT_H
#define TUNER_EXECUTION_AT_CLIENT_H

#include "tuner/execution/executor.h"

/* `token`: id of the client's; NULL: none. */
struct execution *at_client_execution(const char *token);
#endif
