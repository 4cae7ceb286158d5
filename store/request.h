/* request: rows of the mailbox. */
#ifndef STORE_REQUEST_H
#define STORE_REQUEST_H

#include "store/statement.h"

enum status request_done(struct store *store, int64_t id, struct error *err);

#endif
