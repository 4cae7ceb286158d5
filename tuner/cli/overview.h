/* overview: all studies of a database, a row each, for who watches more than one. A row is made again when its study
 * has moved on, or somebody has taken it or let it go; what cannot be read stays as it was, and the link says so.
 */
#ifndef TUNER_CLI_OVERVIEW_H
#define TUNER_CLI_OVERVIEW_H

#include "tuner/cli/cli.h"

#include "tuner/report/report.h"

struct overview_seen {
    int64_t id, seq;
    bool running;
};

struct overview {
    const char *db;
    struct store *store;
    struct watch_link link;
    char why[1100];
    struct arena arena; /* of the rows */
    size_t n;
    struct watch_row *row;
    struct overview_seen *seen; /* n; of what each row was made */
};

/* After a failure there is nothing to close. */
enum status overview_open(struct overview *o, const char *db, struct error *err);
void overview_close(struct overview *o);

void overview_look(struct overview *o);
struct watch_rows overview_rows(const struct overview *o);

#endif
