/* mailbox: what is asked of a study that another process runs: it is left in the database, as commands on this machine
 * leave it, and that process does it next. Both by a work. */
#ifndef TUNER_SERVICE_MAILBOX_H
#define TUNER_SERVICE_MAILBOX_H

#include "tuner/service/request.h"

/* Does some process run the study of {study}? */
bool mailbox_is_read(struct request *r);
/* The payload is the caller's. False: a problem has been answered. */
bool mailbox_leave(struct request *r, const char *verb, const json_t *payload);
/* The same, and the answer: 202 {"study", "asked": verb}. */
void mailbox_post(struct request *r, const char *verb, const json_t *payload);

#endif
