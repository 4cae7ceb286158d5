/* event: rows of the log. */
#ifndef STORE_EVENT_H
#define STORE_EVENT_H

#include "store/statement.h"

enum status event_insert(struct store *store, int64_t study, const struct store_event *e, struct error *err);

#endif
