/* notice: rows of what people are to be told, of what was told, and of the lines that say so. */
#ifndef STORE_NOTICE_H
#define STORE_NOTICE_H

#include "store/statement.h"

/* All of a study that is no more. */
enum status notice_forget(struct store *store, int64_t study, struct error *err);

#endif
