/* redact: takes secrets out of text that goes into logs: tokens of the service, and the values of environment variables
 * whose names say that they are secret (SECRET, TOKEN, PASSWORD, PASSWD, API_KEY, PRIVATE_KEY). */
#ifndef TUNER_BASE_REDACT_H
#define TUNER_BASE_REDACT_H

#include <stddef.h>

/* In place: what is secret becomes asterisks, of the same length. The bytes need not be text. */
void redact(char *bytes, size_t n);

#endif
