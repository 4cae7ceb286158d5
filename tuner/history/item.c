#include "tuner/history/item.h"

#include "tuner/history/append.h"
#include "tuner/history/internal.h"

#include "tuner/base/metrics.h"

enum status history_item(struct history *s, const struct trial *t, const char *id, const json_t *metrics,
                         struct error *err)
{
    const char *names[METRICS_SAID_MAX];
    double values[METRICS_SAID_MAX];
    struct attempt *a = &internal_own(s, t)->attempt;
    if (a->items >= ITEMS_MAX)
        return error_set(err, STATUS_INVALID, "it is beyond the %d items that are kept of an attempt", ITEMS_MAX);
    enum status st = history_check(&s->m.study->objective, metrics, err);
    if (st) return st;
    const struct store_item item = {a->lease, id, metrics_split(metrics, names, values), names, values};
    journal_item(s->journal, &item);
    a->items++;
    return STATUS_OK;
}

enum status history_items(const struct memory *s, const struct trial *t, store_item_fn *fn, void *data,
                          struct error *err)
{
    return store_items(s->store, s->study_id, t->attempt.lease, fn, data, err);
}
