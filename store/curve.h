/* curve: the reports of a lease, packed into as few bytes as they need. */
#ifndef STORE_CURVE_H
#define STORE_CURVE_H

#include "store/pack.h"
#include "store/statement.h"

struct report_row {
    int64_t lease;
    long first; /* number of its first report */
    struct pack pack; /* zero is empty; free(pack.bytes) when done */
};

void report_row_add(struct report_row *c, const struct store_report *r);

/* A row as it is stored. */
struct packed_row {
    int64_t lease;
    long first; /* number of its first report */
    const unsigned char *bytes;
    size_t n;
};

/* Calls fn for each report of the first row of its lease. False: they are damaged. */
bool packed_row_read(const struct packed_row *row, store_report_fn *fn, void *data);

enum status report_row_insert(struct store *store, int64_t study, const struct report_row *c, struct error *err);

/* nocturne_curve(step, metrics): for migration 0003. */
void report_row_register(sqlite3 *db);

#endif
