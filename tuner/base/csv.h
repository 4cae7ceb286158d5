/* csv: a table of comma-separated values [RFC 4180], read field by field. */
#ifndef TUNER_BASE_CSV_H
#define TUNER_BASE_CSV_H

#include "tuner/base/arena.h"
#include "tuner/base/error.h"

#include <stddef.h>

struct csv_row {
    int line; /* of the file, from 1 */
    size_t n;
    char **field;
};

struct csv {
    size_t n;
    struct csv_row *row; /* the header included; empty lines are left out */
};

/* All of `text`, in the arena. Quotes, doubled quotes and line breaks inside quotes are understood; a byte order mark
 * is skipped. STATUS_INVALID: "file:line: …" for a quote that does not end, or bytes behind one. */
enum status csv_read(const char *file, const char *text, size_t len, struct arena *arena, struct csv *ret,
                     struct error *err);

/* In front of the name of a column that would have another's: a parameter called state, a metric called as a parameter. */
#define CSV_PARAMETER "parameter "
#define CSV_METRIC "metric "

#endif
