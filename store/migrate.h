/* migrate: brings a file to the schema this program knows, forward only, one transaction each. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include "store/store.h"

enum { STORE_APPLICATION_ID = 0x4e6f6374 }; /* "Noct" */

enum status store_migrate(struct store *store, struct error *err);

#endif
