/* curve: the reports of a lease, packed into as few bytes as they need. */
#ifndef STORE_CURVE_H
#define STORE_CURVE_H

#include "store/statement.h"

enum { CURVE_METRICS_MAX = 64, CURVE_NAME_MAX = 255 };

/* Grows as reports are added. Zero is empty; free(bytes) when done. */
struct report_row {
    int64_t lease;
    long first; /* number of its first report */
    unsigned char *bytes;
    size_t n, capacity;
    size_t n_names; /* metrics of the last report, whose names stand at these places of `bytes` */
    struct {
        uint32_t at, length;
    } name[CURVE_METRICS_MAX];
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
