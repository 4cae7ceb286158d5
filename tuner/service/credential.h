/* credential: the tokens of agents that are started here; each kind of provisioner has one, in a file. */
#ifndef TUNER_SERVICE_CREDENTIAL_H
#define TUNER_SERVICE_CREDENTIAL_H

#include "tuner/service/parts.h"

/* Agents of the last process may still be there, with the tokens in its files. */
void credential_recall(struct service *s);
/* A valid one is in the file; made if need be. `data`: the service. */
enum status credential_ensure(void *data, enum provisioner_kind kind, const char *path, struct error *err);
/* Is it the token of such agents? They are as many as the studies say. */
bool credential_owns(const struct service *s, const char *token);

#endif
