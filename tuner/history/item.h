/* item: what a trial's program says of single items (questions, words, requests): kept with its attempt, in the store
 * alone, so that two configurations can be compared on the same ones.
 */
#ifndef TUNER_HISTORY_ITEM_H
#define TUNER_HISTORY_ITEM_H

#include "tuner/history/memory.h"

/* `id`: 1 to ITEM_ID_MAX bytes; `metrics` as metrics_check has them. STATUS_INVALID: one of the study's is outside
 * its range, or the attempt has said ITEMS_MAX: nothing is kept. */
enum status history_item(struct history *s, const struct trial *t, const char *id, const json_t *metrics,
                         struct error *err);
/* Those of its last attempt, in the order in which they were said; what was said twice comes twice. */
enum status history_items(const struct memory *s, const struct trial *t, store_item_fn *fn, void *data,
                          struct error *err);

#endif
