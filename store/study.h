/* study: rows of studies; what the journal changes of them. */
#ifndef STORE_STUDY_H
#define STORE_STUDY_H

#include "store/statement.h"

enum status study_update(struct store *store, int64_t id, const char *path, const char *file, const char *identity,
                         struct error *err);
enum status study_set_state(struct store *store, int64_t id, const char *state, struct error *err);

#endif
