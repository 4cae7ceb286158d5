/* An item is its name and its metrics (pack.h): five to ten bytes a metric besides the name. */
#include "store/item.h"

#include "tuner/base/arena.h"
#include "tuner/base/metrics.h"

#include <stdlib.h>
#include <string.h>

void item_row_add(struct item_row *r, const struct store_item *item)
{
    pack_text(&r->pack, item->id, strnlen(item->id, ITEM_ID_MAX));
    pack_metrics(&r->pack, &(struct pack_metrics){item->n, item->name, item->value}, false);
}

static bool read_row(struct unpack *u, const struct item_row *r, store_item_fn *fn, void *data)
{
    char id[ITEM_ID_MAX + 1];
    unpack_begin(u, r->pack.bytes, r->pack.n);
    while (unpack_more(u)) {
        unpack_text(u, id, sizeof id);
        struct pack_metrics m = unpack_metrics(u);
        if (!u->bad) fn(data, &(struct store_item){r->lease, id, m.n, m.name, m.value});
    }
    return !u->bad;
}

bool item_row_read(const struct item_row *r, store_item_fn *fn, void *data)
{
    struct unpack *u = must_alloc(1, sizeof *u);
    bool sound = read_row(u, r, fn, data);
    free(u);
    return sound;
}

enum status item_row_insert(struct store *store, int64_t study, const struct item_row *r, struct error *err)
{
    static const char sql[] = "INSERT INTO item (study, lease, seq, body) VALUES (?1, ?2, (SELECT ifnull(max(seq), -1) "
                              "+ 1 FROM item WHERE study = ?1 AND lease = ?2), ?3)";
    struct statement *q = statement_get(store, sql, err);
    if (!q) return err->status;
    statement_int(q, 1, study);
    statement_int(q, 2, r->lease);
    statement_blob(q, 3, r->pack.bytes, r->pack.n);
    statement_row(q);
    return statement_end(q, err);
}

enum status store_items(struct store *store, int64_t study, int64_t lease, store_item_fn *fn, void *data,
                        struct error *err)
{
    static const char sql[] = "SELECT body FROM item WHERE study = ?1 AND lease = ?2 ORDER BY seq";
    struct statement *q = statement_get(store, sql, err);
    bool sound = true;
    if (!q) return err->status;
    statement_int(q, 1, study);
    statement_int(q, 2, lease);
    while (statement_row(q)) {
        struct item_row r = {.lease = lease};
        r.pack.bytes = (unsigned char *)(uintptr_t)column_blob(q, 0, &r.pack.n);
        sound &= item_row_read(&r, fn, data);
    }
    enum status s = statement_end(q, err);
    return !s && !sound ? error_set(err, STATUS_IO, "%s: damaged items", store->path) : s;
}
