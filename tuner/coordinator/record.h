/* record: one change of a session. The changes themselves are declared in session.h. */
#ifndef TUNER_COORDINATOR_RECORD_H
#define TUNER_COORDINATOR_RECORD_H

#include "tuner/coordinator/change.h"

/* The next event of the log, about a trial or (NULL) the study; to be filled in. */
struct change record_begin(const struct session *s, enum logged kind, const struct trial *t);

/* To memory if it is legal there, then to the journal. */
enum status record(struct session *s, const struct change *c, struct error *err);

#endif
