/* item: what trial programs said of single items, packed: a row is what one lease said in one transaction. */
#ifndef STORE_ITEM_H
#define STORE_ITEM_H

#include "store/pack.h"
#include "store/statement.h"

struct item_row {
    int64_t lease;
    struct pack pack; /* zero is empty; free(pack.bytes) when done */
};

void item_row_add(struct item_row *r, const struct store_item *item);
enum status item_row_insert(struct store *store, int64_t study, const struct item_row *r, struct error *err);

/* Calls fn for each item of a row as it is stored, of this lease. False: it is damaged. */
bool item_row_read(const struct item_row *r, store_item_fn *fn, void *data);

#endif
